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
    arrays: list[Any] = []

    def key(x: Any) -> Hashable:
        if isinstance(x, (array, mx.array)):
            arrays.append(x)
            return (x.shape, x.dtype)
        if isinstance(x, dict):
            return ("dict", *((name, key(branch)) for name, branch in x.items()))
        if isinstance(x, (list, tuple)):
            return (type(x), *[key(branch) for branch in x])
        if x is None or isinstance(x, (bool, int, float, complex, str)):
            return (type(x), repr(x))
        raise ValueError(
            f"[compile] The arguments of a compiled function are trees of arrays, numbers, strings "
            f"and None, but there is a {type(x).__name__}."
        )

    return key(tree), arrays


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
