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
    raise NotImplementedError(
        "1.2 mean_squared_error - exercises/ch01_machine_learning/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


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
    raise NotImplementedError(
        "1.7 r_squared - exercises/ch01_machine_learning/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
