"""What the heads of a Transformer do with a sequence that repeats itself.

Source: C. Olsson et al., In-context Learning and Induction Heads (2022),
https://arxiv.org/abs/2209.11895
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def previous_token_score(weights: array) -> array:
    """How much each head looks at the token just before: 1 if at nothing else.

    Args:
        weights: ``(B, H, T, T)``.

    Returns:
        ``(H,)``.
    """
    return core.mean(core.diagonal(weights, -1, 2, 3), axis=(0, 2))


def induction_score(weights: array, period: int) -> array:
    """How much each head looks at the token *behind* the earlier occurrence of the present one.

    Args:
        weights: ``(B, H, T, T)`` of sequences in which token ``t`` equals token ``t - period``.
        period: after how many tokens they repeat.

    Returns:
        ``(H,)``: the mean over the tokens from ``period`` on; 1 if they look at nothing else.
    """
    return core.mean(core.diagonal(weights, 1 - period, 2, 3)[..., 1:], axis=(0, 2))
