"""Timing lazy computations fairly: evaluated inside the clock, warmed up, in alternation."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from course.grading.values import unwatched

SAMPLE_SECONDS = 0.004  # one sample lasts at least this long, so that the clock's grain vanishes


@dataclass(frozen=True)
class Timing:
    """Seconds for one call: the median of the samples and their quartiles."""

    median: float
    low: float
    high: float
    samples: int

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def evaluate(result: Any) -> None:
    """Force a lazy result (arrays of MLX, of ``tinymlx``, of PyTorch, in lists and dicts)."""
    import mlx.core as mx

    arrays: list[mx.array] = []
    cuda = _collect(result, arrays)
    if arrays:
        mx.eval(arrays)
        if mx.default_device() == mx.Device(mx.gpu):
            mx.synchronize()
    if cuda:
        import torch

        torch.cuda.synchronize()


def _collect(value: Any, arrays: list[Any]) -> bool:
    """Gather MLX arrays; whether a tensor on CUDA is among the rest."""
    if isinstance(value, (list, tuple)):
        return any(_collect(item, arrays) for item in value)
    if isinstance(value, dict):
        return any(_collect(item, arrays) for item in value.values())
    bare = unwatched(value)
    if type(bare).__module__ == "mlx.core" and hasattr(bare, "nbytes"):
        arrays.append(bare)
        return False
    return bool(getattr(value, "is_cuda", False))


def race(
    candidates: Mapping[str, Callable[[], Any]],
    rounds: int,
    around: Mapping[str, Any] | None = None,
) -> dict[str, Timing]:
    """Time all candidates, alternating, ``rounds`` samples each.

    Args:
        candidates: functions whose results are evaluated inside the clock.
        rounds: samples of each candidate.
        around: for each candidate, a function that gives a context to call it in (untimed).
    """
    around = around or {}
    counts = {name: _calibrate(call, around.get(name)) for name, call in candidates.items()}
    samples: dict[str, list[float]] = {name: [] for name in candidates}
    names = list(candidates)
    for turn in range(rounds):
        for name in names if turn % 2 == 0 else reversed(names):
            seconds = _sample(candidates[name], counts[name], around.get(name))
            samples[name].append(seconds / counts[name])
    return {name: summary(values) for name, values in samples.items()}


def _sample(call: Callable[[], Any], count: int, context: Callable[[], Any] | None) -> float:
    if context is not None:
        with context():
            return _sample(call, count, None)
    start = time.perf_counter()
    for _ in range(count):
        evaluate(call())
    return time.perf_counter() - start


def _calibrate(call: Callable[[], Any], context: Callable[[], Any] | None) -> int:
    """Warm up (compilation, caches), then find how many calls make a sample long enough."""
    for _ in range(2):
        _sample(call, 1, context)
    count = 1
    while True:
        seconds = _sample(call, count, context)
        if seconds >= SAMPLE_SECONDS or count >= 1 << 16:
            return count
        count *= 2


def summary(values: list[float]) -> Timing:
    """The median and the quartiles of ``values``."""
    if len(values) < 2:
        return Timing(values[0], values[0], values[0], len(values))
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Timing(median, low, high, len(values))
