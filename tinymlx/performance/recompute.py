"""Which blocks of a network to compute again in the backward pass, under a bound of memory.

Source: T. Chen et al., Training Deep Nets with Sublinear Memory Cost (2016), which keeps every k-th
block; J. Herrmann et al., Optimal memory-aware backpropagation of deep join networks (2019), for
plans that are optimal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.nn import Module
from tinymlx.nn.utils import checkpoint
from tinymlx.performance.profiler import profiled


@dataclass(frozen=True)
class Block:
    """What one block of a network costs.

    Attributes:
        size: bytes that the block keeps for its gradient, besides its input.
        seconds: how long its forward pass takes.
    """

    size: int
    seconds: float


def to_recompute(blocks: Sequence[Block], budget: int) -> list[int]:
    """The blocks that keep nothing, so that the memory suffices and the least time is lost.

    How memory grows and shrinks in a backward pass, and what follows for the plan, is in the
    lesson. No plan with less recomputed time fits into the budget.

    Args:
        blocks: from the first to the last.
        budget: bytes that all blocks together may use at any moment, forward or backward.

    Returns:
        The indices of the blocks that are computed again, in ascending order; of equally fast
        plans, any.

    Raises:
        ValueError: no plan fits; the message starts with ``[to_recompute]``.
    """
    raise NotImplementedError(
        "14.19 to_recompute - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def undominated(
    plans: dict[int, tuple[float, tuple[int, ...]]],
) -> dict[int, tuple[float, tuple[int, ...]]]:
    """Only those plans that no other plan beats in both memory and time.

    Args:
        plans: for an amount of memory, seconds and indices.
    """
    best = float("inf")
    left: dict[int, tuple[float, tuple[int, ...]]] = {}
    for size in sorted(plans):
        if plans[size][0] < best:
            left[size] = plans[size]
            best = plans[size][0]
    return left


def peak(blocks: Sequence[Block], again: Sequence[int]) -> int:
    """Bytes in use at the worst moment of a forward and a backward pass.

    Args:
        blocks: from the first to the last.
        again: the indices of those that are computed again.
    """
    kept, most = 0, 0
    for i, block in enumerate(blocks):
        most = max(most, kept + block.size)
        kept += 0 if i in again else block.size
    return most


def measured(layers: Sequence[Callable[[array], array]], x: array) -> list[Block]:
    """What each layer of a stack costs, looked up with the profiler.

    Args:
        layers: each gets the output of the one before.
        x: the input of the first.
    """
    blocks = []
    for layer in layers:
        y, profile = profiled(layer, x)
        made = sum(event.size for event in profile.events) - y.nbytes
        blocks.append(Block(max(made, 0), profile.seconds))
        x = y
    return blocks


class Recomputed(Module):
    """A stack of layers, some of which are computed again in the backward pass.

    Args:
        layers: each gets the output of the one before.
        again: the indices of those that are computed again.
    """

    def __init__(self, layers: Sequence[Module], again: Sequence[int]) -> None:
        super().__init__()
        self.layers = list(layers)
        self._again = frozenset(again)

    def __call__(self, x: array) -> array:
        for i, layer in enumerate(self.layers):
            x = checkpoint(layer)(x) if i in self._again else layer(x)
        return x


def step_peak(model: Module, loss: Callable[..., array], *args: Any) -> int:
    """Bytes that a forward and a backward pass need beyond what was in use before."""
    step = nn.value_and_grad(model, loss)
    core.synchronize()
    before = core.get_active_memory()
    core.reset_peak_memory()
    core.eval(step(model, *args))
    core.synchronize()
    return core.get_peak_memory() - before
