r"""The gated delta rule: a matrix as memory, which forgets and is corrected at each step.

With a decay :math:`\gamma`, a rate :math:`\beta`, a key :math:`k`, a value :math:`v` and a query
:math:`q` for each time,

.. math:: S \leftarrow \gamma S, \qquad S \leftarrow S + \beta \, (v - S k) \, k^\top, \qquad
    y = S q.

Source: S. Yang et al., Gated Delta Networks (2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from ..arranging import repeat
from ..arrays import Stream, array
from ..creation import zeros
from ..joining import stack
from ..primitive import behind
from ..reductions import sum
from ..selection import where
from ..transforms import vjp
from .norms import in_float32


def gated_delta_update(
    q: array,
    k: array,
    v: array,
    gamma: array,
    beta: array,
    initial_state: array | None = None,
    mask: array | None = None,
    stream: Stream = None,
) -> list[array]:
    """Outputs and the last state, as ``mlx.core.fast.gated_delta_update``.

    Args:
        q, k: ``(B, T, H_k, D_k)``.
        v: ``(B, T, H, D_v)``; ``H`` is a multiple of ``H_k``.
        gamma, beta: ``(B, T, H)``.
        initial_state: ``(B, H, D_v, D_k)``, or ``None`` for zeros.
        mask: ``(B, T)``, truth values; a step where it is false changes nothing, and its output is
            zero.
        stream: the stream or device.

    Returns:
        ``(B, T, H, D_v)`` and ``(B, H, D_v, D_k)``.
    """
    return list(updated(q, k, v, gamma, beta, initial_state, mask, stream=stream))


@behind("gated_delta_update")
def updated(
    q: mx.array,
    k: mx.array,
    v: mx.array,
    gamma: mx.array,
    beta: mx.array,
    initial_state: mx.array | None,
    mask: mx.array | None,
    /,
) -> list[mx.array]:
    """See :func:`gated_delta_update`."""
    return list(mx.fast.gated_delta_update(q, k, v, gamma, beta, initial_state, mask))


@updated.defvjp
def updated_vjp(g: list[array], y: list[array], *args: Any) -> Sequence[array | None]:
    """That of the plain loop."""
    *inputs, mask = args
    given = [x for x in inputs if x is not None]

    def loop(*arrays: array) -> list[array]:
        state = arrays[5] if len(arrays) > 5 else None
        return unrolled(arrays[0], arrays[1], arrays[2], arrays[3], arrays[4], state, mask)

    _, found = vjp(loop, given, [part.astype(like.dtype) for part, like in zip(g, y)])
    return [*found, *[None] * (len(args) - len(found))]


def unrolled(
    q: array,
    k: array,
    v: array,
    gamma: array,
    beta: array,
    state: array | None,
    mask: array | None,
) -> list[array]:
    """The same as a loop of operations."""
    dtype = v.dtype
    heads = v.shape[2] // k.shape[2]
    q, k = (repeat(in_float32(x), heads, axis=2) for x in (q, k))
    v, gamma, beta = (in_float32(x) for x in (v, gamma, beta))
    shape = (v.shape[0], v.shape[2], v.shape[3], k.shape[3])
    state = zeros(shape) if state is None else in_float32(state)
    outputs = []
    for t in range(v.shape[1]):
        key = k[:, t, :, None, :]
        new = state * gamma[:, t, :, None, None]
        error = (v[:, t] - sum(new * key, axis=-1)) * beta[:, t, :, None]
        new = new + error[..., None] * key
        y = sum(new * q[:, t, :, None, :], axis=-1)
        if mask is not None:
            keep = mask[:, t, None, None]
            y, new = where(keep, y, 0), where(keep[..., None], new, state)
        outputs.append(y.astype(dtype))
        state = new
    return [stack(outputs, axis=1), state]
