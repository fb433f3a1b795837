"""What a model that reads up to a token should say next, and how wrong it is."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn.losses import cross_entropy


def shifted(sentences: array) -> tuple[array, array]:
    """What a decoder reads, and what it should say at each place.

    Args:
        sentences: ``(N, T)`` integers, each row with a token that begins it and one that ends it,
            ``T`` at least 2.

    Returns:
        Inputs and goals, ``(N, T - 1)`` each: the goal of a place is the token behind the one that
        is read there.
    """
    return sentences[:, :-1], sentences[:, 1:]


def smoothed_loss(logits: array, goals: array, pad: int, smoothing: float = 0.0) -> array:
    """The loss of a translation: the mean cross entropy of all goals that are not padding.

    With ``smoothing`` the right token is asked for with less than certainty; the lesson derives the
    formula. A place of padding counts neither in the sum nor in the number by which it is divided.
    Without any goal the loss is 0. Nothing is evaluated, so that a step may be compiled.

    Args:
        logits: ``(N, T, V)``.
        goals: ``(N, T)`` integers.
        pad: the number of padding.
        smoothing: the share of probability that is spread evenly over all ``V`` tokens, at least 0
            and below 1.

    Returns:
        One number, in the dtype of the logits; sums are computed in float32.

    Raises:
        ValueError: ``smoothing`` is outside of [0, 1).
    """
    each = cross_entropy(logits.astype(core.float32), goals, label_smoothing=smoothing)
    keep = goals != pad
    total = core.sum(core.where(keep, each, 0))
    return (total / core.maximum(core.sum(keep), 1)).astype(logits.dtype)
