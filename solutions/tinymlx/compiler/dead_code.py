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
    needed: set[Value] = set(graph.outputs)
    kept = []
    for node in reversed(graph.nodes):
        if node.random or any(y in needed for y in node.outputs):
            needed.update(node.values)
            kept.append(node)
    return Graph(graph.inputs, kept[::-1], graph.outputs)
