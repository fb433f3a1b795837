"""Products of matrices."""

from __future__ import annotations

from tinymlx.compiler.graph import Node, Value

from .program import Builder, refuse


def product(build: Builder, node: Node) -> str:
    """A node ``matmul(a, b)`` or ``addmm(c, a, b)`` (parameters ``alpha`` and ``beta``).

    ``addmm`` with a constant ``c`` of one axis and a constant ``b`` of two is a linear layer, and
    becomes MIL's ``linear``: its ``weight`` is (outputs, inputs), as in a layer, so ``b`` is turned
    around once, here. Any other one is a ``matmul`` (parameters ``x`` and ``y``) and an ``add`` of
    ``c`` behind it.

    Returns:
        The name of the output.

    Raises:
        Unsupported: a factor has one axis; ``alpha`` or ``beta`` is not 1.
    """
    *start, a, b = node.inputs
    y = node.output
    if len(a.shape) < 2 or len(b.shape) < 2:
        raise refuse(build, node, "its matrices need two axes at least")
    if not start:
        return build.emit("matmul", {"x": build.name(a), "y": build.name(b)}, y.shape, y.dtype)
    if node.params.get("alpha", 1) != 1 or node.params.get("beta", 1) != 1:
        raise refuse(build, node, "it scales its terms")
    c = start[0]
    if known(b, 2) and known(c, 1):
        weight = build.constant(b.constant.T)
        inputs = {"x": build.name(a), "weight": weight, "bias": build.name(c)}
        return build.emit("linear", inputs, y.shape, y.dtype)
    inputs = {"x": build.name(a), "y": build.name(b)}
    wide = build.emit("matmul", inputs, y.shape, y.dtype)
    return build.emit("add", {"x": wide, "y": build.name(c)}, y.shape, y.dtype)


def known(x: object, ndim: int) -> bool:
    """Whether a value is a constant with so many axes."""
    return isinstance(x, Value) and x.constant is not None and len(x.shape) == ndim
