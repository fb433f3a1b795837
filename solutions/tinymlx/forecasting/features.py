"""What a model gets to see: circles cut nowhere, winds as arrows, scales of the past."""

from __future__ import annotations

import math
from typing import NamedTuple

from tinymlx import core
from tinymlx.core import array


def circular(x: array, period: float) -> array:
    r"""A number on a circle as a point in the plane, :math:`(\sin, \cos)` of :math:`2 \pi x / p`.

    Hour 23 and hour 0 are neighbours there. Whole turns are taken off before the angle is
    computed (the remainder of :math:`x / p`), since in float32 the sine of a large angle has few
    right digits.

    Args:
        x: any shape, numbers of any real dtype.
        period: :math:`p`, greater than 0, in the units of ``x``.

    Returns:
        One more axis of 2 at the end, float32.

    Raises:
        ValueError: ``period`` is not positive.
    """
    if not period > 0:
        raise ValueError(f"[circular] The period should be positive; it is {period}.")
    angle = core.remainder(x.astype(core.float32), period) * (2 * math.pi / period)
    return core.stack([core.sin(angle), core.cos(angle)], axis=-1)


def wind(speed: array, direction: array) -> array:
    r"""The wind as an arrow: where the air goes, east and north.

    ``direction`` is where the wind comes *from*, in degrees clockwise from north (90 is an east
    wind, whose air goes west): :math:`(-s \sin \theta, -s \cos \theta)`. In a calm there is no
    direction: where ``direction`` is ``nan``, both parts are 0. A speed that was not measured is no
    calm: where only ``speed`` is ``nan``, both parts are.

    Args:
        speed: any shape, not negative.
        direction: the same shape.

    Returns:
        One more axis of 2 at the end, in the dtype and units of ``speed``.

    Raises:
        ValueError: the shapes differ.
    """
    if speed.shape != direction.shape:
        raise ValueError(
            f"[wind] speed and direction should have one shape; they have {speed.shape} and "
            f"{direction.shape}."
        )
    calm = core.isnan(direction)
    toward = -circular(core.where(calm, 0, direction), 360)
    arrow = core.where(calm, 0, speed)[..., None] * toward
    return arrow.astype(speed.dtype)


class Scaler(NamedTuple):
    """Mean and scale of each column, from the past."""

    mean: array  # (F,)
    scale: array  # (F,)

    @classmethod
    def fit(cls, x: array, stop: int) -> Scaler:
        r"""From the rows before ``stop``, and no other.

        The scale is the standard deviation :math:`\sqrt{\frac1n \sum (x_i - \bar x)^2}` over the
        ``n`` measured values of a column (``nan`` is not counted), and 1 where all of them are
        equal. The mean is taken off before anything is squared: of air pressures in float32,
        :math:`\overline{x^2} - \bar x^2` has no right digit.

        Args:
            x: ``(N, F)``, floating; ``nan`` where a value is missing.
            stop: how many rows are the past, from 1 to ``N``.

        Raises:
            ValueError: ``x`` is not ``(N, F)``, ``stop`` is outside of 1 to ``N`` (the message
                names ``stop``), or a column has no measured value before ``stop``.
        """
        if x.ndim != 2 or not 1 <= stop <= x.shape[0]:
            raise ValueError(
                f"[Scaler] Expected x of shape (N, F) and stop from 1 to N; got {x.shape} and "
                f"{stop}."
            )
        past = x[:stop]
        known = ~core.isnan(past)
        count = core.sum(known, axis=0)
        if core.any(count == 0).item():
            raise ValueError(f"[Scaler] A column has no measured value before row {stop}.")
        mean = core.sum(core.where(known, past, 0), axis=0) / count
        rest = core.where(known, past - mean, 0)
        scale = core.sqrt(core.sum(rest * rest, axis=0) / count)
        low = core.min(core.where(known, past, core.inf), axis=0)
        high = core.max(core.where(known, past, -core.inf), axis=0)
        scale = core.where(low == high, 1, scale)
        return cls(mean, scale)

    def apply(self, x: array) -> array:
        """Without units: ``(x - mean) / scale``, for ``(..., F)``."""
        return (x - self.mean) / self.scale

    def back(self, y: array, column: int, deviation: bool = False) -> array:
        """Numbers without units that belong to one column, in its units again.

        Args:
            y: any shape: values, quantiles or means; or, if ``deviation`` is true, what has no zero
                of its own (errors, standard deviations, widths of intervals).
            column: which column they are of.
            deviation: whether only the scale counts.

        Returns:
            The shape of ``y``.
        """
        scaled = y * self.scale[column]
        return scaled if deviation else scaled + self.mean[column]
