"""Changing shapes: the numbers stay, their arrangement changes.

All these operations are linear, and the derivative of each is the arrangement undone: a reshape
back, the inverse permutation, a sum over what was repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from .arrays import Axes, Stream, array, as_array
from .broadcasting import broadcast_shapes, unbroadcast
from .primitive import Primitive, primitive


@primitive
def reshape(x: mx.array, /, shape: Sequence[int]) -> mx.array:
    """The same elements in the same order in another shape; one size may be -1."""
    return mx.reshape(x, shape)


@reshape.defvjp
def reshape_vjp(g: array, y: array, x: array, shape: Sequence[int]) -> tuple[array]:
    """The derivative of a reshape: the cotangent in the shape of the argument.

    Args:
        g: the cotangent of ``y``, of the new shape.
        y: the reshaped array.
        x: the argument.
        shape: what ``reshape`` was called with.

    Returns:
        A tuple with the cotangent of ``x``, of the shape of ``x``.
    """
    return (g.reshape(x.shape),)


@primitive
def transpose(x: mx.array, /, axes: Sequence[int] | None = None) -> mx.array:
    """The axes in another order: axis ``i`` of the result is axis ``axes[i]`` of ``x``.

    Shape: ``(A, B, C)`` with the axes ``(2, 0, 1)`` to ``(C, A, B)``; reversed by default.
    """
    return mx.transpose(x, axes)


@transpose.defvjp
def transpose_vjp(g: array, y: array, x: array, axes: Sequence[int] | None = None) -> tuple[array]:
    """The derivative of a transposition: the inverse transposition.

    Args:
        g: the cotangent of ``y``.
        y: the transposed array; its axis ``i`` is axis ``axes[i]`` of ``x``.
        x: the argument.
        axes: a permutation of the axes, possibly with negative numbers; ``None`` reverses them all.

    Returns:
        A tuple with the cotangent of ``x``, of the shape of ``x``.
    """
    if axes is None:
        return (g.transpose(),)
    inverse = [0] * x.ndim
    for i, axis in enumerate(axes):
        inverse[axis] = i  # a negative axis counts from the end here, too
    return (g.transpose(inverse),)


@primitive
def broadcast_to(x: mx.array, /, shape: Sequence[int]) -> mx.array:
    """``x`` repeated along new axes and axes of size 1 until it has the shape."""
    return mx.broadcast_to(x, shape)


@broadcast_to.defvjp
def broadcast_to_vjp(g: array, y: array, x: array, shape: Sequence[int]) -> tuple[array | None]:
    """The derivative of a repetition: the sum over the repetitions.

    Args:
        g: the cotangent of ``y``, of the shape ``shape``.
        y: the repeated array.
        x: the argument.
        shape: what ``broadcast_to`` was called with.

    Returns:
        A tuple with the cotangent of ``x``, of the shape of ``x``.
    """
    return (unbroadcast(g, x),)


def _reshaping(operation: Primitive) -> Primitive:
    # Of all that only reshape, the derivative is a reshape back.
    def reshaping_vjp(g: array, y: array, x: array, *_: Any, **__: Any) -> tuple[array]:
        return (g.reshape(x.shape),)

    operation.defvjp(reshaping_vjp)
    return operation


@_reshaping
@primitive
def flatten(x: mx.array, /, start_axis: int = 0, end_axis: int = -1) -> mx.array:
    """The axes from ``start_axis`` to ``end_axis`` (with it) merged into one.

    Shape: ``(A, B, C)`` with the axes 0 and 1 to ``(A * B, C)``.
    """
    return mx.flatten(x, start_axis, end_axis)


@_reshaping
@primitive
def unflatten(x: mx.array, /, axis: int, shape: Sequence[int]) -> mx.array:
    """One axis split into several of the sizes ``shape``."""
    return mx.unflatten(x, axis, shape)


@_reshaping
@primitive
def squeeze(x: mx.array, /, axis: Axes = None) -> mx.array:
    """Without the axes of size 1: all of them, or those of ``axis``.

    Shape: that of ``x`` without those axes.
    """
    return mx.squeeze(x, axis)


@_reshaping
@primitive
def expand_dims(x: mx.array, /, axis: int | Sequence[int]) -> mx.array:
    """With new axes of size 1 at the places ``axis`` of the result.

    Shape: that of ``x`` with a 1 at each of those places.
    """
    return mx.expand_dims(x, axis)


@primitive
def swapaxes(x: mx.array, /, axis1: int, axis2: int) -> mx.array:
    """Two axes exchanged.

    Shape: that of ``x`` with the two sizes exchanged.
    """
    return mx.swapaxes(x, axis1, axis2)


@swapaxes.defvjp
def swapaxes_vjp(g: array, y: array, x: array, axis1: int, axis2: int) -> tuple[array]:
    """The same exchange."""
    return (swapaxes(g, axis1, axis2),)


@primitive
def moveaxis(x: mx.array, /, source: int, destination: int) -> mx.array:
    """One axis moved to another place; the others keep their order.

    Shape: ``(A, B, C)`` with 0 moved to -1 to ``(B, C, A)``.
    """
    return mx.moveaxis(x, source, destination)


@moveaxis.defvjp
def moveaxis_vjp(g: array, y: array, x: array, source: int, destination: int) -> tuple[array]:
    """The way back."""
    return (moveaxis(g, destination, source),)


def matrix_transpose(x: array, /, *, stream: Stream = None) -> array:
    """The last two axes exchanged.

    Shape: ``(..., M, N)`` to ``(..., N, M)``.
    """
    if x.ndim < 2:
        raise ValueError("[matrix_transpose] Input must have at least 2 dimensions.")
    return swapaxes(x, -1, -2, stream=stream)


def broadcast_arrays(*arrays: Any, stream: Stream = None) -> list[array]:
    """All arrays, broadcast to their common shape."""
    xs = [as_array(x) for x in arrays]
    shape = broadcast_shapes(*(x.shape for x in xs))
    return [broadcast_to(x, shape, stream=stream) for x in xs]


def meshgrid(
    *arrays: Any, sparse: bool = False, indexing: str = "xy", stream: Stream = None
) -> tuple[array, ...]:
    """Coordinate arrays of a grid, from the coordinates along each axis.

    With ``indexing="xy"`` the first two axes are exchanged; with ``sparse`` the arrays are not
    repeated along the other axes.

    Shape: of each, one axis for each argument; the first two exchanged with ``xy``.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError("[meshgrid] Invalid indexing value. Valid values are 'xy' and 'ij'.")
    n = len(arrays)
    places = list(range(n))
    if indexing == "xy" and n > 1:
        places[0], places[1] = 1, 0
    grids = tuple(
        reshape(as_array(x), [-1 if a == place else 1 for a in range(n)], stream=stream)
        for x, place in zip(arrays, places)
    )
    return grids if sparse else tuple(broadcast_arrays(*grids, stream=stream))


