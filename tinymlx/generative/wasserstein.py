r"""How far one heap of sand is from another.

The Wasserstein distance of two distributions is the least work that turns one into the other: mass
times the way that it is carried. It is also the greatest difference of means

.. math:: W(p, q) = \sup_f \; \text{E}_p[f] - \text{E}_q[f]

over all functions :math:`f` that nowhere rise faster than 1 (Kantorovich and Rubinstein). A
*critic* is a network that looks for that function.

Source: M. Arjovsky, S. Chintala and L. Bottou (2017), https://arxiv.org/abs/1701.07875
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def critic_loss(real: array, fake: array) -> array:
    r"""What the critic minimizes: :math:`\text{E}[\text{fake}] - \text{E}[\text{real}]`.

    Its negative is an estimate of the distance, if the critic is nowhere too steep.

    Args:
        real, fake: what the critic says of each example, ``(N,)`` and ``(M,)``; not probabilities.
    """
    raise NotImplementedError(
        "9.4 critic_loss - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def critic_generator_loss(fake: array) -> array:
    r"""What the generator minimizes: :math:`-\text{E}[\text{fake}]`."""
    raise NotImplementedError(
        "9.4 critic_generator_loss - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def wasserstein_distance(a: array, b: array) -> array:
    r"""The exact distance of two samples of numbers.

    On a line it is the area between the two cumulative distributions,

    .. math:: W = \int |F_a(x) - F_b(x)| \, dx,

    where :math:`F_a(x)` is the share of ``a`` that is at most :math:`x`. The memory for it grows
    with ``N + M``, not with ``N * M``: there is no table of each number with each.

    Args:
        a, b: ``(N,)`` and ``(M,)``: numbers in a row, at least one each, in any order.

    Returns:
        A scalar.

    Raises:
        ValueError: a sample is empty, or has more than one axis.
    """
    raise NotImplementedError(
        "9.4 wasserstein_distance - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
