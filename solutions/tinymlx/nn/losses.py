r"""Loss functions: one number that says how far predictions are from what they should be.

Every loss ends with a ``reduction``: ``"none"`` returns the loss of each example, ``"mean"`` and
``"sum"`` one number for all. Which one is the default differs from loss to loss, as in MLX.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

from tinymlx import core
from tinymlx.core import array

Reduction = Literal["none", "mean", "sum"]
REDUCTIONS = get_args(Reduction)


def reduce(loss: array, reduction: Reduction = "none") -> array:
    """The mean or the sum of a loss, or the loss as it is.

    Raises:
        ValueError: another reduction.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"Invalid reduction. Must be one of {REDUCTIONS}.")
    if reduction == "mean":
        return core.mean(loss)
    return core.sum(loss) if reduction == "sum" else loss


def weighted(loss: array, weights: array | None) -> array:
    """The loss of each example times its weight.

    Raises:
        ValueError: the shapes differ.
    """
    if weights is None:
        return loss
    if weights.shape != loss.shape:
        raise ValueError(
            f"Weights with shape {weights.shape} is not the same as output loss with shape "
            f"{loss.shape}."
        )
    return loss * weights


# Classification


def cross_entropy(
    logits: array,
    targets: array,
    weights: array | None = None,
    axis: int = -1,
    label_smoothing: float = 0.0,
    reduction: Reduction = "none",
) -> array:
    r"""The cross entropy of a softmax: minus the log-probability of the right class.

    For logits :math:`x` and target probabilities :math:`p` along the axis

    .. math::
        \ell = -\sum_i p_i \log \text{softmax}(x)_i = \log \sum_j e^{x_j} - \sum_i p_i x_i

    and for a class index :math:`c` the last sum is :math:`x_c` alone. The second form needs no
    logarithm of a small number. Subtract the maximum of the logits first, as a constant
    (``core.stop_gradient``), so that nothing is rounded away when they are large.

    Label smoothing :math:`s` takes that share of the probability from the target and spreads it
    evenly over all classes: :math:`(1 - s) \, p_i + s / C`.

    Args:
        logits: numbers, one for each class along ``axis``.
        targets: class indices (the shape of the logits without ``axis``), or probabilities (the
            shape of the logits).
        weights: a factor for each example, of the shape of the unreduced loss.
        axis: the axis of the classes.
        label_smoothing: :math:`s`, at least 0 and below 1.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Returns:
        The loss, without ``axis`` if it is not reduced.

    Raises:
        ValueError: a shape does not fit, ``label_smoothing`` is outside of [0, 1), or there is no
            such reduction.

    Source (smoothing): C. Szegedy et al. (2015), https://arxiv.org/abs/1512.00567
    """
    if label_smoothing < 0 or label_smoothing >= 1:
        raise ValueError(f"Label smoothing must be in [0, 1), got {label_smoothing}.")
    check_targets(logits, targets, axis)
    logits = logits - core.stop_gradient(core.max(logits, axis=axis, keepdims=True))
    if targets.ndim == logits.ndim:
        score = core.sum(logits * targets, axis=axis)
    else:
        index = core.expand_dims(targets, axis)
        score = core.take_along_axis(logits, index, axis).squeeze(axis)
    if label_smoothing > 0:
        score = (1 - label_smoothing) * score + label_smoothing * core.mean(logits, axis=axis)
    loss = core.logsumexp(logits, axis=axis) - score
    return reduce(weighted(loss, weights), reduction)


def check_targets(logits: array, targets: array, axis: int) -> None:
    """Compare the shape of targets (probabilities, or class indices) with that of the logits.

    Raises:
        ValueError: they do not fit together.
    """
    expected = list(logits.shape)
    if targets.ndim != logits.ndim:
        expected.pop(axis)
    if targets.shape != tuple(expected):
        raise ValueError(
            f"Targets shape {targets.shape} does not match logits shape {logits.shape}."
        )


def binary_cross_entropy(
    inputs: array,
    targets: array,
    weights: array | None = None,
    with_logits: bool = True,
    reduction: Reduction = "mean",
) -> array:
    r"""The cross entropy of yes-or-no decisions.

    For a probability :math:`q` and a target :math:`t` it is
    :math:`-t \log q - (1 - t) \log(1 - q)`. With logits :math:`x`, where :math:`q = \sigma(x)`,
    it becomes :math:`\log(1 + e^x) - t x`, and ``core.logaddexp(0, x)`` computes the first term
    without overflow. Without logits both logarithms are limited to at least -100.

    Args:
        inputs: logits or probabilities.
        targets: 0 or 1 (or probabilities), of the same shape.
        weights: a factor for each element, of the same shape.
        with_logits: whether ``inputs`` are logits.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Returns:
        The loss.

    Raises:
        ValueError: shapes differ, or there is no such reduction.
    """
    if inputs.shape != targets.shape:
        raise ValueError(
            f"Inputs shape {inputs.shape} does not match targets shape {targets.shape}."
        )
    if with_logits:
        loss = core.logaddexp(0.0, inputs) - inputs * targets
    else:
        log_yes = core.clip(core.log(inputs), -100, None)
        log_no = core.clip(core.log(1 - inputs), -100, None)
        loss = -(targets * log_yes + (1 - targets) * log_no)
    return reduce(weighted(loss, weights), reduction)


