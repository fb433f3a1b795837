"""Who the students of a class are: names of submissions to real names, ids, groups, addresses."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from course.errors import CourseError
from course.grading.nearest import known
from course.grading.tables import read_table

OTHERS = ("name", "id", "group", "email")


@dataclass(frozen=True)
class Person:
    """One line of a roster; ``student`` is the exact name of the submission, or of the person."""

    student: str
    name: str = ""
    id: str = ""
    group: str = ""
    email: str = ""

    def plain(self) -> dict[str, str]:
        return {"name": self.name, "id": self.id, "group": self.group, "email": self.email}


class Roster:
    """The students of a class.

    Args:
        people: lines of the roster; none where there is no roster.
        students: the exact names of those who handed in.
        where: the roster's file, for complaints.

    Raises:
        CourseError: somebody handed in whom the roster does not have.
    """

    def __init__(
        self, people: Iterable[Person] = (), students: Iterable[str] = (), where: str = ""
    ) -> None:
        self.people = {person.student: person for person in people}
        self.handed_in = list(students)
        self.by_id = {person.id: person for person in self.people.values() if person.id}
        self.of: dict[str, Person] = {}
        for student in self.handed_in:
            found = self._person(student)
            if found is not None:
                self.of[student] = found
            elif self.people:
                known(student, self.people, where, "line for the student")

    def _person(self, student: str) -> Person | None:
        """A student's line: of the same name, or of the id that a platform put into the name.

        Moodle: ``Ada Lovelace_1234_assignsubmission_file_``; Canvas: ``lovelaceada_1234``.
        """
        if student in self.people:
            return self.people[student]
        marked = re.match(r"^.+?_(?:late_)?(\d+)(?:_.*)?$", student, re.I)
        return self.by_id.get(marked[1]) if marked else None

    @property
    def absent(self) -> list[str]:
        """Students of the roster who handed in nothing."""
        there = {person.student for person in self.of.values()}
        return [student for student in self.people if student not in there]

    def resolve(self, key: str, where: str) -> str:
        """The student that ``key`` means: the name of a submission, or a name or id of the roster.

        Raises:
            CourseError: nobody has it; the nearest is named.
        """
        key = unicodedata.normalize("NFC", key)
        if key in self.handed_in:
            return key
        named = {p.student: s for s, p in self.of.items()}
        named |= {p.id: s for s, p in self.of.items() if p.id and p.id not in named}
        if key in named:
            return named[key]
        return known(key, [*self.handed_in, *self.people, *self.by_id], where, "student")


def read_roster(path: Path, students: Iterable[str]) -> Roster:
    """A roster from a CSV with the column ``student`` and any of name, id, group, email.

    Raises:
        CourseError: the file is not of that form, or somebody handed in whom it does not have.
    """
    people: dict[str, Person] = {}
    ids: set[str] = set()
    for line in read_table(path, ("student",), OTHERS):
        student = unicodedata.normalize("NFC", line["student"])
        if not student:
            raise CourseError(f"{line.where}: the student has no name.")
        if student in people or line.get("id") in ids:
            raise CourseError(f"{line.where}: {student!r} or the id is there twice.")
        ids |= {line["id"]} if line.get("id") else set()
        people[student] = Person(student, **{k: line[k] for k in OTHERS if k in line})
    return Roster(people.values(), students, str(path))
