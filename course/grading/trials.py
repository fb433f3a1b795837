"""Running tests under one changed implementation after another, each in a process of its own.

This process imports and collects once and computes nothing, so it can be forked safely; a trial is
a fork of it that runs some tests, tells how each ended over a pipe, and ends. So a trial starts in
milliseconds, no state of one reaches the next, and a crash or an endless loop costs one trial.
Where forking is not safe (a process with Objective-C frameworks), trials run here, one by one.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from course.overlay import Choice

MEMORY = 8 << 30


@dataclass(frozen=True)
class Case:
    """One implementation under which a test runs in the place of the one under test."""

    kind: str
    exercise: str
    name: str
    choice: Choice


CASE: pytest.StashKey[Case] = pytest.StashKey()


@dataclass(frozen=True)
class Trial:
    """Tests to run under one case.

    Attributes:
        case: the implementation.
        items: the tests, in order.
        stop: end at the first test that does not pass.
        seconds: processor time after which the trial counts as an endless loop.
    """

    case: Case
    items: tuple[pytest.Item, ...]
    stop: bool = False
    seconds: float = 60.0


@dataclass
class Outcome:
    """What a trial told.

    Attributes:
        tests: for each test that ended its node id, how it ended (``"passed"``, ``"failed"``,
            ``"to do"``, ``"skipped"``), its seconds, and the plain failure.
        ending: empty, or why the process did not end by itself.
        shown: the sentences of the diagnosis.
    """

    tests: list[dict[str, Any]] = field(default_factory=list)
    ending: str = ""
    shown: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return bool(self.ending) or bool(self.failed_tests)

    @property
    def failed_tests(self) -> frozenset[str]:
        return frozenset(test["id"] for test in self.tests if test["said"] == "failed")


def fork_is_safe() -> bool:
    return sys.platform.startswith("linux")


def run_item(item: pytest.Item, case: Case, following: pytest.Item | None) -> list[Any]:
    """The reports of one more run of a test, which nobody else hears of."""
    item.stash[CASE] = case
    try:
        return runtestprotocol(item, log=False, nextitem=following)
    finally:
        del item.stash[CASE]


def summed(reports: list[Any]) -> dict[str, Any]:
    """How a test ended, from the reports of its phases."""
    properties: dict[str, Any] = {}
    for report in reports:
        properties.update(dict(report.user_properties))
    said = "passed"
    for report in reports:
        if report.outcome != "passed":
            said = "to do" if "todo" in properties else report.outcome
            break
    text = next((str(r.longrepr) for r in reports if r.outcome == "failed"), "")
    return {
        "id": reports[0].nodeid,
        "said": said,
        "seconds": sum(report.duration for report in reports),
        "failure": properties.get("failure"),
        "text": text[-4000:],
    }


Finish = Callable[[Trial], list[str]]


def run_all(trials: Iterator[Trial], jobs: int, finish: Finish) -> Iterator[tuple[Trial, Outcome]]:
    """Run trials, ``jobs`` at a time; yields each as it ends.

    Args:
        trials: asked for the next one only when a place is free.
        jobs: how many processes at a time.
        finish: called in the trial's process after its tests; gives the diagnosis' sentences.
    """
    if not fork_is_safe():
        for trial in trials:
            outcome = Outcome()
            for event in _events(trial, finish):
                _take(outcome, event)
            yield trial, outcome
        return
    running: list[_Running] = []
    try:
        while True:
            while len(running) < jobs:
                following = next(trials, None)
                if following is None:
                    break
                running.append(_Running(following, finish))
            if not running:
                return
            ready = select.select([r.read for r in running], [], [], 0.25)[0]
            for one in list(running):
                over = one.listen() if one.read in ready else one.is_late()
                if over:
                    running.remove(one)
                    yield one.trial, one.close()
    finally:
        for one in running:
            one.close()


class _Running:
    """One forked trial."""

    def __init__(self, trial: Trial, finish: Finish) -> None:
        self.trial, self.outcome = trial, Outcome()
        self.buffer = b""
        self.started = time.monotonic()
        self.read, write = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.read)
            _serve(trial, write, finish)
        os.close(write)

    def listen(self) -> bool:
        """Take what came; whether the trial is over."""
        chunk = os.read(self.read, 1 << 20)
        self.buffer += chunk
        *lines, self.buffer = self.buffer.split(b"\n")
        for line in lines:
            with suppress(ValueError):
                _take(self.outcome, json.loads(line))
        return not chunk

    def is_late(self) -> bool:
        """Whether it waits for something that does not come: processor time it does not use."""
        if time.monotonic() - self.started < 30 + 4 * self.trial.seconds:
            return False
        self.outcome.ending = "it did not end"
        return True

    def close(self) -> Outcome:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.close(self.read)
        _, status = os.waitpid(self.pid, 0)
        done = {"done": True} in self.outcome.tests
        self.outcome.tests = [test for test in self.outcome.tests if "id" in test]
        if not done and not self.outcome.ending:
            name = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "an exit"
            self.outcome.ending = f"the process ended by {name}"
        return self.outcome


def _take(outcome: Outcome, event: dict[str, Any]) -> None:
    if "shown" in event:
        outcome.shown = event["shown"]
    else:
        outcome.tests.append(event)


def _serve(trial: Trial, write: int, finish: Finish) -> None:
    """The forked process: run the trial's tests, tell each outcome, leave."""
    code = 1
    try:
        os.setsid()
        with suppress(ValueError, OSError):
            limit = int(trial.seconds) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _silence(trial)
        with os.fdopen(write, "w", encoding="utf-8") as stream:
            for event in _events(trial, finish):
                stream.write(json.dumps(event) + "\n")
                stream.flush()
            stream.write(json.dumps({"done": True}) + "\n")
        code = 0
    finally:
        os._exit(code)


def _silence(trial: Trial) -> None:
    """What a mutant prints is nobody's business; pytest's capture belongs to the parent."""
    capture = trial.items[0].config.pluginmanager.getplugin("capturemanager")
    if capture is not None:
        capture.stop_global_capturing()
        capture._method = "no"
        capture.start_global_capturing()
    quiet = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(quiet, standard)


def _events(trial: Trial, finish: Finish) -> Iterator[dict[str, Any]]:
    for i, item in enumerate(trial.items):
        following = trial.items[i + 1] if i + 1 < len(trial.items) else None
        found = summed(run_item(item, trial.case, following))
        yield found
        if trial.stop and found["said"] != "passed":
            break
    yield {"shown": finish(trial)}
