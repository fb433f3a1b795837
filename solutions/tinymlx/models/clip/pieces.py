"""A large batch in pieces, with the gradient of the whole.

Source: L. Gao et al., Scaling deep contrastive learning batch size under memory limited setup
(2021), https://arxiv.org/abs/2101.06983
"""

from __future__ import annotations

from typing import Any, Protocol

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.utils import tree_map

from .loss import contrastive_loss


class Towers(Protocol):
    """What is asked of a model: vectors of length 1 for both, and a scale (see :class:`.CLIP`)."""

    def pictures(self, x: array) -> array:
        """``(N, ...)`` to ``(N, D)``."""

    def sentences(self, tokens: array) -> array:
        """``(N, L)`` to ``(N, D)``."""

    def scale(self) -> array:
        """A scalar."""


def loss_in_pieces(model: Any, x: array, tokens: array, rows: int) -> tuple[array, Any]:
    """The contrastive loss of a whole batch and its gradient, with few rows in a tower at a time.

    Every picture is compared with every sentence of the *whole* batch, so the mean of the gradients
    of pieces is not it. The towers may be asked twice for each row.

    Args:
        model: a module with ``pictures``, ``sentences`` and ``scale`` (:class:`Towers`).
        x: pictures, ``(N, ...)``.
        tokens: their sentences, ``(N, L)``.
        rows: how many go through a tower at once; the last piece may be smaller.

    Returns:
        The loss, and the gradient of each trainable parameter as a tree, as
        ``nn.value_and_grad`` gives them for the whole batch.

    Raises:
        ValueError: ``rows`` is below 1.
    """
    if rows < 1:
        raise ValueError(f"[loss_in_pieces] rows should be at least 1; it is {rows}.")
    pieces = [slice(i, i + rows) for i in range(0, x.shape[0], rows)]
    p = core.concatenate([core.stop_gradient(model.pictures(x[i])) for i in pieces])
    q = core.concatenate([core.stop_gradient(model.sentences(tokens[i])) for i in pieces])
    slope = core.value_and_grad(contrastive_loss, (0, 1, 2))
    loss, (gp, gq, gs) = slope(p, q, model.scale())
    core.eval(loss, gp, gq, gs)

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
