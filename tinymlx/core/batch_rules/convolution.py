"""The rules of convolutions: examples are pictures, and kernels are channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .. import shapes
from ..arrays import array
from ..batching import Batch, one_by_one
from ..convolution.general import convolved
from ..convolution.windows import overlap_add, windows
from ..primitive import Primitive
from .alignment import Args, Params, everywhere, rank, rule_of


@rule_of(convolved)
def convolution(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    """A batch of inputs is a larger batch of pictures; a batch of kernels is more of them.

    If both have a batch, each example is a group of channels. A kernel alone that is divided into
    groups already goes the same way, with the input repeated. MLX has no groups of volumes.
    """
    x, w = args
    at = params["at"]
    if not batched[1]:
        y = primitive(shapes.flatten(x, 0, 1), w, **params)
        return shapes.unflatten(y, 0, (batch.size, -1))
    if not batched[0] and at.groups == 1:
        y = primitive(x, shapes.flatten(w, 0, 1), **params)
        return shapes.moveaxis(shapes.unflatten(y, -1, (batch.size, -1)), -2, 0)
    if rank(x, batched[0]) == 5:
        return one_by_one(batch, primitive, args, batched, params)
    x, w = (everywhere(batch, a, b) for a, b in zip(args, batched))
    x = shapes.flatten(shapes.moveaxis(x, 0, -2), -2, -1)
    grouped = {**params, "at": replace(at, groups=at.groups * batch.size)}
    y = primitive(x, shapes.flatten(w, 0, 1), **grouped)
    return shapes.moveaxis(shapes.unflatten(y, -1, (batch.size, -1)), -2, 0)


@rule_of(windows, overlap_add)
def of_windows(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    """A batch of batches of pictures is a larger batch."""
    (x,) = args
    y = primitive(shapes.flatten(x, 0, 1), **params)
    return shapes.unflatten(y, 0, (batch.size, -1))
