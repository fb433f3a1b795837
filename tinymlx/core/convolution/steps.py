"""Steps that all routes have in common, on bare arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import mlx.core as mx

from .sizes import Places

#: What the copies for one chunk may take.
CHUNK_BYTES = 64_000_000


def dilated(x: mx.array, dilation: Places) -> mx.array:
    """``x`` with ``dilation - 1`` zeros between neighbours along its spatial axes."""
    if math.prod(dilation) == 1:
        return x
    wide = [(n - 1) * d + 1 for n, d in zip(x.shape[1:-1], dilation)]
    zeros = mx.zeros((x.shape[0], *wide, x.shape[-1]), x.dtype)
    zeros[(slice(None), *(slice(None, None, d) for d in dilation))] = x
    return zeros


def padded(x: mx.array, low: Sequence[int], high: Sequence[int]) -> mx.array:
    """``x`` with zeros around its spatial axes; negative numbers cut off instead."""
    border = [(max(a, 0), max(b, 0)) for a, b in zip(low, high)]
    if any(map(any, border)):
        x = mx.pad(x, [(0, 0), *border, (0, 0)])
    if any(n < 0 for n in (*low, *high)):
        sizes = x.shape[1:-1]
        keep = (slice(max(-a, 0), n - max(-b, 0)) for a, b, n in zip(low, high, sizes))
        x = x[(slice(None), *keep)]
    return x


def reversed_taps(w: mx.array) -> mx.array:
    """The kernel with its spatial axes in reverse order."""
    return w[(slice(None), *(slice(None, None, -1) for _ in w.shape[1:-1]))]


def chunks(n: int, bytes_each: int) -> Iterator[slice]:
    """Slices of at most :data:`CHUNK_BYTES`, at least one picture each."""
    size = max(1, CHUNK_BYTES // max(bytes_each, 1))
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def joined(parts: list[mx.array]) -> mx.array:
    """The results for all chunks, in one piece of memory."""
    return mx.contiguous(parts[0]) if len(parts) == 1 else mx.concatenate(parts)
