"""The interface of backends, and which one is used here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import mlx.core as mx

from ..kernel import Kernel
from .cpu import CPU
from .gpu import CUDA, Metal

Run = Callable[..., list[mx.array]]


class Backend(Protocol):
    """What a backend does.

    Attributes:
        name: for reports.
        most: how many arrays a kernel may read and write together.
        hands_over: whether what becomes no kernel is handed over to MLX in pieces, not op by op.
    """

    name: str
    most: int
    hands_over: bool

    def refuses(self, kernel: Kernel) -> str | None:
        """Why this backend does not compute a kernel, or ``None``."""

    def build(self, kernels: Sequence[Kernel]) -> list[Run] | None:
        """For each kernel a function of the arrays in ``kernel.reads`` that returns those in
        ``kernel.writes``; ``None`` where nothing can be built."""


class Nothing:
    """Where there is no compiler: every node is computed by its primitive."""

    name, most, hands_over = "op by op", 0, False

    def refuses(self, kernel: Kernel) -> str:
        """Refuses everything."""
        return "there is no compiler here"

    def build(self, kernels: Sequence[Kernel]) -> None:
        """Builds nothing."""


def backend_here() -> Backend:
    """The backend of the default device."""
    if mx.default_device().type == mx.gpu:
        return CUDA() if mx.cuda.is_available() else Metal()
    cpu = CPU()
    return cpu if cpu.available() else Nothing()
