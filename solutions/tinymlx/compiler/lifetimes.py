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
    found: dict[Value, tuple[int, int]] = {}
    for i, node in enumerate(graph.nodes):
        for x in node.values:
            if x in found:
                found[x] = (found[x][0], i)
        found.update(dict.fromkeys(node.outputs, (i, i)))
    for y in graph.outputs:
        if y in found:
            found[y] = (found[y][0], len(graph.nodes))
    return found


def peak(graph: Graph) -> int:
    """The most bytes that the values of a graph take at the same time, in the order of its nodes.

    At each node the values count that are alive there, ``first <= i <= last``.
    """
    most = 0
    lives = lifetimes(graph)
    for i in range(len(graph.nodes)):
        most = max(most, sum(x.nbytes for x, (a, b) in lives.items() if a <= i <= b))
    return most


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
    sizes: list[int] = []
    ends: list[int] = []  # the last node that needs what is in the buffer
    held: dict[Value, int] = {}
    for x, (first, last) in lifetimes(graph).items():
        free = [i for i, end in enumerate(ends) if end < first and sizes[i] >= x.nbytes]
        if free:
            place = min(free, key=sizes.__getitem__)
        else:
            place = len(sizes)
            sizes.append(x.nbytes)
            ends.append(0)
        ends[place] = last
        held[x] = place
    return sizes, held
