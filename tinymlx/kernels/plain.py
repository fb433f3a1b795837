r"""The kernels of the exercises: one element at a time, so that they can be read.

=================  =======================================================
``vector_add``     a thread for each element
``softmax_rows``   a group for each row, which reads it once
``rms_rows_pull``  the way back through an RMS norm, a group for each row
``matmul_tiles``   a group for each tile, which shares what it reads
=================  =======================================================

Each is a function that returns a :class:`~.launch.Kernel` for given sizes; it runs nothing.
"""

from __future__ import annotations

from tinymlx import core

from .launch import Kernel, whole_groups

#: Side of a tile, and of a group that computes it.
TILE = 16
#: Rows of a warp's width; groups are made of whole warps.
WARP = 32


def vector_add(size: int, dtype: core.Dtype) -> Kernel:
    r""":math:`z_i = x_i + y_i`, a thread for each element.

    Inputs ``x`` and ``y`` and output ``z`` are ``(size,)``, of the dtype; ``T`` in the template is
    that dtype, and groups have 256 threads.

    The grid counts threads, not groups. It may be the size itself, or be rounded up to whole
    groups: CUDA starts whole groups in any case. So a thread has to ask whether there is an
    element for it; ``x_shape[0]`` is the size.

    Args:
        size: number of elements, at least 1.
        dtype: of all three arrays.
    """
    raise NotImplementedError(
        "14.12 vector_add - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def softmax_rows(rows: int, columns: int, dtype: core.Dtype, threads: int = 128) -> Kernel:
    r"""Softmax over the last axis of ``x``, ``(rows, columns)``, into ``y``: a group for each row.

    .. math:: y_{rj} = e^{x_{rj} - m_r} / \sum_k e^{x_{rk} - m_r}, \qquad m_r = \max_k x_{rk}

    The group reads each element once and writes each once. A thread takes every ``threads``-th
    element of the row, and keeps what it read in an array of its own, ``float v[K]``, for as many
    elements as a thread has at most; ``K`` and the length of a row, ``N``, are in the template,
    and so is ``T``, the dtype. Everything between reading and writing is in float32.

    ``GROUP_MAX(m, s)`` and ``GROUP_SUM(m, s)`` fold a number of each thread over the group, with
    ``SHARED float s[32]``. Every thread of the group has to come by there, also one that has no
    element of the row.

    Args:
        rows, columns: the shape, both at least 1.
        dtype: of ``x`` and ``y``.
        threads: how many a group has, a multiple of 32.
    """
    raise NotImplementedError(
        "14.13 softmax_rows - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def rms_rows_pull(
    rows: int, columns: int, dtype: core.Dtype, eps: float, threads: int = 128
) -> Kernel:
    r"""The derivative of RMS norm over the rows, as the lesson derives it: a group for each row.

    .. math:: y_j = w_j \, x_j \, r, \qquad r = \left(\tfrac1N \sum_k x_k^2 + \epsilon\right)^{-1/2}

    Inputs are ``g``, the cotangent of ``y``, then ``x``, both ``(rows, columns)``, and ``w``,
    ``(columns,)``. Outputs are ``gx``, the cotangent of ``x``, in the dtype, and ``gw``,
    ``(rows, columns)`` in float32: what each *row* adds to the cotangent of ``w``. (Rows are in
    different groups, and groups cannot add into one number without help; the caller sums over the
    rows.)

    Each element of ``g`` and of ``x`` is read once and kept, as in :func:`softmax_rows`, with the
    same ``T``, ``N`` and ``K`` in the template; between reading and writing everything is float32.
    A number that is the same for all threads may stand in the header: with
    ``header=f"#define EPS {eps!r}f"`` the text can say ``EPS``.

    Args:
        rows, columns: the shape, both at least 1.
        dtype: of ``g``, ``x``, ``w`` and ``gx``.
        eps: :math:`\epsilon`.
        threads: how many a group has, a multiple of 32.
    """
    raise NotImplementedError(
        "14.14 rms_rows_pull - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def matmul_tiles(m: int, k: int, n: int, dtype: core.Dtype) -> Kernel:
    """The product of ``a``, ``(m, k)``, and ``b``, ``(k, n)``, into ``c``, ``(m, n)``, by tiles.

    A group has 16 x 16 threads, ``THREAD`` along a row of ``c`` and ``THREAD_Y`` down a column,
    and computes a tile of 16 x 16 of ``c``; a thread has one element of it. The tiles are
    numbered row by row, and ``GROUP`` is the number: there are ``ceil(n / 16)`` of them in a row.

    The group walks along the common axis, 16 at a time: all its threads together read a tile of
    ``a`` and one of ``b`` into shared memory, one element of each per thread, and then every thread
    uses 16 numbers of both. So each element of ``a`` is read from memory once for each tile of its
    row of ``c``, not once for each element. Where a tile sticks out of an array, the number is 0;
    where it sticks out of ``c``, nothing is written. Sums are in float32.

    In the template are ``T``, the dtype, and ``M``, ``N`` and ``D``, the length of the common axis.

    Args:
        m, k, n: the sizes, at least 1.
        dtype: of all three arrays.
    """
    raise NotImplementedError(
        "14.15 matmul_tiles - exercises/ch14_performance/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
