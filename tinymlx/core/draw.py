"""Drawing the graph that a tape recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .arrays import array
from .tape import Node, Tape, topological_order
from .tree import leaves

Vertex = tuple[str, tuple[int, ...]]
Edge = tuple[int, int]


def graph_of(outputs: Sequence[Node]) -> tuple[list[Vertex], list[Edge]]:
    """The recorded graph as plain data.

    Args:
        outputs: the nodes whose history to draw.

    Returns:
        The vertices and the edges. A vertex is ``(name, shape)``: the name of the primitive
        (``node.primitive.__name__``), or ``"input"`` for a leaf, and the shape of the output (for a
        primitive with several outputs, that of the first). They stand in an order of computation:
        arguments before results. An edge is ``(argument, result)``, two positions in the list of
        vertices; edges stand in the order of their results, and for one result in the order of its
        arguments. An argument that is used twice has two edges; constants have none.
    """
    raise NotImplementedError(
        "3.12 graph_of - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def to_dot(vertices: Sequence[Vertex], edges: Sequence[Edge]) -> str:
    """A graph in the language DOT, which Graphviz draws.

    Args:
        vertices: names and shapes, as :func:`graph_of` returns them.
        edges: pairs of positions in ``vertices``.

    Returns:
        A text with one statement in a line::

            digraph {
              0 [label="input (2, 3)" shape=box]
              1 [label="exp (2, 3)"]
              0 -> 1
            }

        First all vertices, then all edges, each in the given order and indented by two spaces.
        Vertices called ``input`` are boxes.

    Source: https://graphviz.org/doc/info/lang.html
    """
    lines = ["digraph {"]
    for i, (name, shape) in enumerate(vertices):
        box = " shape=box" if name == "input" else ""
        lines.append(f'  {i} [label="{name} {shape}"{box}]')
    lines += [f"  {argument} -> {result}" for argument, result in edges]
    return "\n".join([*lines, "}"])


def record(fun: Callable[..., Any], *args: array) -> list[Node]:
    """Run ``fun`` on watched arrays, and return the nodes of its results."""
    with Tape() as tape:
        results = leaves(fun(*(tape.watch(x) for x in args)))
        return [node for node in map(tape.node_of, results) if node is not None]


def draw(fun: Callable[..., Any], *args: array) -> str:
    """The computation graph of ``fun(*args)`` as DOT text."""
    return to_dot(*graph_of(record(fun, *args)))
