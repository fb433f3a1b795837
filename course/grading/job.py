"""Grading one submission: a process of its own that runs the checks and writes one record.

``python -m course.grading.job REQUEST.json``. Every exercise is graded with the student's own
code for everything; where that fails, once more with all other exercises replaced by the
solutions. Workers are isolated and fenced; this process never runs a line of the submission.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from course.checker.child import OPTIONS
from course.grading.worker import die_with_parent


class Listener:
    """Keeps the verdicts of one run of pytest."""

    def __init__(self) -> None:
        self.verdicts: dict[str, dict[str, Any]] = {}

    def pytest_tinymlx_verdicts(self, verdicts: Any) -> None:
        self.verdicts = {verdict.exercise: verdict.plain() for verdict in verdicts}


def grade(numbers: list[str], seed: int, request: dict[str, Any], *extra: str) -> dict[str, Any]:
    """Verdicts on ``numbers`` for one seed."""
    import pytest

    listener = Listener()
    options = [f"--impl={request['folder']}", "--isolated", "--fence", "--seed", str(seed)]
    options += ["--limit", str(request["limit"]), "-p", "no:terminalreporter", *extra]
    for number in numbers:
        options += ["--exercise", number]
    pytest.main([*OPTIONS, *options], plugins=[listener])
    return listener.verdicts


def combine(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """One verdict from those of several seeds: passed only if passed every time."""
    worst = next((r for r in runs if r["outcome"] != "passed"), runs[0])
    return {
        **worst,
        "seeds_passed": sum(r["outcome"] == "passed" for r in runs),
        "seeds": len(runs),
    }


def run(request: dict[str, Any]) -> dict[str, Any]:
    """The record of one submission: for each exercise its own and its filled verdict."""
    started = time.monotonic()
    numbers, seeds = request["exercises"], request["seeds"]
    own_runs = [grade(numbers, seed, request, "--no-fill") for seed in seeds]
    own = {n: combine([run[n] for run in own_runs if n in run]) for n in own_runs[0]}
    again = [n for n in numbers if own.get(n, {}).get("outcome") not in ("passed", "to do")]
    filled: dict[str, dict[str, Any]] = {}
    if again:
        filled_runs = [grade(again, seed, request, "--alone") for seed in seeds]
        filled = {n: combine([run[n] for run in filled_runs if n in run]) for n in filled_runs[0]}
    return {
        "exercises": {n: {"own": own.get(n), "filled": filled.get(n)} for n in numbers},
        "seconds": time.monotonic() - started,
    }


def main() -> None:
    die_with_parent()
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    record = {**request["header"], **run(request)}
    target = Path(request["record"])
    draft = target.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(record), encoding="utf-8")
    os.replace(draft, target)


if __name__ == "__main__":
    main()
