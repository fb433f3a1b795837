"""Asking for verdicts: starts the child, follows what it tells, and survives what it does."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course.errors import CourseError
from course.grading.groups import PATIENCE, group_seconds, slowness
from course.interpreter import module_command
from course.paths import Project
from course.registry import Exercise, Registry
from course.source import bare_lines, read_text

FRAME = re.compile(r'File "(.+)", line (\d+) in (\S+)')
FILE_LIMIT = 64 << 20
REFUSAL = "ERROR: "  # how pytest begins what it says of options
ISOLATION_SECONDS = 10.0  # for starting and ending a worker
SLOW_PHASES = ("reference", "diagnosis")
BUSY = 0.8  # a loop without an end that has a core to itself uses more of its time than this
REFERENCE_SECONDS = 120.0  # importing PyTorch on a busy machine takes its time


@dataclass(frozen=True)
class Options:
    """How to grade.

    Attributes:
        impl: ``"."`` for the student's package, ``"solutions"``, or a folder.
        fill, isolated, seed: as the options of pytest.
        seconds: how long one test may take before it counts as hung.
    """

    impl: str = "."
    fill: bool = True
    isolated: bool = False
    seed: str = ""
    seconds: float = 20.0

    def arguments(self) -> list[str]:
        # With "=", or pytest would take the folder for a place to look for its configuration.
        arguments = [] if self.impl == "." else [f"--impl={self.impl}"]
        arguments += [] if self.fill else ["--no-fill"]
        arguments += ["--isolated", "--limit", str(self.seconds)] if self.isolated else []
        return arguments + (["--seed", self.seed] if self.seed else [])


@dataclass
class Result:
    """Verdicts by exercise id, in the plain form of `course.grading.table.Verdict`."""

    verdicts: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0

    def outcomes(self) -> dict[str, str]:
        return {number: verdict["outcome"] for number, verdict in self.verdicts.items()}


class Child:
    """One grading process, from its start to its end."""

    def __init__(self, project: Project) -> None:
        self.project = project
        read, write = os.pipe()
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        self.process = subprocess.Popen(
            module_command("course.checker.child", str(write)),
            pass_fds=[write],
            stdin=subprocess.PIPE,
            stdout=self.log,
            stderr=self.log,
            cwd=project.root,
            env={**os.environ, "TINYMLX_ROOT": str(project.root)},
            start_new_session=True,
        )
        os.close(write)
        self._read = read
        self._buffer = b""

    def request(self, options: list[str]) -> None:
        # CUDA reserves addresses far beyond the memory it uses, so there the limit is left out.
        memory = 0 if Path("/dev/nvidia0").exists() else _memory_limit()
        message = {"options": options, "memory": memory, "file": FILE_LIMIT}
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return  # it died while waiting: `lines` says so by ending

    def lines(self, seconds: float) -> Iterator[str | None]:
        """Lines as they come; ``None`` after a silence of ``seconds``; ends when the child does."""
        while True:
            head, found, rest = self._buffer.partition(b"\n")
            if found:
                self._buffer = rest
                yield head.decode("utf-8", "replace")
                continue
            if not select.select([self._read], [], [], seconds)[0]:
                yield None
                continue
            chunk = os.read(self._read, 1 << 16)
            if not chunk:
                return
            self._buffer += chunk

    def where(self) -> str:
        """The line of the student's code that the child is at, by asking its fault handler."""
        self.process.send_signal(signal.SIGUSR1)
        frames = []
        deadline = time.monotonic() + 2.0
        for line in self.lines(0.2):
            match = FRAME.search(line or "")
            if match:
                frames.append(match.groups())
            if (line is None and frames) or time.monotonic() > deadline:
                break
        for file, number, name in frames:
            if "/tinymlx/" in file:
                text = _line(file, int(number))
                return f"{self.project.relative(file)}:{number} in {name}" + (text and f": {text}")
        return ""

    def kill(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self.process.kill()
        self.close()

    def close(self) -> int:
        code = self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        if self._read >= 0:
            os.close(self._read)
            self._read = -1
        return code

    def said(self) -> str:
        """The end of what the child printed."""
        self.log.seek(0, os.SEEK_END)
        size = self.log.tell()
        self.log.seek(max(0, size - 4000))
        return self.log.read().decode("utf-8", "replace").strip()


class Checker:
    """Grades exercises of a working copy; with ``warm`` it keeps the next child waiting."""

    def __init__(self, project: Project, registry: Registry, warm: bool = False) -> None:
        self.project, self.registry, self.warm = project, registry, warm
        self._spare: Child | None = Child(project) if warm else None
        self._running: Child | None = None

    def check(
        self,
        exercises: tuple[Exercise, ...],
        options: Options | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> Result:
        """Grade ``exercises``; a hang or a death costs one exercise, the others go on."""
        options = options or Options()
        started = time.monotonic()
        result = Result()
        left = [exercise.id for exercise in exercises]
        while left:
            verdicts, culprit = self._once(left, options, progress)
            result.verdicts.update(verdicts)
            if culprit is None:
                break
            left = [number for number in left if number not in result.verdicts]
        for number in left:
            if number not in result.verdicts:
                text = f"no test of {number} was found; the course's tests may be damaged."
                result.verdicts[number] = self._failed(number, text, [])
        result.seconds = time.monotonic() - started
        return result

    def close(self) -> None:
        for child in (self._spare, self._running):
            if child is not None:
                child.kill()
        self._spare = self._running = None

    def cancel(self) -> None:
        """Stop a running check (from another thread)."""
        if self._running is not None:
            self._running.process.kill()

    def _once(
        self, numbers: list[str], options: Options, progress: Callable[[str], None] | None
    ) -> tuple[dict[str, dict[str, Any]], str | None]:
        child = self._spare if self._spare is not None else Child(self.project)
        self._spare, self._running = None, child
        arguments = [part for number in numbers for part in ("--exercise", number)]
        child.request([*arguments, *options.arguments()])
        # In isolated mode the judge in the child keeps the time; its own verdict comes first.
        patience = options.seconds + (ISOLATION_SECONDS if options.isolated else 0.0)
        try:
            return self._follow(child, patience, progress)
        finally:
            self._running = None
            if child.process.poll() is None:
                child.kill()
            if self.warm:
                self._spare = Child(self.project)

    def _follow(
        self, child: Child, seconds: float, progress: Callable[[str], None] | None
    ) -> tuple[dict[str, dict[str, Any]], str | None]:
        current: dict[str, Any] = {}
        waited, phase = 0.0, ""
        spent: float | None = None  # processor time at the first half of a silence
        verdicts: list[dict[str, Any]] | None = None
        trouble = ""
        for line in child.lines(seconds / 2):
            if line is None:
                waited += seconds / 2
                before, spent = spent, group_seconds(child.process.pid)
                if not current or (phase in SLOW_PHASES and waited < REFERENCE_SECONDS):
                    continue  # it is still starting, or PyTorch is, or failures are compared
                if before is None:
                    continue
                if spent - before < BUSY * seconds / 2:  # it waits, or others are in its way
                    if waited < seconds * PATIENCE * slowness()[1]:
                        continue
                where = child.where()
                child.kill()
                text = f"{_test(current)} did not finish within {seconds:g} seconds"
                number = current["exercises"][0]
                return {
                    number: self._failed(number, text, [f"It hung at {where}"] if where else [])
                }, number
            try:
                event = json.loads(line)
            except ValueError:
                continue  # the fault handler's words
            waited = 0.0
            spent = None
            phase = event.get("phase", "")
            if event["event"] == "start":
                current = event
                if progress:
                    progress(event["test"])
            elif event["event"] == "trouble":
                trouble = event["text"]
            elif event["event"] == "verdicts":
                verdicts = event["verdicts"]
                break
        if verdicts is not None:
            return {verdict["exercise"]: verdict for verdict in verdicts}, None
        code = child.close()
        if current:
            number = current["exercises"][0]
            text = f"your code ended the process ({_ending(code)}) in {_test(current)}"
            return {number: self._failed(number, text, [])}, number
        said = trouble or child.said()
        if said.startswith(REFUSAL) and "\n" not in said:  # an option that cannot be
            raise CourseError(said.removeprefix(REFUSAL))
        raise CourseError(
            f"The check could not run: {said or _ending(code)}\n"
            "`tinymlx doctor` looks for what is wrong with this machine."
        )

    def _failed(self, number: str, headline: str, details: list[str]) -> dict[str, Any]:
        exercise = self.registry[number]
        lines = [f"{number} {exercise.title}: {headline}", *(f"  {line}" for line in details)]
        lines.append(f"  Read: {exercise.lesson}#{exercise.anchor}")
        failure = {
            "headline": headline,
            "kind": "process",
            "likely": "",
            "lines": lines,
            "test": "",
        }
        return {
            "exercise": number,
            "outcome": "failed",
            "passed": 0,
            "expected": 0,
            "points": 0,
            "failures": [failure],
            "tests": [],
        }


def _test(event: dict[str, Any]) -> str:
    return str(event["test"]).rpartition("::")[2]


def _ending(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


def _line(file: str, number: int) -> str:
    try:
        return bare_lines(read_text(Path(file)))[number - 1].strip()
    except (CourseError, IndexError):
        return ""


def _memory_limit() -> int:
    """Bytes that a check may take: half of what the machine has, and no more than 8 GiB."""
    try:
        return min(8 << 30, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
    except (ValueError, OSError):
        return 0
