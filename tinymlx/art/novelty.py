"""Is it a copy, and are all of them the same? Measured in a space of features, with intervals.

Sources: D. Friedman and A. Dieng (2022), https://arxiv.org/abs/2210.02410 (the Vendi score);
B. Efron and C. Stein, The jackknife estimate of variance (1981).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from tinymlx import core
from tinymlx.classification.comparison import wilson
from tinymlx.core import array
from tinymlx.generative.neighbours import nearest, squared_distances


class Share(NamedTuple):
    """A share with what it is compared to."""

    share: float
    low: float
    high: float
    limit: float  # the distance below which an example counts


class Spread(NamedTuple):
    """A mean distance with its interval."""

    mean: float
    low: float
    high: float


def copied(made: array, known: array, other: array, level: float = 0.05) -> Share:
    """How many of the made examples are nearer to a known one than real ones ever are by chance.

    Distances mean nothing by themselves. So other real examples, that nobody could copy, say how
    near is near: the limit is the ``k``-th smallest of their distances to the nearest known
    example, with ``k = floor(level * M)``, at least 1. An example counts if it is nearer than that
    limit, not if it is as near. A generator that does not copy has about ``level``.

    All is computed in float32, from features less the mean of the known ones: what all have in
    common changes no distance, and costs digits. No ``(N, K, D)`` array is made.

    Args:
        made: features of what was made, ``(N, D)``.
        known: features of what was learned from, ``(K, D)``.
        other: features of other real examples, ``(M, D)``.
        level: above 0 and below 1.

    Returns:
        The share with its 95 % interval (:func:`.wilson`), and the limit.

    Raises:
        ValueError: the level is out of range, or one of the three is empty; the message has the
            word "level" or "empty".
    """
    raise NotImplementedError(
        "18.10 copied - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def diversity(features: array) -> Spread:
    r"""The mean distance of two different examples, and how far chance moves it.

    With :math:`d_{ij}` the distances, :math:`U` is their mean over all pairs of *different*
    examples. One example more or less moves it: :math:`U_{-i}` is the mean without example
    :math:`i`, and the jackknife takes the spread of these,

    .. math:: \hat\sigma^2 = \frac{n - 1}{n} \sum_i (U_{-i} - \bar U)^2,
              \qquad \bar U = \frac{1}{n} \sum_i U_{-i}

    for the variance of :math:`U`. Of the pairs an example has, only the sum is needed: nothing is
    computed twice, and no operation is made for each example. All is computed in float32, from
    features less their mean, so that what all have in common costs no digits; no ``(N, N, D)``
    array is made.

    Args:
        features: ``(N, D)`` with N at least 3.

    Returns:
        :math:`U` and :math:`U \mp 1.96 \, \hat\sigma`, the lower one at least 0.

    Raises:
        ValueError: fewer than three examples; the message has the word "three".
    """
    raise NotImplementedError(
        "18.10 diversity - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def vendi_score(features: array) -> array:
    r"""How many different things there are, when likeness counts.

    With :math:`K_{ij}` the cosine of the angle between features :math:`i` and :math:`j` (0 with a
    feature that is exactly 0, however small others are, and 1 of any with itself), the eigenvalues
    :math:`\lambda` of :math:`K / n` are at least 0 and sum to 1. The score is the exponential of
    their entropy, :math:`\exp(-\sum \lambda \log \lambda)`, with :math:`0 \log 0 = 0`: 1 if all
    point in one direction, ``n`` if all are at right angles. Computed in float32.

    Args:
        features: ``(N, D)``, at least one.

    Returns:
        A scalar in float32, from 1 to ``N``.

    Raises:
        ValueError: there are no examples; the message has the word "examples".
    """
    raise NotImplementedError(
        "18.10 vendi_score - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
