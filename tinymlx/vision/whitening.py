"""Whitening: a first layer that need not be learned."""

from __future__ import annotations

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.core.convolution.windows import windows


def whitening(x: array, size: int, eps: float = 1e-4) -> tuple[array, array]:
    r"""A convolution whose outputs, over all windows of ``x``, have mean 0 and covariance 1.

    With the mean :math:`m` and the covariance :math:`C` of the windows of ``x``, each written in
    one row (:math:`C` divides by their number), and the eigenvectors :math:`v_i` of :math:`C` (unit
    length, the largest eigenvalue :math:`\lambda_i` first), kernel :math:`i` is
    :math:`v_i / \sqrt{\lambda_i + \epsilon}`, and the bias takes away what the kernel makes of
    :math:`m`.

    The eigenvectors come from ``core.linalg.eigh(C, stream=core.cpu)``, smallest eigenvalue first
    and one in each column; a GPU has no such function.

    Args:
        x: pictures, ``(N, H, W, C)``.
        size: the side of a window.
        eps: :math:`\epsilon`, so that directions with next to no variance are not blown up.

    Returns:
        The kernels, ``(size * size * C, size, size, C)``, and the bias, ``(size * size * C,)``.
    """
    raise NotImplementedError(
        "7.18 whitening - exercises/ch07_cnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def whitened_layer(x: array, size: int = 3, eps: float = 1e-2) -> nn.Conv2d:
    """:func:`whitening` as a layer that keeps height and width (``size`` odd), frozen."""
    weight, bias = whitening(x, size, eps)
    layer = nn.Conv2d(x.shape[-1], weight.shape[0], size, padding=size // 2)
    layer.weight, layer.bias = weight, bias
    layer.freeze()
    return layer
