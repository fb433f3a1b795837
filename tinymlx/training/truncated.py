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
    raise NotImplementedError(
        "8.17 truncated_gradient - exercises/ch08_rnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
