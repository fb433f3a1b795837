"""Which of several attempts counts: the latest, or the one that earns most.

An attempt is one content that was graded: the record of an entry, or one of its history. Several
entries of a student, and those of a group that hands in once, are attempts, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from course.errors import CourseError
from course.grading.campaign import Campaign
from course.grading.points import Grade
from course.grading.roster import Roster

KINDS = ("latest", "best")
LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class Attempt:
    """One content of one entry, with its verdicts; ``current`` if nothing came after it."""

    record: dict[str, Any]
    submitted: datetime | None
    current: bool


def attempts_of(
    campaign: Campaign, entries: Sequence[str], times: dict[str, datetime]
) -> list[Attempt]:
    """All attempts in these entries, the oldest first where times are known."""
    found = []
    for entry in entries:
        record = campaign.record(entry)
        if record is None:
            continue
        for old in campaign.history(entry):
            if old.get("content") != record.get("content"):
                found.append(Attempt(old, _stamp(old), False))
        found.append(Attempt(record, times.get(entry) or _stamp(record), True))
    return sorted(found, key=lambda attempt: attempt.submitted or LONG_AGO)


def _stamp(record: dict[str, Any]) -> datetime | None:
    """When a record's content was handed in, as it was known then."""
    stamp = record.get("submitted")
    return datetime.fromisoformat(stamp) if stamp else None


def counting(
    attempts: Sequence[Attempt], kind: str, grade: Callable[[Attempt], Grade]
) -> tuple[Attempt, Grade, str]:
    """The attempt that counts, its grade, and a remark where there was a choice.

    Args:
        attempts: at least one, in their order.
        kind: of `KINDS`; of equals the later one counts.
        grade: the points of an attempt, lateness and all.
    """
    current = [attempt for attempt in attempts if attempt.current]
    if kind == "latest":
        chosen = current[-1]
        remark = f"the latest of {len(current)} counts" if len(current) > 1 else ""
        return chosen, grade(chosen), remark
    grades = [grade(attempt) for attempt in attempts]
    place = max(range(len(grades)), key=lambda i: (grades[i].total, i))
    remark = (
        f"attempt {place + 1} of {len(attempts)} counts, the best" if place or grades[1:] else ""
    )
    return attempts[place], grades[place], remark


def check_order(roster: Roster, kind: str, times: dict[str, datetime]) -> None:
    """See that "the latest" means something for everybody.

    Raises:
        CourseError: somebody has several entries, and nobody says when they were handed in.
    """
    if kind != "latest":
        return
    for student, entries in roster.several.items():
        if any(entry not in times for entry in entries):
            raise CourseError(
                f"{student!r} handed in {' and '.join(sorted(entries))}; say in --times when, or "
                "give --attempts best."
            )
