r"""The way back of flash attention on CUDA's tensor cores.

Forwards a group has queries and keys come by. Backwards it is done twice, with one text: once a
group has queries, and keys come by; once it has keys, and queries come by. With
:math:`s_{ij} = q_i \cdot k_j` and :math:`t_{ij} = g_i \cdot v_j`, computed by tensor cores,

.. math:: p_{ij} = e^{\lambda s_{ij} - \ell_i}, \qquad
    d_{ij} = p_{ij} \, (t_{ij} - \delta_i), \qquad \delta_i = g_i \cdot y_i,

.. math:: g_{q,i} = \lambda \sum_j d_{ij} k_j, \qquad g_{k,j} = \lambda \sum_i d_{ij} q_i, \qquad
    g_{v,j} = \sum_i p_{ij} g_i.

So a product more than once: the price of no two groups adding into one array.
"""

from __future__ import annotations

import math

from tinymlx import core

from .attention import Shape
from .attention_tensor import INSTRUCTIONS
from .launch import Kernel

WARPS = 4
OWN = 16 * WARPS  # rows of a group

#: ``a`` and ``b`` are the two arrays that the group has rows of (queries and their cotangents, or
#: keys and values), ``c`` and ``d`` the two that come by.
SOURCE = """
    constexpr int OWN = 64, COUNT = 128, BLOCKS = (LENGTH + OWN - 1) / OWN;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int head = blockIdx.x % HEADS, block = blockIdx.x / HEADS;
    const int start = (BY_KEY ? block : BLOCKS - 1 - block) * OWN;
    __shared__ __align__(128) T pool[4 * COME * D];
    __shared__ float levels[2 * COME];
    __shared__ float dots[2 * COME];
    auto own_a = a + ((size_t)head * LENGTH + start) * D;
    auto own_b = b + ((size_t)head * LENGTH + start) * D;
    for (int i = threadIdx.x; i < OWN * D / 8; i += COUNT) {
        int row = i / (D / 8), piece = i % (D / 8), to = swizzled(row, piece, D);
        size_t at = (size_t)row * D + piece * 8;
        copy8(pool, to, own_a, at, start + row < LENGTH);
        copy8(pool, OWN * D + to, own_b, at, start + row < LENGTH);
    }
    arrived();
    __syncthreads();
    unsigned left[D / 16][4], right[D / 16][4];
    #pragma unroll
    for (int n = 0; n < D / 16; n++) {
        int at = swizzled(warp * 16 + lane % 16, n * 2 + lane / 16, D);
        matrices(left[n], pool, at);
        matrices(right[n], pool, OWN * D + at);
    }
    const int rows = start + warp * 16 + lane / 4;  // and 8 more
    float level[2] = {0, 0}, dot[2] = {0, 0};
#if !BY_KEY
    {
        #pragma unroll
        for (int e = 0; e < 4; e++) {
            int row = rows + e % 2 * 8;
            if (row < TQ) {
                #pragma unroll
                for (int n = 0; n < D / 16; n++) {
                    size_t at = ((size_t)head * TQ + row) * D + n * 16 + e / 2 * 8 + lane % 4 * 2;
                    dot[e % 2] += first_of<BRAIN>(right[n][e]) * (float)y[at];
                    dot[e % 2] += first_of<BRAIN>(right[n][e] >> 16) * (float)y[at + 1];
                }
            }
        }
        #pragma unroll
        for (int h = 0; h < 2; h++) {
            dot[h] += __shfl_xor_sync(0xffffffff, dot[h], 1);
            dot[h] += __shfl_xor_sync(0xffffffff, dot[h], 2);
            int row = rows + h * 8;
            if (row < TQ) {
                level[h] = lse[(size_t)head * TQ + row] * 1.4426950408889634f;
                if (lane % 4 == 0) delta[(size_t)head * TQ + row] = dot[h];
            }
        }
    }
#endif
    __syncthreads();

    // Which of the others can meet these rows at all.
    constexpr int OTHERS = BY_KEY ? TQ : TK, SHIFT = TK - TQ;
    int begin = 0, end = OTHERS;
    if (CAUSAL && BY_KEY) begin = max(start - SHIFT, 0) / COME * COME;
    if (CAUSAL && !BY_KEY) end = min(start + OWN + SHIFT, TK);
    const int steps = begin < end ? (end - begin + COME - 1) / COME : 0;
    const int all = steps * (BY_KEY ? SHARE : 1);
    auto bring = [&](int step) {
        int from = BY_KEY ? head * SHARE + step / steps : head / SHARE;
        int first = begin + step % steps * COME, stage = step % 2 * 2 * COME * D;
        auto one = c + ((size_t)from * OTHERS + first) * D;
        auto two = d + ((size_t)from * OTHERS + first) * D;
        for (int i = threadIdx.x; i < COME * D / 8; i += COUNT) {
            int row = i / (D / 8), piece = i % (D / 8), to = stage + swizzled(row, piece, D);
            size_t at = (size_t)row * D + piece * 8;
            copy8(pool, to, one, at, first + row < OTHERS);
            copy8(pool, to + COME * D, two, at, first + row < OTHERS);
        }
#if BY_KEY
        for (int i = threadIdx.x; i < COME; i += COUNT) {
            bool there = first + i < TQ;
            size_t at = (size_t)from * TQ + first + i;
            levels[step % 2 * COME + i] = there ? lse[at] * 1.4426950408889634f : 0.0f;
            dots[step % 2 * COME + i] = there ? delta[at] : 0.0f;
        }
#endif
    };
    float sum[D / 8][4], more[BY_KEY ? D / 8 : 1][4];
    #pragma unroll
    for (int n = 0; n < D / 8; n++)
        for (int e = 0; e < 4; e++) sum[n][e] = more[BY_KEY ? n : 0][e] = 0;
    if (all > 0) bring(0);
    for (int step = 0; step < all; step++) {
        arrived();
        __syncthreads();
        if (step + 1 < all) bring(step + 1);
        const int first = begin + step % steps * COME, stage = step % 2 * 2 * COME * D;
        float s[COME / 8][4], t[COME / 8][4];
        #pragma unroll
        for (int n = 0; n < COME / 8; n++)
            for (int e = 0; e < 4; e++) s[n][e] = t[n][e] = 0;
        #pragma unroll
        for (int m = 0; m < D / 16; m++) {
            #pragma unroll
            for (int n = 0; n < COME / 16; n++) {
                unsigned r[4];
                int row = n * 16 + lane / 16 * 8 + lane % 8;
                int at = stage + swizzled(row, m * 2 + lane / 8 % 2, D);
                matrices(r, pool, at);
                multiply<BRAIN>(s[n * 2], left[m], r[0], r[1]);
                multiply<BRAIN>(s[n * 2 + 1], left[m], r[2], r[3]);
                matrices(r, pool, at + COME * D);
                multiply<BRAIN>(t[n * 2], right[m], r[0], r[1]);
                multiply<BRAIN>(t[n * 2 + 1], right[m], r[2], r[3]);
            }
        }
        #pragma unroll
        for (int n = 0; n < COME / 8; n++)
            #pragma unroll
            for (int e = 0; e < 4; e++) {
                int row = rows + e / 2 * 8, column = n * 8 + lane % 4 * 2 + e % 2;
                int query = BY_KEY ? first + column : row, key = BY_KEY ? row : first + column;
                bool meets = key < TK && query < TQ && (!CAUSAL || key <= query + SHIFT);
                float high = BY_KEY ? (float)levels[step % 2 * COME + column] : level[e / 2];
                float less = BY_KEY ? (float)dots[step % 2 * COME + column] : dot[e / 2];
                s[n][e] = meets ? power2(s[n][e] * SCALE2 - high) : 0.0f;
                t[n][e] = s[n][e] * (t[n][e] - less);
            }
        #pragma unroll
        for (int n = 0; n < COME / 16; n++) {
            unsigned p[4], slope[4];
            #pragma unroll
            for (int e = 0; e < 4; e++) {
                int at = n * 2 + e / 2, pair = e % 2 * 2;
                slope[e] = packed<BRAIN>(t[at][pair], t[at][pair + 1]);
                if constexpr (BY_KEY) p[e] = packed<BRAIN>(s[at][pair], s[at][pair + 1]);
            }
            #pragma unroll
            for (int m = 0; m < D / 16; m++) {
                unsigned r[4];
                int at = stage + swizzled(n * 16 + lane % 16, m * 2 + lane / 16, D);
                turned(r, pool, at);
                multiply<BRAIN>(sum[m * 2], slope, r[0], r[1]);
                multiply<BRAIN>(sum[m * 2 + 1], slope, r[2], r[3]);
                if constexpr (BY_KEY) {
                    turned(r, pool, at + COME * D);
                    multiply<BRAIN>(more[m * 2], p, r[0], r[1]);
                    multiply<BRAIN>(more[m * 2 + 1], p, r[2], r[3]);
                }
            }
        }
    }
    #pragma unroll
    for (int h = 0; h < 2; h++) {
        int row = rows + h * 8;
        if (row >= LENGTH) continue;
        size_t at = ((size_t)head * LENGTH + row) * D + lane % 4 * 2;
        #pragma unroll
        for (int n = 0; n < D / 8; n++) {
            store2<BRAIN>(ga, at + n * 8, sum[n][h * 2] * SCALE, sum[n][h * 2 + 1] * SCALE);
#if BY_KEY
            store2<BRAIN>(gb, at + n * 8, more[n][h * 2], more[n][h * 2 + 1]);
#endif
        }
    }
"""


