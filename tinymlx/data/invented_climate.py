r"""A climate that nobody measured, whose best possible forecast is known. Given.

The temperature is a sum: waves of the year and the day (larger in summer), and a deviation that
follows an autoregression of order 2,

.. math:: d_t = 1.6\, d_{t-1} - 0.62\, d_{t-2} + 0.55\, \epsilon_t ,

with independent standard normal :math:`\epsilon`. Who knows this recipe and the two last deviations
forecasts with the mean squared error :math:`0.55^2 \sum_{i<h} \psi_i^2` at step ``h``, where
:math:`\psi` are the weights of past shocks: nobody can do better, and :func:`floor` says how much
that is. (Values are rounded to tenths, which adds 0.03 degrees.)
"""

from __future__ import annotations

import numpy as np

FIRST, SECOND, SHOCK = 1.6, -0.62, 0.55
HOURS = 3 * 8766


def invented(hours: int = HOURS, seed: int = 17) -> tuple[np.ndarray, dict[str, float]]:
    """Temperature, dew point, pressure, wind east, wind north, particles; with gaps.

    Args:
        hours: rows.
        seed: what all follows from.

    Returns:
        ``(hours, 6)`` float32, and facts: the root mean squared error of the best forecast over
        steps 1 to 24 (``floor``), at step 1 and at step 24.
    """
    draw = np.random.default_rng(seed)
    time = np.arange(hours)
    year, clock = 2 * np.pi * time / 8766, 2 * np.pi * time / 24
    shocks = SHOCK * draw.standard_normal(hours + 500)
    deviation = np.zeros(hours + 500)
    for t in range(2, hours + 500):
        deviation[t] = FIRST * deviation[t - 1] + SECOND * deviation[t - 2] + shocks[t]
    warmth = deviation[500:]
    daily = (4 - 1.5 * np.cos(year)) * np.cos(clock - 2 * np.pi * 15 / 24)
    temperature = 12 - 14 * np.cos(year) + daily + warmth
    dry = _wander(draw, hours, 0.98, 0.4)
    dew = temperature - 6 - np.abs(3 * dry)
    pressure = 1016 + 9 * np.cos(year) - 1.2 * warmth + _wander(draw, hours, 0.99, 0.25)
    east, north = _wander(draw, hours, 0.95, 0.8), _wander(draw, hours, 0.95, 0.8) + 0.3 * warmth
    particles = np.exp(4 - 0.25 * np.hypot(east, north) + 0.3 * _wander(draw, hours, 0.97, 0.24))
    values = np.stack([temperature, dew, pressure, east, north, particles], axis=1)
    values = np.round(values, 1).astype(np.float32)
    for start in draw.integers(100, hours - 300, 40):  # a sensor of particles that fails
        values[start : start + draw.integers(2, 60), 5] = np.nan
    values[draw.random(hours) < 0.002, 1] = np.nan
    return values, floor()


def _wander(draw: np.random.Generator, hours: int, memory: float, size: float) -> np.ndarray:
    """An autoregression of order 1."""
    x, found = 0.0, np.empty(hours)
    for t, shock in enumerate(size * draw.standard_normal(hours)):
        x = memory * x + shock
        found[t] = x
    return found


def floor(steps: int = 24) -> dict[str, float]:
    """What no forecast of the invented temperature falls below, in degrees.

    Args:
        steps: how far ahead.
    """
    weights = [1.0, FIRST]
    for _ in range(2, steps):
        weights.append(FIRST * weights[-1] + SECOND * weights[-2])
    squares = SHOCK**2 * np.cumsum(np.square(weights[:steps]))
    return {
        "floor": float(np.sqrt(squares.mean())),
        "floor at step 1": float(np.sqrt(squares[0])),
        f"floor at step {steps}": float(np.sqrt(squares[-1])),
    }
