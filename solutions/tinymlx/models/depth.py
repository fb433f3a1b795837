"""Stochastic depth: in training, whole branches are left out."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn import Module


class StochasticDepth(Module):
    """Dropout of whole examples: each is 0 with probability ``rate``, otherwise divided by
    ``1 - rate``, so that the mean stays. In evaluation mode nothing happens.

    Behind a branch of a residual network this leaves the branch out, for some of the examples.

    Args:
        rate: the probability, at least 0 and below 1.

    Raises:
        ValueError: ``rate`` is outside of [0, 1).

    Source: G. Huang et al. (2016), https://arxiv.org/abs/1603.09382
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"[StochasticDepth] rate should be in [0, 1); it is {rate}.")
        self.rate = rate

    def _extra_repr(self) -> str:
        return f"rate={self.rate}"

    def __call__(self, x: array) -> array:
        """``x``, with some of its examples set to 0."""
        if not self.training or self.rate == 0:
            return x
        shape = (x.shape[0], *[1] * (x.ndim - 1))
        stays = core.random.bernoulli(1 - self.rate, shape)
        return x * stays.astype(x.dtype) / (1 - self.rate)
