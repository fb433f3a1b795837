"""Gaps and outliers, by what was known at the time: nothing here looks at a later row.

Rows are hours (or days, or minutes), oldest first. A value that is missing is ``nan``.
"""

from __future__ import annotations

from typing import NamedTuple

from tinymlx import core
from tinymlx.core import array


class Filled(NamedTuple):
    """A series without gaps, and what was filled."""

    values: array  # (N, F), floating, no nan
    missing: array  # (N, F), truth values: filled, not measured
    age: array  # (N, F), int32: for how many rows the value has been known; 0 where it is measured


def filled(x: array, start: array) -> Filled:
    """Carry the last measured value of each column forward, and say how old it is.

    Before the first measurement of a column there is nothing to carry: its value is then that of
    ``start``, as if it had been measured one row before the first. So at row ``t`` (from 0) its
    age is ``t + 1``. Nothing is taken from a later row. The work is done for all rows at once: no
    loop over rows. Only ``nan`` is missing; 0 and infinity are values.

    Args:
        x: ``(N, F)``, floating; ``nan`` where a value is missing. ``N`` may be 0.
        start: ``(F,)``, what to take before anything was measured.

    Returns:
        The three arrays of :class:`Filled`, values in the dtype of ``x``.

    Raises:
        ValueError: ``x`` is not ``(N, F)`` or ``start`` is not ``(F,)``. The message says what is
            expected of both and names ``start``.
    """
    if x.ndim != 2 or start.shape != (x.shape[1],):
        raise ValueError(
            f"[filled] Expected x of shape (N, F) and start of shape (F,); got {x.shape} and "
            f"{start.shape}."
        )
    missing = core.isnan(x)
    rows = core.arange(x.shape[0])[:, None]  # (N, 1) int32
    last = core.cummax(core.where(missing, -1, rows), axis=0)  # (N, F): -1 before the first
    carried = core.take_along_axis(x, core.maximum(last, 0), axis=0)
    values = core.where(last < 0, start.astype(x.dtype), carried)
    return Filled(values, missing, rows - last)


def outliers(x: array, size: int = 24, limit: float = 5.0, least: float = 1.0) -> array:
    r"""Which values of a series lie far from those before them (Hampel's rule, looking back).

    At row ``t`` the window is ``x[t - size]`` to ``x[t - 1]``, as many of these as exist. Of those
    that are measured, :math:`m` is the median and :math:`d` the median of :math:`|x_i - m|` (of
    an even number of values: the mean of the middle two). The value is an outlier if

    .. math:: |x_t - m| > \text{limit} \cdot \max(1.4826\, d,\ \text{least}) .

    1.4826 makes of :math:`d` the standard deviation where values are normal. ``least`` is in the
    units of ``x``: a thermometer that reads whole degrees shows the same one for hours, and then
    :math:`d` is 0.

    A missing value is no outlier, nor is one with fewer than ``(size + 1) // 2`` measured values in
    its window. Outliers stay in the windows of later rows as they are. No loop over rows.

    Args:
        x: ``(N,)``, floating; ``nan`` where a value is missing.
        size: how many rows to look back, at least 1.
        limit: how many deviations are allowed.
        least: the smallest deviation that is believed, greater than 0.

    Returns:
        ``(N,)``, truth values.

    Raises:
        ValueError: ``x`` is not ``(N,)``, ``size`` is less than 1, or ``least`` is not positive.
            The message says what is expected of all three and names ``least``.

    Source: R. Pearson et al., Generalized Hampel Filters (2016).
    """
    if x.ndim != 1 or size < 1 or not least > 0:
        raise ValueError(
            f"[outliers] Expected x of shape (N,), size >= 1 and least > 0; got {x.shape}, "
            f"{size} and {least}."
        )
    padded = core.concatenate([core.full((size,), core.nan, x.dtype), x])
    past = core.as_strided(padded, (x.shape[0], size), (1, 1))
    known = core.sum(~core.isnan(past), axis=1, keepdims=True)  # (N, 1)
    middle = median_of(past, known)
    spread = 1.4826 * median_of(core.abs(past - middle), known)
    far = core.abs(x[:, None] - middle) > limit * core.maximum(spread, least)
    return (far & (known >= (size + 1) // 2))[:, 0]


def median_of(x: array, known: array) -> array:
    """The median of each row over its first ``known`` values, once ``nan`` is sorted to the end.

    Args:
        x: ``(N, S)``; ``nan`` is no value.
        known: how many values each row has, ``(N, 1)``.

    Returns:
        ``(N, 1)``; any number where nothing is known.
    """
    ranked = core.sort(core.where(core.isnan(x), core.inf, x), axis=1)
    low = core.maximum((known - 1) // 2, 0)
    high = core.minimum(known // 2, x.shape[1] - 1)
    pair = core.take_along_axis(ranked, core.concatenate([low, high], axis=1), axis=1)
    return core.mean(pair, axis=1, keepdims=True)
