"""The product of a few vectors with a quantized matrix, which is read packed and only once.

A warp has a row of the matrix, and a lane 32 of its codes at a time: they take ``bits`` words,
whatever ``bits`` is, and belong to one group, so to one scale and one bias.
"""

from __future__ import annotations

from tinymlx import core

from .launch import Kernel

WARPS = 8  # of a group
#: The most vectors: each has a sum of its own in every lane.
MOST_VECTORS = 8

SOURCE = """
    int row = GROUP * 8 + WARP;
    if (row >= N) return;
    float sum[M];
    for (int m = 0; m < M; m++) sum[m] = 0;
    for (int chunk = LANE; chunk < D / 32; chunk += 32) {
        uint words[BITS];
        for (int b = 0; b < BITS; b++) words[b] = w[((size_t)row * (D / 32) + chunk) * BITS + b];
        size_t group = (size_t)row * (D / EACH) + chunk * 32 / EACH;
        float scale = (float)scales[group], bias = (float)biases[group];
        for (int m = 0; m < M; m++) {
            float with_codes = 0, alone = 0;
            for (int j = 0; j < 32; j++) {
                int bit = j * BITS, at = bit / 32, shift = bit % 32;
                uint code = words[at] >> shift;
                if (shift + BITS > 32) code |= words[at + 1] << (32 - shift);
                float number = (float)x[m * D + chunk * 32 + j];
                with_codes += number * (float)(code & ((1u << BITS) - 1));
                alone += number;
            }
            sum[m] += scale * with_codes + bias * alone;
        }
    }
    for (int m = 0; m < M; m++) {
        float total = WARP_SUM(sum[m]);
        if (LANE == 0) y[m * N + row] = (T)total;
    }
"""


def quantized_kernel(
    vectors: int, rows: int, dims: int, group_size: int, bits: int, dtype: core.Dtype
) -> Kernel:
    """``y = x @ w.T`` for ``x``, ``(vectors, dims)``, and ``w``, ``(rows, dims)``, as
    ``core.quantize`` has it: inputs ``x``, ``w``, ``scales`` and ``biases``."""
    return Kernel(
        name="quantized",
        source=SOURCE,
        inputs=["x", "w", "scales", "biases"],
        outputs={"y": ((vectors, rows), dtype)},
        grid=(-(-rows // WARPS) * WARPS * 32, 1, 1),
        group=(WARPS * 32, 1, 1),
        template={
            "T": dtype, "M": vectors, "N": rows, "D": dims, "EACH": group_size, "BITS": bits
        },
    )  # fmt: skip
