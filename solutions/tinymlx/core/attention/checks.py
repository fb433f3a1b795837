"""What attention refuses, with MLX's errors."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from ..arrays import array, as_array
from ..broadcasting import broadcast_shapes
from .masks import Mask

NAME = "[scaled_dot_product_attention]"


def checked(q: array, k: array, v: array) -> mx.Dtype:
    """The dtype that queries, keys and values have together.

    Raises:
        ValueError: their shapes do not go together, or they are no floating point numbers.
    """
    for x in (q, k, v):
        if x.ndim != 4:
            raise ValueError(
                f"{NAME} input with shape {shown(x.shape)} expected to be rank 4, "
                f"(batch, heads, length, dims)."
            )
        if x.shape[0] != q.shape[0]:
            raise ValueError(
                f"{NAME} mismatching batch dimension for input with shape {shown(x.shape)}: "
                f"the queries have {q.shape[0]}."
            )
    if q.shape[-1] != k.shape[-1]:
        raise ValueError(
            f"{NAME} query, keys expected to have matching last dimension; found query shape "
            f"{shown(q.shape)} for keys shape {shown(k.shape)}."
        )
    if k.shape[1] != v.shape[1]:
        raise ValueError(
            f"{NAME} keys, values expected to have matching n_kv_heads; found keys with n_heads "
            f"{k.shape[1]} for values with n_heads {v.shape[1]}."
        )
    if k.shape[2] != v.shape[2]:
        raise ValueError(
            f"{NAME} there must be a value for each key; found {k.shape[2]} keys and "
            f"{v.shape[2]} values."
        )
    if q.shape[1] % k.shape[1] if k.shape[1] else q.shape[1]:
        raise ValueError(
            f"{NAME} n_heads must be a multiple of n_kv_heads, found n_heads {q.shape[1]} for "
            f"n_kv_heads {k.shape[1]}."
        )
    dtype = mx.result_type(q.dtype, k.dtype, v.dtype)
    if not mx.issubdtype(dtype, mx.floating):
        raise ValueError(f"{NAME} Received unsupported type {name_of(dtype)}.")
    return dtype


def checked_mask(mask: Any, shape: tuple[int, ...], dtype: mx.Dtype) -> Mask:
    """A mask, as an array of at least two axes if it is one.

    Raises:
        ValueError: it is another word than ``"causal"``, does not broadcast to the scores, or has a
            wider dtype.
    """
    if isinstance(mask, str):
        if mask != "causal":
            raise ValueError(f"{NAME} invalid mask option '{mask}'. Must be 'causal', or an array.")
        return mask
    mask = as_array(mask)
    if mask.ndim > 4:
        raise ValueError(
            f"{NAME} the mask with shape {shown(mask.shape)} expected to have at most rank 4."
        )
    if broadcast_shapes(mask.shape, shape) != shape:
        raise ValueError(
            f"{NAME} the mask with shape {shown(mask.shape)} does not broadcast to the scores, "
            f"{shown(shape)}."
        )
    check_narrow("Mask type", mask, dtype)
    return mask.reshape((1,) * (2 - mask.ndim) + mask.shape)


def checked_sinks(sinks: array, heads: int, dtype: mx.Dtype) -> array:
    """The sinks.

    Raises:
        ValueError: there is not one for each head, or they have a wider dtype.
    """
    if sinks.shape != (heads,):
        raise ValueError(f"{NAME} Received invalid shape for sinks {shown(sinks.shape)}.")
    check_narrow("Type of sinks", sinks, dtype)
    return sinks


def check_narrow(what: str, x: array, dtype: mx.Dtype) -> None:
    """Whether ``x`` together with the queries has the dtype of those.

    Raises:
        ValueError: it has not.
    """
    if mx.result_type(x.dtype, dtype) != dtype:
        raise ValueError(f"{NAME} {what} must promote to output type {name_of(dtype)}.")


def shown(shape: tuple[int, ...]) -> str:
    """A shape as MLX writes it."""
    return "(" + ",".join(map(str, shape)) + ")"


def name_of(dtype: mx.Dtype) -> str:
    """``"int32"`` for ``mx.int32``."""
    return str(dtype).rpartition(".")[2]
