"""One submission on its way to a record: read by one process, graded by another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course import scratch
from course.grading.door.reading import Reading, Submission, unpack
from course.grading.door.sources import Source
from course.grading.kept import versions
from course.grading.places import without_places
from course.interpreter import module_command
from course.sandbox import level

if TYPE_CHECKING:
    from course.grading.campaign import Campaign

EMPTY: dict[str, Any] = {"own": None, "filled": None}


class Job:
    """One submission being read and graded.

    Attributes:
        graded: whether there was something to grade that no record tells about.
    """

    def __init__(
        self, campaign: Campaign, source: Source, progress: Callable[[str, str], None]
    ) -> None:
        self.campaign, self.student, self.progress = campaign, source.student, progress
        self.scratch = Path(scratch.make("grade"))
        self.graded = False
        self.late = False
        self.submission: Submission | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.reading = Reading(source, campaign.shelf, self.scratch / "door")

    def is_over(self) -> bool:
        """Whether nothing is left to wait for; goes on from reading to grading."""
        if self.submission is None:
            if not self.reading.is_over():
                return False
            self.submission = self.reading.result()
            self.graded = not self._is_known(self.submission)
            if not self.graded:
                return True
            self.progress(self.student, "started")
            if self.submission.files:
                self._start(self.submission)
        if self.process is None or self.process.poll() is not None:
            return True
        if time.monotonic() - self.started > self.campaign.plan.student_seconds:
            self.late = True
            self._kill()
        return self.late

    def _is_known(self, submission: Submission) -> bool:
        """Whether the student's record is about this content, and what judges it is the same."""
        record = self.campaign.record(self.student)
        if record is None or record.get("content") != submission.content:
            return False
        same = not submission.files or record.get("course") == self.campaign.course
        return same and bool(record.get("problem", "") == submission.problem)

    def _start(self, submission: Submission) -> None:
        campaign, plan = self.campaign, self.campaign.plan
        unpack(campaign.project, submission, campaign.starters, self.scratch / "code")
        request = {
            "header": self.header(submission),
            "folder": str(self.scratch / "code"),
            "exercises": [exercise.id for exercise in plan.exercises],
            "seeds": list(plan.seeds),
            "limit": plan.limit,
            "record": str(self.scratch / "record.json"),
            "parts": campaign.parts,
            "before": campaign.record(self.student),
        }
        (self.scratch / "request.json").write_text(json.dumps(request))
        self.started = time.monotonic()
        with open(self.scratch / "log", "wb") as log:
            self.process = subprocess.Popen(
                module_command("course.grading.job", str(self.scratch / "request.json")),
                cwd=campaign.project.root,
                env={**os.environ, "TINYMLX_ROOT": str(campaign.project.root)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def header(self, submission: Submission) -> dict[str, Any]:
        return {
            "student": self.student,
            "source": submission.source,
            "content": submission.content,
            "course": self.campaign.course,
            "files": submission.hashes(),
            "problem": submission.problem,
            "notes": submission.remarks,
            "seeds": list(self.campaign.plan.seeds),
            "versions": versions(),
            "sandbox": level().sentence,
        }

    def finish(self) -> None:
        """Move the record to its place; what is missing in it has a note that says why."""
        if self.graded and self.submission is not None:
            record = {**self.header(self.submission), "exercises": {}, "seconds": 0.0}
            record |= self._made()
            if not record.pop("complete", False) and self.process is not None:
                record["notes"] = [*record["notes"], self._why()]
            wanted = [exercise.id for exercise in self.campaign.plan.exercises]
            record["exercises"] = {n: record["exercises"].get(n, EMPTY) for n in wanted}
            said = {key: record[key] for key in ("notes", "exercises")}
            record |= without_places(said, [self.campaign.project.root])
            self.campaign.keep(self.student, record)
        self._leave()

    def _made(self) -> dict[str, Any]:
        """What the grading process has written until its end."""
        try:
            return dict(json.loads((self.scratch / "record.json").read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}

    def _why(self) -> str:
        if self.late:
            seconds = self.campaign.plan.student_seconds
            return (
                f"the limit of {seconds:g} seconds for a student was reached; what was "
                "graded until then counts"
            )
        return f"the grading itself did not finish: {self._last_words()}"

    def stop(self) -> None:
        self.reading.stop()
        self._kill()
        self._leave()

    def _leave(self) -> None:
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
