"""Truth values: masks, and what is asked of them."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from tinymlx.compiler.graph import Node, Value
from tinymlx.core import logic

from .program import Builder, refuse
from .reductions import axes_of

#: Of two; Python's ``&``, ``|`` and ``^`` of truth values are the bitwise ones.
BOTH: dict[Any, str] = {
    logic.logical_and: "logical_and",
    logic.logical_or: "logical_or",
    logic.bitwise_and: "logical_and",
    logic.bitwise_or: "logical_or",
    logic.bitwise_xor: "logical_xor",
}
#: Of many: the extreme of zeros and ones, since MIL reduces numbers only.
TRUTHS: dict[Any, str] = {logic.any: "reduce_max", logic.all: "reduce_min"}


def truth(build: Builder, x: Value) -> str:
    """The name of a value as truth values: what is not 0 is true."""
    name = build.name(x)
    if x.dtype == mx.bool_:
        return name
    zero = build.constant(mx.array(0, x.dtype))
    return build.emit("not_equal", {"x": name, "y": zero}, x.shape, mx.bool_)


def combined(build: Builder, node: Node) -> str:
    """A node of :data:`BOTH`.

    Raises:
        Unsupported: it works on the bits of numbers.
    """
    y = node.output
    if y.dtype != mx.bool_ or len(node.values) < 2:
        raise refuse(build, node, "it is one of bits, or of a number")
    names = [truth(build, x) for x in node.values]
    return build.emit(BOTH[node.primitive], {"x": names[0], "y": names[1]}, y.shape, y.dtype)


def opposite(build: Builder, node: Node) -> str:
    """``logical_not``."""
    x = node.values[0]
    return build.emit("logical_not", {"x": truth(build, x)}, x.shape, mx.bool_)


def agreed(build: Builder, node: Node) -> str:
    """A node of :data:`TRUTHS`, whose parameters may be ``axis`` and ``keepdims``."""
    x, y = node.values[0], node.output
    name = build.emit("cast", {"x": truth(build, x)}, x.shape, mx.int32, dtype="int32")
    axes = axes_of(node.params.get("axis"), len(x.shape))
    keep = bool(node.params.get("keepdims", False))
    kind = TRUTHS[node.primitive]
    found = build.emit(kind, {"x": name}, y.shape, mx.int32, axes=axes, keep_dims=keep)
    return build.emit("cast", {"x": found}, y.shape, mx.bool_, dtype="bool")
