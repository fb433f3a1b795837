"""Grades in the forms of nbgrader, Canvas and Moodle, with the ids that they want.

The columns are meant to be those that the platforms themselves write, from memory: nbgrader's
``export``, Canvas's gradebook, Moodle's offline grading worksheet. None has been imported yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from course.gradebook.sheets import sheet, split
from course.grading.door.names import shown
from course.grading.points import Grade
from course.grading.roster import MARKED
from course.registry import Exercise

Row = tuple[dict[str, Any], Grade]
NBGRADER = (
    "assignment duedate timestamp student_id last_name first_name email raw_score "
    "late_submission_penalty score max_score"
).split()
CANVAS = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
MOODLE = [
    "Identifier",
    "Full name",
    "Email address",
    "Status",
    "Grade",
    "Maximum Grade",
    "Grade can be changed",
    "Last modified (submission)",
    "Last modified (grade)",
    "Feedback comments",
]


def nbgrader(rows: Sequence[Row], exercises: Sequence[Exercise], assignment: str) -> str:
    """One line for each student and chapter, and one for what is said about no single exercise.

    Over a student's lines ``score`` adds up to the total, ``raw_score`` to the earned points, and
    each score is the raw one without the penalty.
    """
    by_hand = any(_rest(grade) or grade.extra for _, grade in rows)
    lines = []
    for record, grade in rows:
        chapters = list(dict.fromkeys(e.chapter for e in exercises))
        mine = {c: [e for e in exercises if e.chapter == c] for c in chapters}
        raw = [round(sum(grade.points[e.id] for e in mine[c]), 2) for c in chapters]
        raw.append(grade.extra)
        lost = split(round(grade.earned - _after_lateness(grade), 2), raw)
        possible = [float(sum(e.points for e in mine[c])) for c in chapters]
        possible.append(round(grade.possible - sum(possible), 2))
        names = [f"{assignment} chapter {c}" for c in chapters] + [f"{assignment} by hand"]
        lost[-1] = round(lost[-1] - _rest(grade), 2)  # a total set by hand
        for name, points, less, most in zip(names, raw, lost, possible):
            if name != names[-1] or by_hand or most:
                line = [name, "", record.get("submitted", ""), _id(record), *_names(record)]
                score = round(points - less, 2)
                lines.append([*line, _person(record, "email"), points, less, score, most])
    return sheet(NBGRADER, lines)


def _after_lateness(grade: Grade) -> float:
    return round(grade.earned * (1 - grade.penalty), 2)


def _rest(grade: Grade) -> float:
    """What a total set by hand adds to the points after lateness."""
    return round(grade.total - _after_lateness(grade), 2)


def canvas(rows: Sequence[Row], assignment: str) -> str:
    """What Canvas's gradebook imports; the second line holds the points possible.

    Args:
        assignment: as a column of Canvas's own export has it: ``Homework 1 (4711)``.
    """
    possible = rows[0][1].possible if rows else 0
    lines: list[list[Any]] = [["    Points Possible", "", "", "", "", possible]]
    for record, grade in rows:
        own = _numbered(record)
        known = _person(record, "id")
        login = _person(record, "login") or ("" if own or known else shown(record["student"]))
        section = _person(record, "section") or _person(record, "group")
        sis = "" if known == own else known
        lines.append([name_of(record), own, sis, login, section, grade.total])
    return sheet([*CANVAS, assignment], lines)


def moodle(rows: Sequence[Row]) -> str:
    """Moodle's offline grading worksheet; the maximum grade of the assignment must be the same."""
    lines = []
    for record, grade in rows:
        number = _numbered(record) or _person(record, "id") or shown(record["student"])
        identifier = f"Participant {number}" if number.isdigit() else number
        said = "; ".join(grade.remarks)
        line = [identifier, name_of(record), _person(record, "email"), "", grade.total]
        lines.append([*line, grade.possible, "Yes", record.get("submitted") or "-", "-", said])
    return sheet(MOODLE, lines)


def name_of(record: dict[str, Any]) -> str:
    """The student's own name where a roster has it, else the name that was handed in."""
    return _person(record, "name") or shown(record["student"])


def _names(record: dict[str, Any]) -> list[str]:
    """Last and first name."""
    first, _, last = _person(record, "name").rpartition(" ")
    return [last, first]


def _person(record: dict[str, Any], key: str) -> str:
    return str(record.get("person", {}).get(key) or "")


def _numbered(record: dict[str, Any]) -> str:
    """The number that Moodle or Canvas itself put into the name of what was handed in."""
    marked = MARKED.match(record.get("entry", record["student"]))
    return marked[1] if marked else ""


def _id(record: dict[str, Any]) -> str:
    """What a platform calls the student: the id of the roster, else the name that was handed in."""
    return _person(record, "id") or shown(record["student"])
