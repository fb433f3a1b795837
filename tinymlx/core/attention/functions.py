"""Attention with MLX's name."""

from __future__ import annotations

import mlx.core as mx

from ..arrays import Stream, array, as_array
from ..creation import zeros
from .checks import checked, checked_mask, checked_sinks
from .grid import Grid, tile_side
from .masks import Mask
from .plain import plain
from .tiles import attention

#: What the scores may take if they are kept for the derivative; on a GPU, where tiles cost more.
SCORES_BYTES = 128_000_000
GPU_SCORES_BYTES = 512_000_000


def scaled_dot_product_attention(
    q: array,
    k: array,
    v: array,
    *,
    scale: float,
    mask: Mask = None,
    sinks: array | None = None,
    force_fused: bool = False,
    stream: Stream = None,
) -> array:
    r"""Every query asks every key, and gets a weighted mean of the values.

    .. math:: y_i = \sum_j p_{ij} v_j, \qquad
        p_i = \operatorname{softmax}_j(s \, q_i \cdot k_j + m_{ij})

    Args:
        q: queries, ``(B, N_q, T_q, D)``.
        k: keys, ``(B, N_kv, T_kv, D)``. ``N_q`` is a multiple of ``N_kv``: as many neighbouring
            heads of the queries share one of keys and values.
        v: values, ``(B, N_kv, T_kv, D_v)``.
        scale: :math:`s`, usually ``D ** -0.5``.
        mask: ``None``; ``"causal"``, where the last query stands at the last key; or an array that
            broadcasts to ``(B, N_q, T_q, T_kv)``: of truth values, true at keys to be asked, or of
            numbers to be added.
        sinks: a score for each head that takes part in the softmax but has no value, ``(N_q,)``.
        force_fused: whether no array of all scores may be made, however small it is.
        stream: the stream or device.

    Returns:
        ``(B, N_q, T_q, D_v)``, in the dtype that the three have together. The softmax is computed
        in float32 at least. A query that may ask nobody gets 0 and has no gradient (in MLX 0.32.4:
        the mean of all values, or nan).

    Raises:
        ValueError: shapes that do not go together, a mask that does not fit, or complex numbers.
    """
    if stream is not None:
        with mx.stream(stream):
            return scaled_dot_product_attention(
                q, k, v, scale=scale, mask=mask, sinks=sinks, force_fused=force_fused
            )
    q, k, v = as_array(q), as_array(k), as_array(v)
    dtype = checked(q, k, v)
    if mask is not None:
        mask = checked_mask(mask, (*q.shape[:3], k.shape[2]), dtype)
    if sinks is not None:
        sinks = checked_sinks(as_array(sinks), q.shape[1], dtype)
    q, k, v = q.astype(dtype), k.astype(dtype), v.astype(dtype)
    return _attention(q * scale, k, v, mask, sinks, force_fused)


def _attention(q: array, k: array, v: array, mask: Mask, sinks: array | None, fused: bool) -> array:
    """The same for arrays of one dtype that go together, by the faster way."""
    batch, heads, queries, _ = q.shape
    keys = k.shape[2]
    if 0 in (batch, heads, queries, keys):
        return zeros((batch, heads, queries, v.shape[-1]), q.dtype)
    most = SCORES_BYTES if mx.default_device().type == mx.cpu else GPU_SCORES_BYTES
    if not fused and batch * heads * queries * keys * q.itemsize <= most:
        return plain(q, k, v, mask, sinks)
    causal = isinstance(mask, str)
    grid = Grid(queries, keys, tile_side(batch * heads, q.itemsize), causal)
    return attention(q, k, v, None if causal else mask, sinks, grid=grid)[0]
