"""How wrong is a prediction? Two answers.

The digits of the inputs are kept: float16 stays float16, and float64 stays float64.
"""

import mlx.core as mx


def mean_squared_error(predictions: mx.array, targets: mx.array) -> mx.array:
    r"""The average squared distance, :math:`L = \frac{1}{N} \sum_i (\hat y_i - y_i)^2`.

    Args:
        predictions: what a model says, :math:`\hat y`.
        targets: what was observed, :math:`y`.

    Shape:
        ``(N,)`` and ``(N,)`` to a scalar ``()``.

    Raises:
        ValueError: when the two shapes differ. ``(N, 1)`` against ``(N,)`` would otherwise
            broadcast, without a word, to all :math:`N^2` differences.
    """
    if predictions.shape != targets.shape:
        raise ValueError(
            f"mean_squared_error: predictions have shape {predictions.shape}, "
            f"targets have shape {targets.shape}"
        )
    return mx.mean(mx.square(predictions - targets))


def r_squared(predictions: mx.array, targets: mx.array) -> mx.array:
    r"""The share of the targets' variation that the predictions explain.

    .. math:: R^2 = 1 - \frac{\sum_i (\hat y_i - y_i)^2}{\sum_i (y_i - \bar y)^2}

    1 is perfect, 0 is no better than always answering the mean :math:`\bar y`, and a negative
    number is worse than that. When all targets are equal there is nothing to explain: then the
    score is 1 for perfect predictions and 0 for all others.

    Shape:
        ``(N,)`` and ``(N,)`` to a scalar ``()``.

    Raises:
        ValueError: when the two shapes differ.
    """
    if predictions.shape != targets.shape:
        raise ValueError(
            f"r_squared: predictions have shape {predictions.shape}, "
            f"targets have shape {targets.shape}"
        )
    unexplained = mx.sum(mx.square(predictions - targets))
    variation = mx.sum(mx.square(targets - mx.mean(targets)))
    # Equality of the extremes is exact; the variation of equal numbers is only nearly zero,
    # because their mean is rounded.
    constant = mx.max(targets) == mx.min(targets)
    score = 1 - unexplained / mx.where(constant, mx.ones_like(variation), variation)
    return mx.where(constant, (unexplained == 0).astype(score.dtype), score)
