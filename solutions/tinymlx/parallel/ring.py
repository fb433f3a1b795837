r"""The sum of the arrays of all processes, by messages around a ring.

If everyone sent a whole array of :math:`B` bytes to one process, and that one sent the sum back, it
would have to receive :math:`(n - 1) B` bytes. On a ring everyone sends, all the time, a part of
:math:`B / n` bytes to the next process, and receives one from the process before: after
:math:`2 (n - 1)` rounds all have the sum, and each has sent :math:`2 B (n - 1) / n` bytes, hardly
more with a thousand processes than with two.

Source: P. Patarasuk and X. Yuan, Bandwidth optimal all-reduce algorithms for clusters of
workstations (2009).
"""

from __future__ import annotations

from collections.abc import Generator

from tinymlx import core
from tinymlx.core import array
from tinymlx.core.distributed import Group

Talk = Generator[array, array, array]


def ring_sum(x: array, rank: int, size: int) -> Talk:
    """One process's side of the conversation.

    A generator: it *yields* what goes to the next process, and is sent what the process before has
    yielded in the same round; it *returns* the sum. There are ``2 (size - 1)`` rounds, and in each
    an array of one axis with ``ceil(x.size / size)`` elements travels, in the dtype of ``x``. All
    processes return the same bits.

    Args:
        x: this process's array; the others' have the same shape and dtype.
        rank: which process this is.
        size: how many there are.

    Returns:
        A generator that returns an array of the shape of ``x``. With one process it yields nothing.
    """
    parts = equal_parts(x, size)
    for round in range(size - 1):
        received = yield parts[(rank - round) % size]
        place = (rank - round - 1) % size
        parts[place] = parts[place] + received
    for round in range(size - 1):
        received = yield parts[(rank + 1 - round) % size]
        parts[(rank - round) % size] = received
    return core.concatenate(parts)[: x.size].reshape(x.shape)


def equal_parts(x: array, count: int) -> list[array]:
    """The elements of an array in parts of one length; at the end of the last stand zeros.

    Args:
        x: an array of any shape.
        count: how many parts.

    Returns:
        ``count`` arrays of shape ``(ceil(x.size / count),)``.
    """
    length = -(-x.size // count)
    flat = core.pad(x.reshape(-1), (0, count * length - x.size))
    return [flat[i * length : (i + 1) * length] for i in range(count)]


def all_sum(x: array, group: Group) -> array:
    """The sum of the arrays of all processes, by :func:`ring_sum`.

    Args:
        x: this process's array.
        group: the processes.
    """
    talk = ring_sum(x, group.rank(), group.size())
    received: array | None = None
    while True:
        try:
            message = next(talk) if received is None else talk.send(received)
        except StopIteration as end:
            return end.value
        received = exchanged(message, group)


def exchanged(message: array, group: Group) -> array:
    """Send an array to the next process, and receive one like it from the process before.

    Everyone waits until what it sends has gone. Were all to send first, all would wait for ever; so
    those with an odd number receive first.
    """
    rank, size = group.rank(), group.size()
    after, before = (rank + 1) % size, (rank - 1) % size
    if rank % 2 == 0:
        core.eval(core.distributed.send(message, after, group=group))
        received = core.distributed.recv_like(message, before, group=group)
        core.eval(received)
    else:
        received = core.distributed.recv_like(message, before, group=group)
        core.eval(received)
        core.eval(core.distributed.send(message, after, group=group))
    return received
