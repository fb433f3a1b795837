"""Linear algebra: ``tinymlx.core.linalg``.

``mlx.core`` computes these on the CPU: pass ``stream=mx.cpu`` where the default device is a GPU.
Many have derivatives here that MLX itself does not offer.

Source of the rules: M. Giles, Collected matrix derivative results for forward and reverse mode
algorithmic differentiation (2008).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from .arithmetic import abs, square
from .arranging import flip
from .arrays import Stream, array, as_array, wrap
from .broadcasting import checked_axes, unbroadcast
from .creation import zeros_like
from .diagonals import tril, triu
from .exponential import sqrt
from .joining import stack
from .primitive import behind, primitive
from .reductions import max, min, sum
from .selection import where
from .shapes import swapaxes


def _t(x: array) -> array:
    return swapaxes(x, -1, -2)


@primitive
def inv(a: mx.array, /) -> mx.array:
    """The inverse of square matrices ``(..., n, n)``."""
    return mx.linalg.inv(a)


@inv.defvjp
def inv_vjp(g: array, y: array, a: array) -> tuple[array]:
    """From ``d(A^-1) = -A^-1 dA A^-1``."""
    return (-(_t(y) @ g @ _t(y)),)


@primitive
def tri_inv(a: mx.array, /, upper: bool = False) -> mx.array:
    """The inverse of triangular matrices.

    Shape: ``(..., N, N)`` to ``(..., N, N)``.
    """
    return mx.linalg.tri_inv(a, upper)


@tri_inv.defvjp
def tri_inv_vjp(g: array, y: array, a: array, upper: bool = False) -> tuple[array]:
    """As for :func:`inv`, on the triangle that is read."""
    ga = -(_t(y) @ g @ _t(y))
    return (triu(ga) if upper else tril(ga),)


@primitive
def cholesky(a: mx.array, /, upper: bool = False) -> mx.array:
    """The lower triangular ``L`` with ``A = L L^T`` (or the upper ``U`` with ``A = U^T U``).

    Shape: ``(..., N, N)`` to ``(..., N, N)``.
    """
    return mx.linalg.cholesky(a, upper)


@cholesky.defvjp
def cholesky_vjp(g: array, y: array, a: array, upper: bool = False) -> tuple[array]:
    """Giles (2008), section 2.3.5; the result is symmetric."""
    factor, g = (_t(y), _t(g)) if upper else (y, g)
    inverse = tri_inv(factor)
    inner = tril(_t(factor) @ tril(g))
    half = wrap(mx.eye(a.shape[-1], dtype=a.dtype) * 0.5)
    inner = inner * (1 - half)
    symmetric = (inner + _t(inner)) * 0.5
    return (_t(inverse) @ symmetric @ inverse,)


def cholesky_inv(a: array, upper: bool = False, *, stream: Stream = None) -> array:
    """The inverse of ``A`` from its Cholesky factor.

    Shape: ``(..., N, N)`` to ``(..., N, N)``.
    """
    inverse = tri_inv(a, upper, stream=stream)
    return inverse @ _t(inverse) if upper else _t(inverse) @ inverse


@behind("solve")
def solve_matrices(a: mx.array, b: mx.array, /) -> mx.array:
    """The ``X`` with ``A X = B``; see :func:`solve`."""
    return mx.linalg.solve(a, b)


@solve_matrices.defvjp
def solve_matrices_vjp(g: array, y: array, a: array, b: array) -> tuple[array | None, array | None]:
    """``B`` receives ``A^-T G``, and ``A`` the negative of its outer product with ``X``."""
    gb = solve_matrices(_t(a), g)
    return unbroadcast(-(gb @ _t(y)), a), unbroadcast(gb, b)


def _solved(solver: Any, a: array, b: array, **options: Any) -> array:
    # A right side with one axis less than the matrices is a vector for each of them.
    if b.ndim == a.ndim - 1 or b.ndim == 1:
        return solver(a, b[..., None], **options).squeeze(-1)
    return solver(a, b, **options)


def solve(a: Any, b: Any, *, stream: Stream = None) -> array:
    """The solution ``x`` of ``a x = b`` for square matrices ``(..., n, n)``."""
    return _solved(solve_matrices, as_array(a), as_array(b), stream=stream)


@behind("solve_triangular")
def solve_triangular_matrices(a: mx.array, b: mx.array, /, upper: bool = False) -> mx.array:
    """The ``X`` with ``A X = B`` for triangular ``A``; see :func:`solve_triangular`."""
    return mx.linalg.solve_triangular(a, b, upper=upper)


@solve_triangular_matrices.defvjp
def solve_triangular_matrices_vjp(
    g: array, y: array, a: array, b: array, upper: bool = False
) -> tuple[array | None, array | None]:
    """As for :func:`solve`, on the triangle that is read."""
    gb = solve_triangular_matrices(_t(a), g, upper=not upper)
    ga = -(gb @ _t(y))
    return unbroadcast(triu(ga) if upper else tril(ga), a), unbroadcast(gb, b)


def solve_triangular(a: Any, b: Any, *, upper: bool = False, stream: Stream = None) -> array:
    """The solution ``x`` of ``a x = b`` for triangular matrices.

    Shape: ``(..., N, N)`` and ``(..., N)`` or ``(..., N, M)`` to that of ``b``.
    """
    a, b = as_array(a), as_array(b)
    return _solved(solve_triangular_matrices, a, b, upper=upper, stream=stream)


def _inverse(a: array) -> array:
    """The inverse also of half-precision matrices, which ``inv`` refuses and ``det`` takes."""
    wide = a.dtype in (mx.float32, mx.float64, mx.complex64)
    return inv(a) if wide else inv(a.astype(mx.float32)).astype(a.dtype)


def _cofactors(a: array, value: array) -> array:
    """The cofactors of the elements, where ``value`` is ``det(a)``.

    Up to three rows they are written out, so that singular matrices have them, too; beyond that
    they are ``det(A) A^-T``, which needs an inverse.
    """
    if a.shape[-1] == 1:
        return wrap(mx.ones(a.shape, a.dtype))
    if a.shape[-1] == 2:
        return flip(a, (-1, -2)) * array([[1, -1], [-1, 1]], a.dtype)
    if a.shape[-1] == 3:
        first, second, third = (a[..., i, :] for i in range(3))
        return stack([cross(second, third), cross(third, first), cross(first, second)], axis=-2)
    return value[..., None, None] * _t(_inverse(a))


@primitive
def det(a: mx.array, /) -> mx.array:
    """The determinant of square matrices.

    Shape: ``(..., N, N)`` to ``(...)``.
    """
    return mx.linalg.det(a)


@det.defvjp
def det_vjp(g: array, y: array, a: array) -> tuple[array]:
    """Jacobi's formula: the derivative by an element is its cofactor."""
    return (g[..., None, None] * _cofactors(a, y),)


