"""Functions with derivatives of their own: ``custom_function``, and ``checkpoint`` on top of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from .arrays import array, as_array, bare, watched, wrap
from .batching import Batch
from .creation import depends
from .forward import Tangents
from .primitive import Primitive, Trace
from .shapes import broadcast_to, moveaxis
from .tape import Tape
from .transforms import vjp
from .tree import leaves, rebuild


class custom_function:
    """A function whose derivative or batching rule is written by hand.

    Used as a decorator. The rules are optional; where there is none the function is differentiated
    or vectorized like any other, but captured arrays are constants. Without any rule at all it is
    the function itself. Rules get the keyword arguments of the call, too.

    Args:
        fun: a function of arrays, or trees of arrays, that returns an array or a tree of them.

    Source: https://ml-explore.github.io/mlx/build/html/python/_autosummary/mlx.core.custom_function.html
    """

    def __init__(self, fun: Callable[..., Any]) -> None:
        functools.update_wrapper(self, fun, updated=())  # not its attributes: it may have a `vjp`
        self.fun = fun
        self._rules: dict[type[Trace], Callable[..., Any]] = {}

    def vjp(self, rule: Callable[..., Any]) -> custom_function:
        """Register ``rule(primals, cotangents, outputs)``, which returns the primals' cotangents.

        ``primals`` is the only argument, or the tuple of all; ``cotangents`` and ``outputs`` have
        the structure of the result; what is returned has the structure of ``primals``.
        """
        self._rules[Tape] = rule
        return self

    def jvp(self, rule: Callable[..., Any]) -> custom_function:
        """Register ``rule(primals, tangents)``, which returns the tangents of the result."""
        self._rules[Tangents] = rule
        return self

    def vmap(self, rule: Callable[..., Any]) -> custom_function:
        """Register ``rule(inputs, axes)``, which returns the results and the axes of their batch.

        ``axes`` has for each input the axis of the batch, or ``None`` if it has none.
        """
        self._rules[Batch] = rule
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self._rules:
            return self.fun(*args, **kwargs)
        call = Call(self, args, kwargs)
        flat = [x for x in leaves((args, kwargs)) if isinstance(x, (array, mx.array))]
        return call.result(call.primitive(*(as_array(x) for x in flat)))


class Call:
    """One call of a `custom_function` as a primitive of its arrays."""

    def __init__(
        self, owner: custom_function, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.owner = owner
        self.rules = owner._rules
        self.args, self.kwargs = args, kwargs
        self.structure: Any = None
        self.primitive = Primitive(self.forward, arity=1 << 30)
        self.primitive.__name__ = getattr(owner, "__name__", "custom_function")
        self.primitive.vjp = self.pull
        self.primitive.jvp = self.push
        self.primitive.batch = self.vectorize

    def run(self, flat: Sequence[Any]) -> list[array]:
        """The function on these arrays, its results in a row."""
        args, kwargs = self.refill(flat)
        result = self.owner.fun(*args, **kwargs)
        self.structure = result
        return [as_array(y) for y in leaves(result)]

    def refill(self, flat: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with other arrays in the places of their own."""
        supply = iter(flat)

        def next_if_array(x: Any) -> Any:
            return next(supply) if isinstance(x, (array, mx.array)) else x

        return rebuild(next_if_array, self.args), rebuild(next_if_array, self.kwargs)

    def result(self, outputs: Sequence[Any]) -> Any:
        """Outputs in a row, in the structure that the function returned."""
        supply = iter(outputs)
        return rebuild(lambda _: next(supply), self.structure)

    def primals(self, flat: Sequence[Any]) -> Any:
        """The arguments as rules see them: the only one, or a tuple of all."""
        args, _ = self.refill(flat)
        return args[0] if len(args) == 1 else args

    def keywords(self, flat: Sequence[Any]) -> dict[str, Any]:
        """The keyword arguments as rules see them."""
        return self.refill(flat)[1]

    def forward(self, *values: mx.array) -> list[mx.array]:
        return [bare(y) for y in self.run([wrap(x) for x in values])]

    def pull(self, g: list[array], y: list[array], *flat: array) -> list[array | None]:
        """The derivative rule of the primitive, from the rule that the user wrote.

        ``self.rules.get(Tape)`` is that rule. Without one, the function is differentiated like any
        other, by ``vjp``. That wants a function of as many arrays as ``flat`` has; ``self.run``
        takes them in one sequence, and returns a list.

        The rule sees trees where a primitive has arrays in a row: ``self.primals(flat)`` are the
        arguments, ``self.result`` puts cotangents or outputs into the structure of the result.
        And it gets the keyword arguments of the call, ``self.keywords(flat)``. What it returns,
        ``self.in_a_row`` brings into the order of ``flat``.

        Args:
            g: the cotangents of the outputs.
            y: the outputs.
            flat: the arrays among the arguments.

        Returns:
            A cotangent for each array in ``flat``, or ``None``.
        """
        rule = self.rules.get(Tape)
        if rule is None:
            return list(vjp(lambda *xs: self.run(xs), flat, g)[1])
        primals, cotangents, outputs = self.primals(flat), self.result(g), self.result(y)
        return self.in_a_row(rule(primals, cotangents, outputs, **self.keywords(flat)))

    def in_a_row(self, returned: Any) -> list[array | None]:
        """A cotangent for each array among the arguments, from what a rule returned.

        The rule may return an entry for every leaf of the primals, also ``None`` for a number; or
        for the arrays alone, and not even for all: the others receive nothing.
        """
        row, places = list(leaves(returned)), list(leaves(self.args))
        if len(row) == len(places):
            row = [g for g, x in zip(row, places) if isinstance(x, (array, mx.array))]
        given = [as_array(g) if isinstance(g, (array, mx.array)) else None for g in row]
        count = sum(isinstance(x, (array, mx.array)) for x in leaves([self.args, self.kwargs]))
        return (given + [None] * count)[:count]

    def push(self, tangents: Sequence[array | None], y: Any, *flat: array) -> list[array]:
        """The tangents of the outputs."""
        rule = self.rules.get(Tangents)
        if rule is not None:
            directions = list(tangents)
            primals, moves = self.primals(flat), self.primals(directions)
            return list(leaves(rule(primals, moves, **self.keywords(flat))))
        trace = Tangents()
        inputs = [x if t is None else watched(x, trace, t) for x, t in zip(flat, tangents)]
        outputs = self.run(inputs)
        trace.finished = True
        return [
            o._record if trace.watches(o) else wrap(mx.zeros(o.shape, o.dtype)) for o in outputs
        ]

    def vectorize(
        self,
        batch: Batch,
        primitive: Primitive,
        args: Sequence[array],
        batched: Sequence[bool],
        params: dict[str, Any],
    ) -> list[array]:
        """The batching rule: every output with the batch as its first axis."""
        rule = self.rules.get(Batch)
        if rule is None:
            inputs = [watched(x, batch, None) if b else x for x, b in zip(args, batched)]
            outputs = self.run(inputs)
            axes: list[int | None] = [0 if batch.watches(y) else None for y in outputs]
            outputs = [y._value if batch.watches(y) else y for y in outputs]
        else:
            axis_of = [0 if b else None for b in batched]
            places, axes_of_places = self.primals(args), self.primals(axis_of)
            returned, returned_axes = rule(places, axes_of_places, **self.keywords(args))
            self.structure = returned
            outputs, axes = list(leaves(returned)), list(leaves(returned_axes))
        moved = []
        for y, axis in zip(outputs, axes):
            if axis is None:
                y = broadcast_to(y, (batch.size, *y.shape))
            moved.append(moveaxis(y, axis, 0) if axis else y)
        return moved


