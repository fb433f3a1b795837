"""Anchors of headings: those of the English page, in every language.

So a failure's address, a link from another page and a bookmark hold in all of them.
"""

from __future__ import annotations

from pathlib import Path

from course.languages.sections import sections
from course.registry import slug

#: The slug of a translated heading to that of the English one; filled before a build.
ENGLISH: dict[str, str] = {}


def anchor(heading: str) -> str:
    """The anchor of a heading; MyST asks this for each."""
    own = slug(heading)
    return ENGLISH.get(own, own)


def learn(original: Path, translation: Path) -> None:
    """Remember which heading of a translation stands for which English one."""
    ours, theirs = (sections(p.read_text(encoding="utf-8")) for p in (original, translation))
    if [s.level for s in ours] == [s.level for s in theirs]:
        ENGLISH.update({slug(b.title): slug(a.title) for a, b in zip(ours, theirs) if a.level})
