"""Softmax over rows, forwards and backwards, in wide accesses."""

from __future__ import annotations

from tinymlx import core

from .launch import Kernel
from .rows import each, read, row_layout, write


def softmax_kernel(rows: int, columns: int, dtype: core.Dtype) -> Kernel | None:
    """As :func:`.plain.softmax_rows`, several numbers at a time; ``None`` for rows too long."""
    layout = row_layout(columns, dtype)
    if layout is None:
        return None
    source = "".join(
        [
            "size_t first = (size_t)GROUP * N; SHARED float s[32]; float v[K][V];",
            read("x", "v", "first", "-INFINITY"),
            "float top = -INFINITY, total = 0;",
            each("top = max(top, v[k][j]);"),
            "GROUP_MAX(top, s);",
            each("v[k][j] = EXP(v[k][j] - top); total += v[k][j];"),
            "GROUP_SUM(total, s); float scale = 1 / total;",
            write("y", "v[k][j] * scale", "first"),
        ]
    )
    return Kernel(
        name="softmax",
        source=source,
        inputs=["x"],
        outputs={"y": ((rows, columns), dtype)},
        grid=(rows * layout["G"], 1, 1),
        group=(layout["G"], 1, 1),
        template=layout,
    )


def softmax_pull_kernel(rows: int, columns: int, dtype: core.Dtype) -> Kernel | None:
    r"""The derivative: :math:`g_x = y \, (g - \sum g y)`, from ``g`` and ``y``."""
    layout = row_layout(columns, dtype, 16)  # two rows are kept
    if layout is None:
        return None
    source = "".join(
        [
            "size_t first = (size_t)GROUP * N; SHARED float s[32]; float v[K][V], h[K][V];",
            read("y", "v", "first"),
            read("g", "h", "first"),
            "float dot = 0;",
            each("dot += v[k][j] * h[k][j];"),
            "GROUP_SUM(dot, s);",
            write("gx", "v[k][j] * (h[k][j] - dot)", "first"),
        ]
    )
    return Kernel(
        name="softmax_pull",
        source=source,
        inputs=["g", "y"],
        outputs={"gx": ((rows, columns), dtype)},
        grid=(rows * layout["G"], 1, 1),
        group=(layout["G"], 1, 1),
        template=layout,
    )
