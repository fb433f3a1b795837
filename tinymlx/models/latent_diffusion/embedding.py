"""The number of a step as something that a network can read."""

from __future__ import annotations

import math

from tinymlx import core, nn
from tinymlx.core import array


def step_embedding(steps: array, dims: int, period: float = 10_000.0) -> array:
    r"""Cosines and sines of a step at frequencies from 1 downwards.

    .. math:: [\cos(\omega_0 t), \dots, \cos(\omega_{h-1} t), \sin(\omega_0 t), \dots], \qquad
              \omega_i = P^{-i / h}, \quad h = D / 2

    Steps are counted in hundreds here, up to 1000. A time from 0 to 1 has to be multiplied first:
    otherwise all but the first few frequencies stand still.

    Args:
        steps: :math:`t`, ``(N,)``.
        dims: :math:`D`; with an odd one the last number is 0.
        period: :math:`P`.

    Returns:
        ``(N, dims)``, float32.

    Raises:
        ValueError: ``dims`` is below 2.

    Source: J. Ho et al. (2020), appendix B, https://arxiv.org/abs/2006.11239
    """
    raise NotImplementedError(
        "13.13 step_embedding - exercises/ch13_diffusion_clip/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


class StepEmbedding(nn.Module):
    """Two linear layers that make of it what the blocks read."""

    def __init__(self, inputs: int, dims: int) -> None:
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(inputs, dims), nn.Linear(dims, dims)

    def __call__(self, x: array) -> array:
        """``(N, inputs)`` to ``(N, dims)``."""
        return self.linear_2(nn.silu(self.linear_1(x)))
