"""Throughput of a polynomial of degree 8, eager, against one that MLX fuses into one kernel."""

import mlx.core as mx
import numpy as np
import torch

from course.grading.marks import exercise

N, DEGREE = 2_000_000, 8
X = np.random.default_rng(0).uniform(size=N).astype(np.float32)
COEFFICIENTS = [0.5] * (DEGREE + 1)


def _horner(x):
    *lower, y = COEFFICIENTS
    for c in reversed(lower):
        y = y * x + c
    return y


@exercise("2.10")
def bench_horner(race):
    """The same arithmetic with very different traffic: the bytes are those of a single pass."""

    def tiny(_package):
        from tinymlx.basics.polynomial import horner

        x = mx.array(X)
        return lambda: horner(x, COEFFICIENTS)

    def mlx():
        x, fused = mx.array(X), mx.compile(_horner)
        return lambda: fused(x)

    def pytorch():
        x = torch.from_numpy(X)
        return lambda: _horner(x)

    race(tiny=tiny, mlx=mlx, pytorch=pytorch, flops=2 * DEGREE * N, bytes=8 * N)


@exercise("2.1")
def bench_stopwatch(race):
    """What a measurement itself costs: the shortest computation there is, timed."""

    def tiny(_package):
        from tinymlx.basics.measure import time_once

        x = mx.array(1.0)
        return lambda: [time_once(lambda: x + 1), x + 1][1]

    def mlx():
        x = mx.array(1.0)

        def run():
            mx.eval(x + 1)
            return x + 1

        return run

    race(tiny=tiny, mlx=mlx)
