"""Records the probes that the tests of an exercise run on the solutions, for timing.

``python -m course.compare.record EXERCISE OUT`` writes a frame: pairs of probe and inputs, first
those to warm up with, then those to be timed. No inputs are drawn twice, here or in another run.
"""

from __future__ import annotations

import random
import secrets
import sys
from pathlib import Path
from typing import Any

import pytest

from course.checker.child import OPTIONS
from course.grading.values import encode

SEEDS = 8  # how many times each call is drawn afresh
CALLS = 3  # how many different calls of an exercise's tests are timed


class Recorder:
    """Collects the probes of each test."""

    def __init__(self) -> None:
        self.tests: dict[str, list[list[Any]]] = {}

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        from course.grading.plugin import BENCH

        bench = item.stash.get(BENCH, None)
        if bench is not None:
            good = [[call.name, call.inputs] for call in bench.calls if call.error is None]
            self.tests[item.nodeid] = good


def record(number: str) -> dict[str, list[list[Any]]]:
    """The largest calls: one of each to warm up with, and `SEEDS` of each to be timed."""
    drawn: list[dict[str, list[list[Any]]]] = []
    seeds: set[int] = set()
    while len(seeds) < SEEDS + 1:
        seeds.add(secrets.randbits(31))
    for seed in seeds:
        recorder = Recorder()
        options = ["--impl=solutions", "--seed", str(seed), "--exercise", number]
        pytest.main([*OPTIONS, *options, "-p", "no:terminalreporter"], plugins=[recorder])
        drawn.append(recorder.tests)
    warm, *timed = drawn
    sizes = {test: sum(_size(i) for _, i in calls) for test, calls in warm.items() if calls}
    chosen = sorted(sizes, key=lambda test: -sizes[test])[:CALLS]
    series = [tests[test][0] for tests in timed for test in chosen if tests.get(test)]
    random.SystemRandom().shuffle(series)
    return {"warm": [warm[test][0] for test in chosen], "timed": series}


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return sum(_size(item) for item in value.values())
    if isinstance(value, list):
        return sum(_size(item) for item in value)
    return int(getattr(value, "nbytes", 0))


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(encode(record(sys.argv[1])))
