"""How fast an implementation is, measured so that cleverness about clocks does not help.

The judge's own clock runs from sending fresh inputs to holding the raw results, which it compares
with the solution's: what is cached, deferred or skipped shows as wrong or as slow.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from dataclasses import dataclass

from course import scratch
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


def series(project: Project, exercise: Exercise) -> tuple[Series, Series]:
    """The largest calls of the exercise's tests: a few to warm up with, and those to be timed.

    All inputs are drawn for this comparison alone. The tests run on the solutions, in a process of
    their own.
    """
    with scratch.temporary("series") as folder:
        out = folder / "series"
        result = subprocess.run(
            [sys.executable, "-m", "course.compare.record", exercise.id, str(out)],
            cwd=project.root,
            env={**os.environ, "TINYMLX_ROOT": str(project.root)},
            capture_output=True,
            text=True,
        )
        if result.returncode != 0 or not out.is_file():
            raise CourseError(f"The tests of {exercise.id} could not be recorded: {result.stderr}")
        found = decode(out.read_bytes())
        warm, timed = ([(name, inputs) for name, inputs in found[k]] for k in ("warm", "timed"))
        return warm, timed


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
        self.warm, self.series = series(project, exercise)
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
            # First calls are nobody's fault; what they are asked is not asked again.
            results, seconds = worker.run_series(self.probes, [*self.warm, *self.series])
        except (WorkerFailed, ProbeFailed, ChangedInput) as error:
            return [], Speed(float("nan"), 0, str(error)[:200])
        finally:
            worker.close()
        count = len(self.warm)
        # The lower quartile: what other programs on the machine take away is nobody's slowness.
        low = statistics.quantiles(seconds[count:], n=4)[0]
        return results[count:], Speed(low, worker.peak * 1024)
