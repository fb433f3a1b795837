"""Features: what a linear model gets to see of the data.

The digits of the inputs are kept: float16 stays float16, and float64 stays float64.
"""

import mlx.core as mx

from ._arrays import as_floating


def polynomial_features(x: mx.array, degree: int) -> mx.array:
    r"""The powers of a number as columns, :math:`[x, x^2, \dots, x^{degree}]`.

    There is no column of ones, because a linear model has a bias already. Integers become
    float32 before they are multiplied: the fourth power of 366 does not fit into an int32.

    Shape:
        ``(N,)`` to ``(N, degree)``.

    Raises:
        ValueError: when ``x`` does not have exactly one axis or ``degree`` is less than 1.
    """
    if x.ndim != 1:
        raise ValueError(f"polynomial_features: expected x of shape (N,), got {x.shape}")
    if degree < 1:
        raise ValueError(f"polynomial_features: degree must be at least 1, got {degree}")
    copies = mx.broadcast_to(as_floating(x)[:, None], (len(x), degree))
    return mx.cumprod(copies, axis=1)


def column_statistics(x: mx.array) -> tuple[mx.array, mx.array]:
    r"""What ``standardize`` needs to know of the *training* examples: mean and scale.

    The scale of a column is its standard deviation, :math:`\sqrt{\frac1N \sum_i (x_i-\bar x)^2}`,
    and 1 for a column in which all numbers are equal.

    Shape:
        ``(N, D)`` to ``(D,)`` and ``(D,)``.

    Raises:
        ValueError: when ``x`` is not ``(N, D)`` with ``N`` at least 1.
    """
    if x.ndim != 2 or x.shape[0] == 0:
        raise ValueError(f"column_statistics: expected x of shape (N, D), got {x.shape}")
    x = as_floating(x)
    deviation = mx.sqrt(mx.var(x, axis=0))
    # A constant column must be found by its extremes: the mean of equal numbers is rounded, so
    # that their deviation is often not 0 but about 1e-9, and dividing by it would be worse.
    constant = mx.max(x, axis=0) == mx.min(x, axis=0)
    return mx.mean(x, axis=0), mx.where(constant, mx.ones_like(deviation), deviation)


def standardize(x: mx.array, mean: mx.array, scale: mx.array) -> mx.array:
    r"""Shift and stretch each column, :math:`(x - \text{mean}) / \text{scale}`.

    Shape:
        ``(N, D)``, ``(D,)`` and ``(D,)`` to ``(N, D)``.
    """
    return (x - mean) / scale
