"""A token from logits."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def tempered(logits: array, temperature: float) -> array:
    r"""Logits of the distribution :math:`p_i \propto e^{z_i / T}`.

    Below 1 the temperature :math:`T` makes what is probable more probable, above 1 less so.

    Args:
        logits: :math:`z`, ``(..., V)``.
        temperature: :math:`T`.

    Raises:
        ValueError: the temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"[tempered] The temperature should be above 0; it is {temperature}.")
    return logits / temperature


def top_k(logits: array, k: int) -> array:
    """Only the ``k`` most probable tokens: the logits of all others become minus infinity.

    Tokens as probable as the last of the ``k`` stay, too. With more than there are, all stay.

    Args:
        logits: ``(..., V)``.
        k: how many.

    Raises:
        ValueError: ``k`` is below 1.
    """
    if k < 1:
        raise ValueError(f"[top_k] k should be at least 1; it is {k}.")
    size = logits.shape[-1]
    least = core.sort(logits)[..., max(size - k, 0) :][..., :1]
    return core.where(logits < least, -core.inf, logits)


def top_p(logits: array, p: float) -> array:
    """Only the most probable tokens that together have at least the probability ``p``.

    The fewest that reach it: a token stays if those more probable than it do not reach ``p`` alone.
    The most probable one always stays, and so do those that tie with one that does.

    Args:
        logits: ``(..., V)``.
        p: the share.

    Raises:
        ValueError: ``p`` is not above 0, or above 1.

    Source: A. Holtzman et al., The curious case of neural text degeneration (2019),
    https://arxiv.org/abs/1904.09751
    """
    if not 0 < p <= 1:
        raise ValueError(f"[top_p] p should be above 0 and at most 1; it is {p}.")
    falling = -core.sort(-logits)
    # In half precision the sum of thousands of small chances would stop growing long before 1.
    chances = core.softmax(falling.astype(core.float32), axis=-1)
    before = core.cumsum(chances, axis=-1) - chances
    least = core.min(core.where(before < p, falling, core.inf), axis=-1, keepdims=True)
    return core.where(logits < least, -core.inf, logits)


def sample(
    logits: array,
    temperature: float = 1.0,
    k: int | None = None,
    p: float | None = None,
    key: array | None = None,
) -> array:
    """A token drawn from logits: first the temperature, then top-k, then top-p.

    Args:
        logits: ``(..., V)``.
        temperature, k, p: as for the functions above; ``None`` leaves one out.
        key: what the draw follows from; by default the global state.

    Returns:
        Tokens, ``(...)``.
    """
    logits = tempered(logits, temperature)
    if k is not None:
        logits = top_k(logits, k)
    if p is not None:
        logits = top_p(logits, p)
    return core.random.categorical(logits, key=key)
