"""Sorting, and finding places in an order."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from . import scatter
from .arrays import Stream, array, as_array, wrap
from .primitive import constant, primitive


@constant
def argsort(x: mx.array, /, axis: int | None = -1) -> mx.array:
    """The places of the elements in ascending order."""
    return mx.argsort(x, axis)


@constant
def argpartition(x: mx.array, /, kth: int, axis: int | None = -1) -> mx.array:
    """Places such that place ``kth`` is as if sorted, smaller ones before and others after it.

    Shape: that of ``x``.
    """
    return mx.argpartition(x, kth, axis)


@constant
def argmax(x: mx.array, /, axis: int | None = None, keepdims: bool = False) -> mx.array:
    """The place of the greatest element, the first one of several."""
    return mx.argmax(x, axis, keepdims)


@constant
def argmin(x: mx.array, /, axis: int | None = None, keepdims: bool = False) -> mx.array:
    """The place of the smallest element, the first one of several."""
    return mx.argmin(x, axis, keepdims)


@constant
def searchsorted(sorted_sequence: mx.array, values: mx.array, /, side: str = "left") -> mx.array:
    """The places at which to insert values into a sorted array.

    Shape: that of ``values``.
    """
    return mx.searchsorted(sorted_sequence, values, side)


@primitive
def sort(x: mx.array, /, axis: int | None = -1) -> mx.array:
    """The elements in ascending order along ``axis``; ``None`` sorts the flattened array."""
    return mx.sort(x, axis)


@sort.defvjp
def sort_vjp(g: array, y: array, x: array, axis: int | None = -1) -> tuple[array]:
    """The derivative of sorting: each cotangent goes back to the place its element came from.

    Args:
        g: the cotangent of ``y``.
        y: the sorted array; flat if ``axis`` is ``None``.
        x: the argument.
        axis: the axis along which it was sorted. ``argsort(x, axis)`` tells for each place of ``y``
            where in ``x`` its element stood; see also ``scatter.put_along_axis``.

    Returns:
        A tuple with the cotangent of ``x``, of the shape of ``x``.
    """
    raise NotImplementedError(
        "3.34 sort_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def partition(x: Any, /, kth: int, axis: int | None = -1, *, stream: Stream = None) -> array:
    """Element ``kth`` as if sorted, smaller ones before it and others after it.

    Shape: that of ``x``.
    """
    x = as_array(x)
    if axis is None:
        x, axis = x.reshape(-1), 0
    order = argpartition(x, kth, axis, stream=stream)
    return scatter.take_along_axis(x, order, axis, stream=stream)


def topk(x: Any, /, k: int, axis: int | None = -1, *, stream: Stream = None) -> array:
    """The ``k`` greatest elements along ``axis``, in no particular order."""
    x = as_array(x)
    if axis is None:
        x, axis = x.reshape(-1), 0
    n = x.shape[axis]
    if not 0 <= k <= n:
        raise ValueError(f"[topk] Received invalid k={k} along axis {axis} for array of {n}.")
    if k == n:
        return x
    if k == 0:
        return x[(slice(None),) * (axis % x.ndim) + (slice(0, 0),)]
    order = argpartition(x, n - k, axis, stream=stream)
    cut = (slice(None),) * (axis % x.ndim) + (slice(n - k, n),)
    return scatter.take_along_axis(x, order[cut], axis, stream=stream)
