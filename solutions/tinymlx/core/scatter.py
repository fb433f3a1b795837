"""Taking elements by index arrays, and putting them back.

To take is linear, and its derivative is to put: zeros, to which every cotangent is *added* where
its element was taken. An element that was taken twice has two cotangents, so they must add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from .arrays import array, wrap
from .broadcasting import broadcast_shapes, unbroadcast
from .primitive import behind, primitive


@primitive
def take(x: mx.array, indices: mx.array, /, axis: int | None = None) -> mx.array:
    """The slices of ``x`` at the given places along ``axis`` (elements of flat ``x`` for ``None``).

    The axes of ``indices`` stand in the place of ``axis``.
    """
    return mx.take(x, indices, axis)


take.indices = slice(1, 2)


@take.defvjp
def take_vjp(
    g: array, y: array, x: array, indices: array, axis: int | None = None
) -> tuple[array, None]:
    """The derivative of :func:`take`: add each cotangent to the place it was taken from.

    Args:
        g: the cotangent of ``y``.
        y: the slices that were taken.
        x: the argument.
        indices: an integer, or an array of integers; some may be equal.
        axis: the axis along which was taken; ``None`` if ``x`` was flattened first.

    Returns:
        The cotangent of ``x``, of its shape, and ``None`` for the indices. ``z.at[index].add(g)``
        adds, and repeated indices accumulate. An index with slices for the axes before ``axis``
        and ``indices`` behind them addresses what was taken.
    """
    shape = (x.size,) if axis is None else x.shape
    before = (slice(None),) * ((axis or 0) % len(shape))
    gx = wrap(mx.zeros(shape, g.dtype)).at[(*before, indices)].add(g)
    return gx.reshape(x.shape), None


@primitive
def take_along_axis(x: mx.array, indices: mx.array, /, axis: int | None = -1) -> mx.array:
    """``y[i, j] = x[i, indices[i, j]]`` (for the last axis): places of its own for each row.

    Shape: that of ``indices``; the other axes broadcast.
    """
    return mx.take_along_axis(x, indices, axis)


take_along_axis.indices = slice(1, 2)


@take_along_axis.defvjp
def take_along_axis_vjp(
    g: array, y: array, x: array, indices: array, axis: int | None = -1
) -> tuple[array | None, None]:
    """The derivative of :func:`take_along_axis`: add each cotangent to the place it came from.

    Args:
        g: the cotangent of ``y``.
        y: what was taken, of the shape of the indices.
        x: the argument. Along the axes other than ``axis``, shapes of ``x`` and indices broadcast.
        indices: integers, with as many axes as ``x``; some may be equal.
        axis: the axis along which was taken; ``None`` if both were flattened first.

    Returns:
        The cotangent of ``x``, of its shape, and ``None`` for the indices. Use
        :func:`scatter_add_along_axis` on zeros with the shape of ``x`` (``along_shape`` gives it as
        broadcast against the indices), and ``unbroadcast``.
    """
    if axis is None:
        x1, axis = x.reshape(-1), 0
    else:
        x1 = x
    zeros = wrap(mx.zeros(along_shape(x1.shape, indices.shape, axis), g.dtype))
    gx = scatter_add_along_axis(zeros, indices, g, axis=axis)
    gx1 = unbroadcast(gx, x1)
    assert gx1 is not None
    return gx1.reshape(x.shape), None


def along_shape(shape: Sequence[int], indices: Sequence[int], axis: int) -> tuple[int, ...]:
    """``shape`` broadcast against the shape of ``indices`` along all axes but ``axis``."""
    axis %= len(shape)
    rest = broadcast_shapes(
        (*shape[:axis], *shape[axis + 1 :]), (*indices[:axis], *indices[axis + 1 :])
    )
    return (*rest[:axis], shape[axis], *rest[axis:])


@primitive
def scatter_add_along_axis(
    x: mx.array, indices: mx.array, values: mx.array, /, *, axis: int
) -> mx.array:
    """``x`` with ``values[i, j]`` added to ``x[i, indices[i, j]]`` (for the last axis)."""
    axis %= x.ndim
    if indices.ndim == x.ndim and indices.shape[axis] == 1:  # nothing meets: quicker on the CPU
        return mx.put_along_axis(x, indices, mx.take_along_axis(x, indices, axis) + values, axis)
    grid = [
        indices if a == axis else mx.arange(n).reshape([-1 if b == a else 1 for b in range(x.ndim)])
        for a, n in enumerate(x.shape)
    ]
    return x.at[tuple(grid)].add(values) if x.size else x


scatter_add_along_axis.indices = slice(1, 2)


@scatter_add_along_axis.defvjp
def scatter_add_along_axis_vjp(
    g: array, y: array, x: array, indices: array, values: array, *, axis: int
) -> tuple[array, None, array]:
    """``x`` receives everything, each value what arrives at its place."""
    return g, None, take_along_axis(g, indices, axis)


@primitive
def put_along_axis(
    x: mx.array, indices: mx.array, values: mx.array, /, axis: int | None = None
) -> mx.array:
    """``x`` with ``values[i, j]`` in the place of ``x[i, indices[i, j]]`` (for the last axis).

    Shape: that of ``x``.
    """
    return mx.put_along_axis(x, indices, mx.array(values), axis)


put_along_axis.indices = slice(1, 2)


@put_along_axis.defvjp
def put_along_axis_vjp(
    g: array, y: array, x: array, indices: array, values: Any, axis: int | None = None
) -> tuple[array, None, array | None]:
    """What was overwritten receives 0; each value what arrives at its place."""
    gx = put_along_axis(g, indices, wrap(mx.array(0, g.dtype)), axis)
    taken = take_along_axis(g, indices, axis)
    return gx, None, unbroadcast(taken.reshape(indices.shape), values)


@behind("slice")
def dynamic_slice(
    a: mx.array, start_indices: mx.array, /, axes: Sequence[int], slice_size: Sequence[int]
) -> mx.array:
    """A slice of fixed size whose beginning is given by an array: ``mlx.core.slice``.

    Shape: ``slice_size``.
    """
    return mx.slice(a, start_indices, axes, slice_size)


dynamic_slice.indices = slice(1, 2)


@dynamic_slice.defvjp
def dynamic_slice_vjp(
    g: array, y: array, x: array, start: array, axes: Sequence[int], slice_size: Sequence[int]
) -> tuple[array, None]:
    """Zeros with the cotangent in the place of the slice."""
    return slice_update(wrap(mx.zeros(x.shape, g.dtype)), g, start, axes), None


@primitive
def slice_update(
    a: mx.array, update: mx.array, start_indices: mx.array, /, axes: Sequence[int]
) -> mx.array:
    """``a`` with a slice replaced whose beginning is given by an array.

    Shape: that of ``a``.
    """
    return mx.slice_update(a, update, start_indices, axes)


slice_update.indices = slice(2, 3)


@slice_update.defvjp
def slice_update_vjp(
    g: array, y: array, x: array, update: array, start: array, axes: Sequence[int]
) -> tuple[array, array | None, None]:
    """What was replaced receives 0; the update what arrives at the slice."""
    gx = slice_update(g, wrap(mx.zeros(update.shape, g.dtype)), start, axes)
    size = (1,) * (x.ndim - update.ndim) + update.shape
    return gx, dynamic_slice(g, start, axes, size).reshape(update.shape), None
