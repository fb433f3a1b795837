"""What a computation costs at the least: its arithmetic and its traffic with memory."""

from typing import NamedTuple

import mlx.core as mx


class Cost(NamedTuple):
    """Floating-point operations, and bytes that cross between memory and processor."""

    flops: int
    bytes: int


def matmul_cost(m: int, k: int, n: int, *, batch: int = 1, dtype: mx.Dtype = mx.float32) -> Cost:
    """The cost of ``(batch, m, k) @ (batch, k, n)``, both with ``batch`` matrices of their own.

    Each of the ``m * n`` results is a dot product of ``k`` numbers: ``k`` multiplications and,
    by the usual convention, ``k`` additions. The bytes are the least possible: each input number
    is read once and each result written once, ``dtype.size`` bytes each.
    """
    raise NotImplementedError(
        "2.5 matmul_cost - exercises/ch02_environment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def elementwise_cost(
    *shapes: tuple[int, ...], operations: int = 1, dtype: mx.Dtype = mx.float32
) -> Cost:
    """The cost of one elementwise function of inputs with these shapes.

    The inputs broadcast to a common shape (``mx.broadcast_shapes``), which is the result's. Each
    number of the result takes ``operations`` operations. Each number of each input is read once,
    in its own shape: a row that is broadcast over a matrix is small and stays at hand. Each
    number of the result is written once.

    Raises:
        ValueError: when the shapes do not broadcast.
    """
    raise NotImplementedError(
        "2.6 elementwise_cost - exercises/ch02_environment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def _size(shape: tuple[int, ...]) -> int:
    """How many numbers an array of this shape holds; 1 for a scalar's shape ``()``."""
    size = 1
    for length in shape:
        size *= length
    return size
