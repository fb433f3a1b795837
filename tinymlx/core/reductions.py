"""Reductions: many numbers become one, along the axes that are asked for.

Every function takes ``axis`` (``None`` for all axes, one axis, or several) and ``keepdims``
(whether the reduced axes stay, with size 1). The rules are the same: bring the cotangent to the
shape with the reduced axes kept, and let broadcasting do the rest.
"""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx

from .arithmetic import conj
from .arrays import Axes, Stream, array, as_array
from .broadcasting import checked_axes, kept_shape, normalized_axes
from .diagonals import diagonal
from .exponential import exp, sqrt
from .logic import isnan
from .primitive import behind, primitive
from .scans import cumprod
from .selection import where
from .shapes import broadcast_to, transpose
from .sorting import sort


def keep_axes(g: array, x: array, axis: Axes) -> array:
    """The result ``g`` of a reduction of ``x`` with the reduced axes kept, as it was or not."""
    shape = kept_shape(x.shape, axis)
    return g if g.shape == shape else g.reshape(shape)


def reduced_size(x: array, axis: Axes) -> int:
    """How many elements of ``x`` are reduced to one."""
    shape = x.shape
    return math.prod(shape if axis is None else [shape[a] for a in normalized_axes(axis, x.ndim)])


def of_nothing(value: float, operation: Any, x: mx.array, axis: Axes, keepdims: bool) -> mx.array:
    """The reduction of an array without elements: ``value``, in the dtype of ``operation``.

    On the CPU ``mlx.core`` 0.32.4 sometimes does not return from it, or with a wrong value. But it
    knows shape and dtype before it computes anything.
    """
    y = operation(x, axis, keepdims)
    return mx.full(y.shape, value).astype(y.dtype)


@primitive
def sum(x: mx.array, /, axis: Axes = None, keepdims: bool = False) -> mx.array:
    """The sum over ``axis``.

    Shape: that of ``x``, in which ``axis`` is gone, or of size 1 with ``keepdims``; without an
    ``axis``, all are.
    """
    return mx.sum(x, axis, keepdims) if x.size else of_nothing(0, mx.sum, x, axis, keepdims)


