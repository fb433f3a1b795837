"""From one latent vector to another."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def spherical(a: array, b: array, t: array | float) -> array:
    r"""A point on the arc from ``a`` to ``b``.

    With :math:`\omega` the angle between the two,

    .. math:: \frac{\sin((1 - t) \, \omega)}{\sin \omega} \, a
              + \frac{\sin(t \, \omega)}{\sin \omega} \, b

    A latent vector of many normal numbers has a length near the root of their number. In the
    middle of a straight line it would be shorter by a factor of 0.7, such as the generator has
    never seen; on the arc it keeps its length.

    Where :math:`\sin \omega` is below 1e-4 (the two have the same direction, or opposite ones),
    the point lies on the straight line, :math:`(1 - t) a + t b`.

    Args:
        a, b: ``(..., D)``, no vector of zeros.
        t: from 0, ``a``, to 1, ``b``; a number, or an array that broadcasts with ``(..., 1)``.

    Returns:
        The points, ``(..., D)``.

    Source: K. Shoemake (1985); for latent vectors: T. White (2016), https://arxiv.org/abs/1609.04468
    """
    raise NotImplementedError(
        "9.18 spherical - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
