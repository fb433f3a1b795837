"""A program of MIL as plain data, and what builds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import mlx.core as mx

from tinymlx.compiler.graph import Graph, Node, Value

#: The dtypes of MIL that we use.
DTYPES = {mx.float32: "fp32", mx.float16: "fp16", mx.int32: "int32", mx.bool_: "bool"}


class Unsupported(ValueError):
    """A graph cannot be said in MIL; the sentence says what, and where it came from."""


@dataclass(frozen=True)
class Op:
    """One operation.

    Attributes:
        kind: its name in MIL.
        inputs: names of values or constants by the names of the parameters; a list of names where
            MIL wants several.
        attributes: numbers, booleans, texts and lists by the names of the parameters.
        output: the name of what it makes.
        shape, dtype: of that.
        where: the line of the reader's program that it came from.
    """

    kind: str
    inputs: dict[str, Any]
    attributes: dict[str, Any]
    output: str
    shape: tuple[int, ...]
    dtype: str
    where: str = ""


@dataclass
class Program:
    """A function in MIL.

    Attributes:
        inputs: shape and dtype by name.
        constants: arrays by name.
        ops: in an order in which each finds its inputs ready.
        outputs: names.
        shapes: of all values and constants, by name.
        states: inputs that outlive a call, each with the value that it has afterwards.
    """

    inputs: dict[str, tuple[tuple[int, ...], str]] = field(default_factory=dict)
    constants: dict[str, mx.array] = field(default_factory=dict)
    ops: list[Op] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)


def with_states(program: Program, states: dict[int, int]) -> Program:
    """A program some of whose inputs are memory.

    Args:
        program: any.
        states: for the index of such an input that of the output which is its next value. These
            outputs are none any more.
    """
    names = list(program.inputs)
    kept = [y for i, y in enumerate(program.outputs) if i not in states.values()]
    found = {names[i]: program.outputs[j] for i, j in states.items()}
    return replace(program, outputs=kept, states=found)


class Builder:
    """Builds a program from the nodes of a graph.

    Attributes:
        program: what has been built.
        graph: where it comes from.
        where: the line of the node that is converted now.
    """

    def __init__(self, graph: Graph) -> None:
        self.program, self.graph, self.where = Program(), graph, ""
        self.makers = graph.makers()
        self._names: dict[Value, str] = {}
        for i, x in enumerate(graph.inputs):
            name = f"input_{i}"
            self._names[x] = name
            self.program.inputs[name] = x.shape, self.dtype(x.dtype)
            self.program.shapes[name] = x.shape

    def dtype(self, dtype: mx.Dtype) -> str:
        """The name of a dtype in MIL.

        Raises:
            Unsupported: there is none.
        """
        if dtype not in DTYPES:
            raise Unsupported(f"Core ML has no {dtype}{self.place()}.")
        return DTYPES[dtype]

    def place(self) -> str:
        """Where the node that is converted now came from, for an error."""
        return f" (at {self.where})" if self.where else ""

    def name(self, x: Any, like: Value | None = None) -> str:
        """The name of an argument of a node.

        Args:
            x: a value, or a number of Python, which becomes a constant.
            like: for a number, whose dtype it takes.
        """
        if not isinstance(x, Value):
            return self.constant(mx.array(x, like.dtype if like is not None else None))
        if x not in self._names:
            if x.constant is None:
                raise ValueError("[mil] A value is read before it is made.")
            self._names[x] = self.constant(x.constant)
        return self._names[x]

    def named(self, x: Value, name: str) -> None:
        """From now on ``x`` is what stands under this name."""
        self._names[x] = name

    def constant(self, x: mx.array) -> str:
        """The name of a new constant."""
        self.dtype(x.dtype)
        name = f"constant_{len(self.program.constants)}"
        self.program.constants[name] = x
        self.program.shapes[name] = x.shape
        return name

    def emit(
        self,
        kind: str,
        inputs: dict[str, Any],
        shape: Sequence[int],
        dtype: mx.Dtype,
        /,
        **attributes: Any,
    ) -> str:
        """Append an operation.

        Args:
            kind: its name in MIL.
            inputs: names, by the names of its parameters.
            shape, dtype: of its output.
            attributes: numbers, booleans, texts and lists, by the names of its parameters.

        Returns:
            The name of its output.
        """
        name = f"{kind}_{len(self.program.ops)}"
        op = Op(kind, inputs, attributes, name, tuple(shape), self.dtype(dtype), self.where)
        self.program.ops.append(op)
        self.program.shapes[name] = op.shape
        return name

    def transposed(self, name: str, perm: Sequence[int], dtype: mx.Dtype) -> str:
        """The name of a value with its axes in the order ``perm``."""
        shape = self.program.shapes[name]
        return self.emit("transpose", {"x": name}, [shape[a] for a in perm], dtype, perm=list(perm))


def refuse(build: Builder, node: Node, why: str) -> Unsupported:
    """The error for a node that MIL cannot say."""
    return Unsupported(f"{node.name}{build.place()} cannot be said in Core ML: {why}.")
