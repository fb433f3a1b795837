"""The rules of attention: a batch of batches is a larger batch."""

from __future__ import annotations

from collections.abc import Sequence

from .. import shapes
from ..arrays import array
from ..attention.tiles import attention, attention_pull, differentiable
from ..batching import Batch, one_by_one
from ..primitive import Primitive
from .alignment import Args, Params, everywhere, rule_of, with_rank


@rule_of(attention, attention_pull)
def tiles(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> list[array]:
    """The examples of all batches below each other.

    The last two arguments are a mask and sinks. A mask counts its axes from the right, so it gets
    four of them first. Sinks are the same for all examples; where they differ, and where a
    cotangent of a mask or of sinks is asked for, which would be added over the examples, they go
    one by one.
    """
    *others, mask, sinks = args
    numbers = primitive is attention_pull and (sinks is not None or differentiable(mask))
    if batched[-1] or numbers:
        return one_by_one(batch, primitive, args, batched, params)
    together = [
        shapes.flatten(everywhere(batch, x, has_batch), 0, 1)
        for x, has_batch in zip(others, batched)
    ]
    if mask is not None:
        mask = _of_all(batch, mask, batched[-2], together[0].shape[0] // batch.size)
    outputs = primitive(*together, mask, sinks, **params)
    return [shapes.unflatten(y, 0, (batch.size, -1)) for y in outputs]


def _of_all(batch: Batch, mask: array, has_batch: bool, examples: int) -> array:
    """A mask for the examples of all batches."""
    if not has_batch and (mask.ndim < 4 or mask.shape[0] == 1):
        return mask
    mask = with_rank(everywhere(batch, mask, has_batch), 4)
    every = shapes.broadcast_to(mask, (batch.size, examples, *mask.shape[2:]))
    return shapes.flatten(every, 0, 1)
