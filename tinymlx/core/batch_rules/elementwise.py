"""The rule of everything that works element by element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import (
    arithmetic,
    conversion,
    exponential,
    logic,
    selection,
    strides,
    trigonometry,
)
from ..batching import Batch
from ..primitive import Primitive
from ..transforms import stop_gradient
from .alignment import Args, Params, aligned, rule_of


@rule_of(
    *(p for p in vars(arithmetic).values() if isinstance(p, Primitive)),
    *(p for p in vars(exponential).values() if isinstance(p, Primitive)),
    *(p for p in vars(trigonometry).values() if isinstance(p, Primitive)),
    *(selection.maximum, selection.minimum, selection.where, selection.nan_to_num),
    *(conversion.astype, conversion.view, strides.contiguous, stop_gradient),
    *(logic.equal, logic.not_equal, logic.less, logic.less_equal, logic.greater),
    *(logic.greater_equal, logic.logical_not, logic.logical_and, logic.logical_or),
    *(logic.logical_xor, logic.isnan, logic.isinf, logic.isfinite, logic.isposinf),
    *(logic.isneginf, logic.bitwise_and, logic.bitwise_or, logic.bitwise_xor),
    *(logic.bitwise_invert, logic.left_shift, logic.right_shift, logic.isclose),
)
def elementwise(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> Any:
    """The same operation; examples of fewer axes get axes of size 1, so that they broadcast."""
    return primitive(*aligned(args, batched), **params)
