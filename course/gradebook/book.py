"""The gradebook of a report: who is in it, what counts, and everything that is written from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course.backup import write_atomic
from course.errors import CourseError
from course.gradebook.attempts import KINDS, Attempt, attempts_of, check_order, counting
from course.gradebook.marks import People, read_adjustments, read_marks, together
from course.gradebook.metadata import Metadata, read_metadata
from course.gradebook.shards import Shard, read_shard, students_in
from course.gradebook.times import read_extensions, read_time, read_times, read_zone
from course.grading import exports, feedback, kept, points
from course.grading.campaign import Campaign
from course.grading.door.names import stem_of
from course.grading.nearest import known
from course.grading.roster import Person, Roster, read_roster


@dataclass(frozen=True)
class Book:
    """What the options of a run say, read and checked before anything is graded.

    Attributes:
        roster: who is who; knows all that was handed in, also where only a part is graded here.
        policy: how verdicts become points.
        attempts: which attempt counts, of `course.gradebook.attempts.KINDS`.
        shard: the part of the class that is graded here; ``None`` for all of it.
        assignment: what platforms call it.
    """

    roster: Roster
    policy: points.Policy
    attempts: str
    shard: Shard | None
    assignment: str

    @property
    def entries(self) -> list[str]:
        """What of all that was handed in is graded here."""
        roster = self.roster
        holders = {entry: roster.holder(entry) for entry in roster.handed_in}
        return [e for e, name in holders.items() if self.shard is None or self.shard.holds(name)]


def open_book(out: Path, options: dict[str, Any], entries: list[str], numbers: list[str]) -> Book:
    """Read all files that the options name.

    Args:
        out: the report.
        options: those of the run.
        entries: the names of all that was handed in.
        numbers: the exercises that are graded.

    Raises:
        CourseError: something in them is not of its form, or names what is not there.
    """
    attempts = known(options.get("attempts") or "latest", KINDS, "--attempts", "choice")
    shard = read_shard(options["shard"]) if options.get("shard") else None
    metadata = _metadata(options, entries)
    roster = _roster(options, entries, metadata)
    policy = _policy(out, options, roster, numbers, metadata)
    check_order(roster, attempts, policy.times)
    return Book(roster, policy, attempts, shard, options.get("assignment") or "tinymlx")


def _roster(options: dict[str, Any], entries: list[str], metadata: Metadata | None) -> Roster:
    grouped = bool(options.get("groups"))
    if options.get("roster"):
        return read_roster(Path(options["roster"]), entries, grouped)
    if grouped:
        raise CourseError("--groups needs a --roster with the column group.")
    if metadata is not None:
        return Roster([metadata.person(entries[0])], entries)
    return Roster((), entries)


def _metadata(options: dict[str, Any], entries: list[str]) -> Metadata | None:
    path = options.get("submission_metadata")
    if not path:
        return None
    if len(entries) != 1:
        raise CourseError("--submission-metadata is about one submission; the folder holds more.")
    return read_metadata(Path(path))


def _policy(
    out: Path,
    options: dict[str, Any],
    roster: Roster,
    numbers: list[str],
    metadata: Metadata | None,
) -> points.Policy:
    zone = read_zone(options["time_zone"]) if options.get("time_zone") else None
    due = read_time(options["due"], "--due", zone) if options.get("due") else None
    times = {}
    if options.get("times"):
        times = read_times(Path(options["times"]), roster.entry, zone)
    if metadata is not None:
        due = due or metadata.due
        times = times or {roster.handed_in[0]: metadata.submitted}
    extensions = {}
    if options.get("extensions"):
        if due is None:
            raise CourseError("--extensions needs --due: later than when?")
        path = Path(options["extensions"])
        extensions = read_extensions(path, roster.resolve, roster.members, due, zone)
    if metadata is not None and metadata.extended is not None and due == metadata.due:
        extensions = {roster.students[0]: (metadata.extended, "set on Gradescope")}
    people = People(roster.resolve, roster.members, numbers)
    marks, older = _file(out, options, "marks"), _file(out, options, "adjustments")
    per_day = options.get("per_day")
    return points.Policy(
        partial=bool(options.get("partial")),
        due=due,
        per_day=0.1 if per_day is None else per_day,
        times=times,
        extensions=extensions,
        marks=together(read_marks(marks, people), read_adjustments(older, people), marks),
    )


def _file(out: Path, options: dict[str, Any], name: str) -> Path:
    """A file of marks: the one that was named, else the report's own."""
    if options.get(name) and not Path(options[name]).is_file():
        raise CourseError(f"{options[name]} is no file of {name}.")
    return Path(options.get(name) or out / f"{name}.toml")


def write(campaign: Campaign, book: Book) -> list[exports.Row]:
    """Points, exports and pages from the records; can be repeated without grading again."""
    exercises = list(campaign.plan.exercises)
    for entry in book.entries:
        if entry in book.policy.times:
            campaign.stamp(entry, book.policy.times[entry].isoformat())
    rows = list(_rows(campaign, book, students_in(book.entries, book.roster.entries)))
    exports.write_all(campaign.out, rows, exercises, book.assignment)
    for record, grade in rows:
        target = campaign.out / "feedback" / f"{stem_of(record['student'])}.html"
        write_atomic(target, feedback.student_page(record, grade, exercises))
    page = feedback.class_page(rows, exercises, kept.run_of(campaign.out))
    write_atomic(campaign.out / "index.html", page)
    return rows


def _rows(campaign: Campaign, book: Book, students: Sequence[str]) -> Iterable[exports.Row]:
    exercises, policy = list(campaign.plan.exercises), book.policy
    for student in students:
        attempts = attempts_of(campaign, book.roster.entries[student], policy.times)
        if not attempts:
            continue

        def grade(attempt: Attempt, student: str = student) -> points.Grade:
            verdicts = attempt.record["exercises"]
            return points.grade(student, verdicts, exercises, policy, attempt.submitted)

        chosen, result, remark = counting(attempts, book.attempts, grade)
        person = book.roster.person.get(student, Person(student))
        notes = [*chosen.record["notes"], *filter(None, [remark])]
        if chosen.record["student"] != student:
            notes.append(f"handed in as {chosen.record['student']}")
        about = {
            "student": student,
            "entry": chosen.record["student"],
            "person": person.plain() if any(person.plain().values()) else {},
            "notes": notes,
            "submitted": chosen.submitted.isoformat() if chosen.submitted else "",
        }
        yield {**chosen.record, **about}, result
