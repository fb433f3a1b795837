"""Fusion: which nodes become one kernel, and why others do not.

A chain of elementwise operations moves its intermediate results to memory and back, for nothing.
One kernel that computes them all, element by element, reads the inputs and writes the outputs. A
group of such nodes loops over one shape; a reduction over the last axes may end it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import mlx.core as mx

from tinymlx.core import reductions
from tinymlx.core.broadcasting import normalized_axes

from .graph import Graph, Node, Value
from .table import is_elementwise

#: Why two groups do not become one.
KIND = "it is no elementwise operation, and no reduction over the last axes"
REDUCTION = "a reduction must be complete before anything of it can be read"
SHAPE = "they loop over different shapes, so one would be computed again for every element"
CYCLE = "a path leads out of the group and back into it, so each would wait for the other"
ARRAYS = "the kernel would read and write too many arrays"

#: Reductions that may end a group.
ENDS = (reductions.sum, reductions.mean, reductions.max, reductions.min)


@dataclass(eq=False)
class Group:
    """Nodes that are computed together.

    Attributes:
        nodes: in the order of the graph.
        shape: what the group loops over; ``None`` if it cannot be fused with anything.
        axes: how many of the last axes its reductions take away; 0 if it has none.
        needs: all groups that must be complete before this one can begin, also those that its
            needs need.
    """

    nodes: list[Node]
    shape: tuple[int, ...] | None
    axes: int = 0
    needs: set[Group] = field(default_factory=set)

    @property
    def reads(self) -> list[Value]:
        """What comes from memory: no constant of one element, and nothing that is made inside."""
        made = {y for node in self.nodes for y in node.outputs}
        found = dict.fromkeys(x for node in self.nodes for x in node.values)
        return [x for x in found if x not in made]

    @property
    def made(self) -> list[Value]:
        """All that the nodes make."""
        return [y for node in self.nodes for y in node.outputs]

    @property
    def reduced(self) -> set[Value]:
        """What reductions in it make."""
        return {node.output for node in self.nodes if node.primitive in ENDS}


def alone(node: Node) -> Group:
    """A group of one node."""
    if is_elementwise(node):
        return Group([node], node.output.shape)
    if node.primitive in ENDS and not node.many and "stream" not in node.params:
        x = node.inputs[0]
        if isinstance(x, Value) and x.size and mx.issubdtype(x.dtype, mx.floating):
            axes = sorted(normalized_axes(node.params.get("axis"), len(x.shape)))
            if axes and axes == list(range(len(x.shape)))[-len(axes) :]:
                return Group([node], x.shape, len(axes))
    return Group([node], None)


def why_not(first: Group, second: Group, most: int = 24) -> str | None:
    """Why ``second``, which reads something of ``first``, cannot become one group with it.

    Args:
        first, second: two different groups.
        most: how many arrays a kernel may read and write together.

    Returns:
        The first of these that applies, or ``None`` if they can be merged:

        * ``KIND``: one of the two has no ``shape``.
        * ``REDUCTION``: a node of ``second`` reads what a reduction in ``first`` makes; or both
          have reductions, over different ``axes``.
        * ``SHAPE``: their shapes differ.
        * ``CYCLE``: ``second`` also needs ``first`` through a third group. That group would have to
          come after the merged one, and before it.
        * ``ARRAYS``: together they have more ``reads`` and ``made`` values than ``most`` (what one
          reads of the other counts once, as made).
    """
    raise NotImplementedError(
        "14.6 why_not - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def merged(first: Group, second: Group, groups: Iterable[Group]) -> None:
    """Make ``second`` a part of ``first``.

    ``first`` gets the nodes (its own, then those of ``second``), the reduced axes and the needs of
    both, but needs neither itself nor ``second``. Whoever among ``groups`` needed one of the two
    needs the merged group from now on, and everything that this one needs; nobody needs ``second``
    any more.

    Args:
        first, second: two groups that can be merged.
        groups: all groups, with or without ``second``.
    """
    raise NotImplementedError(
        "14.6 merged - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@dataclass
class Plan:
    """The groups of a graph in an order in which they can be computed, and what was refused.

    ``refused`` has a pair of nodes and a reason for each edge inside of which nothing was fused.
    """

    groups: list[Group]
    refused: list[tuple[Node, Node, str]]


def fused(graph: Graph, most: int = 24) -> Plan:
    """Merge along the edges of the graph wherever nothing speaks against it."""
    makers = graph.makers()
    group_of: dict[Node, Group] = {}
    groups: dict[Group, None] = {}
    refused = []
    for node in graph.nodes:
        group = alone(node)
        before = [makers[x] for x in node.values if x in makers]
        for maker in before:
            group.needs |= {group_of[maker]} | group_of[maker].needs
        group_of[node] = group
        groups[group] = None
        for maker in dict.fromkeys(before):
            first, second = group_of[maker], group_of[node]
            if first is second:
                continue
            reason = why_not(first, second, most)
            if reason is not None:
                refused.append((maker, node, reason))
                continue
            merged(first, second, groups)
            del groups[second]
            group_of.update(dict.fromkeys(second.nodes, first))
    places = {node: i for i, node in enumerate(graph.nodes)}
    for group in groups:
        group.nodes.sort(key=places.__getitem__)
    return Plan(in_order(list(groups)), refused)


def in_order(groups: list[Group]) -> list[Group]:
    """Groups such that each stands after those that it needs."""
    done: dict[Group, None] = {}
    for group in groups:
        later = sorted(group.needs - done.keys(), key=lambda g: len(g.needs))
        done.update(dict.fromkeys([*later, group]))
    return list(done)
