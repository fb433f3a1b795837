"""Group normalization."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn.layers.normalization.checks import check_eps
from tinymlx.nn.layers.normalization.layer_norm import layer_norm
from tinymlx.nn.module import Module


class GroupNorm(Module):
    r"""Mean 0 and variance 1 over the positions and the channels of a group.

    .. math::
        y = \frac{x - \text{E}[x]}{\sqrt{\text{Var}[x] + \epsilon}} \, \gamma + \beta

    Which channels are a group is a matter of taste. With :math:`G` groups channel :math:`c` is in
    group :math:`c \bmod G`; with ``pytorch_compatible`` neighbours are together, and its group is
    :math:`\lfloor c G / C \rfloor`.

    Args:
        num_groups: :math:`G`.
        dims: the number of channels, :math:`C`.
        eps: :math:`\epsilon`, added to the variance.
        affine: whether to learn :math:`\gamma` and :math:`\beta`.
        pytorch_compatible: whether groups are those of PyTorch.

    Shape:
        ``(N, ..., C)`` to the same. ``weight`` (:math:`\gamma`, ones at first) and ``bias``
        (:math:`\beta`, zeros at first) are ``(dims,)``.

    Raises:
        ValueError: ``eps``, ``num_groups`` or ``dims`` is not positive, or ``dims`` is no multiple
            of ``num_groups``.

    Source: Y. Wu and K. He (2018), https://arxiv.org/abs/1803.08494
    """

    def __init__(
        self,
        num_groups: int,
        dims: int,
        eps: float = 1e-5,
        affine: bool = True,
        pytorch_compatible: bool = False,
    ) -> None:
        super().__init__()
        check_eps(eps, "GroupNorm")
        if num_groups <= 0:
            raise ValueError(f"The number of groups ({num_groups}) must be a positive integer.")
        if dims <= 0:
            raise ValueError(f"The number of features ({dims}) must be a positive integer.")
        if dims % num_groups != 0:
            raise ValueError(
                f"The number of features ({dims}) must be evenly divisible by the number of "
                f"groups ({num_groups})."
            )
        if affine:
            self.bias = core.zeros((dims,))
            self.weight = core.ones((dims,))
        self.num_groups = num_groups
        self.dims = dims
        self.eps = eps
        self.pytorch_compatible = pytorch_compatible

    def _extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.dims}, eps={self.eps}, affine={'weight' in self}, "
            f"pytorch_compatible={self.pytorch_compatible}"
        )

    def __call__(self, x: array) -> array:
        if x.ndim < 2:
            raise ValueError(f"[GroupNorm] Expected an array (N, ..., C), got the shape {x.shape}.")
        y = self.neighbours_together(x) if self.pytorch_compatible else self.in_turn(x)
        return self.weight * y + self.bias if "weight" in self else y

    def in_turn(self, x: array) -> array:
        r"""Normalize ``x`` over groups of channels that are dealt out in turn, like cards.

        Channel :math:`c` is in group :math:`c \bmod G`. So the last axis can be divided into
        ``C / G`` times ``G``, and everything but the examples and that last ``G`` is reduced.

        Args:
            x: an array of shape ``(N, ..., C)``.

        Returns:
            :math:`(x - \text{E}[x]) / \sqrt{\text{Var}[x] + \epsilon}`, of the shape of ``x``.
        """
        groups = x.reshape(x.shape[0], -1, self.num_groups)  # (N, positions * C / G, G)
        mean = core.mean(groups, axis=1, keepdims=True)
        variance = core.var(groups, axis=1, keepdims=True)
        return ((groups - mean) * core.rsqrt(variance + self.eps)).reshape(x.shape)

    def neighbours_together(self, x: array) -> array:
        """Normalize ``x`` over groups of neighbouring channels, as PyTorch does.

        The last axis is divided into ``G`` times ``C / G``; the groups go before the positions, so
        that what belongs to a group of an example is one axis, for :func:`layer_norm`.

        Args:
            x: an array of shape ``(N, ..., C)``.

        Returns:
            An array of the shape of ``x``.
        """
        batch, size = x.shape[0], self.dims // self.num_groups
        groups = x.reshape(batch, -1, self.num_groups, size).swapaxes(1, 2)  # (N, G, positions, -)
        y = layer_norm(groups.reshape(batch, self.num_groups, -1), None, None, self.eps)
        return y.reshape(groups.shape).swapaxes(1, 2).reshape(x.shape)
