r"""Calibration: which weights matter, asked of the inputs that they meet.

A weight's error counts as often as its input is large. If a column of the matrix is multiplied by
:math:`c > 1` and its input divided by :math:`c`, the product stays, and the error of the column,
about half a step whatever the weight is, is divided by :math:`c`. It costs the others: a group with
a larger weight has a larger step.

Source: J. Lin et al., AWQ: Activation-aware Weight Quantization (2024).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from tinymlx import core
from tinymlx.core import array

from .affine import coded, decoded

#: From no scaling at all to the full magnitude of the inputs.
STRENGTHS = tuple(i / 10 for i in range(11))


def column_scales(x: array, strength: float) -> array:
    r"""A factor for each column: :math:`c_k = \bar a_k^{\,\alpha}`, centred.

    :math:`\bar a_k` is the mean magnitude of input :math:`k`, at least 1e-4. The factors are
    divided by :math:`\sqrt{\max c \cdot \min c}`, so that the largest and the smallest lie around
    1, equally far.

    Args:
        x: inputs of a layer, ``(..., N)``.
        strength: :math:`\alpha`, from 0 (all factors are 1) to 1.

    Returns:
        ``(N,)``, float32.
    """
    size = core.mean(core.abs(x.astype(core.float32)), axis=tuple(range(x.ndim - 1)))
    c = core.power(core.maximum(size, 1e-4), strength)
    return c / core.sqrt(core.max(c) * core.min(c))


def calibrated(
    w: array,
    x: array,
    group_size: int = 64,
    bits: int = 4,
    strengths: Sequence[float] = STRENGTHS,
) -> array:
    """The factors of the strength whose quantized layer is nearest to the layer.

    For each strength: the columns of ``w`` times the factors are coded and decoded, the inputs are
    divided by the factors, and the error is the mean square between this product and ``x @ w.T``.

    Args:
        w: the weight of a layer, ``(M, N)``.
        x: inputs that the layer met, ``(..., N)``.
        group_size, bits: as for :func:`.affine.coded`.
        strengths: those to try.

    Returns:
        The factors with the smallest error, ``(N,)``; the first of equals.
    """
    x = x.astype(core.float32)
    wanted = x @ w.astype(core.float32).T
    best, least = column_scales(x, strengths[0]), math.inf
    for strength in strengths:
        c = column_scales(x, strength)
        rounded = decoded(*coded(w * c, group_size, bits))
        error = core.mean(core.square((x / c) @ rounded.T - wanted)).item()
        if error < least:
            best, least = c, error
    return best


def round_trip(w: array, group_size: int, bits: int, factors: array | None = None) -> array:
    """The weights after coding and decoding, with the columns' factors taken out again."""
    if factors is None:
        return decoded(*coded(w, group_size, bits))
    wide = w.astype(core.float32)
    return (decoded(*coded(wide * factors, group_size, bits)) / factors).astype(w.dtype)


def absmax(w: array, bits: int = 8) -> tuple[array, array]:
    """Codes with a sign, one scale for each row: the largest magnitude becomes the largest code.

    Returns:
        int8 codes, and the scales, ``(..., 1)``, in float32.
    """
    most = 2 ** (bits - 1) - 1
    wide = w.astype(core.float32)
    scale = core.maximum(core.max(core.abs(wide), axis=-1, keepdims=True) / most, 1e-12)
    return core.clip(core.round(wide / scale), -most, most).astype(core.int8), scale


def perplexity(logits: Callable[[array], array], tokens: array, length: int = 256) -> float:
    """The exponential of the mean surprise at each token, in windows of ``length`` tokens.

    Args:
        logits: from ``(1, T)`` tokens to ``(1, T, V)``.
        tokens: ``(n,)``; what does not fill a window is left out.
        length: of a window.
    """
    total, count = 0.0, 0
    for first in range(0, tokens.size - length, length):
        window = tokens[first : first + length + 1][None]
        scores = logits(window[:, :-1]).astype(core.float32)
        chosen = core.take_along_axis(scores, window[:, 1:, None], axis=-1)[..., 0]
        surprise = core.sum(core.logsumexp(scores, axis=-1) - chosen)
        total, count = total + surprise.item(), count + length
    return math.exp(total / count)
