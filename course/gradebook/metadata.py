"""What Gradescope tells an autograder about a submission: ``submission_metadata.json``.

The keys are those of https://gradescope-autograders.readthedocs.io/en/latest/submission_metadata/.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from course.errors import CourseError
from course.gradebook.times import read_time
from course.grading.roster import Person


@dataclass(frozen=True)
class Metadata:
    """One submission, as Gradescope has it.

    Attributes:
        submitted: when it was handed in.
        due: when the assignment was due; ``None`` for never.
        extended: until when those who handed it in may, where that is later than ``due``.
        users: names and addresses of those who handed it in.
    """

    submitted: datetime
    due: datetime | None
    extended: datetime | None
    users: tuple[Person, ...]

    def person(self, entry: str) -> Person:
        """Those who handed in ``entry``, as one line of a roster."""
        name = " and ".join(user.name for user in self.users if user.name)
        first = self.users[0] if self.users else Person("")
        return Person(entry, name=name, id=first.id, email=first.email)


def read_metadata(path: Path) -> Metadata:
    """The metadata in a file.

    Raises:
        CourseError: it cannot be read, is no JSON, or lacks what is needed; the key is named.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CourseError(f"{path} cannot be read as JSON: {error}.") from error
    table = _table(found, f"{path}")
    assignment = _table(table.get("assignment", {}), f"{path}: assignment")
    submitted = _time(table, "created_at", f"{path}: created_at")
    if submitted is None:
        raise CourseError(f"{path}: created_at, the time of the submission, is missing.")
    due = _time(assignment, "due_date", f"{path}: assignment.due_date")
    users = table.get("users", [])
    if not isinstance(users, list):
        raise CourseError(f"{path}: users must be a list.")
    people, later = [], []
    for number, user in enumerate(users):
        where = f"{path}: users[{number}]"
        user = _table(user, where)
        name, sid, email = (str(user.get(key) or "") for key in ("name", "sid", "email"))
        people.append(Person("", name=name, id=sid, email=email))
        own = _table(user.get("assignment") or {}, f"{where}.assignment")
        later.append(_time(own, "due_date", f"{where}.assignment.due_date"))
    extended = max((time for time in later if time and due and time > due), default=None)
    return Metadata(submitted, due, extended, tuple(people))


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CourseError(f"{where} must be a table of keys and values.")
    return value


def _time(table: dict[str, Any], key: str, where: str) -> datetime | None:
    value = table.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise CourseError(f"{where} must be a time in quotes.")
    return read_time(value, where)
