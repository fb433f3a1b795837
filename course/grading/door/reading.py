"""The judge's side of the door: start a reader, wait for it, believe only a whole record."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course.cutter import is_given
from course.grading.door.names import shown
from course.grading.door.placing import Shelf
from course.grading.door.reader import GRACE, PATIENCE, SECONDS
from course.grading.door.sources import Source
from course.grading.places import without_places
from course.interpreter import module_command
from course.paths import Project
from course.registry import Registry
from course.scratch import temporary

MOST_ANSWER = 256 << 20
ROOT = Path(__file__).resolve().parents[3]
COMMAND = tuple(module_command("course.grading.door.reader"))


@dataclass
class Submission:
    """What one student handed in, read.

    Attributes:
        student: the exact name that the source gives.
        source: where it came from, the paths.
        files: path inside ``tinymlx/`` to text.
        notes: what was left behind, and why.
        problem: why there are no files: one sentence, else nothing.
    """

    student: str
    source: list[str]
    files: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problem: str = ""

    def hashes(self) -> dict[str, str]:
        """Path to SHA-256."""
        return {name: _hash(text) for name, text in sorted(self.files.items())}

    @property
    def content(self) -> str:
        """A hash of all that is graded."""
        return _hash(json.dumps(self.hashes()))

    @property
    def remarks(self) -> list[str]:
        """The problem and the notes."""
        return [*filter(None, [self.problem]), *self.notes]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def make_shelf(registry: Registry, starters: dict[str, str]) -> Shelf:
    """The shelf of the course, from its cut starters."""
    symbols = [(s.file, s.qualname) for e in registry.exercises for s in e.symbols]
    return Shelf(frozenset(starters), tuple(symbols))


class Reading:
    """One submission being read by a process of its own.

    Args:
        source: what to read.
        shelf: where files can belong.
        scratch: a folder of the caller's, which it removes.
        command: what to start; for tests.
    """

    def __init__(
        self,
        source: Source,
        shelf: Shelf,
        scratch: Path,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self.source, self.scratch = source, scratch
        self.deadline = time.monotonic() + PATIENCE * SECONDS + GRACE
        scratch.mkdir(parents=True, exist_ok=True)
        request = {
            "paths": [os.fsencode(path.absolute()).hex() for path in source.paths],
            "known": sorted(shelf.known),
            "symbols": shelf.symbols,
            "scratch": str(scratch),
        }
        (scratch / "request").write_text(json.dumps(request))
        with (
            open(scratch / "request", "rb") as stdin,
            open(scratch / "answer", "wb") as stdout,
            open(scratch / "complaint", "wb") as stderr,
        ):
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )

    def is_over(self) -> bool:
        """Whether it has ended; one that takes too long is ended."""
        if self.process.poll() is None and time.monotonic() > self.deadline:
            self.stop()
        if self.process.poll() is None:
            return False
        self._end_group()
        return True

    def stop(self) -> None:
        if self.process.poll() is None:
            self._end_group()
            self.process.wait()

    def _end_group(self) -> None:
        """End it, and what it has started and left behind."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def result(self) -> Submission:
        """The submission, after the end; a reader that died leaves one sentence."""
        code = self.process.wait()
        submission = Submission(self.source.student, [str(path) for path in self.source.paths])
        answer = self._answer() if code == 0 else None
        if answer is None:
            submission.problem = self._said(_meaning(code, self._complaint()))
            return submission
        submission.files = answer["files"]
        submission.notes, submission.problem = self._said([answer["notes"], answer["problem"]])
        return submission

    def _said(self, value: Any) -> Any:
        """What students read, without the folder in which their work lies here."""
        paths = [path.absolute() for path in self.source.paths]
        return without_places(value, [ROOT, *(path.parent for path in paths)])

    def _answer(self) -> dict[str, Any] | None:
        path = self.scratch / "answer"
        try:
            if path.stat().st_size > MOST_ANSWER:
                return None
            answer = json.loads(path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
        whole = isinstance(answer, dict) and set(answer) == {"files", "notes", "problem"}
        return answer if whole else None

    def _complaint(self) -> str:
        with open(self.scratch / "complaint", "rb") as stream:
            lines = stream.read(1 << 16).decode("utf-8", "replace").strip().splitlines()
        return shown(lines[-1]) if lines else "it gave no reason"


def _meaning(code: int, complaint: str) -> str:
    if code == -signal.SIGXCPU or code in (-signal.SIGALRM, -signal.SIGKILL):
        return "It could not be read: opening it took too much time or memory."
    if code < 0:
        return f"It could not be read: its reader was ended by {signal.Signals(-code).name}."
    return f"It could not be read: {complaint}."


def read_submission(source: Source, shelf: Shelf) -> Submission:
    """Read one submission and wait for it."""
    with temporary("door") as scratch:
        reading = Reading(source, shelf, scratch)
        try:
            while not reading.is_over():
                time.sleep(0.005)
            return reading.result()
        finally:
            reading.stop()


def unpack(
    project: Project, submission: Submission, starters: dict[str, str], target: Path
) -> None:
    """Write ``target/tinymlx``: fresh starters with the submission's files over them."""
    package = target / "tinymlx"
    own = {name: text for name, text in submission.files.items() if not is_given(project, name)}
    for name, text in {**starters, **own}.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))
