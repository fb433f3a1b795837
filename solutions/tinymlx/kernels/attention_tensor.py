r"""Flash attention on CUDA's tensor cores, forwards, for numbers of 16 bits.

The idea is that of :mod:`.attention`; what differs is who multiplies. A tensor core takes two small
matrices at once, 16 x 16 and 16 x 8, whose numbers lie in the registers of a whole warp in a fixed
pattern (``mma.sync`` in NVIDIA's PTX manual): a thread has a few numbers of each. So a warp, not a
thread, has queries, 32 of them, and a group of warps shares the tile of keys and values.

A group walks over the keys, 64 at a time (32 where heads are long). While it multiplies with a tile
of keys and their values, the next tile and its values are under way into the other half of shared
memory (``cp.async``); so there is one barrier for each tile. Rows lie in shared memory with their
pieces of 16 bytes exchanged (``swizzled``), so that the eight rows that are read at once lie in
different banks.

There is no Metal in it: what this file says is NVIDIA's own language.

Source: T. Dao, FlashAttention-2 (2023).
"""

from __future__ import annotations

import math

from tinymlx import core

from .attention import Shape
from .launch import Kernel

#: Of a tile, by the length of a head: two tiles fit into 32 KB.
KEYS = {64: 64, 128: 32}

#: The few instructions that C++ has no words for. The shim of the tests plays them thread by
#: thread.
INSTRUCTIONS = """
#ifndef TINYMLX_SHIM
template <typename T> __device__ inline unsigned place(const T* shared) {
    return (unsigned)__cvta_generic_to_shared(shared);
}
// Eight numbers on their way into shared memory, or eight zeros.
template <typename T>
__device__ inline void copy8(T* shared, int to, const T* from, size_t i, bool there) {
    if (reinterpret_cast<size_t>(from) % 16 == 0) {
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(place(shared + to)),
                     "l"(from + (there ? i : 0)), "r"(there ? 16 : 0) : "memory");
    } else {
        for (int j = 0; j < 8; j++) shared[to + j] = there ? from[i + j] : T(0.0f);
    }
}
__device__ inline void arrived() {
    asm volatile("cp.async.commit_group;\\ncp.async.wait_group 0;" ::: "memory");
}
// Four matrices of 8 x 8; each lane names one of their rows.
template <typename T> __device__ inline void matrices(unsigned (&r)[4], const T* shared, int at) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(place(shared + at))
                 : "memory");
}
template <typename T> __device__ inline void turned(unsigned (&r)[4], const T* shared, int at) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(place(shared + at))
                 : "memory");
}
template <bool BRAIN> __device__ inline unsigned packed(float low, float high) {
    unsigned both;
    if constexpr (BRAIN)
        asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    else
        asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    return both;
}
template <bool BRAIN>
__device__ inline void multiply(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    if constexpr (BRAIN)
        asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                     "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    else
        asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                     "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                     : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
template <bool BRAIN> __device__ inline float first_of(unsigned both) {
    if constexpr (BRAIN) return __uint_as_float(both << 16);
    float x;
    asm("{.reg .f16 low, high; mov.b32 {low, high}, %1; cvt.f32.f16 %0, low;}"
        : "=f"(x) : "r"(both));
    return x;
}
__device__ inline float power2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
template <bool BRAIN, typename T>
__device__ inline void store2(T* to, size_t i, float low, float high) {
    *reinterpret_cast<unsigned*>(to + i) = packed<BRAIN>(low, high);
}
#endif
__device__ inline int swizzled(int row, int piece, int dims) {
    return row * dims + ((piece ^ (row & 7)) << 3);
}
"""