@behind("slogdet")
def slogdet_pair(a: mx.array, /) -> Any:
    """Sign and logarithm of the absolute value of the determinant; see :func:`slogdet`."""
    return mx.linalg.slogdet(a)


@slogdet_pair.defvjp
def slogdet_pair_vjp(g: list[array], y: list[array], a: array) -> tuple[array]:
    """The logarithm has the derivative ``A^-T``, the sign none."""
    value = det(a)
    return ((g[1] / value)[..., None, None] * _cofactors(a, value),)


def slogdet(a: Any, *, stream: Stream = None) -> tuple[array, array]:
    """Sign and logarithm of the absolute value of the determinant of square matrices.

    Shape: ``(..., N, N)`` to ``(...)``, twice.
    """
    sign, logarithm = slogdet_pair(as_array(a), stream=stream)
    return sign, logarithm


@behind("eigh")
def eigh_pair(a: mx.array, /, UPLO: str = "L") -> Any:
    """Eigenvalues and eigenvectors of symmetric matrices; see :func:`eigh`."""
    return mx.linalg.eigh(a, UPLO)


@eigh_pair.defvjp
def eigh_pair_vjp(g: list[array], y: list[array], a: array, UPLO: str = "L") -> tuple[array]:
    """Giles (2008), section 3.1; real matrices with distinct eigenvalues."""
    values, vectors = y
    gap = values[..., None, :] - values[..., :, None]
    mixing = where(gap == 0, 0, 1 / where(gap == 0, 1, gap)) * (_t(vectors) @ g[1])
    inner = mixing + _diagonal_matrices(g[0])
    full = vectors @ inner @ _t(vectors)
    return ((full + _t(full)) * 0.5,)


