"""Data-parallel training: each process has the whole model, and a part of every batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.core.distributed import Group
from tinymlx.nn import Module, average_gradients
from tinymlx.utils import tree_map

ValueAndGradient = Callable[..., tuple[array, Any]]


def same_start(model: Module, group: Group | None = None) -> None:
    """Give every process the parameters of the first one.

    Args:
        model: the model, of the same structure in every process.
        group: the processes; all by default.
    """
    group = group or core.distributed.init()
    if group.size() == 1:
        return
    first = group.rank() == 0

    def firsts(x: array) -> array:
        return core.distributed.all_sum(x if first else core.zeros_like(x), group=group)

    model.update(tree_map(firsts, model.parameters()))
    core.eval(model.parameters())


def own_rows(x: array, group: Group | None = None) -> array:
    """This process's examples of a batch: every ``size``-th, from its own number on.

    Args:
        x: a batch; its first axis counts the examples.
        group: the processes; all by default.

    Raises:
        ValueError: the examples cannot be divided equally. (A mean of the processes' means would
            not be the mean of the batch then.)
    """
    group = group or core.distributed.init()
    size = group.size()
    if x.shape[0] % size != 0:
        raise ValueError(
            f"[own_rows] {x.shape[0]} examples cannot be divided equally among {size} processes."
        )
    return x[group.rank() :: size]


def data_parallel(
    value_and_gradient: ValueAndGradient,
    group: Group | None = None,
    all_reduce_size: int = 32 * 1024**2,
) -> ValueAndGradient:
    """A function that computes the mean loss of a whole batch and its gradient.

    Args:
        value_and_gradient: called with this process's examples; returns their *mean* loss and its
            gradient. ``nn.value_and_grad(model, loss)`` is one.
        group: the processes; all by default.
        all_reduce_size: how many bytes of gradients travel together at least; see
            :func:`tinymlx.nn.average_gradients`.

    Returns:
        A function of a whole batch, which every process has. It returns the same in all of them.
    """
    group = group or core.distributed.init()

    def of_batch(*batch: array) -> tuple[array, Any]:
        loss, gradients = value_and_gradient(*(own_rows(x, group) for x in batch))
        mean = core.distributed.all_sum(loss, group=group) / group.size()
        return mean, average_gradients(gradients, group, all_reduce_size)

    return of_batch
