"""Does a forecast keep its word? And if it does not, by how much must its intervals grow?"""

from __future__ import annotations

import math

from tinymlx import core
from tinymlx.core import array


def coverage(low: array, high: array, truth: array) -> array:
    """The share of truths inside of their intervals, borders included, for each step.

    Args:
        low, high, truth: ``(O, K)``; truth may be ``nan``, which counts nothing.

    Returns:
        ``(K,)``; ``nan`` for a step without truth.
    """
    known = ~core.isnan(truth)
    inside = known & (low <= truth) & (truth <= high)
    return core.sum(inside, axis=0) / core.sum(known, axis=0)


def conformal(low: array, high: array, truth: array, share: float) -> array:
    r"""How much intervals must be widened at both ends to hold a given share of truths.

    On days that were kept out of training, the score of an interval is
    :math:`E = \max(\text{low} - y,\; y - \text{high})`: by how much it missed, negative if it held
    the truth. Of :math:`n` scores take the one of rank

    .. math:: \lceil (n + 1) \cdot \text{share} \rceil

    (from 1, in ascending order; 100 times 0.07 is 7.000000000000001 in Python and means 7, so take
    off ``1e-9`` before you round up). If a new day is exchangeable with these, the interval
    ``[low - e, high + e]`` holds it with at least that probability. The 1 is the new day itself.
    Where the rank exceeds ``n``, no finite number of days is enough, and the answer is infinite.

    Args:
        low, high, truth: ``(O, K)``, of days for calibration; ``nan`` truth counts nothing.
        share: between 0 and 1.

    Returns:
        ``(K,)``, for each step by itself, in the units of the truth; negative where intervals
        were too wide. Infinite, too, for a step without truth.

    Raises:
        ValueError: the shapes differ or have not two axes, or ``share`` is not between 0 and 1
            (both excluded). The message says what is expected of all four and names ``share``.

    Source: Y. Romano et al., Conformalized Quantile Regression (2019).
    """
    raise NotImplementedError(
        "17.10 conformal - exercises/ch17_forecasting/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def pit(quantiles: array, truth: array, levels: array) -> array:
    r"""Where in its forecast distribution each truth lies: from 0 to 1, uniform if it is honest.

    The probability integral transform. Between two quantiles the distribution function rises in a
    straight line from level to level; below the first one it is half of the first level, above the
    last one halfway from the last level to 1. Where neighbouring quantiles are equal to each other
    and to the truth, it is the mean of the lowest and the highest of their levels.

    Args:
        quantiles: ``(..., Q)``, ascending.
        truth: ``(...)``.
        levels: ``(Q,)``, ascending, between 0 and 1.

    Returns:
        ``(...)``; ``nan`` where the truth is ``nan``.

    Raises:
        ValueError: the shapes do not fit.
    """
    raise NotImplementedError(
        "17.10 pit - exercises/ch17_forecasting/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
