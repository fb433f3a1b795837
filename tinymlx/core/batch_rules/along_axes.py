"""The rules of reductions, scans and sorting: the axis moves by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import creation, logic, reductions, scans, shapes, sorting
from ..arrays import array
from ..batching import Batch
from ..primitive import Primitive
from .alignment import Args, Params, all_behind, behind, flat_examples, rule_of


@rule_of(
    *(reductions.sum, reductions.mean, reductions.max, reductions.min, reductions.prod),
    *(reductions.logsumexp, reductions.variance, logic.all, logic.any),
)
def reduction(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> Any:
    """A reduction of each example.

    The axis (``params.get("axis")``, a number, several, or none) is one of an example; the batch in
    front moves it (:func:`all_behind`). No axis means all axes of the example: all but the batch.
    Where that leaves no axis, because an example is a single number, it is
    :func:`reduced_numbers`.

    Args:
        batch: the trace.
        primitive: the reduction, ``primitive(x, axis=..., keepdims=...)``.
        args: a single array with the batch in front.
        batched: that it has it.
        params: ``axis`` and ``keepdims``, where they were given.

    Returns:
        The reductions, with the batch in front.
    """
    raise NotImplementedError(
        "6.6 reduction - exercises/ch06_training_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def reduced_numbers(primitive: Primitive, x: array, params: Params) -> array:
    """The reduction of examples that are single numbers: each alone, along an axis of size 1."""
    return primitive(shapes.expand_dims(x, 1), **{**params, "axis": 1, "keepdims": False})


@rule_of(reductions.softmax)
def softmax(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    """As a reduction, but the shape stays."""
    (x,) = args
    axis = params.get("axis")
    axis = tuple(range(1, x.ndim)) if axis is None else all_behind(axis)
    if axis == ():  # an example is a single number
        return shapes.squeeze(primitive(shapes.expand_dims(x, 1), **{**params, "axis": 1}), 1)
    return primitive(x, **{**params, "axis": axis})


@rule_of(creation.hadamard_transform)
def along_the_last_axis(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    """The last axis is meant, with or without a batch; a single number gets one meanwhile."""
    (x,) = args
    if x.ndim > 1:
        return primitive(x, **params)
    return shapes.squeeze(primitive(shapes.expand_dims(x, 1), **params), 1)


@rule_of(scans.cumsum, scans.cumprod, scans.cummax, scans.cummin, scans.logcumsumexp)
def along_one_axis(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> Any:
    """No axis means: the example in a row."""
    (x,) = args
    if params.get("axis") is None:
        return primitive(flat_examples(x), **{**params, "axis": 1})
    return primitive(x, **{**params, "axis": behind(params["axis"])})


@rule_of(sorting.sort, sorting.argsort)
def sorted_examples(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> Any:
    """As scans, but without a parameter the last axis is meant."""
    return along_one_axis(batch, primitive, args, batched, {"axis": -1, **params})


@rule_of(sorting.argmax, sorting.argmin)
def position(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> Any:
    """Without an axis, the position in the example laid out in a row."""
    (x,) = args
    if params.get("axis") is not None:
        return primitive(x, **{**params, "axis": behind(params["axis"])})
    y = primitive(flat_examples(x), axis=1)
    if params.get("keepdims"):
        return shapes.reshape(y, (batch.size, *(1,) * (x.ndim - 1)))
    return y
