"""Attention that is one node, as the products and the softmax that it stands for.

``core.fast.scaled_dot_product_attention`` computes large scores in tiles: to a graph this is one
primitive. A tile is a matter of the machine that computes it. In a file stands what is computed.
(Small scores are plain operations in a graph anyhow.)
"""

from __future__ import annotations

from typing import Any

from tinymlx.compiler.graph import Graph, Node, Value, substituted
from tinymlx.compiler.tracing import trace
from tinymlx.core import array, zeros
from tinymlx.core.attention.plain import plain_parts
from tinymlx.core.attention.tiles import attention


def expanded(graph: Graph) -> Graph:
    """The graph with plain operations in the place of each attention."""
    nodes: list[Node] = []
    instead: dict[Value, Value] = {}
    for node in graph.nodes:
        node = node.on(substituted(node.inputs, instead))
        if node.primitive is not attention:
            nodes.append(node)
            continue
        inside = written_out(node)
        within = dict(zip(inside.inputs, node.values))
        for part in inside.nodes:
            part = part.on(substituted(part.inputs, within))
            part.where = node.where
            nodes.append(part)
        instead.update(zip(node.outputs, inside.outputs))
    return Graph(graph.inputs, nodes, [instead.get(y, y) for y in graph.outputs])


def written_out(node: Node) -> Graph:
    """What an attention computes, as a graph of its values."""

    def function(*given: array) -> list[array]:
        left = iter(given)
        inputs: list[Any] = [next(left) if isinstance(x, Value) else x for x in node.inputs]
        if node.params["grid"].causal:
            inputs[3] = "causal"
        return list(plain_parts(*inputs))

    return trace(function, *[zeros(x.shape, x.dtype) for x in node.values])
