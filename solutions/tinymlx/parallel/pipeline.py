"""A pipeline: each process has some of the layers, and hands on what it made.

With one batch at a time all processes but one would wait. So a batch is cut into *micro-batches*:
while the second process has the first of them, the first process works at the second.
``(stages - 1) / (micro-batches + stages - 1)`` of the time is still lost at both ends.

Nothing but the input of each micro-batch is kept; what a stage computed is computed again when the
gradient comes back.

Source: Y. Huang et al., GPipe (2018), https://arxiv.org/abs/1811.06965
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.core.distributed import Group
from tinymlx.nn import Module
from tinymlx.nn.utils import lent
from tinymlx.utils import tree_map

Loss = Callable[[array, array], array]


def pipelined(
    stage: Module,
    batch: Sequence[tuple[array, array]],
    loss: Loss,
    input_shape: tuple[int, ...],
    group: Group | None = None,
) -> tuple[array, Any]:
    """The mean loss of a batch, and the gradient by this process's layers.

    Args:
        stage: this process's layers; the output of one stage is the input of the next.
        batch: micro-batches of one size: what the first stage gets, and what the last one is
            compared with. Every process has them.
        loss: from the last stage's output and the goal to a mean.
        input_shape: of what this stage gets for one micro-batch (in ``float32``).
        group: the processes, in the order of their stages; all by default.

    Returns:
        The mean loss, the same in every process, and the gradient, a tree like the stage's
        trainable parameters.
    """
    group = group or core.distributed.init()
    last = group.rank() == group.size() - 1
    inputs = [forward(stage, x, input_shape, group) for x, _ in batch]
    total, gradients = core.array(0.0), None
    for x, (_, goal) in zip(inputs, batch):
        if last:
            value, pulled, by_input = pull(stage, x, partial(loss_of, loss, goal))
            total = total + value
        else:
            g = receive(like_output(stage, x), group.rank() + 1, group)
            _, pulled, by_input = pull(stage, x, partial(product_with, g))
        if group.rank() > 0:
            send(by_input, group.rank() - 1, group)
        gradients = pulled if gradients is None else tree_map(core.add, gradients, pulled)
        core.eval(total, gradients)
    count = len(batch)
    mean = core.distributed.all_sum(total, group=group) / count
    return mean, tree_map(lambda g: g / count, gradients)


def loss_of(loss: Loss, goal: array, y: array) -> array:
    """The loss of an output, which comes last here."""
    return loss(y, goal)


def product_with(g: array, y: array) -> array:
    """A number whose gradient by ``y`` is ``g``: so a gradient from elsewhere flows on."""
    return core.sum(y * g)


def forward(stage: Module, x: array, input_shape: tuple[int, ...], group: Group) -> array:
    """What this stage gets for one micro-batch; what it makes of that goes to the next one."""
    rank = group.rank()
    if rank > 0:
        x = receive(core.zeros(input_shape), rank - 1, group)
    if rank < group.size() - 1:
        send(stage(x), rank + 1, group)
    return x


def pull(stage: Module, x: array, value: Callable[[array], array]) -> tuple[array, Any, array]:
    """A number made of the stage's output, and its gradients by the parameters and the input."""

    def function(parameters: Any, x: array) -> array:
        with lent(stage, parameters):
            return value(stage(x))

    both = core.value_and_grad(function, argnums=(0, 1))
    number, (pulled, by_input) = both(stage.trainable_parameters(), x)
    return number, pulled, by_input


def like_output(stage: Module, x: array) -> array:
    """An array with the shape and dtype of the stage's output; nothing of it is computed."""
    y = stage(x)
    return core.zeros(y.shape, y.dtype)


def send(x: array, to: int, group: Group) -> None:
    """Send, and wait until it has gone."""
    core.eval(core.distributed.send(x, to, group=group))


def receive(like: array, source: int, group: Group) -> array:
    """Wait for an array of this shape and dtype."""
    x = core.distributed.recv_like(like, source, group=group)
    core.eval(x)
    return x
