"""Who may ask whom, and where a text begins that was padded on the left."""

from __future__ import annotations

from typing import Literal

from tinymlx import core
from tinymlx.core import array

Mask = array | Literal["causal"] | None


def check_tokens(tokens: array, what: str) -> None:
    """Texts in rows, as models read them.

    Raises:
        ValueError: there is no text, no token in it, or one text without an axis for several.
    """
    if tokens.ndim != 2 or 0 in tokens.shape:
        raise ValueError(
            f"[{what}] Tokens should have the shape (N, L), with a text and a token at least; "
            f"theirs is {tokens.shape}."
        )


def positions(length: int, offset: int, padding: array | None) -> array:
    """The position of each token in its own text: ``(length,)``, or ``(N, length)`` with padding.

    Args:
        length: how many tokens there are.
        offset: how many came before them.
        padding: how many tokens in front of each text are none, ``(N,)``; these get position 0.
    """
    places = offset + core.arange(length)
    if padding is None:
        return places
    return core.maximum(places - padding[:, None], 0)


def attention_mask(
    length: int, offset: int, padding: array | None = None, window: int | None = None
) -> Mask:
    """Which keys the new tokens may ask: their own and earlier ones, in a window, no padding.

    Args:
        length: how many tokens are new.
        offset: how many came before them, whose keys are in the cache.
        padding: how many tokens in front of each text are none, ``(N,)``.
        window: how far back a token may ask, its own position counted; ``None`` for any.

    Returns:
        ``None`` where all is allowed, ``"causal"``, or truth values, ``(length, keys)`` or
        ``(N, 1, length, keys)``.
    """
    keys = offset + length
    if padding is None and (window is None or keys <= window):
        return None if length == 1 else "causal"
    asked = core.arange(keys)
    asking = core.arange(offset, keys)[:, None]
    allowed = asked <= asking
    if window is not None:
        allowed = allowed & (asked > asking - window)
    if padding is not None:
        allowed = allowed & (asked >= padding[:, None, None, None])
    return allowed
