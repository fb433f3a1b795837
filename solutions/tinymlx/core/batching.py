"""Vectorization: one call for a whole batch of examples.

``vmap(f)`` runs ``f``, written for one example, on all examples at once. While it runs, the values
carry one axis more than ``f`` sees: the batch, always in front. An operation on such values is
carried out for the whole batch by the *batching rule* of its primitive (:mod:`.batch_rules`): a
reduction along axis 1 becomes one along axis 2, and so on. A primitive without a rule is called
once for each example, in a loop.

Source: J. Bradbury et al., JAX: composable transformations of Python+NumPy programs (2018).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from . import joining, shapes
from .arrays import array, as_array, holder, watched
from .primitive import Primitive, Trace, released
from .tree import leaves, rebuild

#: A rule gets the batch and the primitive's arguments and parameters, and returns the output (a
#: list for several outputs) with the batch in front. ``batched[i]``: whether argument ``i`` has it.
Rule = Callable[..., Any]
rules: dict[Primitive, Rule] = {}


class Batch(Trace):
    """The interpreter of ``vmap``.

    Attributes:
        size: how many examples there are.

    The value of a watched array has the batch as its first axis; its record is ``None``.
    """

    name = "vmap"

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def shape_of(self, x: array) -> tuple[int, ...]:
        """The shape of one example."""
        return x._value.shape[1:]

    def leaked(self, x: array) -> array:
        """Refuses: outside there is no single example any more.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(
            "[vmap] An array that was made inside vmap is used after it has returned; return it "
            "from the function."
        )

    def read(self, x: array) -> array:
        """Refuses: there is a batch of numbers, where the function believes that there is one.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "[eval] Attempting to eval an array during function transformations like compile or "
            "vmap is not allowed."
        )

    def bind(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Carry out ``primitive`` for all examples at once.

        The arguments go one level down, ``self.lower(x)``, where those that this trace watches
        (``self.watches(x)``) carry the batch as their first axis. A batching rule is called as
        ``rule(self, primitive, inputs, batched, params)``, with a list of booleans that say which
        ones that are. A primitive may have a rule of its own, ``primitive.batch``; otherwise it is
        in ``rules``; without any it is :func:`one_by_one`. What a rule returns has the batch in
        front, and ``watched(y, self, None)`` makes of it an array as one example sees it.

        Args:
            primitive: the operation.
            args: its arguments: arrays that this trace watches (at least one), other arrays, which
                are the same for all examples, and numbers.
            params: its keyword parameters.

        Returns:
            The output as an array that this trace watches, or a list of them.
        """
        inputs = [self.lower(x) for x in args]
        batched = [self.watches(x) for x in args]
        rule = primitive.batch or rules.get(primitive, one_by_one)
        output = rule(self, primitive, inputs, batched, params)
        if isinstance(output, list):
            return [watched(y, self, None) for y in output]
        return watched(output, self, None)


def one_by_one(
    batch: Batch,
    primitive: Primitive,
    args: Sequence[Any],
    batched: Sequence[bool],
    params: dict[str, Any],
) -> Any:
    """The rule of primitives that have none: a loop over the examples, then a stack.

    Args:
        batch: the trace; ``batch.size`` is the number of examples.
        primitive: the operation.
        args: its arguments.
        batched: for each argument whether it has the batch in front; the others are the same for
            all examples.
        params: its keyword parameters.

    Returns:
        The outputs of all examples, ``joining.stack`` of them; a list of stacks if the primitive
        has a list of outputs.
    """
    results = [
        primitive(*(x[i] if has_batch else x for x, has_batch in zip(args, batched)), **params)
        for i in range(batch.size)
    ]
    if isinstance(results[0], list):
        return [joining.stack(list(outputs)) for outputs in zip(*results)]
    return joining.stack(results)


