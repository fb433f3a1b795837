"""A large batch in pieces, with the gradient of the whole.

Source: L. Gao et al., Scaling deep contrastive learning batch size under memory limited setup
(2021), https://arxiv.org/abs/2101.06983
"""

from __future__ import annotations

from typing import Any

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.utils import tree_map

from .loss import contrastive_loss


def loss_in_pieces(model: Any, x: array, tokens: array, rows: int) -> tuple[array, Any]:
    """The contrastive loss of a whole batch and its gradient, a few rows in the towers at a time.

    Every picture is compared with every sentence of the *whole* batch, so the mean of the gradients
    of pieces is not it. A row may go through its tower twice (which must not draw other random
    numbers then). What the towers need for a piece may be in memory for one piece at a time.

    Args:
        model: a module with methods ``pictures`` and ``sentences``, which give vectors of length 1
            for some rows, and ``scale`` (as :class:`.CLIP`).
        x: pictures, ``(N, ...)``.
        tokens: their sentences, ``(N, L)``.
        rows: how many go through a tower at once; the last piece may be smaller.

    Returns:
        The loss, and the gradient of each trainable parameter as a tree, as
        ``nn.value_and_grad`` gives them for the whole batch.

    Raises:
        ValueError: ``rows`` is below 1; or there are not as many sentences as pictures, or none:
            as :func:`.contrastive_loss` it says "each needs its sentence".
    """
    if rows < 1:
        raise ValueError(f"[loss_in_pieces] rows should be at least 1; it is {rows}.")
    if x.shape[0] != tokens.shape[0] or x.shape[0] == 0:
        raise ValueError(
            f"[loss_in_pieces] There should be pictures, and each needs its sentence; there are "
            f"{x.shape[0]} and {tokens.shape[0]}."
        )
    pieces = [slice(i, i + rows) for i in range(0, x.shape[0], rows)]
    p, q = [], []
    for i in pieces:
        p.append(model.pictures(x[i]))
        q.append(model.sentences(tokens[i]))
        core.eval(p[-1], q[-1])
    slope = core.value_and_grad(contrastive_loss, (0, 1, 2))
    loss, (gp, gq, gs) = slope(core.concatenate(p), core.concatenate(q), model.scale())

    def part(i: slice) -> array:
        """Linear in what the towers say, with the slopes that the whole loss has there."""
        told = core.sum(gp[i] * model.pictures(x[i])) + core.sum(gq[i] * model.sentences(tokens[i]))
        return told + gs * model.scale() / len(pieces)

    pull, total = nn.value_and_grad(model, part), None
    for i in pieces:
        _, found = pull(i)
        total = found if total is None else tree_map(core.add, total, found)
        core.eval(total)
    return loss, total
