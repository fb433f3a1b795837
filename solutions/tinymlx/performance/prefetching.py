"""Batches that are made while the step before is computed.

A batch is read from a disk, decoded, changed at random. If the loop of training does this itself,
the device waits meanwhile; and while the device computes, the processor waits. A thread beside the
loop makes the next batches in that time: a step then takes the longer of the two, not their sum.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

from tinymlx import core
from tinymlx.core import array
from tinymlx.core.tree import leaves

T = TypeVar("T")
_END = object()


class Prefetched(Generic[T]):
    """The same batches in the same order, each made before it is asked for.

    A thread walks over ``batches``; what it has made waits until its turn comes. It computes the
    arrays of a batch as well, which MLX would otherwise leave to the step. Whoever leaves the loop
    early ends the thread, too.

    A thread of MLX computes only what it has written down itself: evaluate the arrays from which
    batches are made. And it draws from random numbers of its own: batches that are drawn should
    follow from a key or a seed, as those of chapter 5 do.

    Args:
        batches: anything that can be walked over; again and again, if this is to be.
        ahead: how many batches may be ready besides the one in use; memory is needed for all.

    Raises:
        ValueError: ``ahead`` is below 1; the message starts with ``[Prefetched]``.
        ValueError (in the loop): a batch is made from an array that is not evaluated.
        Exception (in the loop): what ``batches`` raised, where the missing batch would have come.
    """

    def __init__(self, batches: Iterable[T], ahead: int = 2) -> None:
        if ahead < 1:
            raise ValueError(f"[Prefetched] ahead should be at least 1; it is {ahead}.")
        self.batches, self.ahead = batches, ahead

    def __len__(self) -> int:
        return len(self.batches)  # type: ignore[arg-type]  # where the batches have a length

    def __iter__(self) -> Iterator[T]:
        room = threading.Semaphore(self.ahead)
        ready: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        stopped = threading.Event()
        thread = threading.Thread(
            target=_make, args=(self.batches, room, ready, stopped), daemon=True
        )
        thread.start()
        try:
            while True:
                batch, error = ready.get()
                if error is not None:
                    raise error
                if batch is _END:
                    return
                room.release()
                yield batch
        finally:
            stopped.set()
            room.release()
            thread.join()


def _make(
    batches: Iterable[Any],
    room: threading.Semaphore,
    ready: queue.SimpleQueue[tuple[Any, BaseException | None]],
    stopped: threading.Event,
) -> None:
    """The thread: one batch after another, whenever there is room."""
    try:
        found = iter(batches)
        while True:
            room.acquire()
            if stopped.is_set():
                return
            batch = next(found, _END)
            core.eval([x for x in leaves(batch) if type(x) is array])
            ready.put((batch, None))
            if batch is _END:
                return
    except RuntimeError as error:
        waits = ValueError(
            "[Prefetched] A batch is made from an array that is still to be computed; evaluate it "
            "first, with core.eval: a thread computes only what it has written down itself."
        )
        ready.put((None, waits if "There is no Stream" in str(error) else error))
    except BaseException as error:  # noqa: BLE001 - whatever it is, the loop has to hear of it
        ready.put((None, error))
