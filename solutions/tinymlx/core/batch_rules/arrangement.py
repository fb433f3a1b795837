"""The rules of shapes, of joining and of cutting: each example is arranged alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import arranging, diagonals, joining, padding, shapes
from ..arrays import array
from ..batching import Batch
from ..primitive import Primitive
from .alignment import (
    Args,
    Params,
    all_behind,
    behind,
    everywhere,
    flat_examples,
    rule_of,
    with_rank,
)


@rule_of(shapes.reshape)
def reshape(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    shape = tuple(params["shape"])
    if -1 in shape and x.size:
        known = -math.prod(shape)
        shape = tuple(math.prod(x.shape[1:]) // known if n == -1 else n for n in shape)
    return primitive(x, (batch.size, *shape))


@rule_of(shapes.transpose)
def transpose(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    axes = params.get("axes") or tuple(range(x.ndim - 2, -1, -1))
    return primitive(x, (0, *(a % (x.ndim - 1) + 1 for a in axes)))


@rule_of(shapes.broadcast_to)
def broadcast_to(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    shape = tuple(params["shape"])
    return primitive(with_rank(x, len(shape)), (batch.size, *shape))


@rule_of(shapes.squeeze)
def squeeze(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    axis = params.get("axis")
    if axis is None:
        axis = tuple(i for i, n in enumerate(x.shape) if n == 1 and i > 0)
        return primitive(x, axis) if axis else x
    return primitive(x, all_behind(axis))


@rule_of(arranging.flip)
def flip(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    axis = params.get("axis")
    axis = tuple(range(1, x.ndim)) if axis is None else all_behind(axis)
    return primitive(x, axis) if axis != () else x


@rule_of(shapes.flatten)
def flatten(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    if x.ndim == 1:
        return shapes.expand_dims(x, 1)
    start, end = params.get("start_axis", 0), params.get("end_axis", -1)
    first = -(x.ndim - 1)  # an axis before the first one means the first
    return primitive(x, behind(max(start, first)), behind(max(end, first)))


@rule_of(shapes.unflatten, arranging.repeated, shapes.expand_dims)
def moved_axis(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    return primitive(x, **{**params, "axis": all_behind(params["axis"])})


@rule_of(shapes.swapaxes)
def swapaxes(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    return primitive(x, behind(params["axis1"]), behind(params["axis2"]))


@rule_of(shapes.moveaxis)
def moveaxis(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    return primitive(x, behind(params["source"]), behind(params["destination"]))


@rule_of(padding.padded)
def padded(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    return primitive(x, **{**params, "pad_width": [(0, 0), *params["pad_width"]]})


@rule_of(diagonals.tril, diagonals.triu)
def triangle(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    """The last two axes are meant, with or without a batch."""
    return primitive(*args, **params)


@rule_of(joining.concatenated, joining.stacked)
def joined(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    parts = [everywhere(batch, x, b) for x, b in zip(args, batched)]
    axis = params.get("axis", 0)
    if axis is None:
        return primitive(*(flat_examples(x) for x in parts), axis=1)
    return primitive(*parts, axis=behind(axis))


@rule_of(joining.split, joining.unstacked)
def cut(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> Any:
    (x,) = args
    return primitive(x, **{**params, "axis": behind(params.get("axis", 0))})
