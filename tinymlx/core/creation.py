"""Making arrays from nothing, and small compositions of what the other modules offer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from . import arithmetic
from .arrays import Dtype, Stream, array, as_array, holder, unwrap, wrap
from .broadcasting import checked_axes
from .conversion import astype
from .primitive import behind, primitive
from .shapes import broadcast_to

Shape = int | Sequence[int]


def full(shape: Shape, vals: Any, dtype: Dtype | None = None, *, stream: Stream = None) -> array:
    """An array with ``vals`` everywhere; ``vals`` may be an array that broadcasts to the shape."""
    if isinstance(vals, array) and vals._trace is not None:
        sizes = (shape,) if isinstance(shape, int) else tuple(shape)
        return broadcast_to(vals, sizes, stream=stream)  # mlx.core 0.32.4 does not cast, either
    return wrap(mx.full(shape, unwrap(vals), dtype, stream=stream))


def full_like(a: Any, vals: Any, dtype: Dtype | None = None, *, stream: Stream = None) -> array:
    """An array with the shape and dtype of ``a`` and ``vals`` everywhere."""
    a = as_array(a)
    dtype = a.dtype if dtype is None else dtype
    if isinstance(vals, array):
        vals = astype(vals, dtype)
    return full(a.shape, vals, dtype, stream=stream)


def zeros(shape: Shape, dtype: Dtype | None = mx.float32, *, stream: Stream = None) -> array:
    """An array of zeros.

    Shape: ``shape``.
    """
    return wrap(mx.zeros(shape, dtype, stream=stream))


def ones(shape: Shape, dtype: Dtype | None = mx.float32, *, stream: Stream = None) -> array:
    """An array of ones.

    Shape: ``shape``.
    """
    return wrap(mx.ones(shape, dtype, stream=stream))


def zeros_like(x: Any, /, dtype: Dtype | None = None, *, stream: Stream = None) -> array:
    """Zeros with the shape and dtype of ``x``."""
    return zeros(x.shape, x.dtype if dtype is None else dtype, stream=stream)


def ones_like(x: Any, /, dtype: Dtype | None = None, *, stream: Stream = None) -> array:
    """Ones with the shape and dtype of ``x``."""
    return ones(x.shape, x.dtype if dtype is None else dtype, stream=stream)


def asarray(a: Any, dtype: Dtype | None = None, *, copy: bool | None = None) -> array:
    """``a`` as an array; in-place changes of the result do not reach ``a``.

    Shape: that of ``a``.
    """
    if not isinstance(a, array):
        return wrap(mx.asarray(a, dtype, copy=copy))
    if copy is False:  # as in mlx.core 0.32.4, which copies even an array of the same dtype
        raise ValueError("Unable to avoid copy while creating an array as requested.")
    return holder(a) if dtype is None or a.dtype == dtype else astype(a, dtype)


def diff(x: Any, /, n: int = 1, axis: int = -1, *, stream: Stream = None) -> array:
    """The differences of neighbours along ``axis``, ``n`` times.

    Shape: that of ``x``, with ``axis`` shorter by ``n``.
    """
    if n < 0:
        raise ValueError(f"[diff] Order {n} must not be negative.")
    x = as_array(x)
    (axis,) = checked_axes("diff", axis, x.ndim)
    before = (slice(None),) * axis
    for _ in range(n):
        later, earlier = x[(*before, slice(1, None))], x[(*before, slice(0, -1))]
        if x.dtype == mx.bool_:
            x = later != earlier
        else:
            x = arithmetic.subtract(later, earlier, stream=stream)
    return x


@primitive
def hadamard_transform(a: mx.array, /, scale: float | None = None) -> mx.array:
    """The product of the last axis with a Hadamard matrix, times ``scale`` (``1 / sqrt(n)``).

    Shape: that of ``a``, whose last axis has ``m * 2**k`` entries, ``m`` 1, 12, 20 or 28.
    """
    return mx.hadamard_transform(a, scale)


@hadamard_transform.defvjp
def hadamard_transform_vjp(
    g: array, y: array, x: array, scale: float | None = None
) -> tuple[array]:
    """The matrix is symmetric for a power of two; for the other sizes multiply by its transpose."""
    n = x.shape[-1] if x.ndim else 1
    if n & (n - 1) == 0:
        return (hadamard_transform(g, scale),)
    rows = wrap(mx.hadamard_transform(mx.eye(n, dtype=x.dtype), scale))
    return (g @ rows.T,)


@behind("depends")
def depending(*arrays: mx.array, count: int) -> Any:
    """The first ``count`` arrays, computed after all others; see :func:`depends`."""
    return mx.depends(list(arrays[:count]), list(arrays[count:]))


@depending.defvjp
def depending_vjp(g: list[array], y: list[array], *arrays: array, count: int) -> list[array | None]:
    """The arrays receive their cotangents, what they waited for nothing."""
    return [*g, *(None for _ in arrays[count:])]


def depends(inputs: Any, dependencies: Any) -> Any:
    """The inputs, which are computed only after the dependencies.

    Shape: of each, that of the input.
    """
    many = isinstance(inputs, (list, tuple))
    first = list(inputs) if many else [inputs]
    later = list(dependencies) if isinstance(dependencies, (list, tuple)) else [dependencies]
    outputs = depending(*first, *later, count=len(first))
    return outputs if many else outputs[0]
