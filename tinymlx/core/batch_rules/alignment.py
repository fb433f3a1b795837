"""Where the batch stands: in front of the axes of each example, and what follows from that."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .. import shapes
from ..arrays import array
from ..batching import Batch, Rule, rules
from ..primitive import Primitive

Args = Sequence[Any]
Params = dict[str, Any]


def rule_of(*primitives: Primitive) -> Callable[[Rule], Rule]:
    """Register one rule for several primitives."""

    def register(rule: Rule) -> Rule:
        rules.update(dict.fromkeys(primitives, rule))
        return rule

    return register


def rank(x: Any, has_batch: bool) -> int:
    """The number of axes of one example; a number has none."""
    return x.ndim - has_batch if isinstance(x, array) else 0


def aligned(args: Args, batched: Sequence[bool]) -> list[Any]:
    """Arguments whose examples broadcast as they would one by one.

    Broadcasting compares shapes from the right. Examples of shapes ``(4,)`` and ``(3, 4)`` fit, but
    with a batch of 5 in front ``(5, 4)`` and ``(5, 3, 4)`` do not. So every argument with a batch
    gets axes of size 1 *behind* the batch (:func:`with_rank`) until its examples have as many axes
    as the longest example of all (:func:`rank`). Arguments without a batch need nothing.

    Args:
        args: the arguments, arrays or numbers.
        batched: for each whether it has the batch in front.

    Returns:
        The arguments, in their order.
    """
    raise NotImplementedError(
        "6.6 aligned - exercises/ch06_training_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def with_rank(x: array, ndim: int) -> array:
    """A batch of examples of ``ndim`` axes, by axes of size 1 behind the batch."""
    missing = ndim - (x.ndim - 1)
    if missing <= 0:
        return x
    return shapes.reshape(x, (x.shape[0], *(1,) * missing, *x.shape[1:]))


def everywhere(batch: Batch, x: Any, has_batch: bool) -> Any:
    """An argument with the batch in front, repeated if all examples share it."""
    return x if has_batch else shapes.broadcast_to(x, (batch.size, *x.shape))


def behind(axis: int) -> int:
    """An axis of one example as an axis of the batch."""
    return axis + 1 if axis >= 0 else axis


def all_behind(axis: Any) -> Any:
    """An axis or several, behind the batch."""
    return behind(axis) if isinstance(axis, int) else tuple(behind(a) for a in axis)


def flat_examples(x: array) -> array:
    """Each example as a row."""
    return shapes.reshape(x, (x.shape[0], math.prod(x.shape[1:])))
