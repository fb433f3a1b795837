"""Grading one submission: a process of its own that runs the checks and writes one record.

``python -m course.grading.job REQUEST.json``. Every exercise is graded with the student's own
code for everything; where that fails, once more with all other exercises replaced by the
solutions. Workers are isolated and fenced; this process never runs a line of the submission.

The record is written again after each exercise, so that what was graded stays, whatever comes.
An exercise that does not end costs its time once: what builds on it, and other seeds, go without.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course.checker.child import OPTIONS
from course.grading.worker import die_with_parent

Verdicts = dict[str, dict[str, Any]]


class Listener:
    """Keeps the verdicts of one run of pytest.

    Args:
        tell: called with the verdicts of all exercises that are complete, after each exercise.
    """

    def __init__(self, tell: Callable[[Verdicts], None] = lambda verdicts: None) -> None:
        self.verdicts: Verdicts = {}
        self.endless: set[str] = set()
        self.tell = tell
        self.judged: dict[str, list[str]] = {}  # by each test
        self.exercises: list[str] = []

    def pytest_collection_finish(self, session: Any) -> None:
        from course.grading.plugin import exercises_of

        self.config = session.config
        self.judged = {item.nodeid: exercises_of(item) for item in session.items}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Tell what is complete when a test of another exercise begins."""
        if self.judged[nodeid] != self.exercises:
            if self.exercises:
                self.tell(self.complete())
            self.exercises = self.judged[nodeid]

    def complete(self) -> Verdicts:
        """Verdicts of the exercises all of whose tests have run by now."""
        from course.grading.plugin import verdicts

        found = {verdict.exercise: verdict.plain() for verdict in verdicts(self.config)}
        return {
            number: verdict
            for number, verdict in found.items()
            if all(test["outcome"] != "did not run" for test in verdict["tests"])
        }

    def pytest_tinymlx_verdicts(self, verdicts: Any) -> None:
        from course.grading.keys import KEY

        self.verdicts = {verdict.exercise: verdict.plain() for verdict in verdicts}
        self.endless = set(self.config.stash[KEY].endless)


class Record:
    """The record of one submission, complete or not yet."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request, self.started = request, time.monotonic()
        self.path = Path(request["record"])
        self.runs: dict[str, list[Verdicts]] = {"own": [], "filled": []}
        self.endless: set[str] = set()

    def grade(self, kind: str, numbers: list[str], seed: int) -> None:
        """Grade ``numbers`` for one seed; ``kind`` is ``"own"`` or ``"filled"``."""
        import pytest

        runs = self.runs[kind]
        runs.append({})

        def tell(verdicts: Verdicts) -> None:
            runs[-1] = verdicts
            self.write(complete=False)

        listener, request = Listener(tell), self.request
        options = [f"--impl={request['folder']}", "--isolated", "--fence", "--seed", str(seed)]
        options += ["--limit", str(request["limit"]), "-p", "no:terminalreporter"]
        options.append("--no-fill" if kind == "own" else "--alone")
        for number in numbers:
            options += ["--exercise", number]
        pytest.main([*OPTIONS, *options], plugins=[listener])
        self.endless |= listener.endless
        tell(listener.verdicts)

    def verdict(self, kind: str, number: str) -> dict[str, Any] | None:
        """One verdict from those of several seeds: passed only if passed every time."""
        runs = [run[number] for run in self.runs[kind] if number in run]
        if not runs:
            return None
        worst = next((r for r in runs if r["outcome"] != "passed"), runs[0])
        passed = sum(r["outcome"] == "passed" for r in runs)
        return {**worst, "seeds_passed": passed, "seeds": len(runs)}

    def outcome(self, number: str) -> str:
        return str((self.verdict("own", number) or {"outcome": "none"})["outcome"])

    def write(self, complete: bool) -> None:
        exercises = {
            number: {kind: self.verdict(kind, number) for kind in self.runs}
            for number in self.request["exercises"]
        }
        seconds = time.monotonic() - self.started
        record = {"exercises": exercises, "seconds": seconds, "complete": complete}
        draft = self.path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({**self.request["header"], **record}), encoding="utf-8")
        os.replace(draft, self.path)


def run(record: Record) -> None:
    """Grade everything for each seed: as it is, then alone what did not pass."""
    from course.graft.grafts import Grafts
    from course.graft.leftover import leftovers
    from course.paths import find_project
    from course.registry import load_registry

    project = find_project()
    registry = load_registry(project)
    numbers, seeds = record.request["exercises"], record.request["seeds"]
    for seed in seeds:
        left = [n for n in numbers if n not in record.endless]
        if left:
            record.grade("own", left, seed)

    def alone_helps(number: str) -> bool:
        """Whether it may pass with the solutions of everything else."""
        if number not in record.endless:
            return record.outcome(number) not in ("passed", "to do")
        needed = [e.id for e in registry.closure(registry[number]) if e.id != number]
        return any(record.outcome(n) not in ("passed", "none") for n in needed)

    again = [n for n in numbers if alone_helps(n)]
    record.endless.clear()
    for seed in seeds:
        left = [n for n in again if n not in record.endless]
        if left:
            record.grade("filled", left, seed)
    behind = leftovers(Grafts(project, registry, Path(record.request["folder"])))
    record.request["header"]["notes"] += behind
    record.write(complete=True)


def main() -> None:
    die_with_parent()
    record = Record(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    record.write(complete=False)
    run(record)


if __name__ == "__main__":
    main()
