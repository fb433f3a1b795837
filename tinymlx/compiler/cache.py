"""When a compiled function may be used again: a key for the arguments of a call."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import mlx.core as mx

from tinymlx.core.arrays import array
from tinymlx.core.primitive import released


def signature(tree: Any) -> tuple[Hashable, list[array]]:
    """What a graph depends on: all of the arguments but the numbers in their arrays.

    Two trees have equal keys if and only if one graph serves both: the boxes are the same (a list
    is no tuple; a dict has the same names in the same order), arrays in the same places have the
    same shapes and dtypes, and everything else is the same constant of the same type: ``1``,
    ``1.0`` and ``True`` are equal to Python, but make other dtypes, and ``0.0`` is not ``-0.0``
    (``repr`` tells them apart).

    Args:
        tree: lists, tuples and dicts, nested, of arrays, numbers, strings and ``None``. An array
            may also be a bare one.

    Returns:
        The key, which can be hashed, and the arrays from left to right.

    Raises:
        ValueError: a leaf is something else. It could change without anybody's notice; the message
            starts with ``[compile]``.
    """
    raise NotImplementedError(
        "14.9 signature - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def bare_values(arrays: list[array]) -> list[mx.array] | None:
    """The bare arrays; ``None`` if a transform watches one of them."""
    found = []
    for x in arrays:
        if isinstance(x, array):
            x = released(x)
            if x._trace is not None:
                return None
            found.append(x._value)
        else:
            found.append(x)
    return found
