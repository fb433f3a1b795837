"""Einstein summation: products and sums over named axes.

``"ij,jk->ik"`` names the axes of two operands and of the result. Axes of the same name have the
same index; over names that the result lacks is summed. Everything comes down to one batched matrix
product for each pair of operands.
"""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from .arithmetic import multiply
from .arrays import Stream, array, as_array, unwrap
from .diagonals import diagonal
from .products import matmul
from .shapes import transpose


def parse_einsum(subscripts: str, ndims: Sequence[int]) -> tuple[list[str], str]:
    """The names of the axes of every operand and of the result.

    Spaces do not count. Without ``->`` the result has, in alphabetical order, the names that occur
    exactly once. An ellipsis ``...`` stands for all axes of an operand that have no name of their
    own; they broadcast against those of the other operands, aligned at the last one, and stand in
    the result where its ellipsis stands (without ``->``: in front). :func:`ellipsis_names` gives
    them names that the subscripts do not use.

    Args:
        subscripts: for example ``"bij,bjk->bik"``.
        ndims: for each operand how many axes it has.

    Returns:
        For each operand a string with one letter for each axis, and such a string for the result:
        ``parse_einsum("ij,jk", [2, 2])`` is ``(["ij", "jk"], "ik")``.

    Raises:
        ValueError: the number of operands or of axes is not what the subscripts say; a name in the
            result occurs in no operand, or twice in the result; a name is not a letter; there are
            two ellipses in one operand, or in the result.
    """
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"[einsum] {subscripts!r} names {len(terms)} operands, not {len(ndims)}.")
    for term in [*terms, right]:
        if term.count("...") > 1:
            raise ValueError(f"[einsum] Only one ellipsis is allowed, but {term!r} has several.")
    names = ellipsis_names(subscripts, terms, ndims)
    inputs = []
    for term, ndim in zip(terms, ndims):
        free = ndim - len(term.replace("...", ""))
        term = term.replace("...", names[len(names) - free :]) if "..." in term else term
        if len(term) != ndim:
            raise ValueError(f"[einsum] {subscripts!r} does not fit an operand with {ndim} axes.")
        inputs.append(term)
    if not arrow:
        letters = left.replace(",", "").replace("...", "")
        right = "..." + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    output = right.replace("...", names)
    known = set("".join(inputs))
    if not set(output) <= known or len(set(output)) < len(output) or not known <= LETTERS:
        raise ValueError(f"[einsum] Invalid subscripts {subscripts!r}.")
    return inputs, output


LETTERS = set(string.ascii_letters)


def ellipsis_names(subscripts: str, terms: Sequence[str], ndims: Sequence[int]) -> str:
    """Unused letters for the longest ellipsis; a shorter one takes the last of them."""
    counts = [
        ndim - len(term.replace("...", "")) for term, ndim in zip(terms, ndims) if "..." in term
    ]
    unused = [c for c in string.ascii_letters[::-1] if c not in subscripts]
    return "".join(unused[: max([0, *counts])])


def contract_pair(a: array, a_names: str, b: array, b_names: str, result: str) -> array:
    """The product of two operands, summed over the names that ``result`` lacks.

    With transposes and reshapes only, bring ``a`` to ``(batch, rows, summed)`` and ``b`` to
    ``(batch, summed, columns)``, each of the three one axis that merges all names of its kind:
    *batch* names are in both operands and in the result, *summed* names in both but not in the
    result, *rows* only in ``a``, *columns* only in ``b``. A kind without names is an axis of
    size 1. Then multiply the matrices, give every name its axis back, and order the axes as
    ``result`` says.

    Two helpers are below: :func:`ordered` transposes by names, and :func:`batched_product`
    multiplies the matrices, also those of integers, which ``matmul`` refuses.

    Args:
        a, b: the operands.
        a_names, b_names: the names of their axes, each once in an operand. Where both have a name,
            the sizes agree. A name that only one operand has is in the result.
        result: the names of the axes of the result, in order.

    Returns:
        An array with one axis for each name in ``result``.
    """
    size = {**dict(zip(a_names, a.shape)), **dict(zip(b_names, b.shape))}
    batch = [c for c in a_names if c in b_names and c in result]
    summed = [c for c in a_names if c in b_names and c not in result]
    rows = [c for c in a_names if c not in b_names]
    columns = [c for c in b_names if c not in a_names]
    merged = [math.prod(size[c] for c in kind) for kind in (batch, rows, summed, columns)]
    a = ordered(a, a_names, [*batch, *rows, *summed]).reshape(merged[0], merged[1], merged[2])
    b = ordered(b, b_names, [*batch, *summed, *columns]).reshape(merged[0], merged[2], merged[3])
    product = batched_product(a, b).reshape([size[c] for c in [*batch, *rows, *columns]])
    return ordered(product, "".join([*batch, *rows, *columns]), list(result))


