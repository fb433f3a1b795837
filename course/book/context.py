"""What a page knows besides its text: its place, what its chapter costs, how long it reads."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes

from course.book.terms import IDEOGRAPH
from course.book.words import Words
from course.registry import Chapter, Registry

WORDS_PER_MINUTE = 200
SIGNS_PER_WORD = 1.8  # of Chinese, of which people read some 360 in a minute
LINES_PER_MINUTE = 20  # of code
FORMULAS_PER_MINUTE = 3
NOT_PROSE = (nodes.literal_block, nodes.math_block, nodes.math, nodes.raw)


def reading_minutes(doctree: nodes.document) -> int:
    """How long a page takes to read: words, lines of code, and displayed formulas."""
    words, lines, formulas = 0.0, 0, 0
    for node in doctree.findall():
        if isinstance(node, nodes.literal_block):
            lines += len(node.astext().splitlines())
        elif isinstance(node, nodes.math_block):
            formulas += 1
        elif isinstance(node, nodes.Text) and not isinstance(node.parent, NOT_PROSE):
            signs = len(IDEOGRAPH.findall(str(node)))
            words += len(re.findall(r"\w+", IDEOGRAPH.sub(" ", str(node)))) + signs / SIGNS_PER_WORD
    minutes = words / WORDS_PER_MINUTE + lines / LINES_PER_MINUTE + formulas / FORMULAS_PER_MINUTE
    return max(1, round(minutes / 5) * 5 if minutes > 10 else round(minutes))


def lesson(chapter: Chapter) -> str:
    """The name of a chapter's page."""
    return f"exercises/{chapter.folder}/lesson"


def chapter_of(page: str, registry: Registry) -> Chapter | None:
    """The chapter that a page belongs to."""
    for chapter in registry.chapters:
        if page.startswith(f"exercises/{chapter.folder}/"):
            return chapter
    return None


def facts(chapter: Chapter) -> dict[str, int]:
    """What a chapter asks for: exercises, minutes, points."""
    return {
        "exercises": len(chapter.exercises),
        "minutes": sum(exercise.minutes for exercise in chapter.exercises),
        "points": sum(exercise.points for exercise in chapter.exercises),
    }


def facts_html(words: Words, minutes: int, counts: dict[str, int], brief: str) -> str:
    """The line below a title: how long it reads, and of a chapter what it asks for.

    Args:
        counts: as `facts` gives them; empty for another page than a lesson.
        brief: the address of the brief; empty if there is none.
    """
    said = [words.ui("reading", n=minutes)]
    if counts:
        hours = round(counts["minutes"] / 60)
        said.append(words.ui("exercises", n=counts["exercises"]))
        said += [words.ui("hours", n=hours), words.ui("points", n=counts["points"])]
    if brief:
        said.append(f'<a href="{brief}">{words.ui("brief")}</a>')
    spans = "".join(f"<span>{text}</span>" for text in said)
    return f'<p class="facts page-facts">{spans}</p>'


def navigation(words: Words, registry: Registry, titles: dict[str, str]) -> list[dict[str, Any]]:
    """The groups of pages in the margin: parts of the course, then what is around it.

    Args:
        titles: the pages that the book has, with their titles.
    """
    groups: list[dict[str, Any]] = []
    for part in words.parts(registry):
        label = f"{words.ui('part', n=part.numeral)}"
        pages = []
        for chapter in part.chapters:
            if lesson(chapter) in titles:
                pages.append(
                    {"name": lesson(chapter), "number": chapter.number, "title": chapter.title}
                )
        groups.append({"label": label, "title": part.title, "pages": pages})
    for more in words.table["more"]:
        pages = [
            {"name": name, "number": "", "title": titles[name]}
            for name in more["pages"]
            if name in titles
        ]
        groups.append({"label": "", "title": more["title"], "pages": pages})
    return [group for group in groups if group["pages"]]
