"""Grading a class: many submissions, a few at a time, interruptible at any moment.

The state is the folder of records: one file for each finished student, written atomically. Started
again with the same report, a campaign goes on with those that have none. Each submission is graded
by a process of its own (`course.grading.job`), so this one stays small however large the class is.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course import __version__, scratch
from course.backup import write_atomic
from course.cutter import cut_package
from course.errors import CourseError
from course.grading.submissions import Submission, read_submission, student_of, unpack
from course.paths import Project
from course.registry import Exercise, Registry
from course.sandbox import level


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


def course_hash(project: Project) -> str:
    """A hash of everything that verdicts follow from, besides the submissions."""
    digest = hashlib.sha256()
    for name in ("course", "exercises", "reference", "solutions", "tests"):
        for path in sorted((project.root / name).rglob("*")):
            if path.suffix in (".py", ".toml", ".c") and path.is_file():
                digest.update(path.relative_to(project.root).as_posix().encode() + b"\0")
                digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """What a receipt says about the software and the machine."""
    found = {"course": __version__, "python": platform.python_version()}
    for name in ("mlx", "torch", "numpy", "pytest"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return {**found, "machine": platform.machine(), "system": platform.platform()}


class Campaign:
    """One report folder and the submissions that belong in it."""

    def __init__(self, project: Project, registry: Registry, plan: Plan, out: Path) -> None:
        self.project, self.registry, self.plan, self.out = project, registry, plan, out
        self.records = out / "records"
        self.starters = cut_package(project, registry)
        self.known = set(self.starters)

    @staticmethod
    def resume_seeds(out: Path) -> tuple[int, ...] | None:
        """The seeds of a campaign that was begun in ``out``."""
        try:
            seeds = json.loads((out / "run.json").read_text(encoding="utf-8"))["seeds"]
            return tuple(int(seed) for seed in seeds)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def begin(self) -> None:
        """Write the plan, or see that it is the one the report was begun with.

        Raises:
            CourseError: the report belongs to another plan or another state of the course.
        """
        run = {
            "seeds": list(self.plan.seeds),
            "exercises": [exercise.id for exercise in self.plan.exercises],
            "course": course_hash(self.project),
            "versions": versions(),
            "sandbox": level().sentence,
        }
        path = self.out / "run.json"
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            write_atomic(path, json.dumps(run, indent=2))
            return
        for key in ("seeds", "exercises", "course"):
            if before.get(key) != run[key]:
                raise CourseError(
                    f"{self.out} was begun with other {key}; choose a new --out, or the same again."
                )

    def record_path(self, student: str) -> Path:
        return self.records / f"{student}.json"

    def record(self, student: str) -> dict[str, Any] | None:
        """A finished record; a damaged one does not count."""
        try:
            found = json.loads(self.record_path(student).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and "exercises" in found else None

    def run(
        self,
        paths: list[Path],
        progress: Callable[[str, str], None] = lambda student, state: None,
    ) -> None:
        """Grade all submissions that have no record yet.

        Args:
            paths: the submissions; two with the same safe name are told apart by a number.
            progress: called with a student and ``"skipped"``, ``"started"`` or ``"finished"``.
        """
        self.begin()
        self.records.mkdir(parents=True, exist_ok=True)
        pending = []
        for student, path in self.names(paths).items():
            if self.record(student) is None:
                pending.append((student, path))
            else:
                progress(student, "skipped")
        running: list[Job] = []
        try:
            while pending or running:
                while pending and len(running) < self.plan.jobs:
                    student, path = pending.pop(0)
                    progress(student, "started")
                    running.append(Job(self, student, path))
                for job in [job for job in running if job.is_over()]:
                    running.remove(job)
                    job.finish()
                    progress(job.student, "finished")
                time.sleep(0.02)
        finally:
            for job in running:
                job.stop()

    @staticmethod
    def names(paths: list[Path]) -> dict[str, Path]:
        """Student to submission, each under a name of its own."""
        named: dict[str, Path] = {}
        for path in paths:
            name, number = student_of(path), 2
            while name in named:
                name, number = f"{student_of(path)}-{number}", number + 1
            named[name] = path
        return named


class Job:
    """One submission being graded."""

    def __init__(self, campaign: Campaign, student: str, path: Path) -> None:
        self.campaign, self.student = campaign, student
        self.started = time.monotonic()
        self.scratch = Path(scratch.make("grade"))
        self.submission: Submission = read_submission(path, campaign.known)
        self.process: subprocess.Popen[bytes] | None = None
        if self.submission.files:
            self._start()

    def _start(self) -> None:
        campaign, plan = self.campaign, self.campaign.plan
        unpack(campaign.project, self.submission, campaign.starters, self.scratch / "code")
        request = {
            "header": self.header(),
            "folder": str(self.scratch / "code"),
            "exercises": [exercise.id for exercise in plan.exercises],
            "seeds": list(plan.seeds),
            "limit": plan.limit,
            "record": str(self.scratch / "record.json"),
        }
        (self.scratch / "request.json").write_text(json.dumps(request))
        with open(self.scratch / "log", "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "course.grading.job", str(self.scratch / "request.json")],
                cwd=campaign.project.root,
                env={**os.environ, "TINYMLX_ROOT": str(campaign.project.root)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def header(self) -> dict[str, Any]:
        return {
            "student": self.student,
            "source": str(self.submission.source),
            "files": self.submission.hashes(),
            "notes": self.submission.notes,
            "seeds": list(self.campaign.plan.seeds),
            "versions": versions(),
            "sandbox": level().sentence,
        }

    def is_over(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            return True
        if time.monotonic() - self.started > self.campaign.plan.student_seconds:
            self._kill()
            return True
        return False

    def finish(self) -> None:
        """Move the record to its place; where there is none, write one that says why."""
        made = self.scratch / "record.json"
        if made.is_file():
            text = made.read_text(encoding="utf-8")
        else:
            notes = [*self.submission.notes]
            if self.process is not None:
                notes.append(f"the grading itself did not finish: {self._last_words()}")
            empty = {"own": None, "filled": None}
            exercises = {exercise.id: empty for exercise in self.campaign.plan.exercises}
            header = {**self.header(), "notes": notes}
            text = json.dumps({**header, "exercises": exercises, "seconds": 0.0})
        write_atomic(self.campaign.record_path(self.student), text)
        scratch.remove(self.scratch)

    def stop(self) -> None:
        self._kill()
        scratch.remove(self.scratch)

    def _kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _last_words(self) -> str:
        try:
            lines = (self.scratch / "log").read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            return "no output"
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "no output")
