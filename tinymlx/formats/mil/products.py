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
    raise NotImplementedError(
        "15.8 product - exercises/ch15_deployment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def known(x: object, ndim: int) -> bool:
    """Whether a value is a constant with so many axes."""
    return isinstance(x, Value) and x.constant is not None and len(x.shape) == ndim
