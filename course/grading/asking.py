"""The judge's end of a worker's channel: it asks, and takes one answer to what it asked.

Each question has a number that nobody can guess and that the worker learns with the question, after
the inputs were drawn and after the submission was imported. What arrives unasked, too early, twice,
or under another number ends the exercise: it did not come from the probe that was called.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable

from course.grading.groups import PATIENCE, slowness
from course.grading.values import LIMIT
from course.grading.worker import LENGTH, NUMBER, READY, send

POLL_SECONDS = 0.25
LAST_WORDS = 1.0  # seconds for a process to end after its last answer


class WorkerFailed(Exception):
    """The worker gave no usable result; the text says why."""


class TimedOut(WorkerFailed):
    """The worker did not finish in its time, which on a busy machine is not yet a verdict."""


class Endless(TimedOut):
    """Its processes have had their processor time, which no busy machine explains."""


class Forged(WorkerFailed):
    """An answer that nobody asked for: the exercise ends, whatever its other tests say."""


class Asking:
    """One conversation with one child of a worker."""

    def __init__(
        self, channel: socket.socket, seconds: float, poll: Callable[[], None] = lambda: None
    ) -> None:
        self.channel, self.seconds, self.poll = channel, seconds, poll

    def wait_until_ready(self) -> None:
        """Until the submission's modules are imported, which knows no question yet.

        Raises:
            WorkerFailed, EOFError
        """
        if self._frame(self._deadline()) != READY:
            raise Forged("it sent an answer before it was asked; such an answer counts not.")

    def ask(self, question: bytes) -> tuple[bytes, float]:
        """The answer to one question, and the seconds it took by the judge's clock.

        Raises:
            WorkerFailed, EOFError
        """
        self.no_more("before it was asked")
        number = os.urandom(NUMBER)
        self.channel.settimeout(PATIENCE * self.seconds)
        started, deadline = time.perf_counter(), self._deadline()
        # A dead or stuck child shows in what it answers.
        with contextlib.suppress(TimeoutError, BrokenPipeError, ConnectionResetError):
            send(self.channel, number + question)
        answer = self._frame(deadline)
        seconds = time.perf_counter() - started
        if answer[:NUMBER] != number:
            raise Forged("it sent an answer to another call; such an answer counts not.")
        return answer[NUMBER:], seconds

    def no_more(self, when: str) -> None:
        """See that nothing has come unasked.

        Raises:
            WorkerFailed: something has.
        """
        if select.select([self.channel], [], [], 0.0)[0]:
            with contextlib.suppress(ConnectionResetError):
                if self.channel.recv(1):
                    raise Forged(f"it sent an answer {when}; such an answer counts not.")
            raise EOFError

    def hang_up(self) -> None:
        """Let the process end, and see that it says no more.

        Raises:
            WorkerFailed: it has.
        """
        with contextlib.suppress(OSError):
            self.channel.shutdown(socket.SHUT_WR)
        if select.select([self.channel], [], [], LAST_WORDS)[0]:
            with contextlib.suppress(EOFError):
                self.no_more("twice")

    def _frame(self, deadline: float) -> bytes:
        patience = PATIENCE * self.seconds
        try:
            head = wait_exactly(self.channel, LENGTH.size, deadline, self.poll, patience)
            (size,) = LENGTH.unpack(head)
            if size > LIMIT:
                raise WorkerFailed(f"it sent a result of {size} bytes; the limit is {LIMIT}.")
            return wait_exactly(self.channel, size, deadline, self.poll, patience)
        except TimeoutError:
            raise late(self.seconds) from None

    def _deadline(self) -> float:
        return time.monotonic() + PATIENCE * self.seconds


def late(seconds: float, kind: type[TimedOut] = TimedOut) -> TimedOut:
    return kind(f"it did not finish within {seconds:g} seconds; an endless loop?")


def wait_exactly(
    channel: socket.socket,
    size: int,
    deadline: float,
    poll: Callable[[], None] = lambda: None,
    patience: float = 0.0,
) -> bytes:
    """``size`` bytes before ``deadline``, however small the pieces in which they come.

    Args:
        channel: where they come from.
        size: how many.
        deadline: by `time.monotonic`.
        poll: called now and then while nothing comes.
        patience: seconds of the wait that become more on a machine that is busy at the deadline.

    Raises:
        TimeoutError, EOFError
    """
    parts = bytearray()
    while len(parts) < size:
        left = deadline - time.monotonic()
        if left <= 0 and patience:
            left += patience * (slowness()[1] - 1.0)
        if left <= 0:
            raise TimeoutError
        if not select.select([channel], [], [], min(left, POLL_SECONDS))[0]:
            poll()
            continue
        chunk = channel.recv(min(size - len(parts), 1 << 20))
        if not chunk:
            raise EOFError
        parts += chunk
    return bytes(parts)
