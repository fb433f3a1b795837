"""The kernels as functions of arrays, with derivatives.

Each runs its kernel on a GPU. On a CPU, for rows too long for a kernel, and where a transform
watches (for a derivative of the derivative, or under ``vmap``), the same is computed by operations.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from tinymlx import core
from tinymlx.core import array

from . import attention as flash
from .attention_tensor import tensor_attention_kernel
from .attention_tensor_pull import tensor_pull_kernels
from .launch import Kernel, language_here, run
from .lstm import MOST_UNITS, lstm_kernel, lstm_pull_kernel
from .moves import add_kernel, row_sum_kernel, transpose_kernel
from .norms import norm_kernel, norm_pull_kernel
from .plain import matmul_tiles
from .quantized import MOST_VECTORS, quantized_kernel
from .softmax import softmax_kernel, softmax_pull_kernel


def ready(*arrays: array) -> bool:
    """Whether kernels may run on these arrays: on a GPU, nobody watching, none of them empty."""
    return language_here() is not None and all(x._trace is None and x.size > 0 for x in arrays)


def rows_of(x: array) -> tuple[int, int]:
    """The shape of ``x`` as rows: all axes but the last one are one."""
    return x.size // x.shape[-1], x.shape[-1]


def on_rows(kernel: Kernel | None, *arrays: array) -> list[array] | None:
    """Run a kernel of rows on arrays of more axes; ``None`` if there is no kernel."""
    if kernel is None:
        return None
    flat = [x.reshape(rows_of(x)) if x.ndim > 1 else x for x in arrays]
    return run(kernel, *flat)


# Elements, rows, tiles


@core.custom_function
def _add(x: array, y: array) -> array:
    if not ready(x, y):
        return x + y
    return run(add_kernel(x.size, x.dtype), x.reshape(-1), y.reshape(-1))[0].reshape(x.shape)


@_add.vjp
def _add_pull(primals: Any, g: array, z: array) -> tuple[array, array]:
    return g, g


def add(x: array, y: array) -> array:
    """The sum of two arrays of one shape and dtype.

    Raises:
        ValueError: they differ in shape or dtype.
    """
    if x.shape != y.shape or x.dtype != y.dtype:
        raise ValueError(f"[add] {x.shape} {x.dtype} and {y.shape} {y.dtype} differ.")
    return _add(x, y)


@core.custom_function
def transpose(x: array) -> array:
    """A matrix turned, as a copy."""
    if not ready(x):
        return x.T
    return run(transpose_kernel(x.shape[0], x.shape[1], x.dtype), x)[0]


@transpose.vjp
def _transpose_pull(x: array, g: array, y: array) -> array:
    return transpose(g)


@core.custom_function
def row_sum(x: array) -> array:
    """The sum over the last axis, in float32 inside."""
    found = on_rows(row_sum_kernel(*rows_of(x), x.dtype), x) if ready(x) else None
    return core.sum(x, axis=-1) if found is None else found[0].reshape(x.shape[:-1])


@row_sum.vjp
def _row_sum_pull(x: array, g: array, y: array) -> array:
    return core.broadcast_to(g[..., None], x.shape)


@core.custom_function
def matmul(a: array, b: array) -> array:
    """The product of two matrices of one dtype."""
    if not ready(a, b):
        return a @ b
    return run(matmul_tiles(a.shape[0], a.shape[1], b.shape[1], a.dtype), a, b)[0]


@matmul.vjp
def _matmul_pull(primals: Any, g: array, c: array) -> tuple[array, array]:
    a, b = primals
    return matmul(g, transpose(b)), matmul(transpose(a), g)


# Softmax and norms


@core.custom_function
def softmax(x: array) -> array:
    """Softmax over the last axis, in float32 inside."""
    found = on_rows(softmax_kernel(*rows_of(x), x.dtype), x) if ready(x) else None
    return core.softmax(x, axis=-1, precise=True) if found is None else found[0].reshape(x.shape)


@softmax.vjp
def softmax_pull(x: array, g: array, y: array) -> array:
    """The cotangent of ``x``."""
    kernel = softmax_pull_kernel(*rows_of(x), x.dtype) if ready(g, y) else None
    found = on_rows(kernel, g, y)
    if found is not None:
        return found[0].reshape(x.shape)
    return y * (g - core.sum(g * y, axis=-1, keepdims=True))


def rms_norm_pull(g: array, x: array, w: array, eps: float) -> tuple[array, array]:
    r"""The derivative of RMS norm over the last axis, by operations, as the lesson derives it.

    Args:
        g: the cotangent of the output, ``(..., N)``.
        x: the input, ``(..., N)``.
        w: the weight, ``(N,)``.
        eps: what is added to the mean of the squares.

    Returns:
        The cotangents of ``x`` and of ``w``, in their shapes. (Everything is in float32 already.)
    """
    r = core.rsqrt(core.mean(core.square(x), axis=-1, keepdims=True) + eps)
    gw = g * w
    gx = r * (gw - x * r * r * core.mean(gw * x, axis=-1, keepdims=True))
    return gx, core.sum(g * x * r, axis=tuple(range(x.ndim - 1)))


def rms_norm(x: array, weight: array, eps: float) -> array:
    """RMS norm over the last axis: one kernel there, and one back.

    A ``core.custom_function`` of ``x`` and ``weight`` that computes ``_rms(x, weight, eps)``; its
    derivative is ``_rms_back(g, x, weight, eps)``, which returns the two cotangents. The number
    ``eps`` has none.

    Args:
        x: ``(..., N)``.
        weight: ``(N,)``, in the dtype of ``x``.
        eps: what is added to the mean of the squares.
    """

    @core.custom_function
    def norm(x: array, weight: array) -> array:
        return _rms(x, weight, eps)

    @norm.vjp
    def back(primals: Any, g: array, y: array) -> tuple[array, array]:
        x, weight = primals
        return _rms_back(g, x, weight, eps)

    return norm(x, weight)


def _rms(x: array, w: array, eps: float) -> array:
    kernel = norm_kernel(*rows_of(x), x.dtype, eps, False) if ready(x, w) else None
    found = on_rows(kernel, x, w)
    if found is not None:
        return found[0].reshape(x.shape)
    y = x.astype(core.float32)
    y = y * core.rsqrt(core.mean(core.square(y), axis=-1, keepdims=True) + eps)
    return (y * w).astype(x.dtype)


def _rms_back(g: array, x: array, w: array, eps: float) -> tuple[array, array]:
    kernel = norm_pull_kernel(*rows_of(x), x.dtype, eps, False) if ready(g, x, w) else None
    found = on_rows(kernel, g, x, w)
    if found is not None:
        return found[0].reshape(x.shape), core.sum(found[1], axis=0).astype(w.dtype)
    single = [a.astype(core.float32) for a in (g, x, w)]
    gx, gw = rms_norm_pull(single[0], single[1], single[2], eps)
    return gx.astype(x.dtype), gw.astype(w.dtype)


@core.custom_function
def _layer_norm(x: array, w: array, b: array, *, eps: float) -> array:
    kernel = norm_kernel(*rows_of(x), x.dtype, eps, True) if ready(x, w, b) else None
    found = on_rows(kernel, x, w, b)
    if found is not None:
        return found[0].reshape(x.shape)
    y = x.astype(core.float32)
    y = y - core.mean(y, axis=-1, keepdims=True)
    y = y * core.rsqrt(core.mean(core.square(y), axis=-1, keepdims=True) + eps)
    return (y * w + b).astype(x.dtype)


@_layer_norm.vjp
def _layer_norm_pull(primals: Any, g: array, y: array, *, eps: float) -> tuple[array, ...]:
    x, w, b = primals
    kernel = norm_pull_kernel(*rows_of(x), x.dtype, eps, True) if ready(g, x, w) else None
    found = on_rows(kernel, g, x, w)
    if found is not None:
        gw, gb = (core.sum(partial, axis=0) for partial in found[1:])
        return found[0].reshape(x.shape), gw.astype(w.dtype), gb.astype(b.dtype)
    h = x.astype(core.float32)
    h = h - core.mean(h, axis=-1, keepdims=True)
    r = core.rsqrt(core.mean(core.square(h), axis=-1, keepdims=True) + eps)
    h = h * r
    gh = g * w.astype(core.float32)
    along = core.mean(gh, axis=-1, keepdims=True) + h * core.mean(gh * h, axis=-1, keepdims=True)
    axes = tuple(range(x.ndim - 1))
    gw, gb = core.sum(g * h, axis=axes), core.sum(g.astype(core.float32), axis=axes)
    return (r * (gh - along)).astype(x.dtype), gw.astype(w.dtype), gb.astype(b.dtype)


def layer_norm(x: array, weight: array, bias: array, eps: float) -> array:
    """Layer norm over the last axis; ``weight`` and ``bias`` are in the dtype of ``x``."""
    return _layer_norm(x, weight, bias, eps=eps)


# Attention


def _heads(q: array, k: array) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shapes with batch and heads as one axis."""
    return (math.prod(q.shape[:2]), *q.shape[2:]), (math.prod(k.shape[:2]), *k.shape[2:])


