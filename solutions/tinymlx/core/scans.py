"""Scans: sums, products and extrema of everything so far along an axis.

All take ``axis`` (``None`` scans the flattened array), ``reverse`` (from the end) and ``inclusive``
(whether an element counts itself).
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from .arranging import flip
from .arrays import Dtype, array, wrap
from .exponential import exp
from .padding import pad
from .primitive import primitive
from .scatter import scatter_add_along_axis


@primitive
def cumsum(
    x: mx.array,
    /,
    axis: int | None = None,
    *,
    reverse: bool = False,
    inclusive: bool = True,
    dtype: Dtype | None = None,
) -> mx.array:
    """The cumulative sum along ``axis``.

    Shape: that of ``x``.
    """
    return mx.cumsum(x, axis, reverse=reverse, inclusive=inclusive, dtype=dtype)


@cumsum.defvjp
def cumsum_vjp(
    g: array,
    y: array,
    x: array,
    axis: int | None = None,
    *,
    reverse: bool = False,
    inclusive: bool = True,
    dtype: Dtype | None = None,
) -> tuple[array]:
    """The derivative of a cumulative sum.

    ``x[i]`` is a summand of ``y[i]`` and of all that follow, so it receives the sum of their
    cotangents: a cumulative sum in the other direction.

    Args:
        g: the cotangent of ``y``.
        y: the cumulative sum; flat if ``axis`` is ``None``.
        x: the argument.
        axis, reverse, inclusive, dtype: as ``cumsum`` was called with. (The tape brings the result
            to the dtype of ``x``.)

    Returns:
        A tuple with the cotangent of ``x``, of the shape of ``x``.
    """
    return (cumsum(g, axis, reverse=not reverse, inclusive=inclusive).reshape(x.shape),)


@primitive
def cumprod(
    x: mx.array,
    /,
    axis: int | None = None,
    *,
    reverse: bool = False,
    inclusive: bool = True,
    dtype: Dtype | None = None,
) -> mx.array:
    """The cumulative product along ``axis``.

    Shape: that of ``x``.
    """
    return mx.cumprod(x, axis, reverse=reverse, inclusive=inclusive, dtype=dtype)


@cumprod.defvjp
def cumprod_vjp(
    g: array,
    y: array,
    x: array,
    axis: int | None = None,
    *,
    reverse: bool = False,
    inclusive: bool = True,
    dtype: Dtype | None = None,
) -> tuple[array]:
    """Exact where factors are 0: nothing is divided by ``x``.

    ``x[i]`` is a factor of ``y[j]`` for all ``j >= i``. Of these, ``s[i] = g[i] + x[i+1] s[i+1]``
    collects the cotangents with the factors behind ``i``; the factors before ``i`` are an exclusive
    cumulative product.
    """
    x1, g1, axis = _forward_scan(x, g, axis, reverse, inclusive)
    collected = reverse_recurrence(_shifted(x1, axis), g1, axis)
    before = cumprod(x1, axis, inclusive=False)
    return (_restored(before * collected, x, axis, reverse),)


@primitive
def cummax(
    x: mx.array, /, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True
) -> mx.array:
    """The greatest element so far along ``axis``."""
    return mx.cummax(x, axis, reverse=reverse, inclusive=inclusive)


@cummax.defvjp
def cummax_vjp(
    g: array,
    y: array,
    x: array,
    axis: int | None = None,
    *,
    reverse: bool = False,
    inclusive: bool = True,
) -> tuple[array]:
    """Each cotangent flows to the element that was the greatest; of equal ones to the last seen."""
    x1, g1, axis = _forward_scan(x, g, axis, reverse, inclusive)
    best = cummax(x1, axis)
    return (_restored(_to_extrema(x1, best, g1, axis), x, axis, reverse),)


@primitive
def cummin(
    x: mx.array, /, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True
) -> mx.array:
    """The smallest element so far along ``axis``."""
    return mx.cummin(x, axis, reverse=reverse, inclusive=inclusive)


@cummin.defvjp
def cummin_vjp(
    g: array,
    y: array,
    x: array,
    axis: int | None = None,
    *,
    reverse: bool = False,
    inclusive: bool = True,
) -> tuple[array]:
    """As for :func:`cummax`."""
    x1, g1, axis = _forward_scan(x, g, axis, reverse, inclusive)
    best = cummin(x1, axis)
    return (_restored(_to_extrema(x1, best, g1, axis), x, axis, reverse),)


@primitive
def logcumsumexp(
    x: mx.array, /, axis: int | None = None, *, reverse: bool = False, inclusive: bool = True
) -> mx.array:
    """``log(cumsum(exp(x)))`` along ``axis``, without overflow.

    Shape: that of ``x``.
    """
    return mx.logcumsumexp(x, axis, reverse=reverse, inclusive=inclusive)


@logcumsumexp.defvjp
def logcumsumexp_vjp(
    g: array,
    y: array,
    x: array,
    axis: int | None = None,
    *,
    reverse: bool = False,
    inclusive: bool = True,
) -> tuple[array]:
    """``x[i]`` receives ``g[j] exp(x[i] - y[j])`` for all ``j >= i``, with steps that never grow.

    With ``t[i] = g[i] + exp(y[i] - y[i+1]) t[i+1]`` this is ``exp(x[i] - y[i]) t[i]``.
    """
    x1, g1, axis = _forward_scan(x, g, axis, reverse, inclusive)
    y1 = logcumsumexp(x1, axis)
    n = y1.shape[axis]
    here, after = (y1[(slice(None),) * axis + (part,)] for part in (slice(n - 1), slice(1, n)))
    ratios = pad(exp(here - after), [(0, int(a == axis and n > 0)) for a in range(y1.ndim)])
    collected = reverse_recurrence(ratios, g1, axis)
    return (_restored(exp(x1 - y1) * collected, x, axis, reverse),)


def reverse_recurrence(a: array, b: array, axis: int) -> array:
    """``s[i] = b[i] + a[i] s[i+1]`` along ``axis``, beginning with ``s[n] = 0`` at the end.

    Two steps of the recurrence make one step of twice the length, so ``log2(n)`` rounds suffice.

    Source: G. Blelloch, Prefix sums and their applications (1990), section 1.4.
    """
    n, step = a.shape[axis], 1
    while step < n:
        b = b + a * _shifted(b, axis, step)
        a = a * _shifted(a, axis, step)
        step *= 2
    return b


def _shifted(x: array, axis: int, step: int = 1) -> array:
    """``x[i + step]`` in place ``i`` along ``axis``, zeros at the end."""
    n = x.shape[axis]
    cut = (slice(None),) * axis + (slice(min(step, n), n),)
    return pad(x[cut], [(0, min(step, n) if a == axis else 0) for a in range(x.ndim)])


def _forward_scan(
    x: array, g: array, axis: int | None, reverse: bool, inclusive: bool
) -> tuple[array, array, int]:
    """Argument and cotangent as if the scan ran forward, inclusive and along a given axis."""
    if axis is None:
        x, g, axis = x.reshape(-1), g.reshape(-1), 0
    axis %= x.ndim
    if reverse:
        x, g = flip(x, axis), flip(g, axis)
    return x, g if inclusive else _shifted(g, axis), axis


def _restored(gx: array, x: array, axis: int, reverse: bool) -> array:
    return (flip(gx, axis) if reverse else gx).reshape(x.shape)


def _to_extrema(x: array, best: array, g: array, axis: int) -> array:
    """Add each cotangent to the last place so far where ``x`` equals the best value so far."""
    places = mx.arange(x.shape[axis]).reshape([-1 if a == axis else 1 for a in range(x.ndim)])
    seen = (x == best) * wrap(places)
    index: Any = cummax(seen, axis)
    return scatter_add_along_axis(wrap(mx.zeros(x.shape, g.dtype)), index, g, axis=axis)
