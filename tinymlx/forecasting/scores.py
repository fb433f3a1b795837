"""How good a forecast was: in units, for each step, against something to beat.

Forecasts and truth are ``(O, K)``: origins and steps. Truth that was not measured is ``nan``, and
such places count nothing, neither above nor below a fraction's line.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinymlx import core
from tinymlx.core import array


@dataclass(frozen=True)
class Scores:
    """Errors for each step, and over all places together; in the units of the truth."""

    rmse: array  # (K,)
    mae: array  # (K,)
    bias: array  # (K,), the mean of forecast minus truth
    count: array  # (K,) int32, how many places were measured
    total_rmse: float
    total_mae: float


def scores(forecast: array, truth: array) -> Scores:
    r"""Root mean squared error, mean absolute error and bias.

    A step without any measured truth has ``nan`` and the count 0. The totals are over all measured
    places (*not* the mean of the steps' roots, since the root of a mean is no mean of roots).

    Args:
        forecast: ``(O, K)``.
        truth: ``(O, K)``; ``nan`` where nothing was measured.

    Raises:
        ValueError: the shapes differ or have not two axes; there is no measured truth at all; a
            forecast is not finite where the truth is known (it must not leave out what is hard).
    """
    raise NotImplementedError(
        "17.6 scores - exercises/ch17_forecasting/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def naive_scale(past: array, period: int) -> float:
    r"""What "as one period before" errs in the training period: the unit of MASE.

    The mean of :math:`|y_t - y_{t - m}|` over all :math:`t` for which both are measured. It is
    taken from the *training* rows, so that the unit is not drawn from what is examined.

    Args:
        past: the training rows, ``(N,)``; ``nan`` where nothing was measured.
        period: :math:`m`, at least 1.

    Raises:
        ValueError: no pair of values is measured, or ``period`` is less than 1; or all pairs are
            equal, so that the scale is 0 (exactly: a small one is a scale).

    Source: R. Hyndman, A. Koehler, Another look at measures of forecast accuracy (2006).
    """
    raise NotImplementedError(
        "17.6 naive_scale - exercises/ch17_forecasting/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def mase(forecast: array, truth: array, past: array, period: int) -> float:
    """The mean absolute error in units of :func:`naive_scale` of the training rows ``past``."""
    return scores(forecast, truth).total_mae / naive_scale(past, period)


def skill(forecast: array, other: array, truth: array) -> array:
    r"""Of the other forecast's mean squared error, which share is gone: :math:`1 - E / E_o`.

    1 is perfect, 0 as good as the other one, and less than 0 worse. Of *squared* errors.

    Args:
        forecast, other, truth: ``(O, K)``.

    Returns:
        ``(K,)``, for each step; ``nan`` where nothing was measured, and where the other forecast
        has no error (exactly 0, in whatever units): there is nothing to gain there.

    Raises:
        ValueError: what :func:`scores` raises for either forecast, with the same words.
    """
    raise NotImplementedError(
        "17.6 skill - exercises/ch17_forecasting/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
