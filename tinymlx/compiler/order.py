"""An order of the nodes that needs less memory.

Any order will do in which each node comes after those that it needs; the peak is not the same for
all. To find the best one is hard in general, and this is a field for ideas.
"""

from __future__ import annotations

from .graph import Graph, Node, Value
from .lifetimes import peak

#: How many half-finished orders are followed side by side.
WIDTH = 12


def ordered(graph: Graph) -> Graph:
    """The graph with its nodes in an order whose ``peak`` is small.

    How you find one is up to you. What counts:

    * every node is there once, after all nodes whose outputs it reads; random nodes stay in their
      order among each other; nothing else of the graph changes;
    * the peak is never greater than that of the order given;
    * on graphs of a few branches, where the order matters, the peak is on average at most a tenth
      above the smallest that there is;
    * a graph of some hundred nodes takes a second or so: trying all orders is out of the question.

    Returns:
        A new graph with the same inputs, outputs and nodes.
    """
    raise NotImplementedError(
        "14.11 ordered - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


class State:
    """The beginning of an order: the nodes so far, the bytes alive behind them, the peak."""

    def __init__(self, done: tuple[int, ...], alive: int, most: int) -> None:
        self.done, self.alive, self.most = done, alive, most
        self.cost = (most, alive)


class Facts:
    """What one asks about a graph again and again."""

    def __init__(self, graph: Graph) -> None:
        self.nodes = graph.nodes
        makers = {y: i for i, node in enumerate(graph.nodes) for y in node.outputs}
        self.needs = [{makers[x] for x in node.values if x in makers} for node in graph.nodes]
        last = None
        for i, node in enumerate(graph.nodes):
            if node.random:
                if last is not None:
                    self.needs[i].add(last)
                last = i
        self.kept = set(graph.outputs)
        self.made = set(makers)
        self.readers: dict[Value, set[int]] = {y: set() for y in makers}
        for i, node in enumerate(graph.nodes):
            for x in node.values:
                if x in self.readers:
                    self.readers[x].add(i)

    def ready(self, done: tuple[int, ...]) -> list[int]:
        """The nodes that can come next."""
        so_far = set(done)
        return [i for i, n in enumerate(self.needs) if i not in so_far and n <= so_far]

    def after(self, state: State, i: int) -> State:
        """The state after one more node."""
        node: Node = self.nodes[i]
        done = (*state.done, i)
        so_far = set(done)
        during = state.alive + sum(y.nbytes for y in node.outputs)
        ended = {
            x
            for x in {*node.values, *node.outputs}
            if x in self.made and x not in self.kept and self.readers[x] <= so_far
        }
        return State(done, during - sum(x.nbytes for x in ended), max(state.most, during))