SOURCE = """
    constexpr int QUERIES = WARPS_OF_GROUP * TILES * 16, COUNT = WARPS_OF_GROUP * 32;
    constexpr int BLOCKS = (TQ + QUERIES - 1) / QUERIES;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    // The last queries ask the most keys where attention is causal: they begin.
    const int head = blockIdx.x % HEADS, start = (BLOCKS - 1 - (int)(blockIdx.x / HEADS)) * QUERIES;
    __shared__ __align__(128) T pool[4 * KEYS * D];  // two tiles of keys, each with its values
    auto own_q = q + ((size_t)head * TQ + start) * D;
    auto own_k = k + (size_t)(head / SHARE) * TK * D;
    auto own_v = v + (size_t)(head / SHARE) * TK * D;

    // The queries pass through the memory of keys and values.
    for (int i = threadIdx.x; i < QUERIES * D / 8; i += COUNT) {
        int row = i / (D / 8), piece = i % (D / 8);
        copy8(pool, swizzled(row, piece, D), own_q, (size_t)row * D + piece * 8, start + row < TQ);
    }
    arrived();
    __syncthreads();
    unsigned asks[TILES][D / 16][4];
    #pragma unroll
    for (int m = 0; m < TILES; m++)
        #pragma unroll
        for (int d = 0; d < D / 16; d++)
            matrices(asks[m][d], pool,
                     swizzled((warp * TILES + m) * 16 + lane % 16, d * 2 + lane / 16, D));
    __syncthreads();

    const int end = CAUSAL ? min(start + QUERIES + TK - TQ, TK) : TK;
    auto bring = [&](int to, int first) {
        for (int i = threadIdx.x; i < KEYS * D / 8; i += COUNT) {
            int row = i / (D / 8), piece = i % (D / 8), place = to + swizzled(row, piece, D);
            size_t at = (size_t)(first + row) * D + piece * 8;
            copy8(pool, place, own_k, at, first + row < TK);
            copy8(pool, place + KEYS * D, own_v, at, first + row < TK);
        }
    };
    float sum[TILES][D / 8][4], top[TILES][2], total[TILES][2];
    #pragma unroll
    for (int m = 0; m < TILES; m++) {
        #pragma unroll
        for (int n = 0; n < D / 8; n++)
            for (int e = 0; e < 4; e++) sum[m][n][e] = 0;
        for (int h = 0; h < 2; h++) { top[m][h] = -INFINITY; total[m][h] = 0; }
    }
    if (end > 0) bring(0, 0);
    int keys = 0;  // where the tile begins; the other one is on its way
    for (int first = 0; first < end; first += KEYS, keys = 2 * KEYS * D - keys) {
        arrived();
        __syncthreads();
        if (first + KEYS < end) bring(2 * KEYS * D - keys, first + KEYS);
        float s[TILES][KEYS / 8][4];
        #pragma unroll
        for (int m = 0; m < TILES; m++)
            #pragma unroll
            for (int n = 0; n < KEYS / 8; n++)
                for (int e = 0; e < 4; e++) s[m][n][e] = 0;
        #pragma unroll
        for (int d = 0; d < D / 16; d++) {
            #pragma unroll
            for (int n = 0; n < KEYS / 16; n++) {
                unsigned b[4];
                int row = n * 16 + lane / 16 * 8 + lane % 8;
                matrices(b, pool, keys + swizzled(row, d * 2 + lane / 8 % 2, D));
                #pragma unroll
                for (int m = 0; m < TILES; m++) {
                    multiply<BRAIN>(s[m][n * 2], asks[m][d], b[0], b[1]);
                    multiply<BRAIN>(s[m][n * 2 + 1], asks[m][d], b[2], b[3]);
                }
            }
        }
        const int rows = start + warp * TILES * 16;
        if (first + KEYS > TK || (CAUSAL && first + KEYS - 1 > rows + TK - TQ)) {
            #pragma unroll
            for (int m = 0; m < TILES; m++)
                #pragma unroll
                for (int n = 0; n < KEYS / 8; n++)
                    #pragma unroll
                    for (int e = 0; e < 4; e++) {
                        int key = first + n * 8 + lane % 4 * 2 + e % 2;
                        int query = rows + m * 16 + lane / 4 + e / 2 * 8;
                        if (key >= TK || (CAUSAL && key > query + TK - TQ)) s[m][n][e] = -INFINITY;
                    }
        }
        #pragma unroll
        for (int m = 0; m < TILES; m++) {
            #pragma unroll
            for (int h = 0; h < 2; h++) {
                float higher = top[m][h];
                #pragma unroll
                for (int n = 0; n < KEYS / 8; n++)
                    higher = fmaxf(higher, fmaxf(s[m][n][h * 2], s[m][n][h * 2 + 1]));
                higher = fmaxf(higher, __shfl_xor_sync(0xffffffff, higher, 1));
                higher = fmaxf(higher, __shfl_xor_sync(0xffffffff, higher, 2));
                float level = higher == -INFINITY ? 0.0f : higher * SCALE2;
                float keep = power2(top[m][h] * SCALE2 - level);
                float added = 0;
                #pragma unroll
                for (int n = 0; n < KEYS / 8; n++)
                    #pragma unroll
                    for (int e = h * 2; e < h * 2 + 2; e++) {
                        s[m][n][e] = power2(s[m][n][e] * SCALE2 - level);
                        added += s[m][n][e];
                    }
                total[m][h] = total[m][h] * keep + added;
                top[m][h] = higher;
                #pragma unroll
                for (int n = 0; n < D / 8; n++) {
                    sum[m][n][h * 2] *= keep;
                    sum[m][n][h * 2 + 1] *= keep;
                }
            }
        }
        #pragma unroll
        for (int n = 0; n < KEYS / 16; n++) {
            unsigned a[TILES][4];
            #pragma unroll
            for (int m = 0; m < TILES; m++)
                #pragma unroll
                for (int e = 0; e < 4; e++)
                    a[m][e] = packed<BRAIN>(s[m][n * 2 + e / 2][e % 2 * 2],
                                            s[m][n * 2 + e / 2][e % 2 * 2 + 1]);
            #pragma unroll
            for (int d = 0; d < D / 16; d++) {
                unsigned b[4];
                turned(b, pool,
                       keys + KEYS * D + swizzled(n * 16 + lane % 16, d * 2 + lane / 16, D));
                #pragma unroll
                for (int m = 0; m < TILES; m++) {
                    multiply<BRAIN>(sum[m][d * 2], a[m], b[0], b[1]);
                    multiply<BRAIN>(sum[m][d * 2 + 1], a[m], b[2], b[3]);
                }
            }
        }
    }
    #pragma unroll
    for (int m = 0; m < TILES; m++) {
        #pragma unroll
        for (int h = 0; h < 2; h++) {
            float all = total[m][h];
            all += __shfl_xor_sync(0xffffffff, all, 1);
            all += __shfl_xor_sync(0xffffffff, all, 2);
            int query = start + (warp * TILES + m) * 16 + lane / 4 + h * 8;
            if (query >= TQ) continue;
            float share = all > 0 ? 1 / all : 0.0f;
            size_t row = (size_t)head * TQ + query;
            if (lane % 4 == 0) lse[row] = top[m][h] * SCALE + logf(all);
            #pragma unroll
            for (int n = 0; n < D / 8; n++)
                store2<BRAIN>(y, row * D + n * 8 + lane % 4 * 2, sum[m][n][h * 2] * share,
                              sum[m][n][h * 2 + 1] * share);
        }
    }
"""


