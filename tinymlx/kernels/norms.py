"""Layer norm and RMS norm over rows, forwards and backwards, in wide accesses.

Backwards, a group takes every ``groups``-th row and adds up what its rows contribute to the weight
in registers; the few rows of partial sums are then added by the caller.
"""

from __future__ import annotations

from tinymlx import core

from .launch import Kernel
from .rows import each, read, row_layout, write

#: Groups of the backward kernels: enough for every processor of a large GPU.
GROUPS = 528

MEAN = each("mean += v[k][j];") + "GROUP_SUM(mean, s); mean = mean / N;"
#: Positions beyond the row count as the mean, so that they add nothing to the variance.
CENTRED = """
    for (int k = 0; k < K; k++)
        for (int j = 0; j < V; j++)
            v[k][j] = (k * G + THREAD) * V < N ? v[k][j] - mean : 0.0f;"""
SCALE = each("squares += v[k][j] * v[k][j];") + (
    "GROUP_SUM(squares, s); float r = rsqrt(squares / N + EPS);"
)


def norm_kernel(
    rows: int, columns: int, dtype: core.Dtype, eps: float, centred: bool
) -> Kernel | None:
    """Forwards: ``y = r * x * w``, or with ``centred`` layer norm, ``r * (x - mean) * w + b``."""
    # Weights are read last: whoever keeps them in registers meanwhile leaves room for fewer groups.
    layout = row_layout(columns, dtype, 16) or row_layout(columns, dtype)
    if layout is None:
        return None
    value = "v[k][j] * r * (float)weight.v[j]" + (" + (float)bias.v[j]" if centred else "")
    before = "auto weight = load<V>(w, i);" + (" auto bias = load<V>(b, i);" if centred else "")
    source = "".join(
        [
            "size_t first = (size_t)GROUP * N; SHARED float s[32]; float v[K][V];",
            "float mean = 0, squares = 0;",
            read("x", "v", "first"),
            MEAN + CENTRED if centred else "",
            SCALE,
            write("y", value, "first", before=before),
        ]
    )
    return Kernel(
        name="layer_norm" if centred else "rms_norm",
        source=source,
        inputs=["x", "w", "b"] if centred else ["x", "w"],
        outputs={"y": ((rows, columns), dtype)},
        grid=(rows * layout["G"], 1, 1),
        group=(layout["G"], 1, 1),
        template=layout,
        header=f"#define EPS {eps!r}f",
    )


def norm_pull_kernel(
    rows: int, columns: int, dtype: core.Dtype, eps: float, centred: bool
) -> Kernel | None:
    """Backwards from ``g``, ``x`` and ``w``: ``gx``, and partial sums of ``gw`` (and ``gb``).

    The partial sums are ``(groups, columns)`` in float32.
    """
    layout = row_layout(columns, dtype, 8)  # four rows are kept
    if layout is None:
        return None
    groups = min(rows, GROUPS)
    value = "r * (h[k][j] - v[k][j] * (r * r * dot)" + (" - total)" if centred else ")")
    source = "".join(
        [
            "SHARED float s[32]; float v[K][V], h[K][V], weight[K][V], sum_w[K][V];",
            "float sum_b[K][V];" if centred else "",
            read("w", "weight", "0"),
            each("sum_w[k][j] = 0;" + (" sum_b[k][j] = 0;" if centred else "")),
            "for (int row = GROUP; row < ROWS; row += GROUPS_IN_ALL) {",
            "size_t first = (size_t)row * N; float mean = 0, squares = 0, dot = 0, total = 0;",
            read("x", "v", "first"),
            read("g", "h", "first"),
            MEAN + CENTRED if centred else "",
            SCALE,
            each(
                "sum_w[k][j] += h[k][j] * v[k][j] * r;"
                + (" sum_b[k][j] += h[k][j];" if centred else "")
                + " h[k][j] *= weight[k][j]; dot += h[k][j] * v[k][j]; total += h[k][j];"
            ),
            "GROUP_SUM(dot, s); dot = dot / N;",
            "GROUP_SUM(total, s); total = total / N;" if centred else "",
            write("gx", value, "first"),
            "}",
            write("gw", "sum_w[k][j]", "(size_t)GROUP * N", "float"),
            write("gb", "sum_b[k][j]", "(size_t)GROUP * N", "float") if centred else "",
        ]
    )
    partial = ((groups, columns), core.float32)
    outputs = {"gx": ((rows, columns), dtype), "gw": partial} | ({"gb": partial} if centred else {})
    return Kernel(
        name="layer_norm_pull" if centred else "rms_norm_pull",
        source=source,
        inputs=["g", "x", "w"],
        outputs=outputs,
        grid=(groups * layout["G"], 1, 1),
        group=(layout["G"], 1, 1),
        template=layout | {"ROWS": rows, "GROUPS_IN_ALL": groups},
        header=f"#define EPS {eps!r}f",
    )
