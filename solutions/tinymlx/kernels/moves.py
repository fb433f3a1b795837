"""Transposition by tiles, and the sums of rows."""

from __future__ import annotations

from tinymlx import core

from .launch import Kernel
from .rows import each, read, row_layout


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
