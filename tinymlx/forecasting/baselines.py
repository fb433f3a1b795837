"""Forecasts that cost nothing, which every other forecast must beat."""

from __future__ import annotations

import math
from typing import NamedTuple

from tinymlx import core
from tinymlx.core import array


def persistence(past: array, horizon: int) -> array:
    """It stays as it is: the last value for every step.

    Args:
        past: ``(O, L)``, for each origin the last values, oldest first.
        horizon: how many steps, at least 1.

    Returns:
        ``(O, horizon)``.
    """
    return core.broadcast_to(past[:, -1:], (past.shape[0], horizon))


def seasonal(past: array, horizon: int, period: int) -> array:
    """It is as it was one period before: yesterday's value at this hour.

    Step ``h`` (from 1) is the last *known* value at the same place of the period: beyond one period
    the last one is repeated.

    Args:
        past: ``(O, L)``, oldest first.
        horizon: how many steps, at least 1.
        period: from 1 to ``L``.

    Returns:
        ``(O, horizon)``.

    Raises:
        ValueError: ``period`` is not between 1 and ``L``.
    """
    raise NotImplementedError(
        "17.4 seasonal - exercises/ch17_forecasting/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


class Climatology(NamedTuple):
    """What is normal for the time of year and the hour of the day: a sum of waves."""

    weights: array  # ((2 yearly + 1) * (2 daily + 1),)
    yearly: int
    daily: int

    @classmethod
    def fit(cls, day: array, hour: array, y: array, yearly: int = 3, daily: int = 2) -> Climatology:
        """The waves with the least squared error over the measured values.

        Solved by a QR of the waves (``core.linalg.qr`` on the CPU) in float32.

        Args:
            day: the day of the year, with a fraction, ``(N,)``; a year has 365.25.
            hour: the hour of the day, ``(N,)``.
            y: what was measured, ``(N,)``; ``nan`` where it was not: such rows count nothing.
            yearly: how many waves fit into a year (1, 2, ... of them).
            daily: the same for a day.

        Raises:
            ValueError: fewer measured values than waves.
        """
        raise NotImplementedError(
            "17.4 fit - exercises/ch17_forecasting/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def __call__(self, day: array, hour: array) -> array:
        """What is normal then, in the units of ``y``: ``(...)`` and ``(...)`` to ``(...)``."""
        return waves(day, hour, self.yearly, self.daily) @ self.weights


def waves(day: array, hour: array, yearly: int, daily: int) -> array:
    r"""All products of a wave of the year and a wave of the day.

    Of the year: 1, then :math:`\sin k a, \cos k a` for :math:`k = 1, 2, \dots`, ``yearly`` of them,
    with :math:`a = 2 \pi\, \text{day} / 365.25`; of the day the same with
    :math:`2 \pi\, \text{hour} / 24`. Their product lets the daily wave be larger in summer.

    Args:
        day, hour: any shape.
        yearly, daily: how many.

    Returns:
        One more axis of ``(2 yearly + 1) (2 daily + 1)``: for each wave of the year all of the day.
    """
    year = harmonics(day * (2 * math.pi / 365.25), yearly)
    clock = harmonics(hour * (2 * math.pi / 24), daily)
    both = year[..., :, None] * clock[..., None, :]
    return both.reshape(*both.shape[:-2], -1)


def harmonics(angle: array, count: int) -> array:
    """1 and the first ``count`` sines and cosines of an angle: one more axis of 2 count + 1."""
    parts = [core.ones_like(angle)]
    for k in range(1, count + 1):
        parts += [core.sin(k * angle), core.cos(k * angle)]
    return core.stack(parts, axis=-1)


class Smoothing(NamedTuple):
    """The state of exponential smoothing: where a series stands, where it goes, its season."""

    level: float
    trend: float
    season: tuple[float, ...]  # of the next steps: season[0] belongs to the step that comes next

    def updated(self, y: float, alpha: float, beta: float, gamma: float) -> Smoothing:
        r"""The state after one more value (Holt and Winters, additive).

        .. math:: l' = \alpha (y - s) + (1 - \alpha)(l + b), \quad
                  b' = \beta (l' - l) + (1 - \beta) b, \quad
                  s' = \gamma (y - l - b) + (1 - \gamma) s

        :math:`s` is the season of this step; :math:`s'` takes its place one period later. Where
        ``y`` is ``nan`` the state only moves on by one step: :math:`l' = l + b`, and the trend and
        the season stay what they are.

        Args:
            y: the value.
            alpha, beta, gamma: from 0 to 1, how fast level, trend and season learn.
        """
        raise NotImplementedError(
            "17.4 updated - exercises/ch17_forecasting/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def forecast(self, horizon: int) -> list[float]:
        r"""Steps 1 to ``horizon``: :math:`l + h b + s`, with the season that belongs to each."""
        raise NotImplementedError(
            "17.4 forecast - exercises/ch17_forecasting/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )
