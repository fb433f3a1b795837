"""The converter: a function is traced, and each node of its graph becomes operations of MIL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinymlx.compiler.algebra import simplified
from tinymlx.compiler.dead_code import without_dead_code
from tinymlx.compiler.graph import Graph, Node, Value
from tinymlx.compiler.tracing import trace
from tinymlx.core import (
    arithmetic,
    conversion,
    indexing,
    joining,
    logic,
    padding,
    products,
    reductions,
    selection,
)
from tinymlx.core import shapes as arranging
from tinymlx.core.attention.tiles import attention
from tinymlx.core.convolution import general
from tinymlx.core.convolution.windows import windows
from tinymlx.core.transforms import stop_gradient

from . import shapes
from .attention import expanded
from .convolution import POOLS, convolved, pooled, window_of
from .elementwise import BINARY, UNARY, cast, elementwise, same, selected
from .layouts import without_dead, without_transposes
from .logic import BOTH, TRUTHS, agreed, combined, opposite
from .pooling import bordered, overlapped, overlaps
from .products import product
from .program import Builder, Program, refuse
from .reductions import REDUCTIONS, reduced

#: What converts each primitive: the table of what is covered.
RULES: dict[Any, Callable[[Builder, Node], Any]] = {
    **dict.fromkeys([*BINARY, *UNARY, arithmetic.negative], elementwise),
    **dict.fromkeys(REDUCTIONS, reduced),
    **dict.fromkeys(TRUTHS, agreed),
    **dict.fromkeys(BOTH, combined),
    logic.logical_not: opposite,
    **dict.fromkeys([products.matmul, products.addmm], product),
    selection.where: selected,
    conversion.astype: cast,
    stop_gradient: same,
    arithmetic.positive: same,
    general.convolved: convolved,
    padding.padded: bordered,
    **dict.fromkeys(
        [
            arranging.reshape,
            arranging.flatten,
            arranging.unflatten,
            arranging.squeeze,
            arranging.expand_dims,
        ],
        shapes.reshaped,
    ),
    **dict.fromkeys(
        [arranging.transpose, arranging.swapaxes, arranging.moveaxis], shapes.transposed
    ),
    arranging.broadcast_to: shapes.broadcast,
    reductions.softmax: shapes.normalized,
    joining.concatenated: shapes.joined,
    joining.stacked: shapes.stacked,
    joining.split: shapes.cut,
    indexing.sliced: shapes.sliced,
    indexing.gathered: shapes.looked_up,
}
#: And what is converted together with its neighbours.
TOGETHER = (windows, attention)
COVERED = sorted({primitive.__name__ for primitive in (*RULES, *TOGETHER)})
MOST_AXES = 5


def convert(function: Callable[..., Any], *examples: Any) -> Program:
    """A function of arrays as a program in MIL, for the shapes of these examples.

    Args:
        function: of arrays; its weights become constants.
        examples: one array for each input.

    Raises:
        Unsupported: it does what Core ML cannot, or what is not in the table; the sentence names
            the primitive, and the line where it came from.
    """
    return from_graph(trace(function, *examples))


def from_graph(graph: Graph) -> Program:
    """A graph as a program; see :func:`convert`."""
    graph = without_dead_code(simplified(expanded(graph)))
    build = Builder(graph)
    pools, inside = overlaps(graph)
    known: dict[Value, Value] = {}
    for node in graph.nodes:
        node = node.on([known.get(x, x) if isinstance(x, Value) else x for x in node.inputs])
        build.where = node.where
        if all(x.constant is not None for x in node.values) and not node.random:
            known.update(computed(node))
            continue
        if node.outputs[0] in inside:
            continue
        window = window_of(node, build.makers) if node.primitive in POOLS else None
        if window is not None:
            names: Any = pooled(build, node, *window)
        elif node.outputs[0] in pools:
            names = overlapped(build, node, pools[node.outputs[0]])
        elif node.primitive in RULES:
            names = RULES[node.primitive](build, node)
        else:
            raise refuse(build, node, "it is not in the table of what is converted")
        for y, name in zip(node.outputs, names if isinstance(names, list) else [names]):
            build.named(y, name)
    build.program.outputs = [build.name(known.get(y, y)) for y in graph.outputs]
    program = without_transposes(without_dead(build.program))
    for op in program.ops:
        if len(op.shape) > MOST_AXES:
            raise refuse(
                build, named(op.kind, op.where, build), f"{len(op.shape)} axes are too many"
            )
    return program


def computed(node: Node) -> dict[Value, Value]:
    """What a node makes of constants, as constants. (Weights are turned around in a layer; here
    this happens once, whatever their size.)"""
    found = node.function()(*[x.constant if isinstance(x, Value) else x for x in node.inputs])
    made = found if node.many else [found]
    return {old: Value(old.shape, old.dtype, y) for old, y in zip(node.outputs, made)}


def named(kind: str, where: str, build: Builder) -> Node:
    """A node that stands for an operation in an error."""
    build.where = where
    return Node(Named(kind), (), {}, ())


class Named:
    """A name in place of a primitive."""

    def __init__(self, name: str) -> None:
        self.__name__ = name