def atleast_1d(*arys: Any, stream: Stream = None) -> Any:
    """The arrays with at least one axis; a list if there are several.

    Shape: ``()`` becomes ``(1,)``; others stay.
    """
    return _at_least(arys, lambda s: (1,) if not s else s, stream)


def atleast_2d(*arys: Any, stream: Stream = None) -> Any:
    """The arrays with at least two axes, new ones first; a list if there are several.

    Shape: ``(N,)`` becomes ``(1, N)``, ``()`` becomes ``(1, 1)``; others stay.
    """
    return _at_least(arys, lambda s: (1,) * (2 - len(s)) + s, stream)


def atleast_3d(*arys: Any, stream: Stream = None) -> Any:
    """The arrays with at least three axes, ``(1, n, 1)`` and ``(m, n, 1)``; a list for several."""
    new = {0: lambda s: (1, 1, 1), 1: lambda s: (1, *s, 1), 2: lambda s: (*s, 1)}
    return _at_least(arys, lambda s: new.get(len(s), lambda s: s)(s), stream)


def _at_least(arys: Sequence[Any], new_shape: Any, stream: Stream) -> Any:
    xs = [as_array(x) for x in arys]
    xs = [reshape(x, new_shape(x.shape), stream=stream) for x in xs]
    return xs[0] if len(xs) == 1 else xs