def nll_loss(inputs: array, targets: array, axis: int = -1, reduction: Reduction = "none") -> array:
    r"""The negative log-likelihood of class indices :math:`c`: :math:`-x_c`.

    Args:
        inputs: log-probabilities (from :func:`~tinymlx.nn.activations.log_softmax`, say).
        targets: class indices, of the shape of ``inputs`` without ``axis``.
        axis: the axis of the classes.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.
    """
    index = core.expand_dims(targets, axis)
    return reduce(-core.take_along_axis(inputs, index, axis).squeeze(axis), reduction)


def kl_div_loss(
    inputs: array, targets: array, axis: int = -1, reduction: Reduction = "none"
) -> array:
    r"""The Kullback-Leibler divergence :math:`\sum_i e^{t_i} (t_i - x_i)`.

    Args:
        inputs: log-probabilities :math:`x` of the predicted distribution.
        targets: log-probabilities :math:`t` of the true distribution, of the same shape.
        axis: the axis to sum over.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.
    """
    return reduce(core.sum(core.exp(targets) * (targets - inputs), axis), reduction)


def hinge_loss(inputs: array, targets: array, reduction: Reduction = "none") -> array:
    r"""The loss of support vector machines, :math:`\max(0, 1 - t x)`.

    Args:
        inputs: scores :math:`x`.
        targets: -1 or 1, :math:`t`.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Source: C. Cortes and V. Vapnik, Support-Vector Networks (1995).

    Shape: that of ``inputs``, before ``reduction``.
    """
    return reduce(core.maximum(1 - inputs * targets, 0), reduction)


# Regression


def check_predictions(predictions: array, targets: array) -> None:
    """Compare the shapes of predictions and targets.

    Raises:
        ValueError: they differ.
    """
    if predictions.shape != targets.shape:
        raise ValueError(
            f"Predictions shape {predictions.shape} does not match targets shape {targets.shape}."
        )


def l1_loss(predictions: array, targets: array, reduction: Reduction = "mean") -> array:
    """The absolute difference.

    Raises:
        ValueError: shapes differ, or there is no such reduction.
    """
    check_predictions(predictions, targets)
    return reduce(core.abs(predictions - targets), reduction)


def mse_loss(predictions: array, targets: array, reduction: Reduction = "mean") -> array:
    """The squared difference.

    Raises:
        ValueError: shapes differ, or there is no such reduction.
    """
    check_predictions(predictions, targets)
    return reduce(core.square(predictions - targets), reduction)


def smooth_l1_loss(
    predictions: array, targets: array, beta: float = 1.0, reduction: Reduction = "mean"
) -> array:
    r"""An absolute difference that is rounded off near 0.

    .. math::
        \ell = \begin{cases}
            d^2 / (2 \beta) & \text{if } d < \beta \\
            d - \beta / 2 & \text{otherwise}
        \end{cases}
        \qquad d = |x - t|

    Value and slope agree at :math:`d = \beta`.

    Args:
        predictions: :math:`x`.
        targets: :math:`t`, of the same shape.
        beta: :math:`\beta`, where the parabola ends.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Returns:
        The loss.

    Raises:
        ValueError: shapes differ, or there is no such reduction.

    Source: R. Girshick, Fast R-CNN (2015), https://arxiv.org/abs/1504.08083
    """
    check_predictions(predictions, targets)
    d = core.abs(predictions - targets)
    return reduce(core.where(d < beta, 0.5 * core.square(d) / beta, d - 0.5 * beta), reduction)


def huber_loss(
    inputs: array, targets: array, delta: float = 1.0, reduction: Reduction = "none"
) -> array:
    r"""A squared difference that goes on in a straight line far from 0.

    Half the square of the distance :math:`d = |x - t|` up to :math:`\delta`, and from there on the
    straight line that goes on without a step and without a corner. The lesson derives it. Values
    and gradients are finite wherever the inputs are, also where the square is not.

    Args:
        inputs: :math:`x`.
        targets: :math:`t`.
        delta: :math:`\delta`, where the parabola ends.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Returns:
        The loss.

    Source: P. Huber, Robust Estimation of a Location Parameter (1964).

    Shape: that of ``inputs``, before ``reduction``.
    """
    d = core.abs(inputs - targets)
    q = core.minimum(d, delta)
    return reduce(0.5 * core.square(q) + delta * (d - q), reduction)


