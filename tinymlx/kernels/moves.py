"""Sums of two arrays in wide accesses, transposition by tiles, and the sums of rows."""

from __future__ import annotations

from tinymlx import core

from .launch import Kernel, pack_width, whole_groups
from .rows import each, read, row_layout


def add_kernel(size: int, dtype: core.Dtype) -> Kernel:
    """As :func:`.plain.vector_add`, 16 bytes at a time."""
    source = """
        size_t i = (size_t)PLACE * V;
        if (i < (size_t)x_shape[0]) {
            auto p = load<V>(x, i);
            auto q = load<V>(y, i);
            for (int j = 0; j < V; j++) p.v[j] = p.v[j] + q.v[j];
            store<V>(z, i, p);
        }
    """
    width = pack_width(size, dtype)
    return Kernel(
        name="add",
        source=source,
        inputs=["x", "y"],
        outputs={"z": ((size,), dtype)},
        grid=(whole_groups(size // width, 256), 1, 1),
        group=(256, 1, 1),
        template={"T": dtype, "V": width},
    )


def transpose_kernel(rows: int, columns: int, dtype: core.Dtype) -> Kernel:
    """``x``, ``(rows, columns)``, turned into ``y``, ``(columns, rows)``, by tiles of 32 x 32.

    Threads beside each other read neighbours and write neighbours: between the two the tile lies
    in shared memory. Its rows are 33 long, so that the numbers of a column lie in different banks.
    """
    source = """
        SHARED T tile[32][33];
        int across = (COLUMNS + 31) / 32;
        int top = GROUP / across * 32, left = GROUP % across * 32;
        for (int j = THREAD_Y; j < 32; j += 8) {
            int row = top + j, column = left + THREAD;
            if (row < ROWS && column < COLUMNS) tile[j][THREAD] = x[(size_t)row * COLUMNS + column];
        }
        BARRIER;
        for (int j = THREAD_Y; j < 32; j += 8) {
            int row = left + j, column = top + THREAD;
            if (row < COLUMNS && column < ROWS) y[(size_t)row * ROWS + column] = tile[THREAD][j];
        }
    """
    tiles = -(-rows // 32) * -(-columns // 32)
    return Kernel(
        name="transpose",
        source=source,
        inputs=["x"],
        outputs={"y": ((columns, rows), dtype)},
        grid=(tiles * 32, 8, 1),
        group=(32, 8, 1),
        template={"T": dtype, "ROWS": rows, "COLUMNS": columns},
    )


def row_sum_kernel(rows: int, columns: int, dtype: core.Dtype) -> Kernel | None:
    """The sum of each row, in float32 inside; ``None`` for rows too long."""
    layout = row_layout(columns, dtype)
    if layout is None:
        return None
    source = "".join(
        [
            "size_t first = (size_t)GROUP * N; SHARED float s[32]; float v[K][V]; float total = 0;",
            read("x", "v", "first"),
            each("total += v[k][j];"),
            "GROUP_SUM(total, s); if (THREAD == 0) y[GROUP] = (T)total;",
        ]
    )
    return Kernel(
        name="row_sum",
        source=source,
        inputs=["x"],
        outputs={"y": ((rows,), dtype)},
        grid=(rows * layout["G"], 1, 1),
        group=(layout["G"], 1, 1),
        template=layout,
    )
