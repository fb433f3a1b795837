"""The front page: what one builds, how to begin, the map, for whom it is, how it compares."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from course.book.context import facts, lesson
from course.book.images import picture, write_dark
from course.book.words import Words
from course.paths import Project
from course.registry import Registry


def front(
    project: Project, registry: Registry, words: Words, titles: dict[str, str]
) -> dict[str, Any]:
    """What the template of the front page fills in."""
    parts: list[dict[str, Any]] = []
    for part in words.parts(registry):
        chapters = [
            {
                "number": chapter.number,
                "title": chapter.title,
                "summary": chapter.summary,
                "page": lesson(chapter) if lesson(chapter) in titles else "",
                **facts(chapter),
            }
            for chapter in part.chapters
        ]
        parts.append({"numeral": part.numeral, "title": part.title, "chapters": chapters})
    every = [chapter for part in parts for chapter in part["chapters"]]
    totals = {
        "chapters": len(every),
        "exercises": sum(c["exercises"] for c in every),
        "hours": round(sum(c["minutes"] for c in every) / 60),
        "points": sum(c["points"] for c in every),
    }
    return {
        "title": words.table["title"],
        "front": {key: _filled(value, totals) for key, value in words.table["front"].items()},
        "map": words.table["map"],
        "parts_map": parts,
        "compare": _filled(words.table["compare"], totals),
        "pictures": pictures(project, words, titles),
        "first": every[0]["page"],
    }


def pictures(project: Project, words: Words, titles: dict[str, str]) -> list[dict[str, Any]]:
    """The six pictures with their titles, and the chapters that they lead to."""
    found = []
    for entry in words.table["picture"]:
        source = project.root / entry["file"]
        if not source.is_file():
            continue
        number = entry["chapter"]
        page = next((name for name in titles if f"/ch{number:02d}_" in name), "")
        html = picture(source, f"_front/{own_name(source)}", entry["alt"], lazy=False)
        found.append({"title": entry["title"], "html": html, "page": page, "number": number})
    return found


def own_name(source: Path) -> str:
    """The name of a picture among those of other chapters."""
    return f"{source.parent.parent.name[:4]}-{source.name}"


def copy_pictures(project: Project, words: Words, into: Path) -> None:
    """The files of the six pictures, and the dark ones beside them."""
    into.mkdir(parents=True, exist_ok=True)
    for entry in words.table["picture"]:
        source = project.root / entry["file"]
        if not source.is_file():
            continue
        shutil.copyfile(source, into / own_name(source))
    write_dark(into)


def _filled(value: Any, totals: dict[str, int]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, totals) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, totals) for inner in value]
    return value.format(**totals) if isinstance(value, str) else value
