"""Flips and padded crops: whole batches at once, with a draw for each picture.

What is drawn follows from a key, or, without one, from the global random state, which a checkpoint
of the trainer keeps: a run that goes on sees the same pictures.
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def flipped(x: array, which: array) -> array:
    """Some of the pictures with left and right exchanged.

    Args:
        x: pictures, ``(N, H, W, C)``.
        which: ``(N,)`` booleans; where it is false a picture stays as it is.

    Returns:
        An array of the shape of ``x``.
    """
    raise NotImplementedError(
        "7.15 flipped - exercises/ch07_cnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def cropped(x: array, rows: array, columns: array, padding: int) -> array:
    """A part of each padded picture, as large as the picture was.

    Each picture gets ``padding`` zeros on all four sides. Of picture ``n`` the part is returned
    whose first row is ``rows[n]`` and whose first column is ``columns[n]``, counted from the corner
    of the padded picture: with both equal to ``padding`` it is the picture itself. The numbers of
    the rows and of the columns are arrays, so the pixels are gathered, without a loop over the
    pictures.

    Args:
        x: pictures, ``(N, H, W, C)``.
        rows, columns: ``(N,)`` integers from 0 to ``2 * padding``.
        padding: how far a picture may move.

    Returns:
        An array of the shape of ``x``.
    """
    raise NotImplementedError(
        "7.15 cropped - exercises/ch07_cnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def random_flip(x: array, key: array | None = None) -> array:
    """Every picture flipped with probability 1/2."""
    return flipped(x, core.random.bernoulli(0.5, (x.shape[0],), key=key))


def random_crop(x: array, padding: int, key: array | None = None) -> array:
    """:func:`cropped` at random places, each from 0 to ``2 * padding`` equally likely.

    Every picture has a row and a column of its own, drawn independently.

    Args:
        x: pictures, ``(N, H, W, C)``.
        padding: how far a picture may move.
        key: what the draw follows from; by default the global random state.
    """
    raise NotImplementedError(
        "7.15 random_crop - exercises/ch07_cnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def several(key: array | None, count: int) -> list[array | None]:
    """As many keys that follow from ``key``; without one, that many times nothing."""
    if key is None:
        return [None] * count
    return list(core.random.split(key, count))