def tensor_attention_kernel(
    q: Shape, k: Shape, dtype: core.Dtype, scale: float, causal: bool
) -> Kernel | None:
    """As :func:`.attention.attention_kernel`, for CUDA alone; ``None`` for what it cannot do.

    It takes heads of 64 or 128 numbers, in float16 or bfloat16.
    """
    dims = q[2]
    if dtype not in (core.float16, core.bfloat16) or dims not in (64, 128):
        return None
    # More warps share a tile of keys; where attention is causal, they wait for the last of them.
    warps, tiles = (8 if dims == 64 and not causal else 4), 2
    blocks = -(-q[1] // (warps * tiles * 16))
    return Kernel(
        name="attention_tensor",
        source=SOURCE,
        inputs=["q", "k", "v"],
        outputs={"y": (q, dtype), "lse": (q[:2], core.float32)},
        grid=(blocks * q[0] * warps * 32, 1, 1),
        group=(warps * 32, 1, 1),
        template={
            "T": dtype,
            "TQ": q[1],
            "TK": k[1],
            "D": dims,
            "HEADS": q[0],
            "SHARE": q[0] // k[0],
            "CAUSAL": causal,
            "BRAIN": dtype == core.bfloat16,
            "WARPS_OF_GROUP": warps,
            "TILES": tiles,
            "KEYS": KEYS[dims],
        },
        header=INSTRUCTIONS
        + f"#define SCALE {scale!r}f\n#define SCALE2 {scale * math.log2(math.e)!r}f\n",
    )
