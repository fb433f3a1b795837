"""How fast an implementation is, measured so that cleverness about clocks does not help.

The judge's own clock runs from sending fresh inputs to holding the raw results, which it compares
with the solution's: what is cached, deferred or skipped shows as wrong or as slow.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

import pytest

from course.checker.child import OPTIONS
from course.grading.compare import Rules, first_mismatch
from course.grading.fixtures import float_dtype
from course.grading.probing import ChangedInput
from course.grading.runners import Isolated, Limits, ProbeFailed, WorkerFailed
from course.grading.values import Plain
from course.overlay import Choice, make_bundle
from course.paths import Project
from course.registry import Exercise, Registry

SEEDS = 8  # how many times each call is drawn afresh
CALLS = 3  # how many different calls of an exercise's tests are timed

Series = list[tuple[str, dict[str, Plain]]]


class _Recorder:
    """Collects the probes that the tests of an exercise run."""

    def __init__(self) -> None:
        self.tests: dict[str, Series] = {}

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        from course.grading.plugin import BENCH

        bench = item.stash.get(BENCH, None)
        if bench is not None:
            good = [(call.name, call.inputs) for call in bench.calls if call.error is None]
            self.tests[item.nodeid] = good


def series(exercise: Exercise) -> Series:
    """The largest calls of the exercise's tests, each with `SEEDS` different inputs."""
    drawn: list[dict[str, Series]] = []
    for seed in range(SEEDS):
        recorder = _Recorder()
        options = ["--impl=solutions", "--seed", str(1000 + seed), "--exercise", exercise.id]
        pytest.main([*OPTIONS, *options, "-p", "no:terminalreporter"], plugins=[recorder])
        drawn.append(recorder.tests)
    sizes = {test: sum(_size(i) for _, i in calls) for test, calls in drawn[0].items() if calls}
    chosen = sorted(sizes, key=lambda test: -sizes[test])[:CALLS]
    return [tests[test][0] for test in chosen for tests in drawn if tests.get(test)]


def _size(value: Any) -> int:
    if isinstance(value, dict):
        return sum(_size(item) for item in value.values())
    if isinstance(value, list):
        return sum(_size(item) for item in value)
    return int(getattr(value, "nbytes", 0))


@dataclass(frozen=True)
class Speed:
    """Seconds of one call, peak bytes, and what went wrong, if anything did."""

    seconds: float
    memory: int
    trouble: str = ""


class Stopwatch:
    """Times implementations of one exercise against the solution."""

    def __init__(self, project: Project, registry: Registry, exercise: Exercise) -> None:
        self.project, self.registry, self.exercise = project, registry, exercise
        self.series = series(exercise)
        self.probes = project.tests / exercise.folder / "probes.py"
        self.right, self.solution = self._run(Choice(project.solutions))

    def time(self, choice: Choice) -> Speed:
        """Time one implementation on the same fresh inputs."""
        results, speed = self._run(choice)
        for (name, inputs), mine, right in zip(self.series, results, self.right, strict=False):
            rules = Rules(float_dtype(inputs), terms=64)
            if first_mismatch(mine, right, rules) is not None:
                return Speed(speed.seconds, speed.memory, f"a timed result of {name} is wrong")
        return speed

    def _run(self, choice: Choice) -> tuple[list[Plain], Speed]:
        bundle = make_bundle(self.project, self.registry, choice)
        worker = Isolated(self.project, bundle, Limits(seconds=10.0), fence=True)
        try:
            warm = self.series[:1] * 2  # imports and first calls are nobody's fault
            results, seconds = worker.run_series(self.probes, [*warm, *self.series])
        except (WorkerFailed, ProbeFailed, ChangedInput) as error:
            return [], Speed(float("nan"), 0, str(error)[:200])
        finally:
            worker.close()
        count = len(warm)
        # The lower quartile: what other programs on the machine take away is nobody's slowness.
        low = statistics.quantiles(seconds[count:], n=4)[0]
        return results[count:], Speed(low, worker.peak * 1024)
