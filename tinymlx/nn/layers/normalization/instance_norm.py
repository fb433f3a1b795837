"""Instance normalization."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn.layers.normalization.checks import check_eps
from tinymlx.nn.layers.normalization.layer_norm import layer_norm
from tinymlx.nn.module import Module


class InstanceNorm(Module):
    r"""Mean 0 and variance 1 over the positions, for each channel of each example.

    .. math::
        y = \frac{x - \text{E}[x]}{\sqrt{\text{Var}[x] + \epsilon}} \, \gamma + \beta

    Args:
        dims: the number of channels, :math:`C`.
        eps: :math:`\epsilon`, added to the variance.
        affine: whether to learn :math:`\gamma` and :math:`\beta`.

    Shape:
        ``(N, ..., C)`` to the same. ``weight`` (:math:`\gamma`, ones at first) and ``bias``
        (:math:`\beta`, zeros at first) are ``(dims,)``.

    Raises:
        ValueError: ``eps`` is not positive; (when called) there are fewer than three axes.

    Source: D. Ulyanov et al. (2016), https://arxiv.org/abs/1607.08022
    """

    def __init__(self, dims: int, eps: float = 1e-5, affine: bool = False) -> None:
        super().__init__()
        check_eps(eps, "InstanceNorm")
        if affine:
            self.weight = core.ones((dims,))
            self.bias = core.zeros((dims,))
        self.dims = dims
        self.eps = eps

    def _extra_repr(self) -> str:
        return f"{self.dims}, eps={self.eps}, affine={'weight' in self}"

    def __call__(self, x: array) -> array:
        """Normalize each channel over its positions: those become the last axis meanwhile."""
        if x.ndim < 3:
            raise ValueError(
                f"InstanceNorm expects inputs with at least 3 dimensions (N, ..., C) but the "
                f"input has {x.ndim} dimensions."
            )
        batch, channels = x.shape[0], x.shape[-1]
        rows = x.reshape(batch, -1, channels).swapaxes(1, 2)  # (N, C, positions)
        y = layer_norm(rows, None, None, self.eps).swapaxes(1, 2).reshape(x.shape)
        return self.weight * y + self.bias if "weight" in self else y
