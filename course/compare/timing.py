"""How fast an implementation is, measured so that cleverness about clocks does not help.

The judge's own clock runs from sending fresh inputs to holding the raw results, which it compares
with the solution's: what is cached, deferred or skipped shows as wrong or as slow.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from course.errors import CourseError
from course.grading.compare import Rules, first_mismatch
from course.grading.fixtures import float_dtype
from course.grading.probing import ChangedInput
from course.grading.runners import Isolated, Limits, ProbeFailed, WorkerFailed
from course.grading.values import Plain, decode
from course.overlay import Choice, make_bundle
from course.paths import Project
from course.registry import Exercise, Registry

Series = list[tuple[str, dict[str, Plain]]]


def series(project: Project, exercise: Exercise) -> Series:
    """The largest calls of the exercise's tests, each with `SEEDS` different inputs.

    The tests run on the solutions, in a process of their own.
    """
    with tempfile.TemporaryDirectory(prefix="tinymlx-series-") as scratch:
        out = Path(scratch) / "series"
        result = subprocess.run(
            [sys.executable, "-m", "course.compare.record", exercise.id, str(out)],
            cwd=project.root,
            env={**os.environ, "TINYMLX_ROOT": str(project.root)},
            capture_output=True,
            text=True,
        )
        if result.returncode != 0 or not out.is_file():
            raise CourseError(f"The tests of {exercise.id} could not be recorded: {result.stderr}")
        return [(name, inputs) for name, inputs in decode(out.read_bytes())]


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
        self.series = series(project, exercise)
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
