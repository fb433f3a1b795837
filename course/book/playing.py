"""Figures that move: where they stand, and the picture that stands there without scripts.

`playing.toml` names for each its script in `theme/static/figures`, the page, and the heading whose
text it ends. The script finds its place by ``data-figure`` and puts itself there.
"""

from __future__ import annotations

from functools import cache
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from docutils import nodes

from course.book.images import picture
from course.toml import load_toml

HERE = Path(str(resources.files("course.book")))
STILLS = HERE / "theme" / "static" / "figures"


@cache
def figures(language: str = "en") -> tuple[dict[str, Any], ...]:
    """All of them, with the words of a language where it has any."""
    words = _table(language).get("figure", {})
    english = load_toml(HERE / "playing.toml")["figure"]
    return tuple({**figure, **words.get(figure["name"], {})} for figure in english)


def say(language: str) -> dict[str, str]:
    """What the scripts say, to what they say in a language; empty for English."""
    return dict(_table(language).get("say", {}))


@cache
def _table(language: str) -> dict[str, Any]:
    path = HERE / f"playing.{language}.toml"
    return load_toml(path) if path.is_file() else {}


def names(page: str) -> list[str]:
    """The scripts that a page needs."""
    return list(dict.fromkeys(f["name"] for f in figures() if f["page"] == page))


def insert(doctree: nodes.document, page: str, to_root: str, language: str) -> None:
    """Put the figures of a page into its sections."""
    for figure in figures(language):
        if figure["page"] != page:
            continue
        for section in doctree.findall(nodes.section):
            if figure["after"] in section["ids"]:
                at = _place(section)
                section.insert(at, nodes.raw("", html(figure, to_root), format="html"))
                break


def _place(section: nodes.section) -> int:
    """Behind the section's text, before the first section inside it."""
    for at, child in enumerate(section.children):
        if isinstance(child, nodes.section):
            return at
    return len(section.children)


def html(figure: dict[str, Any], to_root: str) -> str:
    """The place of a figure, with what is seen where no script runs."""
    name = f"{figure['name']}.svg"
    still = picture(STILLS / name, f"{to_root}_static/figures/{name}", figure["alt"])
    return (
        f'<figure class="play" data-figure="{figure["name"]}">'
        f'<div class="stage">{still}</div><figcaption>{escape(figure["caption"])}</figcaption>'
        "</figure>"
    )
