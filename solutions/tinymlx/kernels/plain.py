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
    source = """
        uint i = PLACE;
        if (i < x_shape[0]) z[i] = x[i] + y[i];
    """
    return Kernel(
        name="vector_add",
        source=source,
        inputs=["x", "y"],
        outputs={"z": ((size,), dtype)},
        grid=(whole_groups(size, 256), 1, 1),
        group=(256, 1, 1),
        template={"T": dtype},
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
    source = """
        auto from = x + (size_t)GROUP * N;
        auto to = y + (size_t)GROUP * N;
        SHARED float s[32];
        float v[K];
        float top = -INFINITY;
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            v[k] = i < N ? (float)from[i] : -INFINITY;
            top = max(top, v[k]);
        }
        GROUP_MAX(top, s);
        float total = 0;
        for (int k = 0; k < K; k++) {
            v[k] = exp(v[k] - top);
            total += v[k];
        }
        GROUP_SUM(total, s);
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            if (i < N) to[i] = (T)(v[k] / total);
        }
    """
    return Kernel(
        name="softmax_rows",
        source=source,
        inputs=["x"],
        outputs={"y": ((rows, columns), dtype)},
        grid=(rows * threads, 1, 1),
        group=(threads, 1, 1),
        template={"T": dtype, "N": columns, "K": -(-columns // threads)},
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
    source = """
        size_t first = (size_t)GROUP * N;
        SHARED float s[32];
        float v[K], h[K];
        float squares = 0, dot = 0;
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            v[k] = i < N ? (float)x[first + i] : 0.0f;
            h[k] = i < N ? (float)g[first + i] : 0.0f;
            squares += v[k] * v[k];
            if (i < N) dot += v[k] * h[k] * (float)w[i];
        }
        GROUP_SUM(squares, s);
        GROUP_SUM(dot, s);
        float r = rsqrt(squares / N + EPS);
        float c = dot / N * r * r;
        for (int k = 0; k < K; k++) {
            int i = k * THREADS + THREAD;
            if (i < N) {
                gx[first + i] = (T)(r * (h[k] * (float)w[i] - v[k] * c));
                gw[first + i] = h[k] * v[k] * r;
            }
        }
    """
    return Kernel(
        name="rms_rows_pull",
        source=source,
        inputs=["g", "x", "w"],
        outputs={"gx": ((rows, columns), dtype), "gw": ((rows, columns), core.float32)},
        grid=(rows * threads, 1, 1),
        group=(threads, 1, 1),
        template={"T": dtype, "N": columns, "K": -(-columns // threads)},
        header=f"#define EPS {eps!r}f",
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
    source = """
        SHARED float left[16][16];
        SHARED float right[16][16];
        int across = (N + 15) / 16;
        int row = GROUP / across * 16 + THREAD_Y, column = GROUP % across * 16 + THREAD;
        float total = 0;
        for (int d = 0; d < D; d += 16) {
            bool in_a = row < M && d + (int)THREAD < D, in_b = d + (int)THREAD_Y < D && column < N;
            left[THREAD_Y][THREAD] = in_a ? (float)a[row * D + d + THREAD] : 0.0f;
            right[THREAD_Y][THREAD] = in_b ? (float)b[(d + THREAD_Y) * N + column] : 0.0f;
            BARRIER;
            for (int i = 0; i < 16; i++) total += left[THREAD_Y][i] * right[i][THREAD];
            BARRIER;
        }
        if (row < M && column < N) c[row * N + column] = (T)total;
    """
    tiles = -(-m // TILE) * -(-n // TILE)
    return Kernel(
        name="matmul_tiles",
        source=source,
        inputs=["a", "b"],
        outputs={"c": ((m, n), dtype)},
        grid=(tiles * TILE, TILE, 1),
        group=(TILE, TILE, 1),
        template={"T": dtype, "M": m, "N": n, "D": k},
    )
