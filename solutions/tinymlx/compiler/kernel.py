"""A kernel: what a group of nodes becomes, before it is written in a language."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from .fusion import ENDS, Group
from .graph import Node, Value

Strides = tuple[int, ...]


@dataclass(eq=False)
class Kernel:
    """One loop over ``shape`` that computes all nodes of a group, element by element.

    Attributes:
        nodes: elementwise ones, and reductions whose inputs are elements of the loop.
        reads: the values that come from memory.
        writes: the values that go to memory: those that somebody outside reads.
        shape: what is looped over.
        axes: how many of the last axes are reduced; 0 if none is.
        strides: for each of ``reads`` the distance, in elements, of neighbours along each axis of
            ``shape``. An axis along which the array has one element only, or which it lacks, is
            repeated: stride 0.
        over: for some of ``writes`` (their positions) the position in ``reads`` of the array that
            they replace: a captured state, which nobody else reads any more.
    """

    nodes: list[Node]
    reads: list[Value]
    writes: list[Value]
    shape: tuple[int, ...]
    axes: int
    strides: list[Strides]
    over: dict[int, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many elements are looped over."""
        return math.prod(self.shape)

    @property
    def inner(self) -> int:
        """How many of the last axes are one loop: the reduced ones; or as many as every input has
        either complete and in a row, or not at all."""
        if self.axes:
            return self.axes
        for count in range(len(self.shape), 1, -1):
            if all(_in_a_row(s, self.shape, count) for s in self.strides):
                return count
        return min(len(self.shape), 1)

    @property
    def rows(self) -> int:
        """How often the inner loop runs."""
        return math.prod(self.shape[: len(self.shape) - self.inner])

    @property
    def row(self) -> int:
        """The length of the inner loop."""
        return math.prod(self.shape[len(self.shape) - self.inner :])

    def is_reduction(self, node: Node) -> bool:
        """Whether a node is one of the reductions that end the loop."""
        return node.primitive in ENDS


def row_major(shape: tuple[int, ...], into: tuple[int, ...]) -> Strides:
    """The strides of an array of ``shape`` that lies in a row, seen as an array of the shape
    ``into``, to which it broadcasts: 0 along the axes that are repeated."""
    strides, step = [0] * len(into), 1
    for i, n in enumerate(reversed(shape), start=1):
        strides[-i] = 0 if n == 1 else step
        step *= n
    return tuple(strides)


def _in_a_row(strides: Strides, shape: tuple[int, ...], count: int) -> bool:
    inner, sizes = strides[-count:], shape[-count:]
    complete = row_major(sizes, sizes)
    return not any(inner) or all(a == b for a, b, n in zip(inner, complete, sizes) if n != 1)


def kernel_of(
    group: Group, needed: set[Value], replaces: dict[Value, Value] | None = None
) -> Kernel:
    """The kernel of a group.

    Args:
        group: with a shape.
        needed: the values that are read outside of the group, or are outputs of the graph.
        replaces: for outputs of the graph that are a captured state the input that was the state
            before, where only this group reads it.
    """
    assert group.shape is not None
    reads, shape = group.reads, group.shape
    strides = [row_major(x.shape, shape) for x in reads]
    writes = [y for y in group.made if y in needed]
    over = {}
    for i, y in enumerate(writes):
        x = (replaces or {}).get(y)
        if x in reads and x.shape == y.shape == shape and x.dtype == y.dtype:
            over[i] = reads.index(x)
    return Kernel(group.nodes, reads, writes, shape, group.axes, strides, over)