def _diagonal_matrices(x: array) -> array:
    return x[..., None] * wrap(mx.eye(x.shape[-1], dtype=x.dtype))


def eigh(a: Any, UPLO: str = "L", *, stream: Stream = None) -> tuple[array, array]:
    """Eigenvalues (ascending) and eigenvectors (columns) of symmetric matrices.

    Shape: ``(..., N, N)`` to ``(..., N)`` and ``(..., N, N)``.
    """
    values, vectors = eigh_pair(as_array(a), UPLO, stream=stream)
    return values, vectors


@primitive
def eigvalsh(a: mx.array, /, UPLO: str = "L") -> mx.array:
    """The eigenvalues of symmetric matrices, ascending.

    Shape: ``(..., N, N)`` to ``(..., N)``.
    """
    return mx.linalg.eigvalsh(a, UPLO)


@eigvalsh.defvjp
def eigvalsh_vjp(g: array, y: array, a: array, UPLO: str = "L") -> tuple[array]:
    """Each eigenvalue changes with ``v^T dA v``."""
    _, vectors = eigh(a, UPLO)
    return ((vectors * g[..., None, :]) @ _t(vectors),)


@behind("qr")
def qr_pair(a: mx.array, /) -> Any:
    """Orthogonal and upper triangular factor; see :func:`qr`."""
    return mx.linalg.qr(a)


@qr_pair.defvjp
def qr_pair_vjp(g: list[array], y: list[array], a: array) -> tuple[array]:
    """For matrices with at least as many rows as columns: S. Walter et al., Algorithmic
    differentiation of linear algebra functions (2010)."""
    if a.shape[-2] < a.shape[-1]:
        raise ValueError("[vjp] Not implemented for qr of matrices with more columns than rows.")
    q, r = y
    m = r @ _t(g[1]) - _t(g[0]) @ q
    symmetric = tril(m) + _t(tril(m, -1))
    return (_t(solve_matrices(r, _t(g[0] + q @ symmetric))),)


def qr(a: Any, *, stream: Stream = None) -> tuple[array, array]:
    """The factors of ``A = Q R``, with orthonormal columns and upper triangular.

    Shape: ``(..., M, N)`` to ``(..., M, K)`` and ``(..., K, N)``, ``K`` the smaller of both.
    """
    q, r = qr_pair(as_array(a), stream=stream)
    return q, r


@behind("svd")
def singular_values(a: mx.array, /) -> Any:
    """The singular values, descending; see :func:`svd`."""
    return mx.linalg.svd(a, compute_uv=False)


@singular_values.defvjp
def singular_values_vjp(g: array, y: array, a: array) -> tuple[array]:
    """Each singular value changes with ``u^T dA v``."""
    u, _, vt = svd_triple(a)
    k = y.shape[-1]
    return ((u[..., :k] * g[..., None, :]) @ vt[..., :k, :],)


@behind("svd")
def svd_triple(a: mx.array, /) -> Any:
    """The full singular value decomposition. Its factors ``U`` and ``V^T`` have no derivative."""
    return mx.linalg.svd(a)


