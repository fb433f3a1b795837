"""The graph that a compiler works on: values, and the nodes that make them.

A :class:`Value` is known by its shape and dtype; it has no numbers, unless it is a constant. A
:class:`Node` is one call of a primitive. Both are compared by identity: two values of one shape are
two values. The nodes of a :class:`Graph` stand in an order in which each finds its inputs ready.

A pass takes a graph and returns a new one. It leaves the old one, its nodes and their lists as they
are, so that both can be printed and compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx


@dataclass(eq=False)
class Value:
    """An array that will be.

    Attributes:
        shape, dtype: what is known of it before anything is computed.
        constant: its numbers, if they are known already; ``None`` otherwise.
    """

    shape: tuple[int, ...]
    dtype: mx.Dtype
    constant: mx.array | None = None

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self.size * self.dtype.size


@dataclass(eq=False)
class Node:
    """One call of a primitive.

    Attributes:
        primitive: the operation.
        inputs: its arguments in their order: values; and Python's numbers or ``None`` as they are.
        params: its parameters.
        outputs: the values that it makes, one for nearly every primitive.
        many: whether the primitive returns a list (also a list of one).
        where: the file and the line that called it.
        random: whether it draws from the state of the random numbers: two such calls are never the
            same, and their order matters.
    """

    primitive: Any
    inputs: tuple[Any, ...]
    params: dict[str, Any]
    outputs: tuple[Value, ...]
    many: bool = False
    where: str = ""
    random: bool = False

    @property
    def name(self) -> str:
        """The name of the primitive."""
        return str(self.primitive.__name__)

    @property
    def output(self) -> Value:
        """The output of a node that has one."""
        return self.outputs[0]

    @property
    def values(self) -> list[Value]:
        """The inputs that are values, numbers left out."""
        return [x for x in self.inputs if isinstance(x, Value)]

    def on(self, inputs: Sequence[Any]) -> Node:
        """The same call on other inputs, with the same outputs."""
        return Node(
            self.primitive,
            tuple(inputs),
            self.params,
            self.outputs,
            self.many,
            self.where,
            self.random,
        )

    def function(self) -> Callable[..., Any]:
        """The primitive's forward function with its parameters: a function of bare arrays."""
        forward, params = self.primitive.forward, dict(self.params)
        stream = params.pop("stream", None)
        if stream is None:
            return lambda *xs: forward(*xs, **params) if params else forward(*xs)

        def on_stream(*xs: Any) -> Any:
            with mx.stream(stream):
                return forward(*xs, **params)

        return on_stream


@dataclass(eq=False)
class Graph:
    """What a function computes.

    Attributes:
        inputs: the values that a caller gives.
        nodes: what is computed, each node after those that it needs.
        outputs: the values that a caller gets. An input may be among them, and one value twice.
    """

    inputs: list[Value] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)

    def makers(self) -> dict[Value, Node]:
        """For each value that is computed the node that computes it."""
        return {y: node for node in self.nodes for y in node.outputs}

    def readers(self) -> dict[Value, list[Node]]:
        """For each value the nodes that read it, in their order."""
        found: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for x in dict.fromkeys(node.values):
                found.setdefault(x, []).append(node)
        return found


def substituted(inputs: Sequence[Any], instead: dict[Value, Value]) -> list[Any]:
    """Inputs of a node with other values in the places of some."""
    return [instead.get(x, x) if isinstance(x, Value) else x for x in inputs]


def run(graph: Graph, arrays: Sequence[mx.array]) -> list[mx.array]:
    """Compute the outputs of a graph from its inputs, node by node."""
    found: dict[Value, mx.array] = dict(zip(graph.inputs, arrays))

    def look(x: Any) -> Any:
        if not isinstance(x, Value):
            return x
        return found[x] if x.constant is None else x.constant

    for node in graph.nodes:
        y = node.function()(*[look(x) for x in node.inputs])
        found.update(zip(node.outputs, y if node.many else [y]))
    return [look(y) for y in graph.outputs]
