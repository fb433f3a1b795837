r"""Layer norm and RMS norm of the last axis.

With :math:`\hat x = r \, x`, or :math:`r \, (x - \bar x)` in layer norm, and
:math:`h = g \odot w`, the cotangent of the input is

.. math:: g_x = r \, \big(h - [\overline{h}] - \hat x \; \overline{h \hat x}\big),

where a bar is the mean over the last axis, and the term in brackets belongs to layer norm alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from ..arrays import array
from ..batching import Batch, one_by_one, rules
from ..exponential import rsqrt
from ..primitive import Primitive, primitive
from ..reductions import mean, sum


@primitive
def rms_norm(x: mx.array, weight: mx.array | None, /, eps: float) -> mx.array:
    """Root mean square normalization of the last axis, as ``mlx.core.fast.rms_norm``.

    Shape: that of ``x``.
    """
    return mx.fast.rms_norm(x, weight, eps)


@rms_norm.defvjp
def rms_norm_vjp(
    g: array, y: array, x: array, weight: array | None, *, eps: float
) -> tuple[array | None, ...]:
    """See :mod:`.norms`."""
    wide, g = in_float32(x), in_float32(g)
    r = rsqrt(mean(wide * wide, axis=-1, keepdims=True) + eps)
    return pulled(g, wide * r, r, x, weight, None, centred=False)[:2]


@primitive
def layer_norm(
    x: mx.array, weight: mx.array | None, bias: mx.array | None, /, eps: float
) -> mx.array:
    """Layer normalization of the last axis, as ``mlx.core.fast.layer_norm``.

    Shape: that of ``x``.
    """
    return mx.fast.layer_norm(x, weight, bias, eps)


@layer_norm.defvjp
def layer_norm_vjp(
    g: array, y: array, x: array, weight: array | None, bias: array | None, *, eps: float
) -> tuple[array | None, ...]:
    """See :mod:`.norms`."""
    wide, g = in_float32(x), in_float32(g)
    wide = wide - mean(wide, axis=-1, keepdims=True)
    r = rsqrt(mean(wide * wide, axis=-1, keepdims=True) + eps)
    return pulled(g, wide * r, r, x, weight, bias, centred=True)


def pulled(
    g: array,
    normal: array,
    r: array,
    x: array,
    weight: array | None,
    bias: array | None,
    centred: bool,
) -> tuple[array | None, ...]:
    """The cotangents of ``x``, ``weight`` and ``bias``, each in its dtype."""
    h = g if weight is None else g * in_float32(weight)
    along = normal * mean(h * normal, axis=-1, keepdims=True)
    gx = h - along - mean(h, axis=-1, keepdims=True) if centred else h - along
    axes = tuple(range(x.ndim - 1))
    gw = None if weight is None else sum(g * normal, axis=axes).astype(weight.dtype)
    gb = None if bias is None else sum(g, axis=axes).astype(bias.dtype)
    return (r * gx).astype(x.dtype), gw, gb


def in_float32(x: array) -> array:
    """``x``, and a shorter floating dtype as float32."""
    return x.astype(mx.result_type(x.dtype, mx.float32))


def _rows(
    batch: Batch,
    primitive: Primitive,
    args: Sequence[Any],
    batched: Sequence[bool],
    params: dict[str, Any],
) -> Any:
    """The batching rule: a batch is an axis more before the last one, where only ``x`` has it."""
    if list(batched) == [True] + [False] * (len(args) - 1) and args[0].ndim > 1:
        return primitive(*args, **params)
    return one_by_one(batch, primitive, args, batched, params)


rules[rms_norm] = rules[layer_norm] = _rows
