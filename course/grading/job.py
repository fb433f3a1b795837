"""Grading one submission: a process of its own that runs the checks and writes one record.

``python -m course.grading.job REQUEST.json``. Every exercise is graded with the student's own
code for everything; where that fails, once more with all other exercises replaced by the
solutions. Workers are isolated and fenced; this process never runs a line of the submission.

Where there is a record already, verdicts stay that follow from the same things as then
(`course.grading.follows`).

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
from typing import TYPE_CHECKING, Any

from course.checker.child import OPTIONS
from course.grading.worker import die_with_parent

if TYPE_CHECKING:
    from course.grading.follows import Parts

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
        self.ever_endless: set[str] = set()
        self.kept: dict[str, dict[str, Any]] = {}  # exercise to verdicts of the record before
        self.follows: dict[str, Parts] = {}

    def keep(self, follows: dict[str, Parts]) -> None:
        """Take over the verdicts that follow from the same things as before.

        What did not end is graded again together with what changed, which may build on it.
        """
        self.follows = follows
        before = self.request["before"] or {}
        then, verdicts = before.get("follows", {}), before.get("exercises", {})
        same = {number for number, parts in follows.items() if then.get(number) == parts}
        if same != set(follows):
            same -= set(before.get("endless", []))
        self.kept = {number: verdicts[number] for number in follows if number in same}
        self.ever_endless = {n for n in before.get("endless", []) if n in self.kept}

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
        self.ever_endless |= listener.endless
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
        exercises |= self.kept
        seconds = time.monotonic() - self.started
        record = {"exercises": exercises, "seconds": seconds, "complete": complete}
        if complete:  # what a limit has cut off stands on nothing
            record |= {"follows": self.follows, "endless": sorted(self.ever_endless)}
        draft = self.path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({**self.request["header"], **record}), encoding="utf-8")
        os.replace(draft, self.path)


def run(record: Record) -> None:
    """Grade everything for each seed: as it is, then alone what did not pass."""
    from course.grading.follows import all_parts
    from course.graft.grafts import Grafts
    from course.graft.leftover import leftovers
    from course.paths import find_project
    from course.registry import load_registry

    project = find_project()
    registry = load_registry(project)
    grafts = Grafts(project, registry, Path(record.request["folder"]))
    record.keep(all_parts(record.request["parts"], registry, grafts))
    numbers = [n for n in record.request["exercises"] if n not in record.kept]
    seeds = record.request["seeds"]
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
    record.request["header"]["notes"] += leftovers(grafts)
    record.write(complete=True)


def main() -> None:
    die_with_parent()
    record = Record(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    record.write(complete=False)
    run(record)


if __name__ == "__main__":
    main()
