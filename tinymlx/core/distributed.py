"""Communication between processes: ``tinymlx.core.distributed``."""

from __future__ import annotations

import mlx.core as mx

from .arrays import Stream, array, as_array
from .passthrough import passed
from .primitive import behind

Group = mx.distributed.Group
init = mx.distributed.init
is_available = mx.distributed.is_available

all_max = passed(mx.distributed.all_max)
all_min = passed(mx.distributed.all_min)
all_gather = passed(mx.distributed.all_gather)
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
    """Each process receives the sum of all cotangents (as in MLX)."""
    return (summed(g, group),)


def all_sum(x: array, *, group: Group | None = None, stream: Stream = None) -> array:
    """The sum of the arrays of all processes in the group."""
    return summed(as_array(x), group, stream=stream)
