"""Marks by hand: items of a rubric, points and comments that stand beside the automatic ones.

The file is an instructor's (``report/marks.toml``); the course reads and never writes it, so that
what it says survives every regrading. The older form, ``adjustments.toml``, becomes the same marks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from course.errors import CourseError
from course.gradebook.times import Resolve
from course.grading.nearest import known
from course.toml import load_toml

WHOLE = "total"  # the key of what is said about no single exercise
FORM = {
    "awarded": "a list of names of the rubric",
    "points": "a number, on top of the others",
    "instead": "a number, in the place of the others",
    "comment": "a sentence",
}


@dataclass(frozen=True)
class Item:
    """One line of a rubric."""

    points: float
    text: str


@dataclass(frozen=True)
class Mark:
    """What was said by hand about one exercise of one student, or about the whole.

    Attributes:
        items: what was awarded of the rubric.
        points: on top of the automatic points and of the items.
        instead: in the place of all of them; ``None`` for none.
        comments: sentences for the student.
    """

    items: tuple[Item, ...] = ()
    points: float = 0.0
    instead: float | None = None
    comments: tuple[str, ...] = ()

    def apply(self, automatic: float, name: str) -> tuple[float, list[str]]:
        """The points after this mark, never below zero, and what to tell about it.

        Args:
            automatic: the points before.
            name: what it is about, ``"4.3"``; empty for the whole.
        """
        start = f"{name}: " if name else ""
        said = [f"{start}{item.points:+g} {item.text}" for item in self.items]
        if self.instead is not None:
            reason = ": " + " ".join(self.comments) if self.comments else ""
            return self.instead, [*said, f"{name or WHOLE} set to {self.instead:g}{reason}"]
        if self.points:
            said.append(f"{start}{self.points:+g} by hand")
        said += [f"{start}{comment}" for comment in self.comments]
        extra = self.points + sum(item.points for item in self.items)
        return max(0.0, round(automatic + extra, 2)), said


@dataclass(frozen=True)
class Marks:
    """All marks of a class.

    Attributes:
        of: student to exercise (or `WHOLE`) to the mark.
        possible: what the rubric adds to the points that can be had.
    """

    of: dict[str, dict[str, Mark]] = field(default_factory=dict)
    possible: float = 0

    def add(self, student: str, key: str, mark: Mark) -> None:
        """Say something more; what a student's own mark says stands above the group's."""
        mine = self.of.setdefault(student, {})
        before = mine.get(key, Mark())
        mine[key] = Mark(
            (*before.items, *mark.items),
            before.points + mark.points,
            mark.instead if before.instead is None else before.instead,
            (*before.comments, *mark.comments),
        )


@dataclass(frozen=True)
class People:
    """How a file's names become students.

    Attributes:
        resolve: the name of a student, and where it stands, to the student.
        members: the name of a group, and where it stands, to its students.
        exercises: the numbers that are graded.
    """

    resolve: Resolve
    members: Callable[[str, str], list[str]]
    exercises: Sequence[str]


def read_marks(path: Path, people: People) -> Marks:
    """The marks in a file; none where there is no file.

    Raises:
        CourseError: something is not of the form, or names what is not there; with the nearest.
    """
    if not path.is_file():
        return Marks()
    table = load_toml(path)
    for key in table:
        known(key, ("possible", "rubric", "students", "groups"), str(path), "key")
    reader = _Reader(path, people, _rubric(path, table.get("rubric", {})))
    possible = table.get("possible", 0)
    if not _is_number(possible) or possible < 0:
        raise CourseError(f"{path}: possible must be a number of points, at least 0.")
    marks = Marks(possible=possible)
    for name, entry in reader.tables(table, "students"):
        student = people.resolve(name, f"{path}: [students]")
        if student in marks.of:
            raise CourseError(f"{path}: [students]: {name!r} is there under another name, too.")
        for key, mark in reader.marks(entry, f"[students.{name}]"):
            marks.add(student, key, mark)
    for name, entry in reader.tables(table, "groups"):
        for student in people.members(name, f"{path}: [groups]"):
            for key, mark in reader.marks(entry, f"[groups.{name}]"):
                marks.add(student, key, mark)
    return marks


def read_adjustments(path: Path, people: People) -> Marks:
    """The older form: ``[ada]`` then ``"4.3" = { points = 2, reason = "a typo in the test" }``.

    Its points stand in the place of the automatic ones; ``total`` sets the student's total.

    Raises:
        CourseError: a table is not of that form, or names a student or exercise that is not there.
    """
    marks = Marks()
    if not path.is_file():
        return marks
    for student, table in load_toml(path).items():
        if not isinstance(table, dict):
            raise CourseError(f"{path}: [{student}] must be a table of exercises.")
        for key, entry in table.items():
            where = f"{path}: [{student}] {key}"
            for name in entry if isinstance(entry, dict) else ():
                known(name, ("points", "reason"), where, "key")
            good = isinstance(entry, dict) and _is_number(entry.get("points"))
            if not good or not isinstance(entry.get("reason"), str):
                raise CourseError(f"{where} must read {{ points = 2, reason = '...' }}.")
            known(key, (*people.exercises, WHOLE), f"{path}: [{student}]", "exercise")
            mark = Mark(instead=float(entry["points"]), comments=(entry["reason"],))
            marks.add(people.resolve(student, f"{path}"), key, mark)
    return marks


def together(marks: Marks, older: Marks, path: Path) -> Marks:
    """Both files' marks.

    Raises:
        CourseError: both say something about one exercise of one student.
    """
    both = replace(marks, of={student: dict(mine) for student, mine in marks.of.items()})
    for student, mine in older.of.items():
        for key, mark in mine.items():
            if key in both.of.get(student, {}):
                raise CourseError(
                    f"{path}: {key} of {student!r} is in the adjustments, too; keep one of them."
                )
            both.add(student, key, mark)
    return both


def _rubric(path: Path, table: Any) -> dict[str, Item]:
    if not isinstance(table, dict):
        raise CourseError(f"{path}: [rubric] must be a table of items.")
    rubric = {}
    for name, entry in table.items():
        where = f"{path}: [rubric] {name}"
        for key in entry if isinstance(entry, dict) else ():
            known(key, ("points", "text"), where, "key")
        good = isinstance(entry, dict) and _is_number(entry.get("points"))
        if not good or not isinstance(entry.get("text"), str):
            raise CourseError(f"{where} must read {{ points = 1, text = '...' }}.")
        rubric[name] = Item(float(entry["points"]), entry["text"])
    return rubric


class _Reader:
    """Reads the tables of one file."""

    def __init__(self, path: Path, people: People, rubric: dict[str, Item]) -> None:
        self.path, self.people, self.rubric = path, people, rubric

    def tables(self, table: dict[str, Any], kind: str) -> Iterable[tuple[str, dict[str, Any]]]:
        found = table.get(kind, {})
        if not isinstance(found, dict) or not all(isinstance(e, dict) for e in found.values()):
            raise CourseError(f"{self.path}: write [{kind}.NAME], and below it what is said.")
        return found.items()

    def marks(self, entry: dict[str, Any], where: str) -> Iterable[tuple[str, Mark]]:
        """What one student's table says: about the whole, and about exercises."""
        whole = {key: value for key, value in entry.items() if not isinstance(value, dict)}
        if whole:
            yield WHOLE, self._mark(whole, f"{self.path}: {where}", self.people.exercises)
        for number, table in entry.items():
            if isinstance(table, dict):
                known(number, self.people.exercises, f"{self.path}: {where}", "exercise")
                yield number, self._mark(table, f"{self.path}: {where} {number}")

    def _mark(self, table: dict[str, Any], where: str, others: Sequence[str] = ()) -> Mark:
        for key in table:
            known(key, (*FORM, *others), where, "key")
            if key in others:
                raise CourseError(f"{where} {key} must be a table, {{ points = 1 }}.")
        awarded, comment = table.get("awarded", []), table.get("comment", "")
        right = {
            "awarded": isinstance(awarded, list) and all(isinstance(a, str) for a in awarded),
            "points": _is_number(table.get("points", 0)),
            "instead": _is_number(table.get("instead", 0)) and table.get("instead", 0) >= 0,
            "comment": isinstance(comment, str),
        }
        for key, form in FORM.items():
            if not right[key]:
                raise CourseError(f"{where} {key} must be {form}.")
        if "instead" in table and ("points" in table or awarded):
            raise CourseError(f"{where}: instead takes the place of points and of items; say one.")
        items = [self.rubric[known(a, self.rubric, where, "item of the rubric")] for a in awarded]
        return Mark(
            tuple(items),
            float(table.get("points", 0)),
            float(table["instead"]) if "instead" in table else None,
            (comment.strip(),) if comment.strip() else (),
        )


def _is_number(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value)