def ordered(x: array, names: str, order: Sequence[str]) -> array:
    """``x``, whose axes have ``names``, with its axes in another order."""
    return transpose(x, [names.index(c) for c in order]) if list(names) != list(order) else x


def batched_product(a: array, b: array) -> array:
    """``a @ b``; without a sum, or for integers (which ``mx.matmul`` refuses), by broadcasting."""
    if a.shape[-1] == 1:
        return multiply(a, b)
    if mx.issubdtype(a.dtype, mx.inexact) and mx.issubdtype(b.dtype, mx.inexact):
        return matmul(a, b)
    return multiply(a[..., None], b[..., None, :, :]).sum(-2)


def einsum(subscripts: str, *operands: Any, stream: Stream = None) -> array:
    """The sum of products that the subscripts describe.

    Args:
        subscripts: the names of the axes, ``"ij,jk->ik"``; see :func:`parse_einsum`. A name twice
            in one operand takes its diagonal.
        operands: arrays. Axes of the same name have the same size, or size 1.

    Source: https://numpy.org/doc/stable/reference/generated/numpy.einsum.html

    Shape: the sizes of the names behind ``->``, in their order.
    """
    if stream is not None:
        with mx.stream(stream):
            return einsum(subscripts, *operands)
    arrays = [as_array(x) for x in operands]
    inputs, output = parse_einsum(subscripts, [x.ndim for x in arrays])
    sizes = _sizes(subscripts, arrays, inputs)
    terms = [_prepared(x, names, sizes) for x, names in zip(arrays, inputs)]
    while len(terms) > 1:
        i, j = _cheapest_pair(terms, output, sizes)
        second, first = terms.pop(j), terms.pop(i)
        others = output + "".join(names for _, names in terms)
        first = _sum_lonely(*first, second[1] + others)
        second = _sum_lonely(*second, first[1] + others)
        result = "".join(c for c in dict.fromkeys(first[1] + second[1]) if c in others)
        terms.append((contract_pair(*first, *second, result), result))
    x, names = _sum_lonely(*terms[0], output)
    if len(names) < len(output):  # only size 1 had been dropped
        missing = [c for c in output if c not in names]
        x = x.reshape([*x.shape, *(1 for _ in missing)])
        names += "".join(missing)
    return ordered(x, names, list(output))


def einsum_path(subscripts: str, *operands: Any) -> tuple[list[tuple[int, ...]], str]:
    """The order of contractions that ``mlx.core`` would choose, and its costs in words."""
    return mx.einsum_path(subscripts, *(unwrap(x) for x in operands))


def _sizes(subscripts: str, arrays: Sequence[array], inputs: Sequence[str]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for x, names in zip(arrays, inputs):
        for c, n in zip(names, x.shape):
            if sizes.get(c, 1) not in (1, n) and n != 1:
                raise ValueError(
                    f"[einsum] Axis {c!r} of {subscripts!r} has the sizes {sizes[c]} and {n}."
                )
            sizes[c] = n if sizes.get(c, 1) == 1 else sizes[c]
    return sizes


def _prepared(x: array, names: str, sizes: dict[str, int]) -> tuple[array, str]:
    """The operand with every name once, and without axes of size 1 that stand for a longer one."""
    for c in dict.fromkeys(names):
        while names.count(c) > 1:
            first = names.index(c)
            second = names.index(c, first + 1)
            x = diagonal(x, 0, first, second)
            names = names[:first] + names[first + 1 : second] + names[second + 1 :] + c
    long = [i for i, c in enumerate(names) if x.shape[i] == sizes[c]]
    if len(long) < len(names):
        x = x.reshape([x.shape[i] for i in long])
        names = "".join(names[i] for i in long)
    return x, names


def _sum_lonely(x: array, names: str, others: str) -> tuple[array, str]:
    """Sum over the names that nobody else needs."""
    lonely = [i for i, c in enumerate(names) if c not in others]
    if lonely:
        x = x.sum(lonely)
        names = "".join(c for c in names if c in others)
    return x, names


def _cheapest_pair(
    terms: Sequence[tuple[array, str]], output: str, sizes: dict[str, int]
) -> tuple[int, int]:
    """The pair whose product has the fewest elements, of those the one with the least work."""
    if len(terms) == 2:
        return 0, 1

    def cost(pair: tuple[int, int]) -> tuple[int, int]:
        names = set(terms[pair[0]][1]) | set(terms[pair[1]][1])
        others = set(output).union(*(terms[k][1] for k in range(len(terms)) if k not in pair))
        return math.prod(sizes[c] for c in names & others), math.prod(sizes[c] for c in names)

    return min(((i, j) for j in range(len(terms)) for i in range(j)), key=cost)