def checkpoint(fun: Callable[..., Any]) -> Callable[..., Any]:
    """A function that keeps its inputs only, and computes everything else again for its gradient.

    A gradient needs the intermediate results of the computation, and they take memory until it has
    been computed. A checkpointed function gives them up and computes them a second time.

    It is a :class:`custom_function` whose vjp rule runs ``fun`` again, under ``vjp``. Arguments by
    position and by name are handed to it as one tree, the pair ``(args, kwargs)``: then all arrays
    in it have gradients. The rule gets the tree, ``vjp`` wants arrays in a row: ``leaves`` and
    ``rebuild`` lead there and back. The second computation must not begin before its cotangents are
    there, because only then the memory of the rest of the backward pass has been given back:
    ``depends(arrays, cotangents)`` returns the arrays as new ones that wait for the cotangents.

    Args:
        fun: a function of arrays, or trees of arrays.

    Returns:
        A function with the same values and gradients. Captured arrays are constants to it.

    Source: T. Chen et al., Training Deep Nets with Sublinear Memory Cost (2016).
    """
    kept = custom_function(lambda call: fun(*call[0], **call[1]))

    @kept.vjp
    def recompute(call: Any, cotangents: Any, outputs: Any) -> Any:
        arrays = [x for x in leaves(call) if isinstance(x, array)]
        wanted = [g for g in leaves(cotangents) if isinstance(g, array)]
        # The second computation must not begin before its cotangent is there: that is when the
        # memory of the rest of the backward pass has been given back.
        arrays = list(depends(arrays, wanted)) if arrays else arrays

        def again(*flat: array) -> list[array]:
            supply = iter(flat)
            args, kwargs = rebuild(lambda x: next(supply) if isinstance(x, array) else x, call)
            return list(leaves(fun(*args, **kwargs)))

        return vjp(again, arrays, wanted)[1]

    return functools.wraps(fun)(lambda *args, **kwargs: kept((args, kwargs)))
