"""Communication between processes: ``tinymlx.core.distributed``."""

from __future__ import annotations

from collections.abc import Sequence

import mlx.core as mx

from .arrays import Stream, array, as_array
from .passthrough import passed
from .primitive import behind

Group = mx.distributed.Group
init = mx.distributed.init
is_available = mx.distributed.is_available

all_max = passed(mx.distributed.all_max)
all_min = passed(mx.distributed.all_min)
sum_scatter = passed(mx.distributed.sum_scatter)
send = passed(mx.distributed.send)
recv = passed(mx.distributed.recv)
recv_like = passed(mx.distributed.recv_like)


@behind("all_sum")
def summed(x: mx.array, /, group: Group | None = None) -> mx.array:
    """The sum over all processes; see :func:`all_sum`."""
    return mx.distributed.all_sum(x, group=group)


@summed.defvjp
def summed_vjp(g: array, y: array, x: array, group: Group | None = None) -> tuple[array]:
    """Each process receives its own cotangent, as in MLX.

    That is right where all processes go on with the same computation: then each has the whole
    derivative by the sum already, and to add them up would count it once for each process.
    """
    return (g,)


def summed_jvp(
    tangents: Sequence[array | None], y: array, x: array, group: Group | None = None
) -> tuple[array]:
    (tangent,) = tangents
    assert tangent is not None
    return (summed(tangent, group),)


summed.jvp = summed_jvp


@behind("all_gather")
def gathered(x: mx.array, /, group: Group | None = None) -> mx.array:
    """The arrays of all processes, one after another; see :func:`all_gather`."""
    return mx.distributed.all_gather(x, group=group)


@gathered.defvjp
def gathered_vjp(g: array, y: array, x: array, group: Group | None = None) -> tuple[array]:
    """Each process receives the cotangent of its own part."""
    group = group or init()
    length = x.shape[0] if x.ndim else 1
    own = g[group.rank() * length : (group.rank() + 1) * length]
    return (own.reshape(x.shape),)


def gathered_jvp(
    tangents: Sequence[array | None], y: array, x: array, group: Group | None = None
) -> tuple[array]:
    (tangent,) = tangents
    assert tangent is not None
    return (gathered(tangent, group),)


gathered.jvp = gathered_jvp


def all_sum(x: array, *, group: Group | None = None, stream: Stream = None) -> array:
    """The sum of the arrays of all processes in the group.

    Shape: that of ``x``.
    """
    return summed(as_array(x), group, stream=stream)


def all_gather(x: array, *, group: Group | None = None, stream: Stream = None) -> array:
    """The arrays of all processes in the group, one after another along the first axis.

    Shape: ``(N, ...)`` to ``(n * N, ...)`` for ``n`` processes.
    """
    return gathered(as_array(x), group, stream=stream)
