"""GPUs: Metal and CUDA by MLX's own doors for kernels, ``mx.fast.metal_kernel`` and
``mx.fast.cuda_kernel``.

These kernels are lazy like everything in MLX. Nobody here has seen the Metal ones run; the course's
tests compile their source as C++ and run it thread by thread.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from ..kernel import Kernel
from ..source import INDEX, elementwise_body, launch, row_parts
from ..table import TYPES

#: Work below which a launch costs as much as what it replaces.
LANES = 32

MACROS = r"""
#define abs_(x) ((x) > 0 ? (x) : 0 - (x))
#define sign_(x) (((x) > 0) - ((x) < 0))
#define max_(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))
#define min_(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))
"""

CUDA_HEADER = (
    "#include <cuda_fp16.h>\n#include <cuda_bf16.h>\n"
    + MACROS
    + r"""
#define exp_ expf
#define expm1_ expm1f
#define log_ logf
#define log1p_ log1pf
#define sqrt_ sqrtf
#define floor_ floorf
#define ceil_ ceilf
#define sin_ sinf
#define cos_ cosf
#define pow_ powf
#define tanh_ tanhf
#define erf_ erff
#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#endif
#ifndef NAN
#define NAN __int_as_float(0x7fffffff)
#endif
__device__ inline float sigmoid_(float x) { return 1.0f / (1.0f + expf(-x)); }
__device__ inline float lanes_sum(float x) {
    for (int d = 16; d > 0; d >>= 1) x += __shfl_xor_sync(0xffffffff, x, d);
    return x;
}
__device__ inline float lanes_max(float x) {
    for (int d = 16; d > 0; d >>= 1) {
        float y = __shfl_xor_sync(0xffffffff, x, d);
        x = max_(x, y);
    }
    return x;
}
__device__ inline float lanes_min(float x) {
    for (int d = 16; d > 0; d >>= 1) {
        float y = __shfl_xor_sync(0xffffffff, x, d);
        x = min_(x, y);
    }
    return x;
}
"""
)

METAL_HEADER = (
    MACROS
    + r"""
#define exp_ metal::precise::exp
#define log_ metal::precise::log
#define sqrt_ metal::precise::sqrt
#define floor_ metal::floor
#define ceil_ metal::ceil
#define sin_ metal::precise::sin
#define cos_ metal::precise::cos
#define pow_ metal::precise::pow
#define tanh_ metal::precise::tanh
inline float expm1_(float x) {
    float y = exp_(x);
    return y == 1.0f ? x : (y - 1.0f == -1.0f ? -1.0f : (y - 1.0f) * x / log_(y));
}
inline float log1p_(float x) {
    float y = 1.0f + x;
    return y == 1.0f ? x : log_(y) * x / (y - 1.0f);
}
inline float erf_(float x) {
    float a = metal::fabs(x), t = x * x;
    float r = (-1.72853470e-5f * a + 3.83197126e-4f) * t + (-3.88396438e-3f * a + 2.42546219e-2f);
    r = ((r * a - 1.06777877e-1f) * a - 6.34846687e-1f) * a - 1.28717512e-1f;
    r = r * a - a;
    float p = ((-5.96761703e-4f * t + 4.99119423e-3f) * t - 2.67681349e-2f) * t + 1.12819925e-1f;
    p = (p * t - 3.76125336e-1f) * t + 1.28379166e-1f;
    return a > 0.927734375f ? metal::copysign(1.0f - exp_(r), x) : p * x + x;
}
inline float sigmoid_(float x) { return 1.0f / (1.0f + exp_(-x)); }
#define lanes_sum simd_sum
inline float lanes_max(float x) {
    for (ushort d = 16; d > 0; d >>= 1) { float y = simd_shuffle_xor(x, d); x = max_(x, y); }
    return x;
}
inline float lanes_min(float x) {
    for (ushort d = 16; d > 0; d >>= 1) { float y = simd_shuffle_xor(x, d); x = min_(x, y); }
    return x;
}
"""
)


def row_body(kernel: Kernel, language: str, lanes: int = LANES) -> str:
    """The body of a kernel with reductions: ``lanes`` threads side by side compute a row."""
    before, inside, behind = row_parts(kernel, language)
    stored = [line for line in behind if line.startswith("out")]
    combined = [line for line in behind if not line.startswith("out")]
    lines = [
        INDEX[language],
        f"long row = i / {lanes}, lane = i % {lanes};",
        f"if (row >= {kernel.rows}) return;",
        *before,
        f"for (long j = lane; j < {kernel.row}; j += {lanes}) {{",
        *inside,
        "}",
        *combined,
        "if (lane == 0) {",
        *stored,
        "}",
    ]
    return "\n".join(lines)


def kernel_name(kernel: Kernel, source: str) -> str:
    """A name that says what is in it, and is another one for another source."""
    names = "_".join(node.name for node in kernel.nodes[:4])
    return f"tinymlx_{names}_{zlib.crc32(source.encode())}"


class GPU:
    """What Metal and CUDA have in common; see :class:`.base.Backend`."""

    name = language = header = ""
    most, hands_over = 24, True

    def refuses(self, kernel: Kernel) -> str | None:
        """Why a kernel is not computed here, or ``None``."""
        for x in [*kernel.reads, *kernel.writes, *(y for n in kernel.nodes for y in n.outputs)]:
            if x.dtype not in TYPES[self.language]:
                return f"{self.name} has no type for {x.dtype}"
        if len(kernel.nodes) < 2:
            return "alone it gains nothing"
        if kernel.axes and kernel.rows < 64 and kernel.row > 4096:
            return "a few long rows keep few threads busy"
        return None

    def make(self, **options: Any) -> Any:
        """MLX's kernel from a source."""
        raise NotImplementedError

    def build(self, kernels: Sequence[Kernel]) -> list[Callable[..., list[mx.array]]]:
        """A function for each kernel. MLX compiles it at its first call."""
        return [self.one(kernel) for kernel in kernels]

    def one(self, kernel: Kernel) -> Callable[..., list[mx.array]]:
        """A function for a kernel."""
        if kernel.axes:
            source, threads = row_body(kernel, self.language), kernel.rows * LANES
        else:
            source, threads = elementwise_body(kernel, self.language), kernel.size
        grid, group = launch(threads)
        made = self.make(
            name=kernel_name(kernel, source),
            input_names=[f"in{i}" for i in range(len(kernel.reads))],
            output_names=[f"out{i}" for i in range(len(kernel.writes))],
            source=source,
            header=self.header,
        )
        shapes = [y.shape for y in kernel.writes]
        dtypes = [y.dtype for y in kernel.writes]

        def run(*arrays: mx.array) -> list[mx.array]:
            # An array of one element without axes reaches a kernel as a number, not as a pointer.
            inputs = [x.reshape(1) if x.ndim == 0 else x for x in arrays]
            return list(
                made(
                    inputs=inputs,
                    grid=(grid, 1, 1),
                    threadgroup=(group, 1, 1),
                    output_shapes=shapes,
                    output_dtypes=dtypes,
                )
            )

        return run


class CUDA(GPU):
    """NVIDIA's GPUs."""

    name, language, header = "CUDA", "cuda", CUDA_HEADER

    def make(self, **options: Any) -> Any:
        """MLX's kernel from a source."""
        return mx.fast.cuda_kernel(**options)


class Metal(GPU):
    """Apple's GPUs."""

    name, language, header = "Metal", "metal", METAL_HEADER

    def make(self, **options: Any) -> Any:
        """MLX's kernel from a source."""
        return mx.fast.metal_kernel(**options)
