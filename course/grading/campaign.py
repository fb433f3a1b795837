"""Grading a class: many submissions, a few at a time, interruptible at any moment.

The state is the folder of records: one file for each finished student, written atomically. Started
again with the same report, a campaign reads every submission again and grades those that have no
record yet, or handed in something else since; where the course has changed, the exercises whose
verdicts follow from what changed (`course.grading.follows`). Each submission is read and graded by
processes of its own (`course.grading.door`, `course.grading.job`), so this one stays small.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from course.backup import write_atomic
from course.cutter import cut_package
from course.grading import kept
from course.grading.door.names import stem_of
from course.grading.door.reading import make_shelf
from course.grading.door.sources import Source, named
from course.grading.follows import Parts, course_parts, digest
from course.grading.student import Job
from course.paths import Project
from course.registry import Exercise, Registry


@dataclass(frozen=True)
class Plan:
    """What to grade and how.

    Attributes:
        exercises: the exercises, in order.
        seeds: one fresh seed, or several ("passed 3 of 3"); recorded in every receipt.
        jobs: how many submissions at a time.
        limit: seconds that one probe may take.
        student_seconds: seconds that one submission may take.
    """

    exercises: tuple[Exercise, ...]
    seeds: tuple[int, ...]
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    limit: float = 10.0
    student_seconds: float = 3600.0


def fresh_seeds(count: int) -> tuple[int, ...]:
    return tuple(int.from_bytes(os.urandom(4), "little") for _ in range(count))


class Campaign:
    """One report folder and the submissions that belong in it."""

    def __init__(self, project: Project, registry: Registry, plan: Plan, out: Path) -> None:
        self.project, self.registry, self.plan, self.out = project, registry, plan, out
        self.records = out / "records"
        self.starters = cut_package(project, registry)
        self.shelf = make_shelf(registry, self.starters)
        self.regraded: dict[tuple[str, ...], tuple[dict[str, None], dict[str, None]]] = {}

    @cached_property
    def course(self) -> str:
        """The state of the course, as far as verdicts follow from it."""
        return digest([json.dumps(self.parts, sort_keys=True)])

    @cached_property
    def parts(self) -> dict[str, Parts]:
        """What verdicts follow from, as far as it is the course's."""
        return course_parts(self.project, self.registry, self.plan.exercises)

    def record_path(self, student: str) -> Path:
        return self.records / f"{stem_of(student)}.json"

    def record(self, student: str) -> dict[str, Any] | None:
        """A student's finished record; a damaged one, or somebody else's, does not count."""
        try:
            found = json.loads(self.record_path(student).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        whole = isinstance(found, dict) and "exercises" in found
        return found if whole and found.get("student") == student else None

    def retire(self, student: str) -> None:
        """Move a student's record, if there is one, to the history of the report."""
        path = self.record_path(student)
        if not path.is_file():
            return
        folder = self.out / "history" / path.stem
        number = len(list(folder.glob("*.json"))) + 1
        write_atomic(folder / f"{number:03d}.json", path.read_text(encoding="utf-8"))
        path.unlink()

    def keep(self, student: str, record: dict[str, Any]) -> None:
        """Write a student's record; an older one of other work or verdicts becomes history."""
        before = self.record(student) or {}
        same = before.get("content") == record.get("content")
        if same and before.get("submitted"):
            record["submitted"] = before["submitted"]
        if not same or not before.get("follows") or before["follows"] != record.get("follows"):
            self._count(student, before.get("follows", {}), record.get("follows", {}))
            self.retire(student)
        write_atomic(self.record_path(student), json.dumps(record))

    def _count(self, student: str, before: dict[str, Parts], now: dict[str, Parts]) -> None:
        """Note which exercises were graded again, and because of which parts."""
        for number, parts in now.items():
            changed = tuple(k for k in parts if parts[k] != before.get(number, parts).get(k))
            if changed:
                self.regraded.setdefault(changed, ({}, {}))[0][number] = None
                self.regraded[changed][1][student] = None

    def told(self) -> list[str]:
        """A sentence for each reason for which exercises were graded again."""
        return [
            f"{_several(numbers, 'exercise')} regraded for {_several(students, 'student')}, "
            f"because {' and '.join(changed)} changed"
            for changed, (numbers, students) in self.regraded.items()
        ]

    def stamp(self, student: str, submitted: str) -> None:
        """Note in a student's record when its content was handed in."""
        record = self.record(student)
        if record is not None and record.get("submitted") != submitted:
            write_atomic(self.record_path(student), json.dumps({**record, "submitted": submitted}))

    def history(self, student: str) -> list[dict[str, Any]]:
        """A student's earlier records, the newest one for each content, in their order."""
        found: dict[str, dict[str, Any]] = {}
        for path in sorted((self.out / "history" / stem_of(student)).glob("*.json")):
            try:
                record = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue  # damaged: it tells about no attempt
            if isinstance(record, dict) and record.get("student") == student:
                found.pop(str(record.get("content")), None)
                found[str(record.get("content"))] = record
        return list(found.values())

    def run(
        self,
        submissions: Sequence[Source | Path],
        progress: Callable[[str, str], None] = lambda student, state: None,
    ) -> None:
        """Read all submissions, and grade those that no record tells about.

        Args:
            submissions: what was handed in, by whom.
            progress: called with a student and ``"skipped"``, ``"started"`` or ``"finished"``.
        """
        kept.begin(self.out, self.plan, self.course)
        self.records.mkdir(parents=True, exist_ok=True)
        alone = named([s for s in submissions if isinstance(s, Path)])
        pending = [s for s in submissions if isinstance(s, Source)] + alone
        running: list[Job] = []
        try:
            while pending or running:
                while pending and len(running) < self.plan.jobs:
                    running.append(Job(self, pending.pop(0), progress))
                for job in [job for job in running if job.is_over()]:
                    running.remove(job)
                    job.finish()
                    progress(job.student, "finished" if job.graded else "skipped")
                time.sleep(0.02)
        finally:
            for job in running:
                job.stop()


def _several(found: Sized, what: str) -> str:
    return f"{len(found)} {what}{'' if len(found) == 1 else 's'}"
