"""What is said when another process has died."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: What MLX's connections (ring, MPI, NCCL) say when there is nobody at the other end.
_SIGNS = ("connection to a peer was lost", "MPI_ERR", "ncclRemoteError", "remote process exited")


class LostProcess(RuntimeError):
    """A process of the group has died; the others cannot go on."""


@contextmanager
def telling(rank: int, step: int, resume: str) -> Iterator[None]:
    """Within it, the loss of another process is told in one sentence.

    A launcher ends all processes when one has died. Its first SIGTERM waits here until that
    sentence is out; a second one ends the process at once.

    Args:
        rank: which process this is.
        step: how far training has come.
        resume: what to do now.

    Raises:
        LostProcess: MLX found a connection closed.
    """
    put_off = _PutOff()
    try:
        yield
    except RuntimeError as error:
        if not any(sign in str(error) for sign in _SIGNS):
            put_off.over()
            raise
        raise LostProcess(
            f"Process {rank} lost a process of its group in step {step}, and stops: the others' "
            f"gradients are missing. {resume}"
        ) from error
    except BaseException:
        put_off.over()
        raise
    put_off.over()


class _PutOff:
    """Keeps the first SIGTERM until it is over; after a loss it stays, for the error to be read."""

    def __init__(self) -> None:
        self._came = False
        # Only a main thread hears signals.
        self._hears = threading.current_thread() is threading.main_thread()
        if self._hears:
            self._before = signal.signal(signal.SIGTERM, self._note) or signal.SIG_DFL

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._came = True
        signal.signal(signal.SIGTERM, self._before)

    def over(self) -> None:
        """Listen again, and hear what came."""
        if self._hears:
            signal.signal(signal.SIGTERM, self._before)
            if self._came:
                signal.raise_signal(signal.SIGTERM)
