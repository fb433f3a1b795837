"""A page in sections, each with the hash of the English one that it translates."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

HEADING = re.compile(r"(#{1,6}) +(.+?)\s*$")
STAMP = re.compile(r"<!-- of ([0-9a-f]{8}) -->")
FENCE = re.compile(r"(`{3,}|~{3,})")


@dataclass(frozen=True)
class Section:
    """What stands under one heading, up to the next one of any level.

    Attributes:
        level: 1 to 6; 0 for what stands before the first heading.
        title: the heading's text.
        text: the lines below it, without the stamp.
        of: the hash that the section records; empty where it records none.
        line: of the heading, from 1.
    """

    level: int
    title: str
    text: str
    of: str
    line: int

    @property
    def hash(self) -> str:
        """Eight digits that change with the section; the ends of its lines do not count."""
        lines = [self.title, *(line.rstrip() for line in self.text.strip().splitlines())]
        return hashed("\n".join(lines))


def hashed(text: str) -> str:
    """Eight hexadecimal digits of a text."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:8]


def sections(text: str) -> list[Section]:
    """The sections of a page of Markdown, in order; a ``#`` in a fenced block is no heading."""
    found: list[Section] = []
    level, title, start, lines = 0, "", 1, list[str]()
    fence = ""
    for number, line in enumerate(text.splitlines(), 1):
        opened = FENCE.match(line)
        if opened and not fence:
            fence = opened[1]
        elif fence and line.strip() == fence:
            fence = ""
        heading = HEADING.fullmatch(line) if not fence and not opened else None
        if heading:
            found += _section(level, title, lines, start)
            level, title, start, lines = len(heading[1]), heading[2], number, []
        else:
            lines.append(line)
    return found + _section(level, title, lines, start)


def _section(level: int, title: str, lines: list[str], line: int) -> list[Section]:
    if not level and not any(line.strip() for line in lines):
        return []
    stamps = [found[1] for line in lines if (found := STAMP.fullmatch(line.strip()))]
    kept = [line for line in lines if not STAMP.fullmatch(line.strip())]
    return [Section(level, title, "\n".join(kept), stamps[0] if stamps else "", line)]


def stamped(original: str, translation: str) -> str:
    """The translation with each section recording the hash of its original.

    Raises:
        ValueError: the two have not the same headings.
    """
    ours, theirs = sections(original), sections(translation)
    if [section.level for section in ours] != [section.level for section in theirs]:
        raise ValueError("the headings differ in number or level; mend them before stamping")
    out: list[str] = []
    for mine, other in zip(ours, theirs, strict=True):
        if other.level:
            out += [f"{'#' * other.level} {other.title}", "", f"<!-- of {mine.hash} -->"]
        else:
            out += [f"<!-- of {mine.hash} -->"]
        text = other.text.strip()
        out += ["", text, ""] if text else [""]
    return "\n".join(out).rstrip() + "\n"


def original_of(path: Path, language: str) -> Path:
    """The English file that a translated one (``lesson.zh-TW.md``) translates."""
    return path.with_name(path.name.replace(f".{language}.", "."))
