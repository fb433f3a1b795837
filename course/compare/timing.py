"""How fast an implementation is, measured so that cleverness about clocks does not help.

The judge's own clock runs from sending fresh inputs to holding the raw results, which it compares
with the solution's: what is cached, deferred or skipped shows as wrong or as slow. The solution is
asked the same in turn, call by call, so what else the machine does slows both, and how far the
ratios of single calls lie apart is told with their median.
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
from dataclasses import dataclass

from course import scratch
from course.errors import CourseError
from course.grading.compare import Rules, first_mismatch
from course.grading.fixtures import float_dtype
from course.grading.probing import ChangedInput
from course.grading.runners import Ask, Isolated, Limits, ProbeFailed, WorkerFailed
from course.grading.values import Plain, decode
from course.interpreter import module_command
from course.overlay import Choice, make_bundle
from course.paths import Project
from course.registry import Exercise, Registry

ROUNDS = 3  # pairs of processes: where and when one runs makes a difference, too

Series = list[tuple[str, dict[str, Plain]]]


def series(project: Project, exercise: Exercise) -> tuple[Series, Series]:
    """The largest calls of the exercise's tests: a few to warm up with, and those to be timed.

    All inputs are drawn for this comparison alone. The tests run on the solutions, in a process of
    their own.
    """
    with scratch.temporary("series") as folder:
        out = folder / "series"
        result = subprocess.run(
            module_command("course.compare.record", exercise.id, str(out)),
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
    """How an implementation did against the solution, call by call.

    Attributes:
        seconds: of one call; the lower quartile of all.
        ratio: its time relative to the solution's; the median of all calls.
        low, high: the quartiles of these ratios: half of the calls lie in between.
        calls: how many were timed, each on inputs of its own.
        memory: the peak of its process relative to that of the solution's.
        trouble: what went wrong, if anything did.
    """

    seconds: float = math.nan
    ratio: float = math.nan
    low: float = math.nan
    high: float = math.nan
    calls: int = 0
    memory: float = math.nan
    trouble: str = ""


class Stopwatch:
    """Times implementations of one exercise against the solution."""

    def __init__(self, project: Project, registry: Registry, exercise: Exercise) -> None:
        self.project, self.registry = project, registry
        self.warm, self.series = series(project, exercise)
        self.probes = project.tests / exercise.folder / "probes.py"
        self.solution = self._worker(Choice(project.solutions))

    def close(self) -> None:
        self.solution.close()

    def time(self, choice: Choice) -> Speed:
        """Time one implementation, on inputs that it has not seen."""
        worker = self._worker(choice)
        try:
            rounds = [self._race(worker, self.series[k::ROUNDS]) for k in range(ROUNDS)]
        except _Wrong as error:
            return Speed(trouble=f"a timed result of {error} is wrong")
        except (WorkerFailed, ProbeFailed, ChangedInput) as error:
            return Speed(trouble=str(error)[:200])
        finally:
            worker.close()
        times = [pair for each in rounds for pair in each]
        mine = [seconds for seconds, _ in times]
        low, middle, high = statistics.quantiles([a / b for a, b in times], n=4)
        # The lower quartile: what other programs on the machine take away is nobody's slowness.
        seconds = statistics.quantiles(mine, n=4)[0]
        memory = worker.peak / self.solution.peak if self.solution.peak else math.nan
        return Speed(seconds, middle, low, high, len(times), memory)

    def _worker(self, choice: Choice) -> Isolated:
        bundle = make_bundle(self.project, self.registry, choice)
        return Isolated(self.project, bundle, Limits(seconds=10.0), fence=True)

    def _race(self, worker: Isolated, timed: Series) -> list[tuple[float, float]]:
        """Seconds of each timed call: the implementation's, and the solution's.

        Both run in processes of their own, which first run each call that is not timed.

        Raises:
            _Wrong: a result is not the solution's.
            WorkerFailed, ProbeFailed, ChangedInput
        """
        times = []
        calls = [*self.warm, *timed]  # first calls are nobody's fault
        with (
            self.solution.conversation(self.probes) as right,
            worker.conversation(self.probes) as mine,
        ):
            for number, (name, inputs) in enumerate(calls):
                if number % 2:
                    expected, theirs = self._expected(right, name, inputs)
                result, seconds = mine(name, inputs)
                if not number % 2:
                    expected, theirs = self._expected(right, name, inputs)
                if number >= len(self.warm):
                    times.append((seconds, theirs))
                    rules = Rules(float_dtype(inputs), terms=64)
                    if first_mismatch(result, expected, rules) is not None:
                        raise _Wrong(name)
        return times

    def _expected(self, right: Ask, name: str, inputs: dict[str, Plain]) -> tuple[Plain, float]:
        try:
            return right(name, inputs)
        except (WorkerFailed, ProbeFailed, EOFError, ConnectionError) as error:
            # Caught here: what ends the solution's process is not the implementation's doing.
            raise CourseError(f"The solution's own process ended ({error}); try again.") from error


class _Wrong(Exception):
    """A timed result that is not the solution's; the name of its probe."""
