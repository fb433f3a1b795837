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
    raise NotImplementedError(
        "17.2 circular - exercises/ch17_forecasting/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


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
    raise NotImplementedError(
        "17.2 wind - exercises/ch17_forecasting/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


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
        raise NotImplementedError(
            "17.2 fit - exercises/ch17_forecasting/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

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
        raise NotImplementedError(
            "17.2 back - exercises/ch17_forecasting/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )
