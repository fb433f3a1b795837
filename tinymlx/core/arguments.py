"""The arguments to differentiate: which ones they are, and how they are watched.

:class:`Selection` is what ``argnums`` and ``argnames`` mean. :class:`Loan` puts watched arrays in
the place of those that were chosen by position, while the function runs. Arguments that were chosen
by name get a position first, in :mod:`.transforms`.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from .arrays import array, as_array, holder
from .tape import Tape
from .tree import leaves, rebuild, replace


class Selection:
    """Which arguments of a function to differentiate: what ``argnums`` and ``argnames`` mean.

    Args:
        tag: the name of the transform, for messages.
        argnums: one position or several; ``None`` is the first, unless there are names.
        argnames: one name or several.
    """

    def __init__(
        self,
        tag: str,
        argnums: int | Sequence[int] | None,
        argnames: str | Sequence[str] | None = (),
    ) -> None:
        self.tag = tag
        self.names = sorted({argnames} if isinstance(argnames, str) else set(argnames or ()))
        if argnums is None:
            argnums = () if self.names else (0,)
        self.positions = sorted(_positions(tag, argnums))
        if not self.positions and not self.names:
            raise ValueError(f"[{tag}] Gradient wrt no argument requested")
        for first, second in zip(self.positions, self.positions[1:], strict=False):
            if first == second:
                raise ValueError(f"[{tag}] Duplicate argument index {first} is not allowed.")
        if self.positions and self.positions[0] < 0:
            raise ValueError(
                f"[{tag}] Can't compute the gradient of negative argument index {self.positions[0]}"
            )

    def check(self, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        """Compare with the arguments of a call.

        Raises:
            ValueError: an argument to differentiate is missing.
        """
        if self.positions and self.positions[-1] >= len(args):
            raise ValueError(
                f"[{self.tag}] Can't compute the gradient of argument index {self.positions[-1]} "
                f"because the function is called with only {len(args)} positional arguments."
            )
        for name in self.names:
            if name not in kwargs:
                known = "{" + ", ".join(kwargs) + "}"
                raise ValueError(
                    f"[{self.tag}] Can't compute the gradient of keyword argument '{name}' because "
                    f"the function is called with the following keyword arguments {known}"
                )

    def loss_of(self, value: Any) -> array:
        """The scalar to differentiate, in what the function returned."""
        loss = value
        if self.tag == "value_and_grad" and isinstance(value, tuple):
            if not value:
                raise ValueError(f"{self._expected()}; but it was an empty tuple.")
            loss = value[0]
            if not isinstance(loss, (array, mx.array)):
                raise ValueError(
                    f"{self._expected()}; but it was a tuple with the first value being of type "
                    f"{type(loss).__name__}."
                )
        if not isinstance(loss, (array, mx.array)):
            raise ValueError(f"{self._expected()}; but {type(value).__name__} was returned.")
        if loss.ndim:
            raise ValueError(
                f"[vjp] Output shape {shape_text(loss.shape)} does not match cotangent shape (). "
                f"If you are using grad your function must return a scalar."
            )
        return as_array(loss)

    def _expected(self) -> str:
        should = "should be a scalar array"
        if self.tag == "value_and_grad":
            should = (
                "should be either a scalar array or a tuple with the first value being a scalar "
                "array (Union[array, tuple[array, Any, ...]])"
            )
        return (
            f"[{self.tag}] The return value of the function whose gradient we want to compute "
            f"{should}"
        )


class Loan:
    """Watched arrays in the place of those to differentiate, for one call of a function.

    Lists and dicts are lent, not copied: a module that the function also reaches by another name
    shows the watched arrays there, too.

    Args:
        selection: which arguments to differentiate, by their positions.
        args: the positional arguments of the call.
        kwargs: its keyword arguments.

    Attributes:
        leaves: for each array to differentiate, from left to right, its node on the tape.

    Raises:
        ValueError: an argument to differentiate contains something else than arrays, or nothing.
    """

    def __init__(self, selection: Selection, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        self.selection = selection
        self.args = list(args)
        self.kwargs = dict(kwargs)
        trees = [args[i] for i in selection.positions]
        self.structure = [rebuild(lambda x: x, tree) for tree in trees]  # fun may change the trees
        self.originals = leaves(trees)
        if not all(isinstance(x, (array, mx.array)) for x in self.originals):
            raise ValueError("[tree_flatten] The argument should contain only arrays")
        if not self.originals:
            raise ValueError(f"[{selection.tag}] Must specify at least one argument.")
        self.tracers: list[array] = []
        self.leaves: list[Any] = []

    def lend(self, tape: Tape) -> tuple[list[Any], dict[str, Any]]:
        """Watch the arrays to differentiate, and put the watched ones in their places.

        Returns the arguments to call the function with.
        """
        self.tracers = [tape.watch(x) for x in self.originals]
        self.leaves = [x._record for x in self.tracers]
        supply = iter(self.tracers)
        for i in self.selection.positions:
            self.args[i] = replace(lambda _: next(supply), self.args[i])
        return self.args, self.kwargs

    def take_back(self, tape: Tape) -> None:
        """End the loan: put the arrays back where their watched ones stand.

        Anything else that the tape watches was computed and written there by the function: of that
        the value stays, one level down, without its history. The function may have moved things, so
        all arguments are searched, and what counts is what an array is, not where it stands.
        """
        owner = {id(t): x for t, x in zip(self.tracers, self.originals, strict=False)}

        def given_back(x: Any) -> Any:
            if id(x) in owner:
                return owner[id(x)]
            return holder(x._value) if tape.watches(x) else x

        for tree in (*self.args, *self.kwargs.values()):
            if isinstance(tree, (list, dict, tuple)):
                replace(given_back, tree)

    def arrange(self, gradients: Sequence[array]) -> Any:
        """The gradients in the structure of the arguments they belong to."""
        supply = iter(gradients)
        trees = [rebuild(lambda _: next(supply), tree) for tree in self.structure]
        return trees[0] if len(trees) == 1 else tuple(trees)


def shape_text(shape: Sequence[int]) -> str:
    """A shape as the messages of MLX write it."""
    return f"({','.join(map(str, shape))})"


def _positions(tag: str, argnums: Any) -> list[int]:
    try:
        if hasattr(argnums, "__index__"):
            return [operator.index(argnums)]
        return [operator.index(i) for i in argnums]
    except TypeError:
        raise TypeError(
            f"[{tag}] argnums should be an integer or a sequence of integers, not {argnums!r}."
        ) from None
