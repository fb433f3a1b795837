"""Rotary positional encoding."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from ..arrays import Stream, array, wrap
from ..primitive import behind
from ..reductions import sum
from .norms import in_float32


def rope(
    a: Any,
    dims: int,
    *,
    traditional: bool,
    base: float | None,
    scale: float,
    offset: int | array,
    freqs: array | None = None,
    stream: Stream = None,
) -> array:
    """Turn pairs of features by angles that grow with the position: ``mlx.core.fast.rope``.

    Args:
        a: ``(B, ..., T, D)``.
        dims: how many of the ``D`` features are turned.
        traditional: whether neighbours make a pair; otherwise halves do.
        base: of the frequencies; ``None`` if ``freqs`` are given.
        scale: of the positions.
        offset: the first position, a number, or an array with one for all or for each example.
        freqs: wavelengths of one's own, ``(dims / 2,)``.
        stream: the stream or device.
    """
    options = {"dims": dims, "traditional": traditional, "base": base, "scale": scale}
    return rotated(a, offset, freqs, **options, stream=stream)


@behind("rope")
def rotated(
    a: mx.array,
    offset: int | mx.array,
    freqs: mx.array | None,
    /,
    *,
    dims: int,
    traditional: bool,
    base: float | None,
    scale: float,
) -> mx.array:
    """See :func:`rope`."""
    options: dict[str, Any] = {"traditional": traditional, "base": base, "scale": scale}
    return mx.fast.rope(a, dims, **options, offset=offset, freqs=freqs)


@rotated.defvjp
def rotated_vjp(
    g: array,
    y: array,
    a: array,
    offset: int | array,
    freqs: array | None,
    *,
    dims: int,
    traditional: bool,
    base: float | None,
    scale: float,
) -> tuple[array | None, None, array | None]:
    r"""The cotangent is turned back. That of an angle is :math:`g_2 y_1 - g_1 y_2`, summed over
    everything that the angle turned."""
    options = {"dims": dims, "traditional": traditional, "base": base}
    back = rotated(g, offset, freqs, **options, scale=-scale)
    if freqs is None:
        return back, None, None
    (g1, g2), (y1, y2) = (halves(in_float32(x), dims, traditional) for x in (g, y))
    positions = wrap(mx.arange(a.shape[-2], dtype=mx.float32))[:, None]
    if isinstance(offset, array):
        offset = offset.reshape(-1, *[1] * (a.ndim - 1)) if offset.size > 1 else offset.reshape(())
    by_angle = (g2 * y1 - g1 * y2) * ((positions + offset) * scale)
    by_frequency = sum(by_angle, axis=tuple(range(a.ndim - 1)))
    return back, None, (-by_frequency / (freqs * freqs)).astype(freqs.dtype)


def halves(x: array, dims: int, traditional: bool) -> tuple[array, array]:
    """The first and the second features of all pairs."""
    if traditional:
        return x[..., 0:dims:2], x[..., 1:dims:2]
    return x[..., : dims // 2], x[..., dims // 2 : dims]
