"""Back-propagation through time, a piece at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn import Module
from tinymlx.nn.utils import value_and_grad
from tinymlx.utils import tree_map

from .accumulation import scaled

#: The mean loss of some steps, and the state after them.
PieceLoss = Callable[[Module, array, array, Any], tuple[array, Any]]


def truncated_gradient(
    model: Module, loss: PieceLoss, x: array, y: array, state: Any, length: int
) -> tuple[array, Any, Any]:
    """The gradient of a long sequence, computed in pieces between which only the state passes.

    The state goes on from piece to piece, as a value; no gradient flows back through it. Never more
    than one piece is in memory: what a piece gives is evaluated before the next one begins. The
    weights stay the same for all pieces.

    Args:
        model: the model.
        loss: ``loss(model, x, y, state)``: the mean loss of the steps it is given, and the state
            after the last of them, a tree of arrays.
        x, y: inputs and targets, ``(N, L, ...)``.
        state: the state before the first step, or ``None``.
        length: how many steps a piece has; the last one has what is left.

    Returns:
        The mean loss of all steps; the gradient of that mean in the model's trainable parameters;
        the state after the last step, which no transform watches.

    Raises:
        ValueError: ``length`` is below 1.

    Source: R. Williams and J. Peng, An efficient gradient-based algorithm for on-line training of
    recurrent network trajectories (1990).
    """
    if length < 1:
        raise ValueError(f"[truncated_gradient] length should be at least 1; it is {length}.")
    gradient_of_piece = value_and_grad(model, lambda *args: loss(model, *args))
    steps = x.shape[1]
    total: Any = None
    for start in range(0, steps, length):
        piece = x[:, start : start + length], y[:, start : start + length]
        (value, state), gradients = gradient_of_piece(*piece, state)
        part = scaled((value, gradients), piece[0].shape[1] / steps)
        total = part if total is None else tree_map(lambda a, b: a + b, total, part)
        core.eval(total, state)
    return total[0], total[1], state
