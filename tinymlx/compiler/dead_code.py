"""Dead code: what nobody reads is not computed."""

from __future__ import annotations

from .graph import Graph, Value


def without_dead_code(graph: Graph) -> Graph:
    """The graph without the nodes that no output needs.

    A node is needed if one of its outputs is an output of the graph, or an input of a node that is
    needed. So one walk from the last node to the first decides about all. A node with several
    outputs is needed if one of them is. A random node stays in any case: the draws after it must
    begin where it ends.

    Args:
        graph: any graph.

    Returns:
        A new graph with the same inputs and outputs, and those of the nodes that are needed, in
        their order.
    """
    raise NotImplementedError(
        "14.3 without_dead_code - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
