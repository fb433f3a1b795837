"""The tape: reverse-mode differentiation by recording.

While a :class:`Tape` watches, every operation on a watched array leaves a :class:`Node`: which
primitive, on what, with which result. The nodes form a graph that points from results back to
arguments. To differentiate, :func:`backward` walks it once, from the outputs to the leaves, and
each node turns the cotangent of its output into cotangents of its arguments (the chain rule).

A node keeps its arguments and its output one level down, as plain values of the transform outside.
So a first derivative records nothing while it walks; and if there is a transform outside, it sees
every step of the walk, which is what makes second derivatives exact.

Source: A. Griewank and A. Walther, Evaluating Derivatives (2nd ed., 2008), chapter 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any

import mlx.core as mx

from . import arithmetic
from .arrays import array, as_array, holder, watched, wrap
from .primitive import Primitive, Trace, released

COMPLEX = mx.complex64


class Node:
    """One step of a recorded computation.

    Attributes:
        primitive: the operation; ``None`` for a leaf, an array the tape was asked to watch.
        args: its arguments, one level down; numbers stay numbers.
        params: its parameters.
        output: its result one level down; a list for a primitive with several outputs.
        parents: for each argument the node that made it, or ``None`` for a constant. The node of
            one output among several (:func:`pick`) has no arguments, and as its only parent the
            node of the operation.
    """

    __slots__ = ("primitive", "args", "params", "output", "parents")

    def __init__(
        self,
        primitive: Primitive | None,
        args: Sequence[Any],
        params: dict[str, Any],
        output: Any,
        parents: Sequence[Node | None],
    ) -> None:
        self.primitive = primitive
        self.args = args
        self.params = params
        self.output = output
        self.parents = parents

    def pull(self, g: Any) -> Sequence[array | None]:
        """The cotangents of the arguments, given the cotangent ``g`` of the output.

        Raises:
            ValueError: the primitive has no derivative rule, or none by one of its arguments.
        """
        assert self.primitive is not None
        rule = self.primitive.vjp
        if rule is None:
            name = self.primitive.__name__
            raise ValueError(f"[vjp] Not implemented for {name}: it has no derivative rule.")
        if self.primitive.indices is not None:
            self.primitive.refuse_indices("VJP", self.parents)
        if isinstance(self.output, list):
            g = [zeros_like(y) if gi is None else conjugate(gi) for gi, y in zip(g, self.output)]
        else:
            g = conjugate(g)
        if "stream" not in self.params:
            return rule(g, self.output, *self.args, **self.params)
        params = {name: value for name, value in self.params.items() if name != "stream"}
        with mx.stream(self.params["stream"]):
            return rule(g, self.output, *self.args, **params)

    def __repr__(self) -> str:
        return f"<node {self.primitive.__name__ if self.primitive else 'leaf'}>"


class Tape(Trace):
    """The interpreter of ``vjp``, ``grad`` and ``value_and_grad``: it records.

    Used in a ``with`` statement; after it the tape is finished and records no more.
    """

    name = "a gradient function"

    def __enter__(self) -> Tape:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.finished = True

    def watch(self, x: Any) -> array:
        """A new array with the value of ``x`` that this tape watches: a leaf of the graph."""
        value = holder(x if type(x) is array and x._trace is None else released(as_array(x)))
        return watched(value, self, Node(None, (), {}, value, ()))

    def bind(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Carry out ``primitive`` one level down and record the step.

        Args:
            primitive: the operation.
            args: its arguments: arrays that this tape watches (at least one), other arrays,
                numbers. Use ``self.lower(x)`` to get each one level down, and ``self.watches(x)``
                to know whether ``x._record`` is a node of this tape.
            params: its keyword parameters.

        Returns:
            The output as an array that this tape watches (``watched(value, self, node)``), with a
            :class:`Node` of the step as its record. If ``primitive.constant`` is set, the output
            one level down as it is, unrecorded. For a primitive with several outputs, a list of
            watched arrays: ``self.pick_each(node)``.
        """
        raise NotImplementedError(
            "3.5 bind - exercises/ch03_tensors_autodiff/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def pick_each(self, node: Node) -> list[array]:
        """One watched array for each output of ``node``, each by a node with ``node`` as parent."""
        count = len(node.output)
        return [
            watched(y, self, Node(pick, (), {"index": i, "count": count}, y, (node,)))
            for i, y in enumerate(node.output)
        ]

    def node_of(self, x: Any) -> Node | None:
        """The node that made ``x``, or ``None`` if this tape does not watch ``x``."""
        return x._record if self.watches(x) else None


@Primitive
def pick(outputs: list[mx.array], /, *, index: int, count: int) -> mx.array:
    """One output of a primitive that has several."""
    return outputs[index]


@pick.defvjp
def pick_vjp(g: array, y: array, *, index: int, count: int) -> tuple[list[array | None]]:
    """Nothing is known here about the other outputs: their cotangents stay ``None``."""
    return ([g if i == index else None for i in range(count)],)


def zeros_like(x: array) -> array:
    """Zeros with the shape and dtype of ``x``."""
    return wrap(mx.zeros(x.shape, x.dtype))


def add_cotangents(total: Any, g: Any) -> Any:
    """The sum of two cotangents of one node, each possibly ``None`` or a list with ``None``."""
    if total is None:
        return g
    if g is None:
        return total
    if isinstance(g, list):
        return [add_cotangents(a, b) for a, b in zip(total, g)]
    return total + g


def match_dtype(g: Any, x: Any) -> Any:
    """The cotangent ``g`` of ``x`` that a rule returned, in the dtype of ``x``."""
    if type(g) is list:
        return g
    # Asked of every edge of the graph: the bare arrays, where they are at hand, answer faster.
    dtype = x._value.dtype if x._trace is None else x.dtype
    same = dtype == (g._value.dtype if g._trace is None else g.dtype)  # `!=` takes twice as long
    if not same:
        g = g.astype(dtype)
    return arithmetic.conj(g) if dtype == COMPLEX else g


def conjugate(g: array) -> array:
    """The complex conjugate of a complex cotangent, and a real one as it is.

    Rules are written for real numbers, and multiply by a derivative. For complex numbers the
    cotangent (dL/dx + i dL/dy for a real loss L) must be multiplied by its conjugate. That is the
    same as to conjugate before and after the rule.
    """
    dtype = g._value.dtype if g._trace is None else g.dtype
    return arithmetic.conj(g) if dtype == COMPLEX else g


def topological_order(outputs: Iterable[Node]) -> list[Node]:
    """Every node that the outputs were made from, each once, results before arguments.

    In the returned list each node stands before all of its parents, so that whoever walks the list
    has met all uses of a node before the node itself. A graph can be a chain of many thousands of
    nodes, or have many paths: do not recurse, and look at each node a few times only.

    Which of the many orders it is, and how to find it, is your own design: the tests look only at
    these properties, and count.

    Args:
        outputs: the nodes to start from; one may occur twice, or be an ancestor of another.

    Returns:
        The nodes in an order in which a node precedes its parents.
    """
    raise NotImplementedError(
        "3.6 topological_order - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def backward(outputs: Sequence[Node], cotangents: Sequence[array]) -> dict[Node, array]:
    """Send the cotangents of the outputs back to the leaves.

    A node that is used several times receives the sum of what flows back from each use, and passes
    it on once. Use :meth:`Node.pull` for the chain rule at one node, :func:`add_cotangents` for the
    sum, and :func:`match_dtype` to give every cotangent the dtype of the argument it belongs to.

    Args:
        outputs: nodes; one may occur twice.
        cotangents: for each of them the cotangent of its output.

    Returns:
        For each leaf (a node without a primitive) that anything flows back to, its cotangent.
    """
    raise NotImplementedError(
        "3.7 backward - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
