"""The rules of indexing: the number of the example is one index more."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from .. import indexing, scatter, shapes
from ..arrays import array, wrap
from ..batching import Batch, one_by_one
from ..primitive import Primitive
from .alignment import (
    Args,
    Params,
    aligned,
    behind,
    everywhere,
    flat_examples,
    rank,
    rule_of,
    with_rank,
)


@rule_of(indexing.sliced)
def sliced(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    return primitive(x, index=behind_batch(params["index"]))


def behind_batch(index: Any) -> tuple[Any, ...]:
    """An index of one example as an index of the batch."""
    return (builtins.slice(None), *(index if isinstance(index, tuple) else (index,)))


def arrays_lead(index: Any) -> bool:
    """Whether the arrays of an index come first and without a gap, as in ``x[i, j, :]``."""
    parts = index if isinstance(index, tuple) else (index,)
    holes = [part is indexing.HOLE for part in parts]
    return holes == sorted(holes, reverse=True) and not any(isinstance(part, int) for part in parts)


@rule_of(indexing.gathered)
def gathered(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    """Where the arrays lead, the number of the example is one more of them; else one by one."""
    index = params["index"]
    if not arrays_lead(index):
        return one_by_one(batch, primitive, args, batched, params)
    x, *indices = args
    if not any(batched[1:]):
        return primitive(x, *indices, index=behind_batch(index))
    if not batched[0]:
        return primitive(x, *aligned(indices, batched[1:]), index=index)
    indices = [everywhere(batch, i, b) for i, b in zip(indices, batched[1:])]
    indices = aligned(indices, [True] * len(indices))
    parts = index if isinstance(index, tuple) else (index,)
    return primitive(x, numbers_of(batch, indices[0].ndim), *indices, index=(indexing.HOLE, *parts))


def numbers_of(batch: Batch, ndim: int) -> array:
    """0, 1, 2, ...: the number of each example, with ``ndim`` axes."""
    return wrap(mx.arange(batch.size).reshape(batch.size, *(1,) * (ndim - 1)))


@rule_of(indexing.updated, indexing.added)
def written(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    """One assignment for all examples where the arrays of the index lead; else one by one.

    Examples that write to places of their own are told apart as in :func:`gathered`.
    """
    x, value, *indices = args
    index = params["index"]
    if indices and not arrays_lead(index):
        return one_by_one(batch, primitive, args, batched, params)
    x = everywhere(batch, x, batched[0])
    if any(batched[2:]):
        indices = [everywhere(batch, i, b) for i, b in zip(indices, batched[2:])]
        indices = aligned(indices, [True] * len(indices))
        indices = [numbers_of(batch, indices[0].ndim), *indices]
        index = (indexing.HOLE, *(index if isinstance(index, tuple) else (index,)))
    else:
        index = behind_batch(index)
    if batched[1]:
        place = x[indexing.joined(index, indices)]
        if value.ndim > place.ndim:
            return one_by_one(batch, primitive, args, batched, params)
        value = with_rank(value, place.ndim - 1)
    return primitive(x, value, *indices, index=index)


@rule_of(scatter.take)
def take(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    x, indices = args
    axis = params.get("axis")
    if axis is None:
        x, axis = flat_examples(x) if batched[0] else shapes.reshape(x, (-1,)), 0
    axis = axis % rank(x, batched[0])
    if not batched[1]:
        return primitive(x, indices, axis + 1)
    if not batched[0]:
        return shapes.moveaxis(primitive(x, indices, axis), axis, 0)
    x = shapes.moveaxis(x, axis + 1, 1)
    places = (numbers_of(batch, indices.ndim), indices)
    y = indexing.gathered(x, *places, index=(indexing.HOLE, indexing.HOLE))
    count = indices.ndim - 1  # axes of the indices come first and go where the axis was
    order = [*range(1 + count, 1 + count + axis), *range(1, 1 + count)]
    rest = [i for i in range(1, y.ndim) if i not in order]
    return shapes.transpose(y, (0, *order, *rest))


@rule_of(scatter.take_along_axis, scatter.put_along_axis, scatter.scatter_add_along_axis)
def along_axis(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    axis = params.get("axis", -1)
    if axis is None or not all(isinstance(x, array) for x in args):
        return one_by_one(batch, primitive, args, batched, params)
    sides = [everywhere(batch, x, b) for x, b in zip(args, batched)]
    sides = aligned(sides, [True] * len(sides))
    return primitive(*sides, **{**params, "axis": behind(axis)})
