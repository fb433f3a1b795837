"""The index that the page searches: every section of the book with its text, as one script.

A script, because a browser reads no other file from a file system; whole text, because parts of
words must be found: `nn.softmax`, a message, and every word of a language that has no spaces. It is
loaded when somebody searches, not before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes

from course.registry import slug

Entry = tuple[str, str, str]  # title, address, text
SPACE = re.compile(r"\s+")
CHAPTERS = re.compile(r"\d+(, \d+)*")  # of the glossary's last column
#: The first cell of a row of the API that begins with a name.
NAME = re.compile(r"[A-Za-z_][\w.]*")


def sections(doctree: nodes.document, address: str) -> Iterator[Entry]:
    """Each section of a page: its title, its address, its own text without that of inner ones."""
    page = ""
    for section in doctree.findall(nodes.section):
        title = _title(section)
        page = page or title
        shown = title if title == page else f"{title} \u00b7 {page}"
        yield shown, f"{address}#{section['ids'][0]}", _text(_own(section))


def rows(doctree: nodes.document, address: str) -> Iterator[Entry]:
    """Rows that have a place of their own: terms of the glossary, names of the API."""
    page = _title(doctree.next_node(nodes.section))
    for row in doctree.findall(nodes.row):
        if row["ids"]:
            first, *others = (cell.astext() for cell in row.children)
            name = NAME.match(first)
            if name and row["ids"][0].endswith(f".{name[0]}"):  # of the API: with its module
                first = row["ids"][0] + first[name.end() :]
            others = [text for text in others if not CHAPTERS.fullmatch(text)]
            yield f"{_text([first])} \u00b7 {page}", f"{address}#{row['ids'][0]}", _text(others)


def formulas(doctree: nodes.document, address: str) -> Iterator[Entry]:
    """The formulas of the appendix: their names, and what is said below each."""
    page = _title(doctree.next_node(nodes.section))
    for paragraph in doctree.findall(nodes.paragraph):
        strong = paragraph.next_node(nodes.strong)
        if paragraph["ids"] and strong is not None:
            below = paragraph.next_node(nodes.paragraph, descend=False, siblings=True)
            said = [_readable(below)] if below is not None else []
            name = f"{strong.astext()} \u00b7 {page}"
            yield name, f"{address}#{paragraph['ids'][0]}", _text(said)


def mark_formulas(doctree: nodes.document) -> None:
    """Give each formula's name a place."""
    for paragraph in doctree.findall(nodes.paragraph):
        strong = paragraph.next_node(nodes.strong)
        if strong is not None and paragraph.astext().startswith(strong.astext()):
            paragraph["ids"].append(f"formula-{slug(strong.astext())}")


def _own(section: nodes.section) -> Iterator[str]:
    for child in section.children:
        if not isinstance(child, (nodes.section, nodes.title, nodes.raw)):
            if not _has_places(child):
                yield _readable(child)


def _readable(node: nodes.Node) -> str:
    """The text of a node, without formulas that only a program can read."""
    if isinstance(node, nodes.Text):
        return str(node)
    if isinstance(node, nodes.math_block) or (
        isinstance(node, nodes.math) and "\\" in node.astext()
    ):
        return " "
    between = "" if isinstance(node, nodes.TextElement) else " "
    return between.join(_readable(child) for child in node.children)


def _title(section: nodes.section | None) -> str:
    heading = section.next_node(nodes.title) if section is not None else None
    return heading.astext() if heading is not None else ""


def _has_places(node: nodes.Node) -> bool:
    return any(row["ids"] for row in node.findall(nodes.row))


def _text(parts: list[str] | Iterator[str]) -> str:
    return SPACE.sub(" ", " ".join(parts)).strip()


def mark_names(doctree: nodes.document) -> None:
    """Give each row of the API a place: the name in its first cell, under its section's."""
    for row in doctree.findall(nodes.row):
        cell = row[0].next_node(nodes.literal)
        found = NAME.match(cell.astext()) if cell is not None else None
        section = _section(row)
        if found and section is not None and isinstance(row.parent, nodes.tbody):
            heading = section.next_node(nodes.title)
            part = heading.next_node(nodes.literal) if heading is not None else None
            row["ids"].append(f"{part.astext()}.{found[0]}" if part is not None else found[0])


def _section(node: nodes.Node) -> nodes.section | None:
    while node is not None and not isinstance(node, nodes.section):
        node = node.parent
    return node


def write_index(path: Path, entries: list[Entry]) -> None:
    """The index as a script that hands itself to the page."""
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":"))
    # What ends a line in JavaScript but not in JSON, and what would end the script.
    text = text.replace("\u2028", " ").replace("\u2029", " ").replace("</", "<\\/")
    path.write_text(f"tinymlxIndex({text});\n", encoding="utf-8")
