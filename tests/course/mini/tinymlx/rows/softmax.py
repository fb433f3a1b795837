"""Softmax over rows."""

import mlx.core as mx

from tinymlx import rows  # circular on purpose: the package imports this module


def shift(x: mx.array, axis: int) -> mx.array:
    """Given: x minus its maximum."""
    return x - mx.max(x, axis=axis, keepdims=True)


def softmax(x: mx.array, axis: int = -1) -> mx.array:
    """exp(x) / sum(exp(x)) along ``axis``.

    Raises:
        ValueError: ``x`` has no axes.
    """
    raise NotImplementedError(
        "1.1 softmax - exercises/ch01_rows/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def pick(x: mx.array, index: int) -> mx.array:
    """Row ``index`` of the softmax of ``x``."""
    raise NotImplementedError(
        "1.2 pick - exercises/ch01_rows/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
