"""Which stage of a network loses what float16 cannot hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tinymlx import core
from tinymlx.core import array

Stage = Callable[[array], array]


def mixed(stages: Sequence[Stage], x: array, count: int) -> array:
    """Run stages one after the other, the first ``count`` of them in float16.

    Args:
        stages: functions that compute in the dtype of what they are given, inside, too.
        x: the input, in float32.
        count: how many; 0 for none.

    Returns:
        The output in float32: what comes out of the last stage in float16 is cast once, and the
        others compute in float32 from there.
    """
    if count:
        x = x.astype(core.float16)
    for i, stage in enumerate(stages):
        if i == count:
            x = x.astype(core.float32)
        x = stage(x)
    return x.astype(core.float32)


def first_loss(stages: Sequence[Stage], x: array, tolerance: float = 1e-2) -> int | None:
    """The first stage that must not be computed in float16.

    A number of stages in float16 is bad if the output has something that is not finite, or differs
    from that of float32 by more than ``tolerance`` times the largest magnitude of the latter. If so
    many are bad, more are bad, too: what was lost is lost. So the first bad number is found by
    halving: of ``n`` stages, at most ``2 + ceil(log2(n))`` runs of :func:`mixed` are needed, the
    one in float32 among them, and no number is tried twice.

    Args:
        stages: see :func:`mixed`.
        x: an input on which it shows.
        tolerance: relative to the largest magnitude of the output; a difference may be equal to it.

    Returns:
        The index of the stage; ``None`` if all of them may be computed in float16.

    Raises:
        ValueError: the output of float32 itself is not finite.
    """
    expected = mixed(stages, x, 0)
    bound = tolerance * core.max(core.abs(expected))
    if not core.all(core.isfinite(expected)).item():
        raise ValueError("[first_loss] The output in float32 has something that is not finite.")

    def bad(count: int) -> bool:
        found = mixed(stages, x, count)
        near = core.abs(found - expected) <= bound  # NaN and infinity are near to nothing
        return not core.all(near).item()

    if not bad(len(stages)):
        return None
    good, known = 0, len(stages)
    while known - good > 1:
        middle = (good + known) // 2
        if bad(middle):
            known = middle
        else:
            good = middle
    return known - 1