@core.custom_function
def _attend(q: array, k: array, v: array, *, scale: float, causal: bool) -> tuple[array, array]:
    """The output, and the logarithm of each query's sum, which the way back needs."""
    if ready(q, k, v):
        shapes = _heads(q, k)
        options = (*shapes, q.dtype, scale, causal)
        kernel = tensor_attention_kernel(*options) if language_here() == "cuda" else None
        kernel = kernel or flash.attention_kernel(*options)
        y, lse = run(kernel, q.reshape(shapes[0]), k.reshape(shapes[1]), v.reshape(shapes[1]))
        return y.reshape(q.shape), lse.reshape(q.shape[:-1])
    k, v = (core.repeat(a, q.shape[1] // k.shape[1], axis=1) for a in (k, v))
    scores = (q.astype(core.float32) * scale) @ core.swapaxes(k, -1, -2).astype(core.float32)
    if causal:
        asks = core.arange(q.shape[2])[:, None] + (k.shape[2] - q.shape[2])
        scores = core.where(asks >= core.arange(k.shape[2]), scores, -math.inf)
    lse = core.logsumexp(scores, axis=-1)
    p = core.exp(scores - core.where(lse > -math.inf, lse, 0)[..., None])
    return (p @ v.astype(core.float32)).astype(q.dtype), lse


@_attend.vjp
def _attend_pull(
    primals: Any, g: Any, outputs: Any, *, scale: float, causal: bool
) -> Sequence[array]:
    q, k, v = primals
    (g, _), (y, lse) = g, outputs
    if not ready(g, q, k, v, y, lse):

        def plain(q: array, k: array, v: array) -> array:
            return _attend.fun(q, k, v, scale=scale, causal=causal)[0]

        return core.vjp(plain, [q, k, v], [g])[1]
    shapes = _heads(q, k)
    options = (*shapes, q.dtype, scale, causal)
    qs, gs, ys = (a.reshape(shapes[0]) for a in (q, g, y))
    ks, vs = (a.reshape(shapes[1]) for a in (k, v))
    sums = lse.reshape(shapes[0][:2])
    tensor = tensor_pull_kernels(*options) if language_here() == "cuda" else None
    if tensor is not None:
        gq, delta = run(tensor[0], qs, gs, ks, vs, sums, ys)
        gk, gv = run(tensor[1], ks, vs, qs, gs, sums, delta)
        return gq.reshape(q.shape), gk.reshape(k.shape), gv.reshape(v.shape)
    gq, delta = run(flash.queries_pull_kernel(*options), gs, qs, ks, vs, ys, sums)
    gk, gv = run(flash.keys_pull_kernel(*options), gs, qs, ks, vs, sums, delta)
    return gq.reshape(q.shape), gk.reshape(k.shape), gv.reshape(v.shape)


def attention(q: array, k: array, v: array, *, scale: float, causal: bool = False) -> array:
    """Attention as ``core.fast.scaled_dot_product_attention`` has it, with no mask or a causal one.

    Args:
        q: ``(B, H, TQ, D)``.
        k, v: ``(B, H_kv, TK, D)``, all three in one dtype; ``H`` is a multiple of ``H_kv``.
        scale: of the scores.
        causal: whether a query asks only keys up to its own; the last query stands at the last key.
    """
    return _attend(q, k, v, scale=scale, causal=causal)[0]


# Recurrence


@core.custom_function
def _lstm(x: array, w: array, h: array, c: array) -> tuple[array, array]:
    (length, batch, _), units = x.shape, h.shape[-1]
    if ready(x, w, h, c) and units <= MOST_UNITS:
        turned = core.transpose(w.reshape(4, units, units), (2, 0, 1))
        found = run(lstm_kernel(length, batch, units, x.dtype), x, turned, h, c)
        return found[0], found[1]
    states, cells = [], []
    for t in range(length):
        i, f, g, o = core.split(x[t] + h @ w.T, 4, axis=-1)
        c = core.sigmoid(f) * c + core.sigmoid(i) * core.tanh(g)
        h = core.sigmoid(o) * core.tanh(c)
        states.append(h)
        cells.append(c)
    return core.stack(states), core.stack(cells)


@_lstm.vjp
def _lstm_pull(primals: Any, g: Any, outputs: Any) -> Sequence[array]:
    x, w, h, c = primals
    (gh, gc), (hs, cs) = g, outputs
    (length, batch, _), units = x.shape, h.shape[-1]
    if not ready(x, w, h, c, gh, gc, hs, cs) or units > MOST_UNITS:
        return core.vjp(_lstm.fun, [x, w, h, c], [gh, gc])[1]
    before = core.concatenate([h[None], hs[:-1]])
    z = (x + before @ w.T).reshape(length, batch, 4, units)
    gates = core.concatenate(
        [core.sigmoid(z[..., :2, :]), core.tanh(z[..., 2:3, :]), core.sigmoid(z[..., 3:, :])],
        axis=2,
    ).reshape(x.shape)
    kernel = lstm_pull_kernel(length, batch, units, x.dtype)
    gx, gh0, gc0 = run(kernel, gh, gc, w, cs, gates, c)
    gw = gx.reshape(-1, 4 * units).T @ before.reshape(-1, units)
    return gx, gw, gh0, gc0


def lstm(x: array, w: array, h: array, c: array) -> tuple[array, array]:
    """The states and cells of an LSTM after every step.

    Args:
        x: what the input becomes, its bias in it, ``(L, B, 4 H)``.
        w: ``(4 H, H)``, the matrix for the state.
        h, c: before the first step, ``(B, H)``.

    Returns:
        Both ``(L, B, H)``.
    """
    return _lstm(x, w, h, c)


# Quantized products


@core.custom_function
def _quantized(
    x: array, w: array, scales: array, biases: array, *, group_size: int, bits: int
) -> array:
    vectors, dims = rows_of(x)
    if ready(x, w, scales, biases) and vectors <= MOST_VECTORS:
        kernel = quantized_kernel(vectors, w.shape[0], dims, group_size, bits, x.dtype)
        found = run(kernel, x.reshape(vectors, dims), w, scales, biases)[0]
        return found.reshape(*x.shape[:-1], w.shape[0])
    return core.quantized_matmul(x, w, scales, biases, group_size=group_size, bits=bits)


@_quantized.vjp
def _quantized_pull(
    primals: Any, g: array, y: array, *, group_size: int, bits: int
) -> Sequence[array | None]:
    multiply = functools.partial(core.quantized_matmul, group_size=group_size, bits=bits)
    x, w, scales, biases = primals

    def product(x: array, scales: array, biases: array) -> array:
        return multiply(x, w, scales, biases)

    gx, by_scale, by_bias = core.vjp(product, [x, scales, biases], [g])[1]
    return gx, None, by_scale, by_bias


def quantized_matmul(
    x: array, w: array, scales: array, biases: array, group_size: int = 64, bits: int = 4
) -> array:
    """The product of ``x``, ``(..., D)``, with the transpose of a quantized matrix."""
    return _quantized(x, w, scales, biases, group_size=group_size, bits=bits)
