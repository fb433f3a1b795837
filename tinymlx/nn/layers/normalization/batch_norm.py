"""Batch normalization."""

from __future__ import annotations

import math
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn.layers.normalization.checks import check_eps
from tinymlx.nn.module import Module


class BatchNorm(Module):
    r"""Mean 0 and variance 1 over the examples and positions, for each channel.

    .. math::
        y = \frac{x - \text{E}[x]}{\sqrt{\text{Var}[x] + \epsilon}} \, \gamma + \beta

    While training, mean and variance are those of the batch, and running means of both are kept; in
    evaluation mode those are used, so that an example does not depend on its neighbours.

    Args:
        num_features: the number of channels, :math:`C`.
        eps: :math:`\epsilon`, added to the variance.
        momentum: the share of the newest batch in the running statistics.
        affine: whether to learn :math:`\gamma` and :math:`\beta`.
        track_running_stats: whether to keep running statistics; without them the batch's own are
            used in evaluation mode, too.

    Shape:
        ``(N, C)``, ``(N, L, C)`` or ``(N, H, W, C)`` to the same. ``weight`` (:math:`\gamma`, ones
        at first), ``bias`` (:math:`\beta`, zeros at first), ``running_mean`` and ``running_var``
        (both frozen) are ``(num_features,)``.

    Raises:
        ValueError: ``eps`` is not positive; (when called) the input has not 2 to 4 axes, or, while
            training, one value for each channel only.

    Source: S. Ioffe and C. Szegedy (2015), https://arxiv.org/abs/1502.03167
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__()
        check_eps(eps, "BatchNorm")
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = core.ones((num_features,))
            self.bias = core.zeros((num_features,))
        if track_running_stats:
            self.running_mean = core.zeros((num_features,))
            self.running_var = core.ones((num_features,))
            self.freeze(keys=["running_mean", "running_var"], recurse=False)

    def unfreeze(self, *args: Any, **kwargs: Any) -> Module:
        """As for every module, but the running statistics stay frozen.

        As in MLX that holds when this layer is asked itself: ``unfreeze()`` of a model around it
        makes them trainable.
        """
        super().unfreeze(*args, **kwargs)
        return self.freeze(keys=["running_mean", "running_var"], recurse=False)

    def _extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={'weight' in self}, track_running_stats={self.track_running_stats}"
        )

    def __call__(self, x: array) -> array:
        r"""Normalize each channel, and (while training) update the running statistics.

        While training, ``self.remember(mean, variance, n)`` does the update, with the number ``n``
        of values of a channel. In evaluation mode ``self.running_mean`` and ``self.running_var``
        take the place of the batch's statistics, if ``self.track_running_stats``. The variance of
        the batch is the mean squared deviation, divided by ``n``. ``self.check(x)`` comes first;
        :math:`\gamma` and :math:`\beta`, if ``"weight" in self``, last.

        Args:
            x: an array of shape ``(N, ..., C)``.

        Returns:
            An array of the shape of ``x``.
        """
        raise NotImplementedError(
            "5.15 __call__ - exercises/ch05_building_networks/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def check(self, x: array) -> None:
        """Whether the input has the right number of axes, and more than one value for a channel.

        Raises:
            ValueError: it has not.
        """
        if x.ndim < 2 or x.ndim > 4:
            raise ValueError(
                f"Expected input tensor to have 2, 3 or 4 dimensions, but got {x.ndim}"
            )
        if self.training and math.prod(x.shape[:-1]) == 1:
            raise ValueError("BatchNorm training requires more than one value per channel.")

    def remember(self, mean: array, variance: array, n: int) -> None:
        r"""Move the running statistics a step towards those of a batch.

        :math:`r \leftarrow (1 - \mu) \, r + \mu \, s` with the momentum :math:`\mu`. The statistics
        are constants to every gradient. That of a batch of ``n`` values underestimates the variance
        of all: it is corrected by the factor ``n / (n - 1)``.

        Args:
            mean: the mean of each channel.
            variance: its mean squared deviation.
            n: the number of values of a channel, at least 2.
        """
        mean, variance = core.stop_gradient(mean), core.stop_gradient(variance)
        mu = self.momentum
        self.running_mean = (1 - mu) * self.running_mean + mu * mean
        self.running_var = (1 - mu) * self.running_var + mu * (variance * (n / (n - 1)))
