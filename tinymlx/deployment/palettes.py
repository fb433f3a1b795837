"""Weights as look-up tables: a few colours, and for each weight the number of one."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def nearest(table: array, weights: array) -> array:
    """For each weight the index of the nearest entry of a table.

    Between two neighbours of the table the border is in the middle, so the index of a weight is the
    number of borders below it; on a border it belongs to the smaller entry. There is no array of
    weights times entries.

    Args:
        table: ``(K,)``, in ascending order; entries may be equal.
        weights: any shape.

    Returns:
        The shape of ``weights``, in uint8.
    """
    raise NotImplementedError(
        "15.12 nearest - exercises/ch15_deployment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def palette(weights: array, count: int = 16, rounds: int = 50) -> tuple[array, array]:
    """The k-means of chapter 1 with one coordinate.

    The table begins with ``count`` numbers at equal distances, the smallest and the largest weight
    at its ends. Then, again and again: each weight goes to its nearest entry, and each entry to the
    mean of its weights; an entry without weights stays where it is. It ends when no weight goes
    elsewhere than in the round before, or after ``rounds`` rounds.

    Args:
        weights: any shape and floating dtype; computed in float32.
        count: entries, from 2 to 256.
        rounds: how often the entries move at most.

    Returns:
        The table, ``(count,)`` in float32, and the codes, each weight's index of its nearest entry
        *in that table*, in uint8 with the shape of ``weights``.

    Raises:
        ValueError: ``count`` is not from 2 to 256, or there are no weights.
    """
    raise NotImplementedError(
        "15.12 palette - exercises/ch15_deployment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
