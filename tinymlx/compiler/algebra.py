"""Algebra: rules that make an expression smaller and change no bit of its value.

Numbers of a computer are not real numbers. ``x + 0`` is not ``x`` where ``x`` is ``-0.0``; ``x *
0`` is not 0 where ``x`` is infinite or nan; ``x - x`` neither. Such rules are not in this file's
list. A rule that is must be right for every ``x``, also for those.
"""

from __future__ import annotations

import math
from typing import Any

from tinymlx.core import arithmetic
from tinymlx.core.conversion import astype
from tinymlx.core.shapes import broadcast_to, reshape, transpose

from .graph import Graph, Node, Value, substituted

#: What one would like to write and must not, with an ``x`` for which it is wrong.
NOT_EXACT = {
    "x + 0 -> x": "-0.0 + 0.0 is 0.0",
    "x * 0 -> 0": "inf * 0 is nan, and -1 * 0 is -0.0",
    "x - x -> 0": "inf - inf is nan",
    "x / x -> 1": "0 / 0 is nan",
    "(x + a) + b -> x + (a + b)": "(1e20 + -1e20) + 1 is 1, and 1e20 + (-1e20 + 1) is 0",
    "x / 3 -> x * (1 / 3)": "1 / 3 is rounded before it is multiplied",
}


def is_number(x: Any, wanted: float) -> bool:
    """Whether an input of a node is this very number of Python; 0.0 and -0.0 are two numbers."""
    if isinstance(x, (Value, bool)) or not isinstance(x, (int, float)):
        return False
    return x == wanted and math.copysign(1, x) == math.copysign(1, wanted)


def same_value(node: Node, makers: dict[Value, Node]) -> Value | None:
    """The value that the output of ``node`` is anyway, bit for bit; ``None`` if there is none.

    The rules are those about ``x`` and a number of Python, 1 or a zero, in a product (either side),
    a quotient, a sum (either side) and a difference, that are right for every ``x``; the lesson
    leads to the right zeros. ``-(-x)`` is ``x``. A cast to the dtype that ``x`` has, a reshape or a
    broadcast to its shape, and two transpositions that cancel each other are ``x``, too. In any
    case ``x`` must have the shape and the dtype of the output: ``x * 1.0`` is another array where
    ``x`` holds integers. (An integer knows no -0: to it, ``x + 0`` is ``x``; this rule is not asked
    for.)

    Args:
        node: a node with one output.
        makers: for each value that is computed its node, for the rules that look at two nodes:
            ``makers.get(x)``.

    ``is_number(x, 1)`` asks whether an input is a number; it tells 0.0 from -0.0.
    ``order_of(node)`` is the order of the axes of a transposition, as a list.
    """
    raise NotImplementedError(
        "14.5 same_value - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def order_of(node: Node) -> list[int]:
    """The order of axes of a transposition."""
    count = len(node.output.shape)
    axes = node.params.get("axes")
    return list(range(count))[::-1] if axes is None else [axis % count for axis in axes]


def cancel(second: Node, first: Node) -> bool:
    """Whether a transposition undoes the one before it."""
    order, before = order_of(second), order_of(first)
    return [before[axis] for axis in order] == list(range(len(order)))


def simplified(graph: Graph) -> Graph:
    """The graph without the nodes whose output is a value that there is anyway.

    Its readers read that value instead. The nodes that nobody reads any more are left to
    :mod:`.dead_code`.
    """
    instead: dict[Value, Value] = {}
    makers: dict[Value, Node] = {}
    kept = []
    for node in graph.nodes:
        node = node.on(substituted(node.inputs, instead))
        same = None if node.many or node.random else same_value(node, makers)
        if same is not None:
            instead[node.output] = same
            continue
        kept.append(node)
        makers.update(dict.fromkeys(node.outputs, node))
    return Graph(graph.inputs, kept, [instead.get(y, y) for y in graph.outputs])
