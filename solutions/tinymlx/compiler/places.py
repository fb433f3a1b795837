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
    axes: list[tuple[int, int]] = []  # sizes and strides, neighbours in a row taken together
    for n, stride in zip(shape, strides):
        if n == 1:
            continue
        if axes and axes[-1][1] == stride * n:
            axes[-1] = (axes[-1][0] * n, stride)
        else:
            axes.append((n, stride))
    terms, below = [], 1
    for i, (n, stride) in reversed(list(enumerate(axes))):
        if stride:
            term = index if below == 1 else f"{index} / {below}"
            term = term if i == 0 else f"{term} % {n}"
            term = term if stride == 1 else f"({term}) * {stride}"
            terms.append(term)
        below *= n
    return " + ".join(reversed(terms)) or "0"
