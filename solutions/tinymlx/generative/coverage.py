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
    found = labels[:, None] == core.arange(classes)  # (N, classes)
    return core.mean(found.astype(core.float32), axis=0)


def classes_covered(labels: array, classes: int, least: float = 0.05) -> array:
    """How many classes have at least the share ``least`` of all examples.

    Args:
        labels, classes: as for :func:`class_shares`.
        least: the share. One lucky example of a class does not cover it.

    Returns:
        An integer, as an array.
    """
    return core.sum(class_shares(labels, classes) >= least)


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
    squares = core.sum(core.square(x[:, None] - centres), axis=-1)  # (N, K)
    near = core.min(squares, axis=1) <= radius**2
    belongs = (core.argmin(squares, axis=1)[:, None] == core.arange(len(centres))) & near[:, None]
    counts = core.sum(belongs, axis=0)
    found = core.sum(counts * len(centres) * 5 >= len(x))
    return found, 1 - core.mean(near.astype(core.float32))
