"""The rules of matrix products, of linear algebra and of Fourier transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import arithmetic, fft, linalg, products, shapes
from ..arrays import array
from ..batching import Batch
from ..primitive import Primitive
from .alignment import Args, Params, aligned, behind, everywhere, rank, rule_of
from .elementwise import elementwise


@rule_of(products.matmul)
def matmul(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    """A matrix product for each example.

    ``core.matmul`` multiplies stacks of matrices: the last two axes are matrices, those before them
    broadcast. A batch in front is one more axis of the stack. But an example that is a vector
    (:func:`rank` 1) would be taken for a row of a matrix together with its batch. So a vector ``a``
    becomes a matrix of one row, a vector ``b`` one of one column (``shapes.expand_dims``), the two
    are :func:`aligned`, and after the product the axis of size 1 goes away again
    (``shapes.squeeze``): axis -1 for ``b``, and for ``a`` axis -2, or -1 if ``b``'s has gone.

    Args:
        batch: the trace.
        primitive: the matrix product.
        args: its two arguments.
        batched: for each whether it has the batch in front; at least one has.
        params: nothing.

    Returns:
        The products, with the batch in front.
    """
    raise NotImplementedError(
        "6.7 matmul - exercises/ch06_training_autodiff/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@rule_of(products.addmm)
def addmm(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    """``beta c + alpha a @ b`` by its parts."""
    c, a, b = args
    product = matmul(batch, products.matmul, (a, b), batched[1:], {})
    product = arithmetic.multiply(product, params.get("alpha", 1.0))
    c = arithmetic.multiply(c, params.get("beta", 1.0))
    sides = (c, product)
    return elementwise(batch, arithmetic.add, sides, (batched[0], True), {})


@rule_of(
    *(linalg.inv, linalg.tri_inv, linalg.cholesky, linalg.det, linalg.eigvalsh),
    *(linalg.slogdet_pair, linalg.eigh_pair, linalg.qr_pair, linalg.singular_values),
    *(linalg.svd_triple, linalg.pinv, linalg.solve_matrices, linalg.solve_triangular_matrices),
)
def matrices(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> Any:
    """Linear algebra works on the last two axes and takes any axes in front."""
    return primitive(*(everywhere(batch, x, b) for x, b in zip(args, batched)), **params)


@rule_of(fft.fft, fft.ifft, fft.rfft, fft.irfft)
def transformed(
    batch: Batch, primitive: Primitive, args: Args, batched: Sequence[bool], params: Params
) -> array:
    (x,) = args
    return primitive(x, **{**params, "axis": behind(params.get("axis", -1))})