def tensor_pull_kernels(
    q: Shape, k: Shape, dtype: core.Dtype, scale: float, causal: bool
) -> tuple[Kernel, Kernel] | None:
    """The derivative as two kernels; ``None`` for what tensor cores cannot do.

    The first reads ``q``, ``g``, ``k``, ``v``, ``lse`` and ``y`` (as ``a``, ``b``, ``c``, ``d``,
    ``lse``, ``y``) and writes ``ga``, the cotangent of the queries, and ``delta``. The second reads
    ``k``, ``v``, ``q``, ``g``, ``lse`` and ``delta`` and writes ``ga`` and ``gb``, those of keys
    and values.
    """
    dims = q[2]
    if dtype not in (core.float16, core.bfloat16) or dims not in (64, 128):
        return None

    def kernel(own: Shape, by_key: bool) -> Kernel:
        saved = (q[:2], core.float32)
        last = {"gb": (own, dtype)} if by_key else {"delta": saved}
        return Kernel(
            name="attention_tensor_keys" if by_key else "attention_tensor_queries",
            source=SOURCE,
            inputs=["a", "b", "c", "d", "lse", "delta" if by_key else "y"],
            outputs={"ga": (own, dtype), **last},
            grid=(-(-own[1] // OWN) * own[0] * 32 * WARPS, 1, 1),
            group=(32 * WARPS, 1, 1),
            template={
                "T": dtype,
                "TQ": q[1],
                "TK": k[1],
                "LENGTH": own[1],
                "D": dims,
                "COME": 64 if dims == 64 else 32,
                "HEADS": own[0],
                "SHARE": q[0] // k[0],
                "CAUSAL": causal,
                "BRAIN": dtype == core.bfloat16,
            },
            header=INSTRUCTIONS
            + f"#define BY_KEY {int(by_key)}\n"
            + f"#define SCALE {scale!r}f\n#define SCALE2 {scale * math.log2(math.e)!r}f\n",
        )

    return kernel(q, False), kernel(k, True)