def svd(a: Any, compute_uv: bool = True, *, stream: Stream = None) -> Any:
    """``U``, the singular values and ``V^T`` with ``A = U diag(S) V^T``, or the values alone.

    Only ``compute_uv=False`` has a derivative.

    Shape: ``(..., M, N)`` to ``(..., M, M)``, ``(..., K)`` and ``(..., N, N)``, ``K`` the smaller
    of both.
    """
    if not compute_uv:
        return singular_values(as_array(a), stream=stream)
    return tuple(svd_triple(as_array(a), stream=stream))


@primitive
def pinv(a: mx.array, /) -> mx.array:
    """The pseudoinverse.

    Shape: ``(..., M, N)`` to ``(..., N, M)``.
    """
    return mx.linalg.pinv(a)


@pinv.defvjp
def pinv_vjp(g: array, y: array, a: array) -> tuple[array]:
    """G. Golub and V. Pereyra (1973), for matrices whose rank does not change."""
    gt, yt = _t(g), _t(y)
    ga = -(yt @ g @ yt)
    ga = ga + (gt - a @ (y @ gt)) @ (y @ yt)
    return (ga + (yt @ y) @ (gt - (gt @ y) @ a),)


def cross(a: Any, b: Any, axis: int = -1, *, stream: Stream = None) -> array:
    """The cross product of vectors of size 3 along an axis; for size 2 the third entry is 0.

    Shape: that to which both broadcast, with 3 along ``axis``.
    """
    a, b = as_array(a), as_array(b)
    if stream is not None:
        with mx.stream(stream):
            return cross(a, b, axis)
    for x in (a, b):
        checked_axes("linalg.cross", axis, x.ndim)
    sizes = (a.shape[axis], b.shape[axis])
    if not set(sizes) <= {2, 3}:
        raise ValueError(f"[linalg.cross] The axis must have size 2 or 3, but has {sizes}.")

    (a1, a2, *a3), (b1, b2, *b3) = (list(x.moveaxis(axis, 0)) for x in (a, b))
    last = a1 * b2 - a2 * b1
    # A third entry that is not there takes no part: as a 0 it would make nan of infinity.
    first, second = zeros_like(last), zeros_like(last)
    for z in b3:
        first, second = a2 * z, -(a1 * z)
    for z in a3:
        first, second = first - z * b2, second + z * b1
    return stack([first, second, last], axis)


def norm(
    a: Any,
    /,
    ord: Any = None,
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
    *,
    stream: Stream = None,
) -> array:
    """The norm of vectors, or of matrices.

    Args:
        a: any array.
        ord: for vectors a number (the ``p``-norm; ``inf``, ``-inf``, 0); for matrices ``"fro"``,
            ``"nuc"``, 1, -1, 2, -2, ``inf``, ``-inf``. ``None`` is the root of the sum of squares.
        axis: one axis for vectors, two for matrices; ``None`` for all axes.
        keepdims: whether the reduced axes stay.

    At 0 the gradient of a root is nan, as in MLX.

    Shape: that of ``a`` without ``axis`` (one or two), which stay as 1 with ``keepdims``.
    """
    a = as_array(a)
    if stream is not None:
        with mx.stream(stream):
            return norm(a, ord, axis, keepdims)
    if axis is None and ord is not None and a.ndim not in (1, 2):
        raise ValueError("[linalg.norm] axis must be given for more than two axes with an ord.")
    if axis is not None and not isinstance(axis, int) and len(axis) > 2:
        raise ValueError("[linalg.norm] A norm reduces one or two axes.")
    axes = checked_axes("linalg.norm", axis, a.ndim)
    if not mx.issubdtype(a.dtype, mx.inexact):
        a = a.astype(mx.float32)
    if ord is None:
        return sqrt(sum(square(abs(a)), axes, keepdims))
    if len(axes) == 1:
        return _vector_norm(a, ord, axes[0], keepdims)
    if len(axes) == 2:
        return _matrix_norm(a, ord, (axes[0], axes[1]), keepdims)
    raise ValueError("[linalg.norm] A norm with an ord reduces one or two axes.")


