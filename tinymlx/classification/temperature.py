"""Probabilities that mean what they say."""

from __future__ import annotations

import math

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.training.metrics import Calibration, calibration

#: The temperatures among which :func:`fitted_temperature` looks.
LEAST, MOST = 0.05, 20.0


def reliability(probabilities: array, labels: array, bins: int = 15) -> Calibration:
    r"""Whether answers that are given 70% are right in 70% of all cases.

    An answer is the most probable class, of equals the first; its confidence is that class's
    probability: what happens, or does not, is that it is right.
    :func:`~tinymlx.training.metrics.calibration` does the rest; ``error`` of the result is the
    expected calibration error. A confidence that rounding has lifted
    above 1 counts as 1. Computed in float32, whatever the dtype.

    Args:
        probabilities: ``(N, classes)``.
        labels: ``(N,)`` integers.
        bins: how many, of equal width from 0 to 1.

    Raises:
        ValueError: a confidence below 0 or that is no number; ``calibration`` says so, with the
            word "probabilities".

    Source: C. Guo et al. (2017), https://arxiv.org/abs/1706.04599
    """
    raise NotImplementedError(
        "16.9 reliability - exercises/ch16_image_classification/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def fitted_temperature(logits: array, labels: array, rounds: int = 50) -> float:
    r"""The temperature :math:`T` that makes the cross entropy of ``logits / T`` smallest.

    In :math:`b = 1 / T` the mean cross entropy is convex. Its slope is the mean over the examples
    of what the logit of a draw is on average, less the logit of the label,

    .. math:: f'(b) = \frac{1}{N} \sum_n \Big( \sum_k p_{nk} z_{nk} - z_{n y_n} \Big), \qquad
        f''(b) = \frac{1}{N} \sum_n \operatorname{Var}_{k \sim p_n} z_{nk}, \qquad
        p_n = \text{softmax}(b z_n) ,

    and Newton's step is :math:`b - f' / f''`. It can jump too far. Since :math:`f'` grows with
    :math:`b`, its sign says on which side the minimum is: keep an interval, and where Newton leaves
    it, halve it instead. The first step starts at :math:`b = 1`.

    Only temperatures from :data:`LEAST` to :data:`MOST` come into question. Where every answer is
    right the cross entropy keeps falling, and the answer is :data:`LEAST`, also if probabilities
    are exactly 0 and 1 and no slope is left in float32. Where the slope at ``1 / MOST`` is not
    negative, or all logits are equal, it is :data:`MOST`. A constant that is added to all logits of
    an example changes nothing, also if it is large; logits may be in half precision, and are
    computed with in float32.

    Args:
        logits: ``(N, classes)``, not probabilities.
        labels: ``(N,)`` integers.
        rounds: the most steps; with 0 the temperature is 1 (if it is not an end of the interval).

    Returns:
        The temperature, a Python number.

    Raises:
        ValueError: there are no examples, or a logit is not finite; the message has the word
            "examples" or "finite".
    """
    raise NotImplementedError(
        "16.9 fitted_temperature - exercises/ch16_image_classification/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
