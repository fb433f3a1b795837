"""How an array lies in memory: views with strides of their own, and windows made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import mlx.core as mx

from .arrays import array, wrap
from .primitive import primitive


@primitive
def as_strided(
    x: mx.array,
    /,
    shape: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    offset: int = 0,
) -> mx.array:
    """A view of the elements in row-major order with a shape and strides of its own.

    Element ``(i, j, ...)`` of the result is element ``offset + i strides[0] + j strides[1] + ...``
    of the flattened ``x``; elements may occur several times.
    """
    return mx.as_strided(x, shape, strides, offset)


@as_strided.defvjp
def as_strided_vjp(
    g: array,
    y: array,
    x: array,
    shape: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    offset: int = 0,
) -> tuple[array]:
    """Every element receives the sum over the places where it occurs."""
    if strides is None:
        strides = [math.prod(y.shape[i + 1 :]) for i in range(y.ndim)]
    places = mx.array(offset)
    for n, stride in zip(y.shape, strides):
        places = places[..., None] + mx.arange(n) * stride
    flat = wrap(mx.zeros((x.size,), g.dtype))
    return (flat.at[wrap(places.reshape(-1))].add(g.reshape(-1)).reshape(x.shape),)


def sliding_windows(x: array, size: int, stride: int = 1) -> array:
    """All windows of a given size along the last axis, without copying an element.

    Window ``i`` begins at element ``i * stride``; the last window is the last one that fits. In
    row-major order, one step along an axis moves on by that axis' *stride*, the product of the
    sizes of the axes behind it. A window's step along the last axis is 1 element, and from window
    to window it is ``stride`` elements: say so to :func:`as_strided`.

    Args:
        x: an array with at least one axis, of shape ``(..., n)``.
        size: the number of elements in a window, at least 1 and at most ``n``.
        stride: the distance between the beginnings of neighbouring windows, at least 1.

    Returns:
        An array of shape ``(..., (n - size) // stride + 1, size)``.

    Raises:
        ValueError: ``size`` or ``stride`` is out of its range.
    """
    n = x.shape[-1]
    if not 1 <= size <= n or stride < 1:
        raise ValueError(f"[sliding_windows] size {size}, stride {stride} do not fit {n} elements.")
    outer = x.shape[:-1]
    strides = [math.prod(x.shape[i + 1 :]) for i in range(len(outer))]
    return as_strided(x, [*outer, (n - size) // stride + 1, size], [*strides, stride, 1])


@primitive
def contiguous(x: mx.array, /, allow_col_major: bool = False) -> mx.array:
    """The same values, in one piece of memory.

    Shape: that of ``x``.
    """
    return mx.contiguous(x, allow_col_major)


@contiguous.defvjp
def contiguous_vjp(g: array, y: array, x: array, allow_col_major: bool = False) -> tuple[array]:
    """The cotangent as it is."""
    return (g,)
