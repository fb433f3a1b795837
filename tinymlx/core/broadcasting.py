"""Broadcasting, and how to undo it.

Two shapes are compatible when, aligned at their last axes, each pair of sizes is equal or one of
them is 1. The array with size 1 acts as if it were repeated. So its gradient is the sum over the
repetitions: :func:`unbroadcast`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .arrays import Axes, array


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape of the result of an elementwise operation on arrays of these shapes.

    Shapes are aligned at their last axes; a missing axis counts as 1. Along each axis all sizes
    must be equal, except that 1 goes with every size, also with 0.

    Args:
        shapes: any number of shapes; none at all give ``()``.

    Returns:
        The common shape: ``broadcast_shapes((3, 1), (4,))`` is ``(3, 4)``.

    Raises:
        ValueError: two sizes are different and neither is 1.

    Source: https://numpy.org/doc/stable/user/basics.broadcasting.html
    """
    raise NotImplementedError(
        "3.1 broadcast_shapes - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def unbroadcast(g: array, x: Any) -> array | None:
    """Sum a cotangent over the axes along which ``x`` was repeated by broadcasting.

    Args:
        g: the cotangent, of the broadcast shape.
        x: the argument that was broadcast, or a number.

    Returns:
        The cotangent of ``x``, of the shape of ``x``: summed over the axes that ``x`` lacks and
        over those where it has size 1. It is ``g`` itself if the shapes agree, and ``None`` if
        ``x`` is a number: nothing flows back to those.
    """
    raise NotImplementedError(
        "3.13 unbroadcast - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def normalized_axes(axis: Axes, ndim: int) -> tuple[int, ...]:
    """The axes that ``axis`` means, none negative: all for ``None``, one for an integer."""
    if axis is None:
        return tuple(range(ndim))
    return (axis % ndim,) if isinstance(axis, int) else tuple([a % ndim for a in axis])


def checked_axes(name: str, axis: Axes, ndim: int) -> tuple[int, ...]:
    """As :func:`normalized_axes`, for axes that a user wrote.

    Raises:
        IndexError: an axis is out of range; ``name`` is the function that it was given to.
    """
    for a in () if axis is None else [axis] if isinstance(axis, int) else axis:
        if not -ndim <= a < ndim:
            raise IndexError(
                f"[{name}] axis {a} is out of bounds for array with {ndim} dimensions."
            )
    return normalized_axes(axis, ndim)


def kept_shape(shape: Sequence[int], axis: Axes) -> tuple[int, ...]:
    """``shape`` with size 1 along ``axis``: what a reduction with ``keepdims`` returns."""
    if axis is None:
        return (1,) * len(shape)
    axes = normalized_axes(axis, len(shape))
    return tuple([1 if i in axes else n for i, n in enumerate(shape)])