@sum.defvjp
def sum_vjp(
    g: array, y: array, x: array, axis: Axes = None, keepdims: bool = False
) -> tuple[array]:
    """The derivative of a sum: every summand receives the cotangent of its sum.

    Args:
        g: the cotangent of ``y``, of its shape: with or without the reduced axes.
        y: the sum.
        x: the argument.
        axis, keepdims: as ``sum`` was called with. ``keep_axes(g, x, axis)`` gives ``g`` the
            reduced axes in either case.

    Returns:
        A tuple with the cotangent of ``x``, of the shape of ``x``.
    """
    raise NotImplementedError(
        "3.19 sum_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@primitive
def mean(x: mx.array, /, axis: Axes = None, keepdims: bool = False) -> mx.array:
    """The mean over ``axis``.

    Shape: that of ``x``, in which ``axis`` is gone, or of size 1 with ``keepdims``; without an
    ``axis``, all are.
    """
    return (
        mx.mean(x, axis, keepdims) if x.size else of_nothing(math.nan, mx.mean, x, axis, keepdims)
    )


@mean.defvjp
def mean_vjp(
    g: array, y: array, x: array, axis: Axes = None, keepdims: bool = False
) -> tuple[array]:
    """The derivative of a mean over ``n`` elements: each receives one ``n``-th of the cotangent.

    Args:
        g: the cotangent of ``y``, of its shape.
        y: the mean.
        x: the argument.
        axis, keepdims: as ``mean`` was called with; ``reduced_size(x, axis)`` is ``n``.

    Returns:
        A tuple with the cotangent of ``x``, of the shape of ``x``.
    """
    raise NotImplementedError(
        "3.19 mean_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@primitive
def max(x: mx.array, /, axis: Axes = None, keepdims: bool = False) -> mx.array:
    """The greatest element along ``axis``."""
    return mx.max(x, axis, keepdims)


@max.defvjp
def max_vjp(
    g: array, y: array, x: array, axis: Axes = None, keepdims: bool = False
) -> tuple[array]:
    """The derivative of a maximum: the cotangent flows to the greatest element.

    If several elements are the greatest they share it equally, as in MLX (and ``torch.amax``).

    Args:
        g: the cotangent of ``y``, of its shape.
        y: the maximum.
        x: the argument.
        axis, keepdims: as ``max`` was called with.

    Returns:
        A tuple with the cotangent of ``x``, of the shape of ``x``.
    """
    raise NotImplementedError(
        "3.20 max_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@primitive
def min(x: mx.array, /, axis: Axes = None, keepdims: bool = False) -> mx.array:
    """The smallest element along ``axis``."""
    return mx.min(x, axis, keepdims)


@min.defvjp
def min_vjp(
    g: array, y: array, x: array, axis: Axes = None, keepdims: bool = False
) -> tuple[array]:
    """As for :func:`max`: the smallest elements share the cotangent equally."""
    return max_vjp(g, y, x, axis, keepdims)


@primitive
def prod(x: mx.array, /, axis: Axes = None, keepdims: bool = False) -> mx.array:
    """The product along ``axis``.

    Shape: that of ``x``, in which ``axis`` is gone, or of size 1 with ``keepdims``; without an
    ``axis``, all are.
    """
    return mx.prod(x, axis, keepdims) if x.size else of_nothing(1, mx.prod, x, axis, keepdims)


@prod.defvjp
def prod_vjp(
    g: array, y: array, x: array, axis: Axes = None, keepdims: bool = False
) -> tuple[array]:
    """The derivative of a product: for each factor the product of all the others.

    It must be right where factors are 0, so it is no quotient, and so must its own derivative be. A
    few scans along the row do (:func:`cumprod`); a product for every factor costs the square of
    their number. The lesson leads to the scans.

    Args:
        g: the cotangent of ``y``, of its shape.
        y: the product.
        x: the argument.
        axis, keepdims: as ``prod`` was called with. ``in_a_row(x, axis)`` gives ``x`` with the
            reduced axes as its last one, ``from_a_row(row, x, axis)`` brings such an array back.

    Returns:
        A tuple with the cotangent of ``x``, of the shape of ``x``.
    """
    raise NotImplementedError(
        "3.21 prod_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def in_a_row(x: array, axis: Axes) -> array:
    """``x`` with the axes of ``axis`` merged into one, which is last."""
    axes = normalized_axes(axis, x.ndim)
    rest = [a for a in range(x.ndim) if a not in axes]
    shape = [x.shape[a] for a in rest]
    return transpose(x, [*rest, *axes]).reshape([*shape, reduced_size(x, axis)])


def from_a_row(row: array, x: array, axis: Axes) -> array:
    """The inverse of :func:`in_a_row`: ``row`` in the shape of ``x``."""
    axes = normalized_axes(axis, x.ndim)
    order = [*(a for a in range(x.ndim) if a not in axes), *axes]
    places = sorted(range(x.ndim), key=order.__getitem__)
    return transpose(row.reshape([x.shape[a] for a in order]), places)


@primitive
def logsumexp(x: mx.array, /, axis: Axes = None, keepdims: bool = False) -> mx.array:
    """``log(sum(exp(x)))`` along ``axis``, without overflow.

    Shape: that of ``x``, in which ``axis`` is gone, or of size 1 with ``keepdims``; without an
    ``axis``, all are.
    """
    return mx.logsumexp(x, axis, keepdims)


@logsumexp.defvjp
def logsumexp_vjp(
    g: array, y: array, x: array, axis: Axes = None, keepdims: bool = False
) -> tuple[array]:
    """The derivative of the log-sum-exp: the share of each element in the sum.

    It must not overflow for large numbers, nor lose a row that lies far below the others. The
    lesson leads to a form that does neither.

    Args:
        g: the cotangent of ``y``, of its shape.
        y: the log-sum-exp.
        x: the argument.
        axis, keepdims: as ``logsumexp`` was called with.

    Returns:
        A tuple with the cotangent of ``x``, of the shape of ``x``.
    """
    raise NotImplementedError(
        "3.22 logsumexp_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@primitive
def softmax(x: mx.array, /, axis: Axes = None, *, precise: bool = False) -> mx.array:
    """``exp(x) / sum(exp(x))`` along ``axis``; ``precise`` computes in float32 at least.

    Shape: that of ``x``.
    """
    return mx.softmax(x, axis, precise=precise)


@softmax.defvjp
def softmax_vjp(
    g: array, y: array, x: array, axis: Axes = None, *, precise: bool = False
) -> tuple[array]:
    """``y (g - sum(g y))``: what is added to all the logits alike changes nothing."""
    gy = g * y
    return (gy - y * gy.sum(axis, True),)


@behind("var")
def variance(x: mx.array, /, axis: Axes = None, keepdims: bool = False, ddof: int = 0) -> mx.array:
    """The mean squared deviation from the mean; see :func:`var`."""
    return (
        mx.var(x, axis, keepdims, ddof)
        if x.size
        else of_nothing(math.nan, mx.var, x, axis, keepdims)
    )


@variance.defvjp
def variance_vjp(
    g: array, y: array, x: array, axis: Axes = None, keepdims: bool = False, ddof: int = 0
) -> tuple[array]:
    r"""The derivative of the variance.

    For :math:`y = \frac{1}{n - d} \sum_i (x_i - \bar x)^2` it is
    :math:`\partial y/\partial x_i = \frac{2 (x_i - \bar x)}{n - d}`: what :math:`x_i` changes
    through the mean :math:`\bar x` cancels, because the deviations sum to 0. (Complex deviations
    count by their absolute values, and the derivative has their conjugates; ``conj`` leaves real
    numbers alone.)

    Args:
        g: the cotangent of ``y``, of its shape.
        y: the variance.
        x: the argument.
        axis, keepdims: as ``var`` was called with; ``reduced_size(x, axis)`` is ``n``.
        ddof: ``d``, the degrees of freedom that the mean took.

    Returns:
        A tuple with the cotangent of ``x``, of the shape of ``x``; nan everywhere if ``n <= d``.
    """
    raise NotImplementedError(
        "3.23 variance_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def var(
    x: array,
    /,
    axis: Axes = None,
    keepdims: bool = False,
    ddof: int = 0,
    *,
    correction: int | None = None,
    stream: Stream = None,
) -> array:
    """The variance: the sum of squared deviations from the mean, divided by ``n - ddof``.

    ``correction`` is another name of ``ddof``.

    Shape: that of ``x``, in which ``axis`` is gone, or of size 1 with ``keepdims``; without an
    ``axis``, all are.
    """
    if correction is not None:
        ddof = correction
    return variance(x, axis, keepdims, ddof, stream=stream)


def std(
    x: array,
    /,
    axis: Axes = None,
    keepdims: bool = False,
    ddof: int = 0,
    *,
    correction: int | None = None,
    stream: Stream = None,
) -> array:
    """The standard deviation, the square root of :func:`var`.

    Shape: that of ``x``, in which ``axis`` is gone, or of size 1 with ``keepdims``; without an
    ``axis``, all are.
    """
    return sqrt(var(x, axis, keepdims, ddof, correction=correction, stream=stream), stream=stream)


def minmax(
    x: array, /, axis: Axes = None, keepdims: bool = False, *, stream: Stream = None
) -> tuple[array, array]:
    """The smallest and the greatest element along ``axis``."""
    return min(x, axis, keepdims, stream=stream), max(x, axis, keepdims, stream=stream)


def median(
    x: array, /, axis: Axes = None, keepdims: bool = False, *, stream: Stream = None
) -> array:
    """The middle element along ``axis``; the mean of the two middle ones for an even number.

    A nan anywhere makes it nan.
    """
    x = as_array(x)
    checked_axes("median", axis, x.ndim)
    if reduced_size(x, axis) == 0:
        raise ValueError("[median] Cannot take median along empty axis.")
    row = sort(in_a_row(x, axis), -1, stream=stream)
    n = row.shape[-1]
    middle = mean(row[..., (n - 1) // 2 : n // 2 + 1], -1, stream=stream)
    last = row[..., -1]  # where there is a nan, it has been sorted to the end
    middle = where(isnan(last), last, middle)
    shape = kept_shape(x.shape, axis)
    if not keepdims:
        axes = normalized_axes(axis, x.ndim)
        shape = tuple(size for a, size in enumerate(shape) if a not in axes)
    return middle.reshape(shape)


def trace(
    x: array,
    /,
    offset: int = 0,
    axis1: int = 0,
    axis2: int = 1,
    dtype: Any = None,
    *,
    stream: Stream = None,
) -> array:
    """The sum along the diagonals of two axes.

    Shape: that of ``x`` without the two axes.
    """
    if as_array(x).ndim < 2:
        raise ValueError(f"[trace] Array must have at least two dimensions, not {x.ndim}.")
    checked_axes("trace", (axis1, axis2), x.ndim)
    entries = diagonal(x, offset, axis1, axis2, stream=stream)
    return sum(entries if dtype is None else entries.astype(dtype), -1, stream=stream)
