"""Lifetimes: when a value begins and ends, what the peak is, and which memory can be used again.

A value that a node makes takes memory from that node on, until the last node that reads it has run;
an output of the graph until the end. Inputs and constants belong to somebody else: they are not
counted. While a node runs, its inputs and its outputs are there together.
"""

from __future__ import annotations

from .graph import Graph, Value


def lifetimes(graph: Graph) -> dict[Value, tuple[int, int]]:
    """For each value that a node makes the first and the last node during which it takes memory.

    Nodes are known by their positions in ``graph.nodes``. The first is the node that makes the
    value. The last is the last one that reads it; the node that makes it, if nobody reads it; and
    ``len(graph.nodes)``, behind all of them, if it is an output of the graph.

    Returns:
        A dict in the order in which the values are made.
    """
    raise NotImplementedError(
        "14.10 lifetimes - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def peak(graph: Graph) -> int:
    """The most bytes that the values of a graph take at the same time, in the order of its nodes.

    At each node the values count that are alive there, ``first <= i <= last``.
    """
    raise NotImplementedError(
        "14.10 peak - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def buffers(graph: Graph) -> tuple[list[int], dict[Value, int]]:
    """Memory for all values of a graph, used again where that is possible.

    One value after another is made, in the order of ``lifetimes``. It gets the smallest buffer that
    is free and large enough, of several equally small ones the first; if there is none, a new one
    of its size at the end of the list. A buffer is free if the value that it held last was read for
    the last time *before* the node that makes the new one: a node must not write over its own
    inputs.

    Returns:
        The sizes of the buffers in bytes, and for each value the position of its buffer.
    """
    raise NotImplementedError(
        "14.10 buffers - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
