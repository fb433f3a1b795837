"""What is said when another process has died."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

#: What MLX's connections (ring, MPI, NCCL) say when there is nobody at the other end.
_SIGNS = ("connection to a peer was lost", "MPI_ERR", "ncclRemoteError", "remote process exited")


class LostProcess(RuntimeError):
    """A process of the group has died; the others cannot go on."""


@contextmanager
def telling(rank: int, step: int, resume: str) -> Iterator[None]:
    """Within it, the loss of another process is told in one sentence.

    Args:
        rank: which process this is.
        step: how far training has come.
        resume: what to do now.

    Raises:
        LostProcess: MLX found a connection closed.
    """
    try:
        yield
    except RuntimeError as error:
        if not any(sign in str(error) for sign in _SIGNS):
            raise
        raise LostProcess(
            f"Process {rank} lost a process of its group in step {step}, and stops: the others' "
            f"gradients are missing. {resume}"
        ) from error
