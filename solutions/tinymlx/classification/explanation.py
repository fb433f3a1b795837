"""What attention passed on, and what a covered square takes away."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tinymlx import core, nn
from tinymlx.core import array


def rollout(attentions: Sequence[array]) -> array:
    r"""How much of each input token is in each output token, through all blocks.

    In a block a token keeps itself (the residual) and takes from others what attention says. With
    the mean :math:`A` over the heads, block :math:`l` mixes tokens by :math:`M_l = (A_l + 1) / 2`,
    where
    :math:`1` is the identity; all blocks together mix by :math:`M_L \cdots M_2 M_1`.

    Args:
        attentions: for each block, the first one first, ``(N, heads, T, T)``; rows sum to 1.

    Returns:
        ``(N, T, T)``: row ``i`` says where output token ``i`` comes from, and sums to 1.

    Raises:
        ValueError: there are no blocks; the message has the word "blocks".

    Source: S. Abnar and W. Zuidema (2020), https://arxiv.org/abs/2005.00928
    """
    if not attentions:
        raise ValueError("[rollout] There are no blocks.")
    identity = core.eye(attentions[0].shape[-1], dtype=attentions[0].dtype)
    total = identity
    for attention in attentions:
        total = (core.mean(attention, axis=1) + identity) / 2 @ total
    return total


def occlusion(
    network: Callable[[array], array],
    x: array,
    classes: array,
    side: int,
    stride: int,
    fill: float = 0.0,
) -> array:
    """How much of a class's probability a covered square takes away.

    A square with ``side`` pixels in each direction is moved over the pictures by ``stride``, as a
    kernel without padding is. For each place all pictures are covered there with ``fill``, and the
    probability of their class is compared with that of the uncovered pictures. The network is
    called once for the pictures as they are and once for each place, always with all ``N`` of them,
    and each call is computed before the next, so that memory does not grow with the places.

    Args:
        network: from pictures to logits.
        x: pictures, ``(N, H, W, C)``, not smaller than the square.
        classes: the class of each picture to ask for, ``(N,)`` integers.
        side: of the square, in pixels.
        stride: the step from one place to the next.
        fill: what covers.

    Returns:
        ``(N, (H - side) // stride + 1, (W - side) // stride + 1)``: the probability without the
        square less the probability with it. Negative where the square helps.

    Source: M. Zeiler and R. Fergus (2013), https://arxiv.org/abs/1311.2901
    """

    def probability(x: array) -> array:
        p = nn.softmax(network(x), axis=-1)
        return core.take_along_axis(p, classes[:, None], axis=-1)[:, 0]

    height, width = x.shape[1:3]
    i, j = core.arange(height), core.arange(width)
    whole = probability(x)
    rows = []
    for top in range(0, height - side + 1, stride):
        row = []
        for left in range(0, width - side + 1, stride):
            inside = ((i >= top) & (i < top + side))[:, None] & (j >= left) & (j < left + side)
            covered = core.where(inside[:, :, None], core.array(fill, x.dtype), x)
            row.append(whole - probability(covered))
            core.eval(row[-1])
        rows.append(core.stack(row, axis=-1))
    return core.stack(rows, axis=1)
