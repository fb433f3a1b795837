"""Cross entropy with class indices, in one operation."""

from __future__ import annotations

import mlx.core as mx

from ..arrays import array, wrap
from ..exponential import exp
from ..primitive import primitive
from ..reductions import logsumexp
from ..selection import where
from .norms import in_float32


@primitive
def cross_entropy(logits: mx.array, targets: mx.array, /) -> mx.array:
    """``logsumexp(logits) - logits[target]`` over the last axis, in float32, as
    ``mlx.core.fast.cross_entropy``.

    Shape: ``(..., C)`` and ``(...)`` to ``(...)``.
    """
    return mx.fast.cross_entropy(logits, targets)


@cross_entropy.defvjp
def cross_entropy_vjp(g: array, y: array, logits: array, targets: array) -> tuple[array, None]:
    """Probabilities, less 1 at the target. Targets are numbers of classes, not quantities."""
    wide = in_float32(logits)
    p = exp(wide - logsumexp(wide, axis=-1, keepdims=True))
    hit = wrap(mx.arange(logits.shape[-1])) == targets[..., None]
    return (where(hit, p - 1, p) * g[..., None]).astype(logits.dtype), None
