"""Batching rules: what a primitive does when its arguments carry a batch in front.

Each rule is called as ``rule(batch, primitive, args, batched, params)``: the arguments one level
down, for each whether it carries the batch as its first axis, and the parameters as the function
for one example wrote them. It returns the output (a list for several) with the batch in front.

They register themselves in the table ``rules`` of :mod:`tinymlx.core.batching`; ``tinymlx.core``
imports them.
"""

from . import (
    alignment,
    along_axes,
    arrangement,
    attention,
    convolution,
    elementwise,
    indexing,
    products,
)

__all__ = [
    "alignment",
    "along_axes",
    "arrangement",
    "attention",
    "convolution",
    "elementwise",
    "indexing",
    "products",
]
