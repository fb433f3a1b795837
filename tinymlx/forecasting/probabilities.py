"""Forecasts that say how sure they are: quantiles, a normal distribution, samples."""

from __future__ import annotations

import math

from tinymlx import core, nn
from tinymlx.core import array


def pinball(quantiles: array, truth: array, levels: array) -> array:
    r"""What a forecast of quantiles costs (the quantile loss).

    With :math:`u = y - q`, the truth minus the quantile of level :math:`\tau`,
    the cost is :math:`\tau u` where :math:`u \ge 0` and :math:`(\tau - 1) u` where it is negative.
    Its mean is least for the quantile that lies above the share :math:`\tau` of all truths.

    Args:
        quantiles: ``(..., Q)``, one for each level.
        truth: ``(...)``.
        levels: ``(Q,)``, each between 0 and 1.

    Returns:
        ``(..., Q)``, each cost by itself.

    Raises:
        ValueError: the shapes do not fit.

    Source: R. Koenker, G. Bassett, Regression Quantiles (1978).
    """
    raise NotImplementedError(
        "17.9 pinball - exercises/ch17_forecasting/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def softplus(x: array) -> array:
    r"""``log(1 + exp(x))`` without overflow: positive, and about ``x`` where ``x`` is large."""
    return core.logaddexp(x, 0.0)


class QuantileHead(nn.Module):
    r"""Quantiles that cannot cross: one in the middle, and positive steps away from it.

    A linear layer gives ``Q`` numbers for each step. The one at ``Q // 2`` is the middle quantile
    itself; each other one, through a softplus, is how far its quantile lies from the neighbour on
    the middle's side: above it, for those behind the middle, and below it, for those before.

    Args:
        dims: features of the input.
        horizon: steps ``K``.
        levels: how many quantiles, ``Q``.

    Shape:
        ``(..., dims)`` to ``(..., K, Q)``, each last axis in ascending order. The parameters are
        those of the layer ``linear``, from ``dims`` to ``K * Q`` (steps first).
    """

    def __init__(self, dims: int, horizon: int, levels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dims, horizon * levels)
        self.horizon, self.levels = horizon, levels

    def __call__(self, x: array) -> array:
        """Quantiles of each step."""
        raise NotImplementedError(
            "17.9 __call__ - exercises/ch17_forecasting/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


def gaussian_loss(mean: array, raw: array, truth: array, least: float = 1e-3) -> array:
    r"""Minus the logarithm of a normal density, place by place, in nats.

    The deviation is :math:`\sigma = \text{least} + \log(1 + e^{\text{raw}})`, so that any number of
    a network becomes a positive one, and none comes so close to 0 that the loss has no bottom:

    .. math:: \log \sigma + \tfrac12 \left(\frac{y - \mu}{\sigma}\right)^2 + \tfrac12 \log 2 \pi

    Args:
        mean, raw, truth: one shape.
        least: the smallest deviation, in the units of the truth.
    """
    raise NotImplementedError(
        "17.9 gaussian_loss - exercises/ch17_forecasting/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def crps_gaussian(mean: array, deviation: array, truth: array) -> array:
    r"""The continuous ranked probability score of a normal distribution, in units of the truth.

    It is :math:`\int (F(x) - [x \ge y])^2 dx`: the squared area between the distribution function
    and the step at the truth. For a normal one, with :math:`z = (y - \mu) / \sigma`,

    .. math:: \sigma \left( z (2 \Phi(z) - 1) + 2 \varphi(z) - \frac{1}{\sqrt \pi} \right) .

    For :math:`\sigma = 0` (and only then) it is :math:`|y - \mu|`: a forecast without doubt pays
    its error.

    Args:
        mean, deviation, truth: one shape; deviations not negative.

    Source: T. Gneiting et al., Calibrated Probabilistic Forecasting Using EMOS (2005).
    """
    raise NotImplementedError(
        "17.9 crps_gaussian - exercises/ch17_forecasting/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def crps_samples(samples: array, truth: array) -> array:
    r"""The same score of a forecast that is a number of samples.

    .. math:: \frac1S \sum_i |x_i - y| - \frac{1}{2 S^2} \sum_{i,j} |x_i - x_j|

    The second sum is made of sorted samples, :math:`\sum_{i,j} |x_i - x_j| = 2 \sum_i (2 i - S - 1)
    x_{(i)}` for :math:`i` from 1 to :math:`S`: there is no table of all pairs, and no loop over
    samples. Differences do not know where zero is, so take the truth off before you sort: of
    pressures near 1,000, products with ranks have few right digits in float32.

    Args:
        samples: ``(..., S)``, at least one.
        truth: ``(...)``.

    Returns:
        ``(...)``. Of one sample: its absolute error.

    Raises:
        ValueError: the shapes do not fit, or there is no sample.
    """
    raise NotImplementedError(
        "17.9 crps_samples - exercises/ch17_forecasting/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
