"""Limiting the norm of gradients."""

from __future__ import annotations

from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.core.tree import leaves, rebuild


def clip_grad_norm(grads: Any, max_norm: float) -> tuple[Any, array]:
    r"""Gradients scaled down, all by the same factor, so that their norm is at most ``max_norm``.

    The norm is that of all numbers in the tree together,
    :math:`\|g\| = \sqrt{\sum_i g_i^2}`, and the factor is
    :math:`\min\left(1, \text{max\_norm} / (\|g\| + 10^{-6})\right)`. It is not decided by ``if``,
    so that it also works in a compiled step.

    ``leaves(grads)`` runs over the arrays of the tree, and ``rebuild(fun, grads)`` makes a tree of
    the same structure with ``fun(g)`` in the place of each. The squares are added by
    :func:`sum_of_squares`. The product with the factor, which is float32,
    is cast back to the dtype of the gradient if that is a floating one.

    Args:
        grads: a tree of gradients.
        max_norm: the greatest norm.

    Returns:
        The scaled gradients, and the norm before.

    Raises:
        ValueError: ``max_norm`` is negative.

    Source: R. Pascanu et al., On the difficulty of training recurrent neural networks (2012),
    https://arxiv.org/abs/1211.5063

    Shape: of each leaf, that of the gradient; the norm is a scalar.
    """
    raise NotImplementedError(
        "4.16 clip_grad_norm - exercises/ch04_neural_networks/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def sum_of_squares(g: array) -> array:
    """The sum of the squares of all elements; of float16 in float32, where it does not overflow."""
    return core.square(g.astype(core.float32) if g.dtype == core.float16 else g).sum()
