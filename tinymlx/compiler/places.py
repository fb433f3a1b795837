"""Where an element lies: from its number in the loop to its place in memory."""

from __future__ import annotations

from collections.abc import Sequence


def offset(shape: Sequence[int], strides: Sequence[int], index: str) -> str:
    """The place of element number ``index`` of a loop over ``shape``, as an expression of C.

    The elements are counted in row-major order: the last axis runs fastest. Strides are distances
    in elements: 0 along an axis that is repeated, and negative or out of order if the array is
    turned or transposed. The lesson leads to the expression, and to how few divisions it needs:
    neighbouring axes that lie in a row count as one, and axes of size 1 not at all.

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