def log_cosh_loss(inputs: array, targets: array, reduction: Reduction = "none") -> array:
    r"""The logarithm of the hyperbolic cosine of the difference :math:`d = x - t`.

    :math:`\log\cosh d = \log(e^d + e^{-d}) - \log 2`, like :math:`d^2 / 2` near 0 and like
    :math:`|d|` far from it; in this form nothing overflows.

    Shape: that of ``inputs``, before ``reduction``.
    """
    d = inputs - targets
    return reduce(core.logaddexp(d, -d) - math.log(2), reduction)


def gaussian_nll_loss(
    inputs: array,
    targets: array,
    vars: array,
    full: bool = False,
    eps: float = 1e-6,
    reduction: Reduction = "mean",
) -> array:
    r"""The negative log-likelihood of numbers under normal distributions.

    :math:`\frac{1}{2} \left(\log v + (t - x)^2 / v \right)` with the variance
    :math:`v = \max(\text{vars}, \epsilon)`, and with ``full`` the constant
    :math:`\frac{1}{2} \log 2\pi`.

    Args:
        inputs: the predicted means :math:`x`.
        targets: :math:`t`, of the same shape.
        vars: the predicted variances, of the same shape.
        full: whether to add the constant.
        eps: :math:`\epsilon`.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Raises:
        ValueError: shapes differ, or there is no such reduction.

    Source: D. Nix and A. Weigend, Estimating the Mean and Variance of the Target Probability
    Distribution (1994).
    """
    for name, other in (("targets", targets), ("vars", vars)):
        if inputs.shape != other.shape:
            raise ValueError(
                f"Inputs shape {inputs.shape} does not match {name} shape {other.shape}."
            )
    vars = core.maximum(vars, eps)
    loss = 0.5 * (core.log(vars) + core.square(targets - inputs) / vars)
    return reduce(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


# Comparing pairs


def triplet_loss(
    anchors: array,
    positives: array,
    negatives: array,
    axis: int = -1,
    p: int = 2,
    margin: float = 1.0,
    eps: float = 1e-6,
    reduction: Reduction = "none",
) -> array:
    r"""How much an anchor is nearer to a negative than to a positive, plus a margin.

    :math:`\max(\|A - P\|_p - \|A - N\|_p + \text{margin}, 0)`, with
    :math:`\|z\|_p = (\sum_i |z_i|^p + \epsilon)^{1/p}`.

    Args:
        anchors: :math:`A`.
        positives: :math:`P`, which should be near.
        negatives: :math:`N`, which should be far.
        axis: the axis of the norm.
        p: the degree of the norm.
        margin: how much farther the negative should be.
        eps: :math:`\epsilon`; it keeps the gradient finite at distance 0.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Source: F. Schroff et al., FaceNet (2015), https://arxiv.org/abs/1503.03832

    Shape: that of the anchors without ``axis``, before ``reduction``.
    """

    def distance(a: array, b: array) -> array:
        return core.power(core.power(core.abs(a - b), p).sum(axis) + eps, 1.0 / p)

    loss = distance(anchors, positives) - distance(anchors, negatives) + margin
    return reduce(core.maximum(loss, 0), reduction)


def cosine_similarity_loss(
    x1: array, x2: array, axis: int = 1, eps: float = 1e-8, reduction: Reduction = "none"
) -> array:
    r"""The cosine of the angle between two vectors.

    :math:`x_1 \cdot x_2 / \max(\|x_1\| \|x_2\|, \epsilon)`. It is greatest for vectors of the same
    direction: to bring vectors together, minimise its negative.

    Args:
        x1, x2: arrays of vectors.
        axis: the axis of the vectors.
        eps: :math:`\epsilon`.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Shape: ``(..., D)`` twice to ``(...)``, before ``reduction``.
    """
    norms = core.linalg.norm(x1, axis=axis) * core.linalg.norm(x2, axis=axis)
    return reduce(core.sum(x1 * x2, axis=axis) / core.maximum(norms, eps), reduction)


def margin_ranking_loss(
    inputs1: array,
    inputs2: array,
    targets: array,
    margin: float = 0.0,
    reduction: Reduction = "none",
) -> array:
    r"""Whether one score is above another by a margin, :math:`\max(0, -t (x_1 - x_2) + m)`.

    Args:
        inputs1, inputs2: the scores.
        targets: 1 where the first should be greater, -1 where the second should.
        margin: :math:`m`.
        reduction: ``"none"``, ``"mean"`` or ``"sum"``.

    Raises:
        ValueError: shapes differ, or there is no such reduction.
    """
    if not (inputs1.shape == inputs2.shape == targets.shape):
        raise ValueError(
            f"The shapes of the arguments do not match. The provided shapes are "
            f"inputs1.shape={inputs1.shape}, inputs2.shape={inputs2.shape}, and "
            f"targets.shape={targets.shape}."
        )
    return reduce(core.maximum(0, -targets * (inputs1 - inputs2) + margin), reduction)
