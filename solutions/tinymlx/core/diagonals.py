"""Triangles and diagonals of matrices."""

from __future__ import annotations

import mlx.core as mx

from .arrays import Stream, array, as_array, wrap
from .broadcasting import checked_axes
from .indexing import setitem
from .primitive import primitive
from .shapes import transpose


@primitive
def tril(x: mx.array, /, k: int = 0) -> mx.array:
    """The lower triangle up to diagonal ``k``; zeros above.

    Shape: that of ``x``.
    """
    return mx.tril(x, k)


@tril.defvjp
def tril_vjp(g: array, y: array, x: array, k: int = 0) -> tuple[array]:
    """The lower triangle of the cotangent."""
    return (tril(g, k),)


@primitive
def triu(x: mx.array, /, k: int = 0) -> mx.array:
    """The upper triangle from diagonal ``k`` on; zeros below.

    Shape: that of ``x``.
    """
    return mx.triu(x, k)


@triu.defvjp
def triu_vjp(g: array, y: array, x: array, k: int = 0) -> tuple[array]:
    """The upper triangle of the cotangent."""
    return (triu(g, k),)


def diagonal(
    a: array, offset: int = 0, axis1: int = 0, axis2: int = 1, stream: Stream = None
) -> array:
    """The entries with equal places along two axes (``offset`` apart), as a new last axis.

    Shape: that of ``a`` without the two axes, and the diagonal's length as the last one.
    """
    x = as_array(a)
    if x.ndim < 2:
        raise ValueError(f"[diagonal] Array must have at least two dimensions, but got {x.ndim}.")
    axis1, axis2 = checked_axes("diagonal", (axis1, axis2), x.ndim)
    if axis1 == axis2:
        raise ValueError("[diagonal] axis1 and axis2 cannot be the same axis")
    rest = [i for i in range(x.ndim) if i not in (axis1, axis2)]
    x = transpose(x, [*rest, axis1, axis2], stream=stream)
    rows, columns = _diagonal_places(x.shape[-2], x.shape[-1], offset)
    return x[..., rows, columns]


def diag(x: array, /, k: int = 0, *, stream: Stream = None) -> array:
    """The ``k``-th diagonal of a matrix, or the matrix with the given ``k``-th diagonal.

    Shape: ``(N,)`` to ``(N + abs(k), N + abs(k))``, or ``(N, M)`` to its diagonal.
    """
    x = as_array(x)
    if x.ndim == 2:
        return diagonal(x, k, stream=stream)
    if x.ndim != 1:
        raise ValueError(f"[diag] array must be 1-D or 2-D, got array with {x.ndim} dimensions.")
    n = x.shape[0] + (k if k > 0 else -k)
    if not x.size:
        return wrap(mx.zeros((n, n), x.dtype))
    rows, columns = _diagonal_places(n, n, k)
    return setitem(wrap(mx.zeros((n, n), x.dtype)), (rows, columns), x)


def _diagonal_places(rows: int, columns: int, offset: int) -> tuple[array, array]:
    first_row, first_column = max(-offset, 0), max(offset, 0)
    places = mx.arange(max(min(rows - first_row, columns - first_column), 0))
    return wrap(places + first_row), wrap(places + first_column)
