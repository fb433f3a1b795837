"""From verdicts to points: partial credit, marks by hand, lateness. Every export shows these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from course.gradebook.marks import WHOLE, Mark, Marks
from course.registry import Exercise


@dataclass(frozen=True)
class Policy:
    """How verdicts become points.

    Attributes:
        partial: whether an exercise that fails earns the share of its passed tests, by weight.
        due: when submissions are due; ``None`` for never.
        per_day: the part of the points lost for each day begun after that, 0 to 1.
        most: the largest part that lateness can cost.
        times: what was handed in, by its name, to when it was.
        extensions: student to a later due time, and why.
        marks: what was said by hand.
    """

    partial: bool = False
    due: datetime | None = None
    per_day: float = 0.1
    most: float = 1.0
    times: dict[str, datetime] = field(default_factory=dict)
    extensions: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    marks: Marks = field(default_factory=Marks)


def best(verdicts: dict[str, Any]) -> dict[str, Any] | None:
    """The verdict that counts: the own one if it passed, else the one with the others filled."""
    own, filled = verdicts.get("own"), verdicts.get("filled")
    if own is not None and own["outcome"] == "passed":
        return own
    return filled or own


def share(verdict: dict[str, Any] | None, partial: bool) -> float:
    """The part of an exercise's points that a verdict earns, 0 to 1."""
    if verdict is None:
        return 0.0
    if verdict["outcome"] == "passed":
        return 1.0
    if not partial or verdict["outcome"] == "to do":
        return 0.0
    if any(failure.get("kind") == "forged" for failure in verdict["failures"]):
        return 0.0
    weights = [(t.get("weight", 1), t["outcome"] == "passed") for t in verdict["tests"]]
    total = sum(weight for weight, _ in weights)
    return sum(weight for weight, passed in weights if passed) / total if total else 0.0


@dataclass(frozen=True)
class Grade:
    """One student's points.

    Attributes:
        points: exercise to points, marks by hand included.
        extra: points by hand for no single exercise.
        earned: the sum of both, before lateness.
        days: days late.
        penalty: the part of the earned points that lateness costs.
        total: what the student gets, the same in every export.
        possible: what could be had.
        remarks: sentences about marks and lateness.
    """

    points: dict[str, float]
    extra: float
    earned: float
    days: int
    penalty: float
    total: float
    possible: float
    remarks: tuple[str, ...]


def grade(
    student: str,
    verdicts: dict[str, Any],
    exercises: Sequence[Exercise],
    policy: Policy,
    submitted: datetime | None = None,
) -> Grade:
    """Points for every exercise and in total.

    Args:
        student: whose they are.
        verdicts: exercise to its verdicts, of a record.
        exercises: what can be had.
        policy: how verdicts become points.
        submitted: when it was handed in; ``None`` where nobody knows.
    """
    marks = policy.marks.of.get(student, {})
    points: dict[str, float] = {}
    remarks: list[str] = []
    for exercise in exercises:
        verdict = best(verdicts.get(exercise.id, {}))
        automatic = round(exercise.points * share(verdict, policy.partial), 2)
        mark = marks.get(exercise.id, Mark())
        points[exercise.id], said = mark.apply(automatic, exercise.id)
        remarks += said
    whole = marks.get(WHOLE, Mark())
    automatic = sum(points.values())
    earned, said = whole.apply(automatic, "") if whole.instead is None else (automatic, [])
    earned = round(earned, 2)
    remarks += said
    due, reason = policy.extensions.get(student, (policy.due, ""))
    days = days_late(submitted, due)
    penalty = min(policy.most, days * policy.per_day)
    total = round(earned * (1 - penalty), 2)
    if student in policy.extensions and due is not None:
        why = f": {reason}" if reason else ""
        remarks.append(f"due {due.isoformat(' ', 'minutes')} instead{why}")
    if days:
        remarks.append(f"{days} day{'s' if days > 1 else ''} late: -{100 * penalty:g}%")
    if whole.instead is not None:
        total, said = whole.apply(total, "")
        remarks += said
    possible = sum(exercise.points for exercise in exercises) + policy.marks.possible
    extra = round(earned - automatic, 2)
    return Grade(points, extra, earned, days, penalty, total, possible, tuple(remarks))


def days_late(submitted: datetime | None, due: datetime | None) -> int:
    """Days begun after the due time; 0 where nothing is known."""
    if due is None or submitted is None or submitted <= due:
        return 0
    return int(-(-(submitted - due).total_seconds() // 86400))
