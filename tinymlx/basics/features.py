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
    raise NotImplementedError(
        "1.8 polynomial_features - exercises/ch01_machine_learning/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def column_statistics(x: mx.array) -> tuple[mx.array, mx.array]:
    r"""What ``standardize`` needs to know of the *training* examples: mean and scale.

    The scale of a column is its standard deviation, :math:`\sqrt{\frac1N \sum_i (x_i-\bar x)^2}`,
    and 1 for a column in which all numbers are equal.

    Shape:
        ``(N, D)`` to ``(D,)`` and ``(D,)``.

    Raises:
        ValueError: when ``x`` is not ``(N, D)`` with ``N`` at least 1.
    """
    raise NotImplementedError(
        "1.9 column_statistics - exercises/ch01_machine_learning/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def standardize(x: mx.array, mean: mx.array, scale: mx.array) -> mx.array:
    r"""Shift and stretch each column, :math:`(x - \text{mean}) / \text{scale}`.

    Shape:
        ``(N, D)``, ``(D,)`` and ``(D,)`` to ``(N, D)``.
    """
    raise NotImplementedError(
        "1.9 standardize - exercises/ch01_machine_learning/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
