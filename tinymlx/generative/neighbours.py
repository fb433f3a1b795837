r"""What the nearest neighbours say: is it good, is it everything, is it copied?

Sources: T. Kynkäänniemi et al. (2019), https://arxiv.org/abs/1904.06991 (precision and recall).
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def squared_distances(a: array, b: array) -> array:
    r"""All distances between two sets of points, squared.

    :math:`\|a - b\|^2 = \|a\|^2 - 2 a \cdot b + \|b\|^2`, as one product of two tables: no
    ``(N, M, D)`` array is made. Rounding must not make a distance negative.

    Args:
        a, b: ``(N, D)`` and ``(M, D)``.

    Returns:
        ``(N, M)``, at least 0.
    """
    raise NotImplementedError(
        "9.17 squared_distances - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def radii(x: array, k: int = 3) -> array:
    """The squared distance of each point to its ``k``-th nearest neighbour *other than itself*.

    Args:
        x: ``(N, D)``.
        k: which neighbour; k should be from 1 to ``N - 1``.

    Returns:
        ``(N,)``.

    Raises:
        ValueError: ``k`` is below 1, or there are not so many others.
    """
    raise NotImplementedError(
        "9.17 radii - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def precision_and_recall(real: array, made: array, k: int = 3) -> tuple[array, array]:
    """How much of what is made looks real, and how much of what is real could be made.

    Around each point of a set imagine a ball that reaches to its ``k``-th neighbour in the same
    set. *Precision* is the share of made points that lie in the ball of some real one; *recall* is
    the share of real points that lie in the ball of some made one. The rim belongs to a ball.

    Args:
        real, made: features, ``(N, D)`` and ``(M, D)``.
        k: as for :func:`radii`.

    Returns:
        Precision and recall, two scalars from 0 to 1.
    """
    raise NotImplementedError(
        "9.17 precision_and_recall - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def nearest(x: array, known: array) -> tuple[array, array]:
    """The nearest of some known points to each point.

    Is a generator copying? Then what it makes is nearer to the training examples than test
    examples are, which nobody copied.

    Args:
        x: ``(N, D)``.
        known: ``(M, D)``, usually the training examples.

    Returns:
        The number of the nearest known point, ``(N,)`` integers, and its distance (not squared).
    """
    raise NotImplementedError(
        "9.17 nearest - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
