"""Which rows a model reads and which it must foretell: windows, and where they may stand.

An *origin* is the last row that is known. With ``past`` rows read and ``future`` rows foretold, the
window of origin ``t`` has the rows ``t - past + 1`` to ``t + future``.
"""

from __future__ import annotations

from typing import NamedTuple

from tinymlx import core
from tinymlx.core import array


def sliding(x: array, length: int) -> array:
    """All runs of ``length`` neighbouring rows, without copying a number.

    Window ``i`` has the rows ``i`` to ``i + length - 1``. It is a view by ``core.as_strided``: the
    memory of ``x`` is used as it lies, and what is computed does not grow with ``length``. Only an
    ``x`` that does not lie row by row (a column of a table) is made ``core.contiguous`` first.

    Args:
        x: ``(N, ...)`` with at least one axis.
        length: from 1 to ``N``.

    Returns:
        ``(N - length + 1, length, ...)``.

    Raises:
        ValueError: ``x`` has no axis, or ``length`` is outside of 1 to ``N``. The message names
            the length.
    """
    raise NotImplementedError(
        "17.3 sliding - exercises/ch17_forecasting/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def origins(usable: array, breaks: array, past: int, future: int, start: int, stop: int) -> array:
    """Where a window may stand, so that it lies in one piece and on one side of every border.

    Origin ``t`` may be used if all rows ``t - past + 1`` to ``t + future``

    * are at least ``start`` and less than ``stop`` (the borders of a part of the data: the *whole*
      window stays inside, what it reads and what it foretells),
    * are ``usable``,
    * follow each other without a break: ``breaks[r]`` says that time is lost between row ``r - 1``
      and row ``r``, so that no window has both. (A break in front of its first row is harmless.)

    How to do it is your own design; the tests look at what comes out. They also count: the work
    grows with the number of rows, not with rows times the size of a window.

    Args:
        usable: ``(N,)``, truth values.
        breaks: ``(N,)``, truth values.
        past: how many rows are read, at least 1.
        future: how many rows are foretold, at least 1.
        start, stop: the part of the data, ``0 <= start <= stop <= N``.

    Returns:
        The origins in ascending order, int32; perhaps none.

    Raises:
        ValueError: the shapes differ, ``past`` or ``future`` is less than 1, or the borders are
            not in this order.
    """
    raise NotImplementedError(
        "17.3 origins - exercises/ch17_forecasting/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


class Fold(NamedTuple):
    """Rows to learn from, and the later rows to be examined on: half-open ranges."""

    train: tuple[int, int]
    test: tuple[int, int]


def rolling(
    count: int, folds: int, test: int, gap: int = 0, longest: int | None = None
) -> list[Fold]:
    """Examine several times, each time on rows behind all that was learned from.

    The last ``folds * test`` rows are cut into ``folds`` test parts of ``test`` rows, oldest first.
    Each has all rows before it for training, but for the ``gap`` rows in front of it (what a window
    foretells may reach over there), and only the last ``longest`` of these if that is given.

    Returns:
        A list of :class:`Fold`, as row numbers ``(start, stop)``.

    Raises:
        ValueError: a number is out of range (``folds`` and ``test`` at least 1, ``gap`` at least 0,
            ``longest`` at least 1), or nothing is left for the first training part.
    """
    raise NotImplementedError(
        "17.3 rolling - exercises/ch17_forecasting/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
