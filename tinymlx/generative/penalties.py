r"""Penalties on how steep a critic is.

All of them contain a derivative by the *input*, and are themselves differentiated by the weights:
a derivative of a derivative.

Sources: I. Gulrajani et al. (2017), https://arxiv.org/abs/1704.00028; L. Mescheder, A. Geiger and
S. Nowozin (2018), https://arxiv.org/abs/1801.04406
"""

from __future__ import annotations

from collections.abc import Callable

from tinymlx import core
from tinymlx.core import array

Critic = Callable[[array], array]


def between(real: array, fake: array, key: array | None = None) -> array:
    r"""A random point on the line between each real example and its partner.

    :math:`\hat x_n = \epsilon_n x_n + (1 - \epsilon_n) y_n` with one :math:`\epsilon_n` for each
    example, uniform from 0 to 1, the same for all its pixels.

    Args:
        real: :math:`x`, ``(N, ...)``, with any number of axes.
        fake: :math:`y`, of the same shape.
        key: what the draw follows from; by default the global random state.

    Returns:
        The points, in the shape and dtype of ``real``.
    """
    raise NotImplementedError(
        "9.9 between - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def squared_slopes(critic: Critic, x: array) -> array:
    r"""How steep a critic is at each example: :math:`\|\nabla_{x_n} f(x_n)\|^2`.

    The norm is over *all* axes of an example. What an example is given does not depend on the
    others, so the gradient of the sum over the batch has each example's own gradient in its row.

    Args:
        critic: a function of a batch, that returns a number for each example.
        x: ``(N, ...)``.

    Returns:
        ``(N,)``, differentiable by everything that the critic is made of.
    """
    raise NotImplementedError(
        "9.9 squared_slopes - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def gradient_penalty(critic: Critic, x: array) -> array:
    r"""How far the critic is from a slope of length 1:
    :math:`\text{E}[(\|\nabla_x f(x)\| - 1)^2]`.

    Where a gradient is exactly 0, its length has no derivative; there 0 is taken for it, and
    nothing is infinite.

    Args:
        critic, x: as for :func:`squared_slopes`; ``x`` usually comes from :func:`between`.

    Returns:
        A scalar, not yet multiplied by a weight (10 in the paper).
    """
    raise NotImplementedError(
        "9.9 gradient_penalty - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def zero_centred_penalty(critic: Critic, x: array) -> array:
    r"""Half of the mean squared length, :math:`\tfrac12 \text{E}[\|\nabla_x f(x)\|^2]`.

    At real examples it is called R1, at made ones R2. Where the two sides are in balance, a
    critic that is flat there has nothing left to pay, and nothing left to say.

    Args:
        critic, x: as for :func:`squared_slopes`.

    Returns:
        A scalar, not yet multiplied by a weight.
    """
    raise NotImplementedError(
        "9.10 zero_centred_penalty - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
