"""The fixture ``race`` for ``bench_*.py``; `pytest-benchmark` carries the rounds and the JSON."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from course.bench import machine
from course.bench.timing import Timing
from course.bench.timing import race as run_race
from course.grading.plugin import KEY, marked
from course.overlay import Choice, Overlay, make_bundle

ROWS: pytest.StashKey[list[dict[str, Any]]] = pytest.StashKey()
OVERLAYS: pytest.StashKey[dict[str, Overlay]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("tinymlx").addoption("--rounds", type=int, default=15)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ROWS] = []
    config.stash[OVERLAYS] = {}


class Race:
    """One benchmark's race.

    Candidates that need an argument are called with a ``tinymlx`` package, once for ``yours`` and
    once for ``solution``; the others are called without. Each returns the function to time. A
    candidate ``tiny_compiled`` is compared with ``mlx_compiled``, ``tiny`` with ``mlx``.
    """

    def __init__(self, request: pytest.FixtureRequest, benchmark: Any) -> None:
        self.request, self.benchmark = request, benchmark
        self.config = request.config

    def __call__(
        self, *, flops: float = 0.0, bytes: float = 0.0, **candidates: Callable[..., Any]
    ) -> dict[str, Any]:
        """Time all candidates and record a row.

        Args:
            flops: floating-point operations of one call, for FLOP/s and the roofline.
            bytes: bytes that one call must read and write.
        """
        calls: dict[str, Callable[[], Any]] = {}
        around: dict[str, Any] = {}
        for name, make in candidates.items():
            if not _asks(make):
                calls[name] = make()
                continue
            for owner, overlay in self._implementations().items():
                label = name.replace("tiny", owner, 1)
                with overlay.activate():
                    import tinymlx

                    calls[label] = make(tinymlx)
                around[label] = overlay.activate
        rounds = self.config.getoption("rounds")
        results: dict[str, Timing] = {}

        def once() -> None:
            results.update(run_race(calls, rounds, around))

        self.benchmark.pedantic(once, rounds=1, iterations=1)
        return self.record(results, flops, bytes)

    def record(
        self, timings: dict[str, Timing], flops: float = 0.0, bytes: float = 0.0
    ) -> dict[str, Any]:
        """Add a row to the table, also for what was timed outside (whole processes, say)."""
        row = {
            "name": self.request.node.name,
            "purpose": (self.request.function.__doc__ or "").strip().split("\n")[0],
            "exercises": marked(self.request.node),
            "flops": flops,
            "bytes": bytes,
            "machine": machine.measure().plain(),
            "candidates": {name: timing.plain() for name, timing in timings.items()},
        }
        self.benchmark.extra_info.update(row)
        self.config.stash[ROWS].append(row)
        return row

    def _implementations(self) -> dict[str, Overlay]:
        """``yours`` where something of the exercise has been written, and ``solution``."""
        grading = self.config.stash[KEY]
        wanted = {"solution": grading.perfect}
        numbers = marked(self.request.node)
        written = [grading.inspection(grading.registry[n]).state == "written" for n in numbers]
        if not grading.is_solutions and (not numbers or all(written)):
            wanted = {"yours": replace(grading.choice, fill=True), **wanted}
        return {owner: self._overlay(owner, choice) for owner, choice in wanted.items()}

    def _overlay(self, owner: str, choice: Choice) -> Overlay:
        overlays = self.config.stash[OVERLAYS]
        if owner not in overlays:
            grading = self.config.stash[KEY]
            bundle = make_bundle(grading.project, grading.registry, choice)
            overlays[owner] = Overlay(bundle, grading.project.state / "cache" / "code")
        return overlays[owner]


def _asks(make: Callable[..., Any]) -> bool:
    """Whether a candidate has a parameter without a default."""
    parameters = inspect.signature(make).parameters.values()
    return any(p.default is inspect.Parameter.empty for p in parameters)


@pytest.fixture
def race(request: pytest.FixtureRequest, benchmark: Any) -> Race:
    """Race candidates and record a row of the throughput table."""
    return Race(request, benchmark)
