"""Joining arrays, and taking them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from .arrays import Stream, array, as_array
from .primitive import behind, primitive


@behind("concatenate")
def concatenated(*arrays: mx.array, axis: int | None = 0) -> mx.array:
    """The arrays one behind the other along an axis; see :func:`concatenate`."""
    return mx.concatenate(list(arrays), axis)


@concatenated.defvjp
def concatenated_vjp(g: array, y: array, *arrays: array, axis: int | None = 0) -> list[array]:
    """The derivative of a concatenation: each array receives its part of the cotangent.

    Args:
        g: the cotangent of ``y``.
        y: the arrays one behind the other.
        arrays: the arguments; along ``axis`` their sizes may differ.
        axis: the axis along which they were joined, possibly negative; ``None`` if they were all
            flattened first.

    Returns:
        A cotangent for each array, of its shape. :func:`split` takes the places where to cut.
    """
    raise NotImplementedError(
        "3.26 concatenated_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def concatenate(arrays: Sequence[array], axis: int | None = 0, *, stream: Stream = None) -> array:
    """The arrays one behind the other along ``axis``.

    Args:
        arrays: arrays whose shapes agree but for ``axis``.
        axis: an axis they have; ``None`` flattens them first.
    """
    if len(arrays) == 1 and axis is not None:  # whatever the axis is, as in mlx.core
        return as_array(arrays[0])
    return concatenated(*arrays, axis=axis, stream=stream)


@behind("stack")
def stacked(*arrays: mx.array, axis: int = 0) -> mx.array:
    """The arrays side by side along a new axis; see :func:`stack`."""
    return mx.stack(list(arrays), axis)


@stacked.defvjp
def stacked_vjp(g: array, y: array, *arrays: array, axis: int = 0) -> list[array]:
    """The derivative of a stack: each array receives its slice of the cotangent.

    Args:
        g: the cotangent of ``y``.
        y: the arrays side by side along the new axis ``axis``.
        arrays: the arguments, all of one shape.
        axis: the place of the new axis in ``y``, possibly negative.

    Returns:
        A cotangent for each array, of its shape. See :func:`unstack`.
    """
    return list(unstack(g, axis=axis))


def stack(arrays: Sequence[array], axis: int | None = 0, *, stream: Stream = None) -> array:
    """The arrays side by side along a new axis at the place ``axis`` of the result.

    Shape: ``n`` arrays of ``(A, B)`` to ``(n, A, B)`` for ``axis`` 0.
    """
    return stacked(*arrays, axis=0 if axis is None else axis, stream=stream)


@primitive
def split(x: mx.array, /, indices_or_sections: int | Sequence[int], axis: int = 0) -> Any:
    """The array cut along ``axis`` into equal sections, or at the given places: a list.

    Shape: of each, that of ``x`` with a smaller ``axis``.
    """
    return mx.split(x, indices_or_sections, axis)


@split.defvjp
def split_vjp(
    g: list[array],
    y: list[array],
    x: array,
    indices_or_sections: int | Sequence[int],
    axis: int = 0,
) -> tuple[array]:
    """The derivative of a split: the cotangents of the parts, joined again.

    Args:
        g: the cotangents of the parts, zeros for a part that was not used.
        y: the parts.
        x: the argument.
        indices_or_sections, axis: as ``split`` was called with.

    Returns:
        A tuple with the cotangent of ``x``, of the shape of ``x``.
    """
    raise NotImplementedError(
        "3.26 split_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@behind("unstack")
def unstacked(x: mx.array, /, axis: int = 0) -> Any:
    """The slices along an axis, without it; see :func:`unstack`."""
    return mx.unstack(x, axis=axis)


@unstacked.defvjp
def unstacked_vjp(g: list[array], y: list[array], x: array, axis: int = 0) -> tuple[array]:
    """The cotangents of the slices, side by side again."""
    return (stack(g, axis),)


def unstack(x: array, /, *, axis: int = 0, stream: Stream = None) -> tuple[array, ...]:
    """The slices of ``x`` along ``axis``, each without that axis.

    Shape: of each, that of ``x`` without ``axis``.
    """
    if x.ndim and -x.ndim <= axis < x.ndim and x.shape[axis] == 0:
        return ()
    return tuple(unstacked(x, axis, stream=stream))
