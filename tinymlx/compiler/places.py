"""Where an element lies: from its number in the loop to its place in memory."""

from __future__ import annotations

from collections.abc import Sequence


def offset(shape: Sequence[int], strides: Sequence[int], index: str) -> str:
    """The place of element number ``index`` of a loop over ``shape``, as an expression of C.

    The elements are counted in row-major order: the last axis runs fastest. So along the last axis
    the element has the index ``index % n``, along the one before ``index / n % m``, and so on (the
    first needs no ``%``), and its place is the sum of these times the strides, which are distances in
    elements: 0 along an axis that is repeated, and negative or out of order if the array is turned
    or transposed.

    Divisions are slow. So neighbouring axes that lie in a row are taken together first: where the
    stride of one is the stride of the next times its size. Axes of size 1 do not matter at all. An
    array that is complete and in a row has the place ``index``, one that is repeated along every axis
    the place ``0``.

    Args:
        shape: the sizes of the loop.
        strides: as many strides.
        index: an expression of C: a name.

    Returns:
        An expression of integers, ``+``, ``*``, ``/``, ``%`` and ``index``: the place, for every
        ``index`` from 0 to the product of ``shape``, without it.
    """
    raise NotImplementedError(
        "14.8 offset - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
