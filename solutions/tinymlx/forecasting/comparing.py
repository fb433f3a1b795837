"""Is one forecast better than another, or was it luck? Neighbouring hours are no new evidence."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from tinymlx import core
from tinymlx.core import array


class Comparison(NamedTuple):
    """The Diebold-Mariano test."""

    difference: float  # mean loss of the first minus mean loss of the second
    statistic: float
    p: float  # the probability of such a statistic, or one further from 0, if both are equally good


def long_run_variance(d: array, lags: int) -> float:
    r"""The variance of the mean of a series whose neighbours are alike, times its length.

    .. math:: \gamma_0 + 2 \sum_{k=1}^{\text{lags}} \left(1 - \frac{k}{\text{lags} + 1}\right)
              \gamma_k, \qquad
              \gamma_k = \frac1n \sum_{t=k}^{n-1} (d_t - \bar d)(d_{t-k} - \bar d)

    The weights (Bartlett's) keep it from becoming negative. There is no table of all pairs of rows.

    Args:
        d: ``(n,)``.
        lags: from 0 to ``n - 1``.

    Raises:
        ValueError: ``d`` is not ``(n,)``, or ``lags`` is outside of 0 to ``n - 1``. The message
            names the lags.

    Source: W. Newey, K. West, A Simple, Positive Semi-definite, Heteroskedasticity and
    Autocorrelation Consistent Covariance Matrix (1987).
    """
    if d.ndim != 1 or not 0 <= lags < d.shape[0]:
        raise ValueError(f"[long_run_variance] {lags} lags do not fit a series of {d.shape}.")
    count = d.shape[0]
    rest = d - core.mean(d)
    total = core.sum(rest * rest)
    for k in range(1, lags + 1):
        total = total + 2 * (1 - k / (lags + 1)) * core.sum(rest[k:] * rest[:-k])
    return (total / count).item()


def diebold_mariano(first: array, second: array, steps: int) -> Comparison:
    r"""Whether two forecasts of the same truths differ in their mean loss.

    The statistic is :math:`\bar d \big/ \sqrt{v / n}` with :math:`d` the first loss minus the
    second, :math:`v` its :func:`long_run_variance` with ``steps - 1`` lags: forecasts of ``steps``
    hours from neighbouring origins share hours. It is multiplied by the correction of Harvey,
    Leybourne and Newbold for few origins,

    .. math:: \sqrt{\frac{n + 1 - 2h + h (h - 1) / n}{n}}, \qquad h = \text{steps},

    and compared with Student's distribution of :math:`n - 1` degrees of freedom, both sides
    (:func:`student_tail`). Where all differences are equal, there is no variance: then p is 1 and
    the statistic 0 if they are 0, and p is 0 and the statistic infinite, with the sign of the
    difference, if they are not. (Compare them with each other: the variance of equal numbers may be
    rounded to more than 0, and that of small losses is small.)

    Args:
        first, second: losses at each origin, ``(n,)``, in the order of time.
        steps: how many steps ahead, at least 1 and at most ``n // 2``.

    Raises:
        ValueError: the shapes differ or are not ``(n,)``, or ``steps`` is out of range (the message
            says what is expected and names the steps); a loss is not finite.

    Source: F. Diebold, R. Mariano, Comparing Predictive Accuracy (1995); D. Harvey et al. (1997).
    """
    count = first.shape[0] if first.ndim == 1 else 0
    if first.shape != second.shape or not 1 <= steps <= count // 2:
        raise ValueError(
            f"[diebold_mariano] Expected losses (n,) twice and steps from 1 to n // 2; got "
            f"{first.shape}, {second.shape} and {steps}."
        )
    d = first - second
    if not core.all(core.isfinite(d)).item():
        raise ValueError("[diebold_mariano] A loss is not finite.")
    mean = core.mean(d).item()
    if core.all(d == d[0]).item():
        mean = d[0].item()
        statistic = math.copysign(math.inf, mean) if mean else 0.0
        return Comparison(mean, statistic, 0.0 if mean else 1.0)
    variance = long_run_variance(d, steps - 1)
    correction = (count + 1 - 2 * steps + steps * (steps - 1) / count) / count
    statistic = mean / math.sqrt(variance / count) * math.sqrt(correction)
    return Comparison(mean, statistic, 2 * student_tail(abs(statistic), count - 1))


def student_tail(t: float, degrees: int) -> float:
    """The probability that Student's t with so many degrees of freedom exceeds ``t >= 0``. Given.

    By Simpson's rule in the angle ``atan(t / sqrt(degrees))``, where the density is a power of a
    cosine; right to about 1e-10.
    """
    start = math.atan(t / math.sqrt(degrees))
    ratio = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2))
    # For many degrees all of the tail lies close to the start.
    width = min(math.pi / 2 - start, 40 / math.sqrt(degrees))
    parts = 2000
    total = 0.0
    for i in range(parts + 1):
        weight = 1 if i in (0, parts) else 4 if i % 2 else 2
        total += weight * math.cos(start + width * i / parts) ** (degrees - 1)
    return ratio / math.sqrt(math.pi) * total * width / parts / 3


def block_starts(count: int, block: int, key: array, draws: int) -> array:
    """The rows of resampled series, made of whole blocks: the moving-block bootstrap.

    Each resampled series has ``count`` rows: blocks of ``block`` neighbouring rows, each block as
    likely as any other one (there are ``count - block + 1``), put behind each other until there are
    at least ``count`` rows; the rest is cut off. All follows from ``key``.

    Args:
        count: rows of the series.
        block: from 1 to ``count``.
        key: of ``core.random.key``.
        draws: how many series.

    Returns:
        ``(draws, count)``, int32 row numbers.

    Raises:
        ValueError: ``block`` is not between 1 and ``count``.

    Source: H. Kunsch, The Jackknife and the Bootstrap for General Stationary Observations (1989).
    """
    if not 1 <= block <= count:
        raise ValueError(f"[block_starts] Blocks of {block} do not fit {count} rows.")
    pieces = -(-count // block)
    starts = core.random.randint(0, count - block + 1, (draws, pieces, 1), key=key)
    rows = (starts + core.arange(block)).reshape(draws, pieces * block)
    return rows[:, :count]


def skill_interval(
    errors: array, other: array, block: int, key: array, draws: int = 1000, share: float = 0.95
) -> tuple[float, float, float]:
    r"""A skill score, and between which values it lies.

    :math:`1 - \sum e / \sum e_o` over all rows, and over the *same* rows of both in each of
    ``draws`` resampled series of :func:`block_starts`, all at once. The interval cuts off the same
    share of these at both ends, by linear interpolation between ranks (as ``numpy.quantile``).

    Args:
        errors, other: squared errors of a forecast and of the other one at each origin, ``(n,)``,
            in the order of time.
        block: how many neighbouring rows stay together.
        key: of ``core.random.key``.
        draws: how many series are drawn, at least 1.
        share: how much of them the interval holds.

    Returns:
        The score, and the lower and the upper end.

    Raises:
        ValueError: the shapes differ or are not ``(n,)``, or ``block`` does not fit.
    """
    if errors.shape != other.shape or errors.ndim != 1:
        raise ValueError(f"[skill_interval] Errors of {errors.shape} and {other.shape}.")
    rows = block_starts(errors.shape[0], block, key, draws)
    found = 1 - core.sum(errors[rows], axis=1) / core.sum(other[rows], axis=1)
    ranked = core.sort(found)
    score = 1 - (core.sum(errors) / core.sum(other)).item()
    tail = (1 - share) / 2
    return score, between(ranked, tail), between(ranked, 1 - tail)


def between(ranked: array, share: float) -> float:
    """The value of a share's rank among sorted ones, in a straight line between two of them."""
    place = share * (len(ranked) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ranked) - 1)
    a, b = ranked[low].item(), ranked[high].item()
    return a + (place - low) * (b - a)


def importance(
    score: Callable[[array], float], x: array, column: int, block: int, key: array
) -> float:
    """How much worse a score becomes when one column tells of another time. Given.

    Whole blocks of rows of the column are exchanged with each other, so that within a block it
    still looks like weather: single rows out of place would be a series that never was.

    Args:
        score: gets ``(N, F)``, gives an error.
        x: ``(N, F)``.
        column: which one.
        block: rows that stay together; a last one that is shorter stays where it is.
        key: of ``core.random.key``.
    """
    count = x.shape[0] // block
    order = core.random.permutation(count, key=key)
    places = (order[:, None] * block + core.arange(block)).reshape(-1)
    moved = core.concatenate([x[places, column], x[count * block :, column]])
    columns = [moved if i == column else x[:, i] for i in range(x.shape[1])]
    return score(core.stack(columns, axis=1)) - score(x)
