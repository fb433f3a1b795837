"""How much the examples of a batch differ, as a feature: a collapse that can be seen."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def minibatch_deviation(x: array, group: int = 4, eps: float = 1e-8) -> array:
    r"""Add a channel with the mean deviation inside of each group of examples.

    ``group`` neighbours at a time are a group. For each channel and place the standard deviation
    over the examples of the group is :math:`\sqrt{\text{Var} + \epsilon}`, with the mean squared
    deviation (divided by ``group``) as variance. Its mean over all channels and places is one
    number for the group, and it fills the new channel of every example in it.

    Args:
        x: ``(N, H, W, C)``.
        group: how many examples are compared, a divisor of ``N``.
        eps: :math:`\epsilon`; without it, equal examples would have an infinite slope.

    Returns:
        ``(N, H, W, C + 1)``; the new channel is the last.

    Raises:
        ValueError: ``group`` is no divisor of ``N``, or below 1.

    Source: T. Karras et al. (2017), https://arxiv.org/abs/1710.10196, section 3.
    """
    n, height, width, channels = x.shape
    if group < 1 or n % group:
        raise ValueError(
            f"[minibatch_deviation] {n} examples cannot be cut into groups of {group}."
        )
    groups = x.reshape(n // group, group, height, width, channels)
    deviation = core.sqrt(core.var(groups, axis=1) + eps)  # (N / group, H, W, C)
    each = core.mean(deviation, axis=(1, 2, 3))  # (N / group,)
    channel = core.repeat(each, group).reshape(n, 1, 1, 1)
    return core.concatenate([x, core.broadcast_to(channel, (n, height, width, 1))], axis=-1)
