"""Who the students of a class are: names of submissions to real names, ids, groups, addresses.

An *entry* is one submission, by the exact name that its source gives. A *student* is one line of
the tables. Without a roster each entry is a student; with one, several entries may be one
student's, and one entry may be the work of a group.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from course.errors import CourseError
from course.grading.nearest import known
from course.grading.tables import read_table

OTHERS = ("name", "id", "login", "group", "section", "email")
# Moodle: ``Ada Lovelace_1234_assignsubmission_file_``; Canvas: ``lovelaceada_1234``.
MARKED = re.compile(r"^.+?_(?:late_)?(\d+)(?:_.*)?$", re.I)


@dataclass(frozen=True)
class Person:
    """One line of a roster; ``student`` is the exact name of the submission, or of the person."""

    student: str
    name: str = ""
    id: str = ""
    login: str = ""
    group: str = ""
    section: str = ""
    email: str = ""

    def plain(self) -> dict[str, str]:
        plain = asdict(self)
        del plain["student"]
        return plain


class Roster:
    """The students of a class.

    Args:
        people: lines of the roster; none where there is no roster.
        entries: the exact names of what was handed in.
        where: the roster's file, for complaints.
        together: whether a group hands in once: what one member hands in is everybody's.

    Attributes:
        entries: student to the entries that are theirs, for all who have one.
        person: student to the line of the roster, where there is one.

    Raises:
        CourseError: somebody handed in whom the roster does not have.
    """

    def __init__(
        self,
        people: Iterable[Person] = (),
        entries: Iterable[str] = (),
        where: str = "",
        together: bool = False,
    ) -> None:
        self.people = {person.student: person for person in people}
        self.by_id = {person.id: person for person in self.people.values() if person.id}
        self.groups: dict[str, list[Person]] = {}
        for person in self.people.values():
            if person.group:
                self.groups.setdefault(person.group, []).append(person)
        self.handed_in = list(entries)
        self.of: dict[str, Person] = {}  # an entry to the person whose name it has
        owners = {entry: self._owners(entry, where, together) for entry in self.handed_in}
        self.entries: dict[str, list[str]] = {}
        self.person: dict[str, Person] = {}
        theirs: dict[str, list[str]] = {}
        for entry, persons in owners.items():
            for person in persons:
                theirs.setdefault(person.student, []).append(entry)
            if not persons:
                self.entries[entry] = [entry]
        for name, mine in theirs.items():
            person = self.people[name]
            own = len(mine) == 1 and self.of.get(mine[0]) == person
            student = mine[0] if own else name
            self.entries[student], self.person[student] = mine, person

    def _owners(self, entry: str, where: str, together: bool) -> list[Person]:
        person = self._person(entry)
        if person is not None:
            self.of[entry] = person
            return self.groups[person.group] if together and person.group else [person]
        if entry in self.groups:
            return self.groups[entry]
        if self.people:
            known(entry, [*self.people, *self.groups], where, "line for the student")
        return []

    def _person(self, entry: str) -> Person | None:
        """An entry's line: of the same name, or of the id that a platform put into the name."""
        if entry in self.people:
            return self.people[entry]
        marked = MARKED.match(entry)
        return self.by_id.get(marked[1]) if marked else None

    @property
    def students(self) -> list[str]:
        """All who handed in, sorted."""
        return sorted(self.entries)

    @property
    def absent(self) -> list[str]:
        """Students of the roster of whom nothing was handed in."""
        there = {person.student for person in self.person.values()}
        return [student for student in self.people if student not in there]

    @property
    def several(self) -> dict[str, list[str]]:
        """Students with more than one entry."""
        return {student: mine for student, mine in self.entries.items() if len(mine) > 1}

    def resolve(self, key: str, where: str) -> str:
        """The student that ``key`` means: the name of a submission, or a name or id of the roster.

        Raises:
            CourseError: nobody has it; the nearest is named.
        """
        key = unicodedata.normalize("NFC", key)
        if key in self.entries:
            return key
        named = {p.student: s for s, p in self.person.items()}
        named |= {p.id: s for s, p in self.person.items() if p.id and p.id not in named}
        if key in named:
            return named[key]
        if key in self.handed_in:
            mine = [student for student, theirs in self.entries.items() if key in theirs]
            if len(mine) == 1:
                return mine[0]
            raise CourseError(f"{where}: {key!r} is the work of a group; name the group.")
        return known(key, [*self.handed_in, *self.people, *self.by_id], where, "student")

    def entry(self, key: str, where: str) -> str:
        """The one submission that ``key`` means, by its own name or as `resolve` has it.

        Raises:
            CourseError: nobody has it, or that student has several.
        """
        found = self.entries_of(key, where)
        if len(found) > 1:
            raise CourseError(f"{where}: {key!r} handed in {' and '.join(found)}; name one.")
        return found[0] if found else key

    def entries_of(self, key: str, where: str) -> list[str]:
        """The submissions that ``key`` means: one by its name, or all of a student or a group."""
        key = unicodedata.normalize("NFC", key)
        if key in self.handed_in:
            return [key]
        if key in self.groups and key not in self.people:
            students = self.members(key, where)
            mine = (entry for student in students for entry in self.entries.get(student, []))
            return list(dict.fromkeys(mine))
        return self.entries.get(self.resolve(key, where), [])

    def members(self, group: str, where: str) -> list[str]:
        """The students of a group, also those who have not handed in yet.

        Raises:
            CourseError: the roster has no such group; the nearest is named.
        """
        known(group, self.groups, where, "group")
        return [self.resolve(person.student, where) for person in self.groups[group]]

    def holder(self, entry: str) -> str:
        """A name for all whose work an entry is: entries with the same one belong together."""
        person = self.of.get(entry)
        if person is None:
            return entry
        students = [student for student, mine in self.entries.items() if entry in mine]
        return person.group if len(students) > 1 else person.student


def read_roster(path: Path, entries: Iterable[str], together: bool = False) -> Roster:
    """A roster from a CSV with the column ``student`` and any of the columns in `OTHERS`.

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
        others = {k: unicodedata.normalize("NFC", line[k]) for k in OTHERS if k in line}
        people[student] = Person(student, **others)
    if together and not any(person.group for person in people.values()):
        raise CourseError(f"{path}: --groups needs the column group.")
    return Roster(people.values(), entries, str(path), together)
