"""Matrix products and their relatives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from .arithmetic import conj, multiply
from .arranging import repeat
from .arrays import Stream, array, as_array, wrap
from .broadcasting import checked_axes, unbroadcast
from .primitive import behind, primitive
from .shapes import broadcast_to, swapaxes, transpose


@primitive
def matmul(a: mx.array, b: mx.array, /) -> mx.array:
    """The matrix product over the last axis of ``a`` and the last but one of ``b``.

    An array with one axis is a row on the left and a column on the right, and its new axis is
    dropped from the result. Axes before the last two broadcast.

    Shape: ``(..., M, K)`` and ``(..., K, N)`` to ``(..., M, N)``; the axes before them broadcast.
    """
    return mx.matmul(a, b)


def _flipped(x: array) -> array:
    """Rows as columns; a single matrix needs no axes to be named."""
    return transpose(x) if x.ndim == 2 else swapaxes(x, -1, -2)


@matmul.defvjp
def matmul_vjp(g: array, y: array, a: array, b: array) -> tuple[array | None, array | None]:
    r"""The derivative of a matrix product in all its ranks.

    For matrices :math:`Y = A B` it is :math:`\bar A = \bar Y B^\top` and
    :math:`\bar B = A^\top \bar Y`. The other cases reduce to it:

    - A vector is a matrix with one row (``a``) or one column (``b``). Give ``a``, ``b`` and ``g``
      the axes that were dropped, and the results the shapes of ``a`` and ``b`` at the end.
    - Batch axes broadcast, so the results pass through ``unbroadcast``.
    - When ``b`` is one matrix for a whole batch, fold the batch into the rows of ``a`` and ``g``:
      one large product in the place of many small ones and a sum.

    Args:
        g: the cotangent of ``y``.
        y: the product.
        a: ``(..., n, k)`` or ``(k,)``.
        b: ``(..., k, m)`` or ``(k,)``.

    Returns:
        The cotangents of ``a`` and ``b``, of their shapes.
    """
    raise NotImplementedError(
        "3.28 matmul_vjp - exercises/ch03_tensors_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@primitive
def addmm(
    c: mx.array, a: mx.array, b: mx.array, /, alpha: float = 1.0, beta: float = 1.0
) -> mx.array:
    """``alpha * (a @ b) + beta * c``.

    Shape: ``(..., M, K)`` and ``(..., K, N)`` to ``(..., M, N)``, to which ``c`` broadcasts.
    """
    return mx.addmm(c, a, b, alpha, beta)


@addmm.defvjp
def addmm_vjp(
    g: array, y: array, c: array, a: array, b: array, alpha: float = 1.0, beta: float = 1.0
) -> tuple[array | None, array | None, array | None]:
    """The derivatives of the sum and of the product."""
    ga, gb = matmul_vjp(g if alpha == 1 else g * alpha, y, a, b)
    return unbroadcast(g if beta == 1 else g * beta, c), ga, gb


def inner(a: Any, b: Any, /, *, stream: Stream = None) -> array:
    """The sum of products over the last axis of both.

    Shape: ``(..., K)`` and ``(..., K)`` to the other axes of the first, then of the second.
    """
    a, b = as_array(a), as_array(b)
    if a.ndim == 0 or b.ndim == 0:
        return multiply(a, b, stream=stream)
    if a.shape[-1] != b.shape[-1]:
        raise ValueError("[inner] a and b must have the same last dimension.")
    return tensordot(a, b, [[-1], [-1]], stream=stream)


def outer(a: Any, b: Any, /, *, stream: Stream = None) -> array:
    """All products of an element of ``a`` and one of ``b``, both flattened."""
    return multiply(as_array(a).reshape(-1, 1), as_array(b).reshape(1, -1), stream=stream)


def tensordot(
    a: Any, b: Any, /, axes: int | Sequence[Sequence[int]] = 2, *, stream: Stream = None
) -> array:
    """The sum of products over pairs of axes.

    Args:
        a, b: any arrays.
        axes: the number of last axes of ``a`` to pair with the first axes of ``b``, or two lists of
            axes, those of ``a`` and those of ``b``.

    Returns:
        An array with the other axes of ``a``, then those of ``b``.

    Shape: the axes that are left of ``a``, then those of ``b``.
    """
    a, b = as_array(a), as_array(b)
    if isinstance(axes, int):
        if axes < 0 or axes > min(a.ndim, b.ndim):
            raise ValueError(f"[tensordot] Cannot pair {axes} axes of {a.ndim} and {b.ndim}.")
        axes = [list(range(a.ndim - axes, a.ndim)), list(range(axes))]
    left = checked_axes("tensordot", axes[0], a.ndim)
    right = checked_axes("tensordot", axes[1], b.ndim)
    if [a.shape[i] for i in left] != [b.shape[i] for i in right]:
        raise ValueError("[tensordot] a and b must have the same shape on the contracted axes.")
    free_a = [i for i in range(a.ndim) if i not in left]
    free_b = [i for i in range(b.ndim) if i not in right]
    size = math.prod(a.shape[i] for i in left)
    rows = math.prod(a.shape[i] for i in free_a)
    columns = math.prod(b.shape[i] for i in free_b)
    product = matmul(
        transpose(a, [*free_a, *left], stream=stream).reshape(rows, size),
        transpose(b, [*right, *free_b], stream=stream).reshape(size, columns),
        stream=stream,
    )
    return product.reshape([*(a.shape[i] for i in free_a), *(b.shape[i] for i in free_b)])


def vecdot(a: Any, b: Any, /, *, axis: int = -1, stream: Stream = None) -> array:
    """The sum of ``conj(a) * b`` along an axis of the same size in both; the others broadcast.

    A negative axis counts from the end of the array with more axes, as in MLX.

    Shape: that to which both broadcast, without ``axis``.
    """
    a, b = as_array(a), as_array(b)
    if not a.ndim or not b.ndim:
        raise ValueError("[vecdot] a and b must have at least one axis.")
    checked_axes("vecdot", axis, a.ndim)
    axis = axis + max(a.ndim, b.ndim) if axis < 0 else axis
    if axis >= min(a.ndim, b.ndim):
        raise ValueError("[vecdot] axis is out of bounds: one of the arrays does not have it.")
    if a.shape[axis] != b.shape[axis]:
        raise ValueError("[vecdot] a and b must have the same size along axis.")
    return multiply(conj(a, stream=stream), b, stream=stream).sum(axis, stream=stream)


def kron(a: Any, b: Any, *, stream: Stream = None) -> array:
    """The Kronecker product: each element of ``a`` times the whole of ``b``."""
    a, b = as_array(a), as_array(b)
    if not a.size or not b.size:
        raise ValueError("[kron] Input arrays cannot be empty.")
    ndim = max(a.ndim, b.ndim)
    a_shape = (1,) * (ndim - a.ndim) + a.shape
    b_shape = (1,) * (ndim - b.ndim) + b.shape
    a = a.reshape([size for n in a_shape for size in (n, 1)])
    b = b.reshape([size for n in b_shape for size in (1, n)])
    return multiply(a, b, stream=stream).reshape([n * m for n, m in zip(a_shape, b_shape)])


@behind("gather_mm")
def gathered_matmul(
    a: mx.array,
    b: mx.array,
    lhs_indices: mx.array | None,
    rhs_indices: mx.array | None,
    /,
    sorted_indices: bool = False,
) -> mx.array:
    """Products of matrices chosen by index; see :func:`gather_mm`."""
    return mx.gather_mm(a, b, lhs_indices, rhs_indices, sorted_indices=sorted_indices)


gathered_matmul.indices = slice(2, 4)


@gathered_matmul.defvjp
def gathered_matmul_vjp(
    g: array, y: array, a: array, b: array, left: Any, right: Any, sorted_indices: bool = False
) -> tuple[array, array, None, None]:
    """The derivative of each product, added to the matrices it was made from."""
    a3, left = _all_matrices(a, left)
    b3, right = _all_matrices(b, right)
    left, right = (broadcast_to(i, g.shape[:-2]) for i in (left, right))
    ga = g @ swapaxes(b3[right], -1, -2)
    gb = swapaxes(a3[left], -1, -2) @ g
    ga = wrap(mx.zeros(a3.shape, g.dtype)).at[left].add(ga)
    gb = wrap(mx.zeros(b3.shape, g.dtype)).at[right].add(gb)
    return ga.reshape(a.shape), gb.reshape(b.shape), None, None


def _all_matrices(x: array, indices: array | None) -> tuple[array, array]:
    matrices = x.reshape(math.prod(x.shape[:-2]), *x.shape[-2:])
    if indices is None:
        indices = wrap(mx.arange(matrices.shape[0]).reshape(x.shape[:-2]))
    return matrices, indices


def gather_mm(
    a: Any,
    b: Any,
    /,
    lhs_indices: Any = None,
    rhs_indices: Any = None,
    *,
    sorted_indices: bool = False,
    stream: Stream = None,
) -> array:
    """The products of the matrices of ``a`` and ``b`` that two arrays of indices choose.

    Shape: ``(..., M, K)`` and ``(..., K, N)`` to ``(*indices, M, N)``.
    """
    indices = (lhs_indices, rhs_indices)
    if lhs_indices is None and rhs_indices is None:
        return matmul(a, b, stream=stream)
    return gathered_matmul(a, b, *indices, sorted_indices=sorted_indices, stream=stream)


def block_masked_mm(
    a: Any,
    b: Any,
    /,
    block_size: int = 64,
    mask_out: Any = None,
    mask_lhs: Any = None,
    mask_rhs: Any = None,
    *,
    stream: Stream = None,
) -> array:
    """The matrix product with masks that scale, or leave out, blocks of factors and result.

    Shape: ``(..., M, K)`` and ``(..., K, N)`` to ``(..., M, N)``.
    """

    if mask_out is None and mask_lhs is None and mask_rhs is None:
        return matmul(a, b, stream=stream)
    if block_size not in (32, 64):
        raise ValueError(f"[block_masked_mm] block_size should be 32 or 64, not {block_size}.")

    def masked(x: array, mask: Any) -> array:
        if mask is None:
            return x
        blocks = [-(-n // block_size) for n in x.shape[-2:]]
        if list(mask.shape[-2:]) != blocks:
            raise ValueError(
                f"[block_masked_mm] A mask of shape {mask.shape} does not fit an array of shape "
                f"{x.shape} in blocks of {block_size}."
            )
        rows = repeat(mask, block_size, -2)[..., : x.shape[-2], :]
        return multiply(x, repeat(rows, block_size, -1)[..., : x.shape[-1]], stream=stream)

    a, b = as_array(a), as_array(b)
    if a.dtype == mx.complex64 or b.dtype == mx.complex64:
        raise ValueError("[block_masked_mm] Complex matrices cannot be masked.")
    if min(a.ndim, b.ndim) < 2:
        raise ValueError("[block_masked_mm] Vectors cannot be masked: give them a second axis.")
    a, b = masked(a, mask_lhs), masked(b, mask_rhs)
    return masked(matmul(a, b, stream=stream), mask_out)