def _vector_norm(a: array, ord: Any, axis: int, keepdims: bool) -> array:
    if isinstance(ord, str):
        raise ValueError(f"[linalg.norm] ord {ord!r} is only for matrices.")
    if ord == 2:
        return sqrt(sum(square(abs(a)), axis, keepdims))
    if ord == 0:
        return (a != 0).astype(a.dtype).sum(axis, keepdims)
    if ord in (math.inf, -math.inf):
        size = (max if ord > 0 else min)(abs(a), axis, keepdims)
    elif ord == 1:
        size = sum(abs(a), axis, keepdims)
    else:
        size = sum(abs(a) ** ord, axis, keepdims) ** (1.0 / ord)
    return size.astype(a.dtype)  # complex numbers have complex norms here, as in mlx.core


def _matrix_norm(a: array, ord: Any, axes: tuple[int, int], keepdims: bool) -> array:
    if ord in ("fro", "f"):
        return sqrt(sum(square(abs(a)), axes, keepdims))
    if ord in (1, -1, math.inf, -math.inf):
        inner, outer = axes if ord in (1, -1) else axes[::-1]
        sums = sum(abs(a), inner, True)
        result = (max if ord > 0 else min)(sums, outer, True)
        return result if keepdims else result.squeeze(axes)
    if ord not in ("nuc", 2, -2):
        raise ValueError(f"[linalg.norm] Invalid ord {ord!r} for matrices.")
    rest = [i for i in range(a.ndim) if i not in axes]
    values = singular_values(a.transpose([*rest, *axes]))
    result = {"nuc": sum, 2: max, -2: min}[ord](values, -1)
    if not keepdims:
        return result
    return result.reshape([1 if i in axes else n for i, n in enumerate(a.shape)])


@behind("eig")
def eig_pair(a: mx.array, /) -> Any:
    """Eigenvalues and eigenvectors of square matrices. They have no derivative."""
    return mx.linalg.eig(a)


def eig(a: Any, *, stream: Stream = None) -> tuple[array, array]:
    """Complex eigenvalues and eigenvectors of square matrices; without a derivative.

    Shape: ``(..., N, N)`` to ``(..., N)`` and ``(..., N, N)``.
    """
    values, vectors = eig_pair(as_array(a), stream=stream)
    return values, vectors


@primitive
def eigvals(a: mx.array, /) -> mx.array:
    """The complex eigenvalues of square matrices; without a derivative.

    Shape: ``(..., N, N)`` to ``(..., N)``.
    """
    return mx.linalg.eigvals(a)


@behind("lu")
def lu_triple(a: mx.array, /) -> Any:
    """Permutation and triangular factors. They have no derivative."""
    return mx.linalg.lu(a)


def lu(a: Any, *, stream: Stream = None) -> tuple[array, ...]:
    """The row permutation and the factors of ``A = L[P, :] U``; without a derivative.

    Shape: ``(..., M, N)`` to ``(..., M)``, ``(..., M, K)`` and ``(..., K, N)``, ``K`` the smaller
    of both.
    """
    return tuple(lu_triple(as_array(a), stream=stream))


@behind("lu_factor")
def lu_factor_pair(a: mx.array, /) -> Any:
    """Both factors in one matrix, and the pivots. They have no derivative."""
    return mx.linalg.lu_factor(a)


def lu_factor(a: Any, *, stream: Stream = None) -> tuple[array, ...]:
    """The LU factors in one matrix and the pivots; without a derivative.

    Shape: ``(..., M, N)`` to ``(..., M, N)`` and ``(..., K)``, ``K`` the smaller of both.
    """
    return tuple(lu_factor_pair(as_array(a), stream=stream))
