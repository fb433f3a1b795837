"""Does a generator make everything? Classes by a judge, modes by their distance."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def class_shares(labels: array, classes: int) -> array:
    """The share of each class.

    Args:
        labels: the class of each example, ``(N,)`` integers; at least one.
        classes: how many classes there are.

    Returns:
        ``(classes,)``, which sum to 1; a class that never occurs has 0.
    """
    raise NotImplementedError(
        "9.16 class_shares - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def classes_covered(labels: array, classes: int, least: float = 0.05) -> array:
    """How many classes have at least the share ``least`` of all examples.

    Args:
        labels, classes: as for :func:`class_shares`.
        least: the share. One lucky example of a class does not cover it.

    Returns:
        An integer, as an array.
    """
    raise NotImplementedError(
        "9.16 classes_covered - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def modes_found(x: array, centres: array, radius: float) -> tuple[array, array]:
    """Which of several known modes have been found, and what lies between them.

    Each point belongs to its nearest centre if it is not further away than ``radius``, and
    otherwise lies between. A mode is found if the points that belong to it are at least a fifth of
    its fair share, ``N / K``.

    Args:
        x: points, ``(N, D)``.
        centres: ``(K, D)``.
        radius: how far from a centre is near.

    Returns:
        How many modes are found (an integer), and the share of points that lie between.
    """
    raise NotImplementedError(
        "9.16 modes_found - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
