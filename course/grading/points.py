"""From verdicts to points: partial credit, late penalties, adjustments by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from course.errors import CourseError
from course.grading.nearest import known
from course.grading.tables import read_table
from course.registry import Exercise
from course.toml import load_toml


@dataclass(frozen=True)
class Policy:
    """How verdicts become points.

    Attributes:
        partial: whether an exercise that fails earns the share of its passed tests, by weight.
        due: when submissions are due; ``None`` for never.
        per_day: the part of the points lost for each day begun after that, 0 to 1.
        most: the largest part that lateness can cost.
        times: student to time of submission.
        adjustments: student to exercise (or ``"total"``) to (points, reason).
    """

    partial: bool = False
    due: datetime | None = None
    per_day: float = 0.1
    most: float = 1.0
    times: dict[str, datetime] = field(default_factory=dict)
    adjustments: dict[str, dict[str, tuple[float, str]]] = field(default_factory=dict)


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

    ``earned`` is before, ``total`` after lateness and adjustments; ``days`` counts days late.
    """

    points: dict[str, float]
    earned: float
    days: int
    penalty: float
    total: float
    possible: int
    remarks: tuple[str, ...]


def grade(
    student: str, verdicts: dict[str, Any], exercises: list[Exercise], policy: Policy
) -> Grade:
    """Points for every exercise and in total."""
    changes = policy.adjustments.get(student, {})
    points: dict[str, float] = {}
    remarks: list[str] = []
    for exercise in exercises:
        verdict = best(verdicts.get(exercise.id, {}))
        points[exercise.id] = round(exercise.points * share(verdict, policy.partial), 2)
        if exercise.id in changes:
            points[exercise.id], reason = changes[exercise.id]
            remarks.append(f"{exercise.id} set to {points[exercise.id]:g}: {reason}")
    earned = round(sum(points.values()), 2)
    days = days_late(student, policy)
    penalty = min(policy.most, days * policy.per_day)
    total = round(earned * (1 - penalty), 2)
    if days:
        remarks.append(f"{days} day{'s' if days > 1 else ''} late: -{100 * penalty:g}%")
    if "total" in changes:
        total, reason = changes["total"]
        remarks.append(f"total set to {total:g}: {reason}")
    possible = sum(exercise.points for exercise in exercises)
    return Grade(points, earned, days, penalty, total, possible, tuple(remarks))


def days_late(student: str, policy: Policy) -> int:
    """Days begun after the due time; 0 where nothing is known."""
    submitted = policy.times.get(student)
    if policy.due is None or submitted is None or submitted <= policy.due:
        return 0
    seconds = (submitted - policy.due).total_seconds()
    return int(-(-seconds // 86400))


def read_zone(name: str) -> tzinfo:
    """A time zone by its name, ``Europe/Berlin`` or ``UTC``.

    Raises:
        CourseError: there is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CourseError(
            f"--time-zone: {name!r} is no time zone; write it like Europe/Berlin or UTC."
        ) from error


def read_time(text: str, where: str, zone: tzinfo | None = None) -> datetime:
    """An ISO time with its zone.

    Args:
        text: ``2026-11-23T18:00:00+01:00``, or without the zone where ``zone`` is given.
        where: what it is, for complaints.
        zone: that of times that name none.

    Raises:
        CourseError: it is no time, or nobody says in which zone.
    """
    try:
        time = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError as error:
        raise CourseError(
            f"{where}: {text!r} is no time; write it like 2026-11-23T18:00:00+01:00."
        ) from error
    if time.tzinfo is None and zone is None:
        raise CourseError(
            f"{where}: {text!r} says no time zone; write it like {text.strip()}+01:00, or give "
            "--time-zone for all times without one."
        )
    return time if time.tzinfo else time.replace(tzinfo=zone)


Resolve = Callable[[str, str], str]  # what a file calls a student, and where, to the student


def as_written(key: str, where: str) -> str:
    return key


def read_times(
    path: Path, resolve: Resolve = as_written, zone: tzinfo | None = None
) -> dict[str, datetime]:
    """Times of submission from a CSV with the columns ``student`` and ``submitted``.

    Raises:
        CourseError: the file or a line of it is not of that form, or names nobody; with its line.
    """
    times: dict[str, datetime] = {}
    for line in read_table(path, ("student", "submitted")):
        student = resolve(line["student"], line.where)
        if student in times:
            raise CourseError(f"{line.where}: {line['student']!r} has a time already.")
        times[student] = read_time(line["submitted"], line.where, zone)
    return times


def read_adjustments(
    path: Path, resolve: Resolve = as_written, exercises: Sequence[str] = ()
) -> dict[str, dict[str, tuple[float, str]]]:
    """Adjustments by hand; the file is never written by the course, so regrading keeps it.

    ``[ada]`` then ``"4.3" = { points = 2, reason = "a typo in the test" }``; ``total`` in the place
    of the exercise sets the student's total.

    Raises:
        CourseError: a table is not of that form, or names a student or exercise that is not there.
    """
    if not path.is_file():
        return {}
    found: dict[str, dict[str, tuple[float, str]]] = {}
    for student, table in load_toml(path).items():
        if not isinstance(table, dict):
            raise CourseError(f"{path}: [{student}] must be a table of exercises.")
        for key, entry in table.items():
            where = f"{path}: [{student}] {key}"
            for name in entry if isinstance(entry, dict) else ():
                known(name, ("points", "reason"), where, "key")
            good = isinstance(entry, dict) and isinstance(entry.get("points"), (int, float))
            if not good or not isinstance(entry.get("reason"), str):
                raise CourseError(f"{where} must read {{ points = 2, reason = '...' }}.")
            if exercises:
                known(key, (*exercises, "total"), f"{path}: [{student}]", "exercise")
            changes = found.setdefault(resolve(student, f"{path}"), {})
            changes[key] = (float(entry["points"]), entry["reason"])
    return found
