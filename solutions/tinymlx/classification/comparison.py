"""How sure a number of right answers is, and whether one network is better than another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from tinymlx import core
from tinymlx.core import array


class Interval(NamedTuple):
    """Between these two the true number lies, with the confidence that was asked for."""

    low: float
    high: float


def wilson(right: int, total: int, confidence: float = 0.95) -> Interval:
    r"""Between which accuracies the true one lies, after ``right`` of ``total`` answers were right.

    All accuracies :math:`p` from which the measured one, :math:`\hat p`, is at most :math:`z`
    standard deviations away: :math:`(\hat p - p)^2 \le z^2 p (1 - p) / n`. The two solutions of
    this quadratic are the ends,

    .. math:: \frac{\hat p + z^2 / 2n \pm z \sqrt{\hat p (1 - \hat p) / n + z^2 / 4 n^2}}
        {1 + z^2 / n}

    with :math:`z = \sqrt 2 \, \text{erf}^{-1}(\text{confidence})`. ``core.erfinv`` has it. Never
    outside of 0 to 1, and not of width 0 where all or none are right.

    Raises:
        ValueError: not ``0 <= right <= total`` with ``total`` above 0 (the message has the word
            "right"), or a confidence that is not between 0 and 1, in float32 either, where
            0.99999999 is 1 ("confidence").

    Source: E. Wilson (1927), Journal of the American Statistical Association 22
    """
    if not 0 <= right <= total or total < 1:
        raise ValueError(f"[wilson] {right} right of {total} cannot be.")
    share = core.array(confidence, core.float32)
    if not 0 < share < 1:
        raise ValueError(f"[wilson] confidence should be between 0 and 1; it is {confidence}.")
    z = math.sqrt(2) * core.erfinv(share).item()
    p, more = right / total, z * z / total
    middle = p + more / 2
    reach = math.sqrt(more * (p * (1 - p) + more / 4))
    low, high = (middle - reach) / (1 + more), (middle + reach) / (1 + more)
    return Interval(max(low, 0.0), min(high, 1.0))


def mcnemar(first: array, second: array) -> float:
    r"""How probable a difference as large as this would be if both networks were equally good.

    Only examples count on which exactly one of the two is right. If they are equally good, each of
    these :math:`n` falls to either side like a coin. With :math:`k` for the side that has fewer,
    the
    answer is :math:`2 \sum_{i \le k} \binom{n}{i} / 2^n`, at most 1. It is exact for any :math:`n`
    (whole numbers until the end), and 1 where :math:`n` is 0.

    Args:
        first: for each example whether the first network is right, ``(N,)`` booleans.
        second: the same of the other, for the same examples in the same order.

    Returns:
        The two-sided p-value.

    Raises:
        ValueError: two different lengths; the message has the word "length".

    Source: Q. McNemar (1947), Psychometrika 12; the exact form
    """
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(
            f"[mcnemar] Both should have one length; they have the shapes {first.shape} and "
            f"{second.shape}."
        )
    one = core.sum(first & ~second).item()
    other = core.sum(second & ~first).item()
    n, k = one + other, min(one, other)
    tail = sum(math.comb(n, i) for i in range(k + 1))
    return min(2 * tail / 2**n, 1.0)


class PowerLaw(NamedTuple):
    """``error = factor * n ** -exponent`` for ``n`` examples."""

    factor: float
    exponent: float

    def error(self, n: float) -> float:
        """The error that it foretells."""
        return self.factor * n**-self.exponent

    def examples(self, error: float) -> float:
        """How many examples it foretells for an error; infinite if the error never falls."""
        if self.exponent <= 0:
            return math.inf
        return (self.factor / error) ** (1 / self.exponent)


def power_law(examples: Sequence[float], errors: Sequence[float]) -> PowerLaw:
    r"""A straight line through logarithms: :math:`\log e = \log a - b \log n`, by least squares.

    Args:
        examples: :math:`n`, above 0 and finite, at least two different ones.
        errors: :math:`e`, above 0 and finite, one for each.

    Raises:
        ValueError: fewer than two different numbers of examples, or two lengths (the message has
            the word "two"); something that is not above 0, infinite, or no number ("above").
    """
    if len(examples) != len(errors) or len(set(examples)) < 2:
        raise ValueError(
            f"[power_law] It takes at least two different numbers of examples, and an error for "
            f"each; there are {len(examples)} and {len(errors)}."
        )
    if not all(0 < number < math.inf for number in [*examples, *errors]):
        raise ValueError("[power_law] Numbers of examples and errors should be above 0 and finite.")
    x, y = [math.log(n) for n in examples], [math.log(e) for e in errors]
    mean_x, mean_y = math.fsum(x) / len(x), math.fsum(y) / len(y)
    across = math.fsum((a - mean_x) ** 2 for a in x)
    slope = math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / across
    return PowerLaw(math.exp(mean_y - slope * mean_x), -slope)