def vmap(fun: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """A function that applies ``fun`` to each example of a batch, in one go.

    Args:
        fun: a function of arrays, or trees of arrays, for one example.
        in_axes: the axis of the arguments along which the examples lie; a number for all arguments,
            or a tree that is a prefix of the arguments, where ``None`` marks an argument that all
            examples share.
        out_axes: the axis of the results along which their examples shall lie; a number or a
            prefix tree, where ``None`` marks a result that does not depend on the example.

    Returns:
        A function of batches.

    Raises (when called):
        ValueError: the batches have different sizes, or ``in_axes`` is no prefix of the arguments.
        IndexError: an array does not have the axis.
        TypeError: there are keyword arguments.
    """
    if in_axes is None or out_axes is None:
        raise TypeError("vmap(): in_axes and out_axes should be numbers or trees, not None.")

    @functools.wraps(fun)
    def vmapped_fun(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            raise TypeError("[vmap] Keyword arguments are not supported.")
        axes = axes_of_leaves(in_axes, args)
        batch = Batch(batch_size(args, axes))
        try:
            supply = iter(axes)
            inputs = rebuild(lambda x: enter(batch, x, next(supply)), tuple(args))
            outputs = fun(*inputs)
            supply = iter(axes_of_leaves(out_axes, outputs))
            return rebuild(lambda y: leave(batch, y, next(supply)), outputs)
        finally:
            batch.finished = True

    return vmapped_fun


def enter(batch: Batch, x: Any, axis: int | None) -> array:
    """An argument as one example sees it."""
    x = released(as_array(x))
    if axis is None:
        return holder(x)
    return watched(shapes.moveaxis(x, axis, 0) if axis % x.ndim else holder(x), batch, None)


def leave(batch: Batch, y: Any, axis: int | None) -> array:
    """A result for the whole batch, with the examples along ``axis``."""
    if not isinstance(y, (array, mx.array)):
        raise ValueError("[tree_flatten] The argument should contain only arrays")
    y = as_array(y)
    if axis is None:
        if batch.watches(y):
            raise ValueError("[vmap] A result that depends on the example needs an output axis.")
        return holder(y)
    if not -y.ndim - 1 <= axis <= y.ndim:
        raise IndexError(
            f"[vmap] Invalid output vectorization axis {axis} for array with shape {y.shape}"
        )
    value = y._value if batch.watches(y) else shapes.broadcast_to(y, (batch.size, *y.shape))
    return shapes.moveaxis(value, 0, axis) if axis % value.ndim else holder(value)


def batch_size(args: Sequence[Any], axes: Sequence[int | None]) -> int:
    """The number of examples.

    Raises:
        ValueError: two arguments disagree, or none has a batch.
        IndexError: an array does not have its axis.
    """
    size: int | None = None
    for x, axis in zip(leaves(tuple(args)), axes):
        if axis is None:
            continue
        shape = as_array(x).shape
        if not -len(shape) <= axis < len(shape):
            raise IndexError(
                f"[vmap] Invalid vectorization axis {axis} for array with shape {shape}"
            )
        if size is not None and shape[axis] != size:
            raise ValueError(f"[vmap] Inconsistent axis sizes: {size} and {shape[axis]}.")
        size = shape[axis]
    if size is None:
        raise ValueError("[vmap] At least one of in_axes must be non-None.")
    return size


def axes_of_leaves(axes: Any, tree: Any) -> list[int | None]:
    """One axis for each leaf of ``tree``, from a number or a tree that is a prefix of ``tree``.

    As in MLX, a single argument may be described without the tuple around it.

    Raises:
        ValueError: ``axes`` is no prefix of ``tree``.
    """
    if isinstance(tree, tuple) and len(tree) == 1 and not isinstance(axes, tuple):
        tree = tree[0]
    found: list[int | None] = []
    _spread(axes, tree, found)
    return found


def _spread(axes: Any, tree: Any, found: list[int | None]) -> None:
    if axes is None or isinstance(axes, int):
        found.extend(axes for _ in leaves(tree))
    elif isinstance(axes, dict) and isinstance(tree, dict) and axes.keys() == tree.keys():
        for key, branch in tree.items():
            _spread(axes[key], branch, found)
    elif (
        isinstance(axes, (list, tuple))
        and isinstance(tree, (list, tuple))
        and len(axes) == len(tree)
    ):
        for axis, branch in zip(axes, tree):
            _spread(axis, branch, found)
    else:
        raise ValueError(
            "[tree_map] Additional input tree is not a valid prefix of the first tree."
        )
