"""Products with quantized matrices: a code of a few bits for each weight, and for each group of
neighbours in a row a scale and a bias, ``weight = scale * code + bias``."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from .arrays import Stream, array, wrap
from .broadcasting import unbroadcast
from .passthrough import passed
from .primitive import behind
from .shapes import swapaxes

dequantized = passed(mx.dequantize)


def quantized_matmul(
    x: Any,
    w: Any,
    /,
    scales: Any,
    biases: Any = None,
    transpose: bool = True,
    group_size: int | None = None,
    bits: int | None = None,
    mode: str = "affine",
    *,
    stream: Stream = None,
) -> array:
    """The product of ``x`` with a quantized matrix, or with its transpose (the default).

    Gradients flow to ``x``, and in the mode ``"affine"`` to ``scales`` and ``biases``.

    Shape: ``(..., K)`` and a matrix of ``N`` rows and ``K`` columns to ``(..., N)``.
    """
    options = {"transpose": transpose, "group_size": group_size, "bits": bits, "mode": mode}
    return quantized_product(x, w, scales, biases, **options, stream=stream)


@behind("quantized_matmul")
def quantized_product(
    x: mx.array,
    w: mx.array,
    scales: mx.array,
    biases: mx.array | None,
    /,
    *,
    transpose: bool,
    group_size: int | None,
    bits: int | None,
    mode: str,
) -> mx.array:
    """See :func:`quantized_matmul`."""
    return mx.quantized_matmul(x, w, scales, biases, transpose, group_size, bits, mode)


@quantized_product.defvjp
def quantized_product_vjp(
    g: array,
    y: array,
    x: array,
    w: array,
    scales: array,
    biases: array | None,
    *,
    transpose: bool,
    group_size: int | None,
    bits: int | None,
    mode: str,
) -> tuple[array | None, None, array | None, array | None]:
    """``x`` receives the product with the matrix transposed. The codes are constants.

    A scale receives the cotangents of the weights of its group, each times its code; a bias
    receives their sum.
    """
    options = {"group_size": group_size, "bits": bits, "mode": mode}
    gx = quantized_product(g, w, scales, biases, transpose=not transpose, **options)
    if mode != "affine" or biases is None:
        return gx, None, None, None
    rows, columns = (g, x) if transpose else (x, g)
    if w.ndim == 2:  # one matrix for all: the axes before the last are summed over
        rows, columns = rows.reshape(-1, rows.shape[-1]), columns.reshape(-1, columns.shape[-1])
    weights = swapaxes(rows, -1, -2) @ columns
    groups = weights.reshape(*weights.shape[:-1], scales.shape[-1], -1)
    one, nothing = (wrap(make(scales.shape, scales.dtype)) for make in (mx.ones, mx.zeros))
    codes = dequantized(w, one, nothing, **options).reshape(*w.shape[:-1], scales.shape[-1], -1)
    by_scale = (groups * codes).sum(-1)
    return gx, None, unbroadcast(by_scale, scales), unbroadcast(groups.sum(-1), biases)
