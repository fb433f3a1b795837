"""Times: with a zone, or with a stated one; when somebody handed in, and until when they may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from course.errors import CourseError
from course.grading.nearest import known
from course.grading.tables import read_table
from course.toml import load_toml

Resolve = Callable[[str, str], str]  # what a file calls a student, and where, to the student
FIELDS = ("student", "group", "due", "hours", "reason")


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


def read_times(path: Path, resolve: Resolve, zone: tzinfo | None = None) -> dict[str, datetime]:
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


def read_extensions(
    path: Path,
    resolve: Resolve,
    members: Callable[[str, str], list[str]],
    due: datetime,
    zone: tzinfo | None = None,
) -> dict[str, tuple[datetime, str]]:
    """Student to a later time and the reason, from a CSV or from TOML (``[[extension]]``).

    Each names a ``student`` or a ``group``, a new time (``due``) or ``hours`` more, and may give a
    ``reason``. Of a student's own and the group's, the later one holds.

    Raises:
        CourseError: an entry is not of that form, or names nobody; with its line.
    """
    found: dict[str, tuple[datetime, str]] = {}
    seen: set[tuple[str, str]] = set()
    for where, entry in _entries(path):
        who = [key for key in ("student", "group") if entry.get(key)]
        when = [key for key in ("due", "hours") if entry.get(key) not in (None, "")]
        if len(who) != 1 or len(when) != 1:
            raise CourseError(f"{where}: it must name a student or a group, and due or hours.")
        name = str(entry[who[0]])
        students = [resolve(name, where)] if who[0] == "student" else members(name, where)
        if (who[0], name) in seen:
            raise CourseError(f"{where}: the {who[0]} {name!r} has an extension already.")
        seen.add((who[0], name))
        until = _until(entry, where, due, zone)
        for student in students:
            if student not in found or until > found[student][0]:
                found[student] = (until, str(entry.get("reason") or ""))
    return found


def _until(entry: dict[str, Any], where: str, due: datetime, zone: tzinfo | None) -> datetime:
    if entry.get("due"):
        until = read_time(str(entry["due"]), where, zone)
        if until < due:
            raise CourseError(f"{where}: {entry['due']} is before the time for all.")
        return until
    try:
        return due + timedelta(hours=_positive(float(entry["hours"])))
    except (ValueError, TypeError, OverflowError) as error:
        raise CourseError(f"{where}: hours must be a positive number.") from error


def _positive(hours: float) -> float:
    if not hours > 0:
        raise ValueError(hours)
    return hours


def _entries(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The entries of a file, each with its place for complaints."""
    if path.suffix.lower() != ".toml":
        return [(line.where, dict(line)) for line in read_table(path, (), FIELDS)]
    table = load_toml(path)
    for key in table:
        known(key, ("extension",), str(path), "key")
    entries = table.get("extension", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise CourseError(f"{path}: write each extension below [[extension]].")
    text = path.read_text(encoding="utf-8").splitlines()
    starts = [i for i, line in enumerate(text, 1) if line.strip().startswith("[[extension]]")]
    found = []
    for number, entry in enumerate(entries):
        where = f"{path}:{starts[number]}" if len(starts) == len(entries) else str(path)
        for key in entry:
            known(key, FIELDS, where, "key")
        found.append((where, entry))
    return found
