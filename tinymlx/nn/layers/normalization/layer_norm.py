"""Layer normalization."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn.layers.normalization.checks import check_eps, in_float32, result_dtype
from tinymlx.nn.module import Module


def layer_norm(x: array, weight: array | None, bias: array | None, eps: float) -> array:
    r"""Mean 0 and variance 1 along the last axis, then a scale and a shift.

    The formula, and which form of the variance keeps its digits, is the lesson's. The statistics
    have the digits of float32 also for half precision (``in_float32``). What is rounded to
    ``result_dtype("layer_norm", x, weight, bias)``, which also checks the arguments, is the
    quotient; scale and shift come after that.

    Args:
        x: an array of shape ``(..., D)``.
        weight: :math:`\gamma`, of shape ``(D,)``, or ``None`` for 1.
        bias: :math:`\beta`, of shape ``(D,)``, or ``None`` for 0.
        eps: :math:`\epsilon`. It keeps the quotient finite where all numbers are equal.

    Returns:
        An array of the shape of ``x``.

    Raises:
        ValueError: see ``result_dtype``.

    Source: J. Ba et al., Layer Normalization (2016), https://arxiv.org/abs/1607.06450
    """
    raise NotImplementedError(
        "5.14 layer_norm - exercises/ch05_building_networks/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


class LayerNorm(Module):
    r"""Layer normalization of the last axis: see :func:`layer_norm`.

    Args:
        dims: the size of the last axis, :math:`D`.
        eps: :math:`\epsilon`, added to the variance.
        affine: whether to learn :math:`\gamma`.
        bias: whether to learn :math:`\beta` too.

    Shape:
        ``(..., dims)`` to the same. ``weight`` (:math:`\gamma`, ones at first) and ``bias``
        (:math:`\beta`, zeros at first) are ``(dims,)``.

    Raises:
        ValueError: ``eps`` is not positive; (when called) the last axis has another size.
    """

    def __init__(
        self, dims: int, eps: float = 1e-5, affine: bool = True, bias: bool = True
    ) -> None:
        super().__init__()
        check_eps(eps, "LayerNorm")
        if affine:
            self.weight = core.ones((dims,))
            if bias:
                self.bias = core.zeros((dims,))
        self.eps = eps
        self.dims = dims

    def _extra_repr(self) -> str:
        return f"{self.dims}, eps={self.eps}, affine={'weight' in self}"

    def __call__(self, x: array) -> array:
        return layer_norm(x, self.get("weight"), self.get("bias"), self.eps)
