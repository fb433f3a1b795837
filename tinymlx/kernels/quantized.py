"""The product of a few vectors with a quantized matrix, which is read packed and only once.

A warp has a row of the matrix. Where a word holds whole codes, of 2, 4 or 8 bits, a lane has a word
at a time, and its neighbours have the next ones. Else it has 32 codes at a time: they take ``bits``
words, whatever ``bits`` is. Both belong to one group, so to one scale and one bias.
"""

from __future__ import annotations

from tinymlx import core

from .launch import Kernel

WARPS = 8  # of a group
#: The most vectors: each has a sum of its own in every lane.
MOST_VECTORS = 8

WORDS = """
    constexpr int PER = 32 / BITS, COUNT = D / PER;
    int row = GROUP * 8 + WARP;
    if (row >= N) return;
    auto codes = w + (size_t)row * COUNT;
    float sum[M];
    for (int m = 0; m < M; m++) sum[m] = 0;
    for (int i = LANE; i < COUNT; i += 32) {
        uint word = codes[i];
        size_t group = (size_t)row * (D / EACH) + i * PER / EACH;
        float scale = (float)scales[group], bias = (float)biases[group];
        for (int m = 0; m < M; m++) {
            auto p = load<PER>(x, (size_t)m * D + i * PER);
            float with_codes = 0, alone = 0;
            for (int j = 0; j < PER; j++) {
                float number = (float)p.v[j];
                with_codes += number * (float)((word >> (j * BITS)) & ((1u << BITS) - 1));
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

CHUNKS = """
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
        source=WORDS if bits in (2, 4, 8) else CHUNKS,
        inputs=["x", "w", "scales", "biases"],
        outputs={"y": ((vectors, rows), dtype)},
        grid=(-(-rows // WARPS) * WARPS * 32, 1, 1),
        group=(WARPS * 32, 1, 1),
        template={
            "T": dtype, "M": vectors, "N": rows, "D": dims, "EACH": group_size, "BITS": bits
        },
    )  # fmt: skip
