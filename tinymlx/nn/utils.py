"""Gradients of models: ``value_and_grad``, ``checkpoint``, and gradients of several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.core.arrays import holder
from tinymlx.core.tree import leaves, leaves_beside, replace
from tinymlx.nn.module import Module
from tinymlx.utils import tree_flatten, tree_map, tree_reduce, tree_unflatten


def value_and_grad(
    model: Module, fn: Callable[..., Any]
) -> Callable[..., tuple[Any, dict[str, Any]]]:
    """A function that returns the value of ``fn`` and its gradient by the model's parameters.

    ``fn`` reaches the parameters through the model, not as an argument. So a function of the
    parameters is made of it: it lends them to the model (:func:`lent`) while it calls ``fn``. That
    one goes into ``core.value_and_grad``, and is called with the model's trainable parameters.

    Args:
        model: the model.
        fn: a function that returns a scalar array, or a tuple whose first entry is one.

    Returns:
        A function with the arguments of ``fn`` that returns ``(value, gradients)``. The gradients
        have the structure of ``model.trainable_parameters()``.

    Raises (when called):
        ValueError: no parameter is trainable, or ``fn`` does not return a scalar (first).
    """
    raise NotImplementedError(
        "5.16 value_and_grad - exercises/ch05_building_networks/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@contextmanager
def lent(model: Module, parameters: dict[str, Any]) -> Iterator[None]:
    """While the context lasts, the model computes with other parameters; then its own return.

    The others are usually watched by a transform, and must not stay in the model when that has
    returned. The same holds for what the model itself keeps of the computation, running statistics
    for example: it stays, but as the plain array of its value.

    Args:
        model: the model.
        parameters: nested dicts and lists of arrays, as ``model.trainable_parameters()``.
    """
    borrowed = leaves(parameters)
    owners = {id(x): (x._value, own) for x, own in zip(borrowed, leaves_beside(parameters, model))}
    trace = borrowed[0]._trace if borrowed else None
    model.update(parameters)

    def settled(x: Any) -> Any:
        if type(x) is not array:
            return x
        value, original = owners.get(id(x), (None, None))
        if original is not None and x._value is value:
            return original
        while x._trace is not None and (x._trace is trace or x._trace.finished):
            x = holder(x._value)
        return x

    try:
        yield
    finally:
        replace(settled, model)


def checkpoint(module: Module, fn: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """A function that keeps no intermediate results for the gradient, and computes them again.

    As ``core.checkpoint``, but gradients also flow to the trainable parameters of the module.

    Args:
        module: the module whose parameters ``fn`` uses.
        fn: the function; the module itself by default.

    Returns:
        A function with the arguments, values and gradients of ``fn``.

    Source: T. Chen et al., Training Deep Nets with Sublinear Memory Cost (2016),
    https://arxiv.org/abs/1604.06174
    """
    function: Callable[..., Any] = module if fn is None else fn

    def function_of_parameters(parameters: Any, *args: Any, **kwargs: Any) -> Any:
        with lent(module, parameters):
            return function(*args, **kwargs)

    checkpointed = core.checkpoint(function_of_parameters)

    def checkpointed_function(*args: Any, **kwargs: Any) -> Any:
        return checkpointed(module.trainable_parameters(), *args, **kwargs)

    return wraps(function)(checkpointed_function)


def average_gradients(
    gradients: Any,
    group: core.distributed.Group | None = None,
    all_reduce_size: int = 32 * 1024**2,
    communication_stream: Any = None,
) -> Any:
    """The mean of the gradients of all processes in a group.

    Communication costs time for each message, so small arrays travel together: they are joined
    until a message has ``all_reduce_size`` bytes, added up, and taken apart.

    Args:
        gradients: a tree of arrays, of the same structure in every process.
        group: the processes; all by default.
        all_reduce_size: the size from which a message is sent; with 0 or less, or with arrays of
            several dtypes, each array travels alone.
        communication_stream: the stream of the communication.

    Returns:
        The tree of means; the gradients themselves if there is one process only.

    Shape: of each leaf, that of the gradient.
    """
    group = group or core.distributed.init()
    processes = group.size()
    if processes == 1:
        return gradients

    def mean(x: array) -> array:
        return core.distributed.all_sum(x, group=group, stream=communication_stream) / processes

    flat = tree_flatten(gradients)
    if all_reduce_size <= 0 or len({g.dtype for _, g in flat}) > 1:
        return tree_map(mean, gradients)
    if not flat:
        return gradients
    averaged: list[tuple[str, array]] = []
    for parcel in parcels(flat, all_reduce_size):
        together = mean(core.concatenate([g.reshape(-1) for _, g in parcel]))
        averaged += taken_apart(together, parcel)
    return tree_unflatten(averaged)


Named = list[tuple[str, array]]


def parcels(flat: Named, size: int) -> Iterator[Named]:
    """Arrays in groups: each as few as have at least ``size`` bytes together."""
    parcel: Named = []
    filled = 0
    for name, g in flat:
        parcel.append((name, g))
        filled += g.nbytes
        if filled >= size:
            yield parcel
            parcel, filled = [], 0
    if parcel:
        yield parcel


def taken_apart(together: array, parcel: Sequence[tuple[str, array]]) -> Named:
    """Pieces of an array of one axis, with the names and shapes of the arrays in the parcel."""
    ends, end = [], 0
    for _, g in parcel:
        end += g.size
        ends.append(end)
    pieces = core.split(together, ends[:-1])
    return [(name, piece.reshape(g.shape)) for (name, g), piece in zip(parcel, pieces)]


def clip_grad_norm_sharded(
    gradients: Any, max_norm: float, group: core.distributed.Group | None = None
) -> tuple[Any, array]:
    """As :func:`tinymlx.optimizers.clip_grad_norm`, when every process has a part of the gradients.

    The squared norms of all parts are added up before they become one norm.

    Args:
        gradients: a tree with this process's part of the gradients.
        max_norm: the greatest norm of all parts together.
        group: the processes; all by default.

    Returns:
        The tree of clipped gradients, and the norm before.
    """
    own = tree_reduce(lambda total, g: total + g.square().sum(), gradients, 0.0)
    norm = core.sqrt(core.distributed.all_sum(own, group=group))
    factor = core.minimum(max_norm / (norm + 1e-6), 1.0)
    return tree_map(lambda g: g * factor, gradients), norm
