"""Root mean square normalization."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn.layers.normalization.checks import check_eps, in_float32, result_dtype
from tinymlx.nn.module import Module


def rms_norm(x: array, weight: array | None, eps: float) -> array:
    r"""Mean square 1 along the last axis, then a scale.

    .. math::
        y = \frac{x}{\sqrt{\text{E}[x^2] + \epsilon}} \, \gamma

    The mean square is computed from ``in_float32(x)``, the quotient rounded to
    ``result_dtype("rms_norm", x, weight)``, which also checks the arguments; the scale comes last.

    Args:
        x: an array of shape ``(..., D)``.
        weight: :math:`\gamma`, of shape ``(D,)``, or ``None`` for 1.
        eps: :math:`\epsilon`.

    Returns:
        An array of the shape of ``x``.

    Raises:
        ValueError: see ``result_dtype``.

    Source: B. Zhang and R. Sennrich, Root Mean Square Layer Normalization (2019),
    https://arxiv.org/abs/1910.07467
    """
    dtype = result_dtype("rms_norm", x, weight)
    x = in_float32(x)
    mean_square = core.mean(core.square(x), axis=-1, keepdims=True)
    y = (x * core.rsqrt(mean_square + eps)).astype(dtype)
    return y if weight is None else y * weight


class RMSNorm(Module):
    r"""Root mean square normalization of the last axis: see :func:`rms_norm`.

    Args:
        dims: the size of the last axis.
        eps: :math:`\epsilon`, added to the mean square.

    Shape:
        ``(..., dims)`` to the same. ``weight`` (:math:`\gamma`, ones at first) is ``(dims,)``.

    Raises:
        ValueError: ``eps`` is not positive; (when called) the last axis has another size.
    """

    def __init__(self, dims: int, eps: float = 1e-5) -> None:
        super().__init__()
        check_eps(eps, "RMSNorm")
        self.weight = core.ones((dims,))
        self.eps = eps

    def _extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, eps={self.eps}"

    def __call__(self, x: array) -> array:
        return rms_norm(x, self["weight"], self.eps)
