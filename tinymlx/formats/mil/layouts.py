"""Transpositions that cancel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .elementwise import BINARY, UNARY
from .program import Op, Program

#: Operations that don't care about the order of axes: each element for itself.
FREE = {*BINARY.values(), *UNARY.values(), "cast"}


def without_transposes(program: Program) -> Program:
    """A program that computes the same with fewer transpositions.

    A transposition waits as long as it can. An operation of :data:`FREE` whose arguments are all
    transposed in the same order (numbers, constants with one element, may stand between) is done in
    front of the transposition instead; a constant whose axes can be brought into that order is
    turned back here. Two transpositions one behind the other become one; and one that changes
    nothing, none.

    Args:
        program: any program. It stays as it is.

    Returns:
        A program with the same inputs, and the same outputs under the same names or new ones.
    """
    return Mover(program).moved()


class Mover:
    """One walk over a program.

    Attributes:
        new: what has been built.
        waiting: for each value whose transposition waits, the value in front of it and the order
            of axes.
    """

    def __init__(self, program: Program) -> None:
        self.old = program
        self.new = Program(dict(program.inputs), dict(program.constants))
        self.new.shapes = {
            name: program.shapes[name] for name in [*program.inputs, *program.constants]
        }
        self.waiting: dict[str, tuple[str, list[int]]] = {}
        self.dtypes = {op.output: op.dtype for op in program.ops}
        self.dtypes |= {name: dtype for name, (_, dtype) in program.inputs.items()}

    def moved(self) -> Program:
        """The new program."""
        for op in self.old.ops:
            if op.kind == "transpose":
                self.wait(op)
            elif not self.in_front(op):
                inputs = {
                    key: [self.settled(n) for n in x] if isinstance(x, list) else self.settled(x)
                    for key, x in op.inputs.items()
                }
                self.keep(replace(op, inputs=inputs))
        self.new.outputs = [self.settled(name) for name in self.old.outputs]
        return without_dead(self.new)

    def keep(self, op: Op) -> None:
        """An operation of the new program."""
        self.new.ops.append(op)
        self.new.shapes[op.output] = op.shape

    def wait(self, op: Op) -> None:
        """A transposition is only noted, together with one that waits in front of it."""
        raise NotImplementedError(
            "15.9 wait - exercises/ch15_deployment/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def in_front(self, op: Op) -> bool:
        """Do an operation in front of the transposition that all its arguments wait for, if there
        is one. Whether it was done."""
        raise NotImplementedError(
            "15.9 in_front - exercises/ch15_deployment/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def waits(self, x: object) -> bool:
        return isinstance(x, str) and x in self.waiting

    def turned(self, name: str, perm: Sequence[int]) -> str | None:
        """An argument as it stands in front of the transposition; ``None`` if it is not known."""
        if name in self.waiting:
            return self.waiting[name][0]
        x = self.old.constants.get(name)
        if x is None:
            return None
        if x.size == 1:
            return name if x.ndim == 0 else self.constant(f"{name}_number", x.reshape(()))
        wide = x.reshape(*[1] * (len(perm) - x.ndim), *x.shape)
        back = [list(perm).index(axis) for axis in range(len(perm))]
        # Two orders of one constant are two constants.
        return self.constant("_".join([name, *map(str, back)]), wide.transpose(back))

    def constant(self, new: str, x: object) -> str:
        """A constant of the new program under the name ``new``."""
        self.new.constants[new] = x  # type: ignore[assignment]
        self.new.shapes[new] = x.shape  # type: ignore[attr-defined]
        return new

    def settled(self, name: str) -> str:
        """A value for somebody who wants it as it was: the transposition is done now."""
        if name not in self.waiting:
            return name
        start, perm = self.waiting[name]
        if perm == sorted(perm):
            return start
        if name not in self.new.shapes:
            shape = tuple(self.old.shapes[name])
            op = Op("transpose", {"x": start}, {"perm": perm}, name, shape, self.dtypes[name])
            self.keep(op)
        return name


def after(first: Sequence[int], second: Sequence[int]) -> list[int]:
    """One order of axes that does what two do, one after the other."""
    return [first[axis] for axis in second]


def without_dead(program: Program) -> Program:
    """A program without operations and constants that nobody reads."""
    needed, kept = set(program.outputs), []
    for op in reversed(program.ops):
        if op.output in needed:
            kept.append(op)
            for x in op.inputs.values():
                needed.update(x if isinstance(x, list) else [x])
    constants = {name: x for name, x in program.constants.items() if name in needed}
    new = Program(program.inputs, constants, kept[::-1], program.outputs, program.shapes)
    return new
