"""Learning from which of two answers somebody prefers."""

from __future__ import annotations

from tinymlx import core, nn
from tinymlx.core import array


def log_probability(logits: array, targets: array, keep: array) -> array:
    r"""The logarithm of the probability of each text: a sum over its tokens, :math:`(N,)`.

    Args:
        logits: before each token, ``(N, L, V)``.
        targets: the tokens, ``(N, L)``.
        keep: which of them belong to the answer, ``(N, L)`` truth values.
    """
    each = -nn.losses.cross_entropy(logits, targets)  # (N, L)
    return core.sum(core.where(keep, each, 0), axis=-1)


def preference_loss(
    chosen: array,
    rejected: array,
    chosen_before: array,
    rejected_before: array,
    beta: float = 0.1,
) -> array:
    r"""Direct preference optimisation.

    .. math::
        -\frac{1}{N} \sum_n \log \sigma \left( \beta
        \left( \log \frac{p(y^+_n)}{p_0(y^+_n)} - \log \frac{p(y^-_n)}{p_0(y^-_n)} \right) \right)

    The preferred answer :math:`y^+` is to gain more, against the model :math:`p_0` from which
    training began, than the other one, :math:`y^-`. What matters is the difference: both may become
    less probable.

    Args:
        chosen, rejected: :math:`\log p` of the answers, ``(N,)``.
        chosen_before, rejected_before: the same by the model from which training began; no slope
            goes there.
        beta: how dear it is to move away from that model.

    Returns:
        A scalar.

    Source: R. Rafailov et al. (2023), https://arxiv.org/abs/2305.18290
    """
    before = core.stop_gradient(chosen_before - rejected_before)
    return core.mean(nn.softplus(-beta * (chosen - rejected - before)))
