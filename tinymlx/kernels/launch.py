"""A kernel: a text that many threads run, and how many of them.

Metal and CUDA name the same things differently: which thread am I, where is the barrier, what do
the threads of a group share. A kernel here is written once, in the words of the table below, and
:func:`translated` puts those of a language in their place; whole words, in capital letters.

==================  ==========================================================================
``PLACE``           which thread of the whole grid, along x
``GROUP``           which group, along x; ``GROUP_Y`` along y
``THREAD``          which thread of its group, along x; ``THREAD_Y`` along y
``THREADS``         how many threads a group has, along x
``SHARED``          before a type: memory that the threads of a group share
``BARRIER``         nobody goes on before all threads of the group are here
``LANE``            which thread of its warp: 32 threads that run together
``WARP``            which warp of its group, and ``WARPS`` how many there are
``WARP_SUM(x)``     the sum of ``x`` over the threads of the warp; all of them get it
``WARP_MAX(x)``     the same for the maximum
``GROUP_SUM(x, s)`` a statement: ``x`` becomes its sum over the group, with help of ``SHARED float
                    s[32]``; all threads must come by
``GROUP_MAX(x, s)`` the same for the maximum
``EXP(x)``          the exponential function in the device's own, faster way, for ``x`` near 0 or
                    below
==================  ==========================================================================

``load<V>(x, i)`` reads ``V`` neighbours beginning at ``x[i]`` as one ``Pack<T, V>``, whose numbers
are ``p.v[0]`` and so on; ``store<V>(y, i, p)`` writes one. Where memory lies well, that is one
access of up to 16 bytes.
"""

from __future__ import annotations

import functools
import math
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx

from tinymlx import core
from tinymlx.core import array
from tinymlx.core.arrays import bare, wrap
from tinymlx.core.primitive import Primitive

Three = tuple[int, int, int]

WORDS: dict[str, dict[str, str]] = {
    "metal": {
        "PLACE": "thread_position_in_grid.x",
        "GROUP": "threadgroup_position_in_grid.x",
        "GROUP_Y": "threadgroup_position_in_grid.y",
        "THREAD": "thread_position_in_threadgroup.x",
        "THREAD_Y": "thread_position_in_threadgroup.y",
        "THREADS": "threads_per_threadgroup.x",
        "SHARED": "threadgroup",
        "BARRIER": "threadgroup_barrier(mem_flags::mem_threadgroup)",
        "LANE": "thread_index_in_simdgroup",
        "WARP": "simdgroup_index_in_threadgroup",
        "WARPS": "simdgroups_per_threadgroup",
        "WARP_SUM": "simd_sum",
        "WARP_MAX": "simd_max",
        "EXP": "metal::fast::exp",
    },
    "cuda": {
        "PLACE": "(blockIdx.x * blockDim.x + threadIdx.x)",
        "GROUP": "blockIdx.x",
        "GROUP_Y": "blockIdx.y",
        "THREAD": "threadIdx.x",
        "THREAD_Y": "threadIdx.y",
        "THREADS": "blockDim.x",
        "SHARED": "__shared__",
        "BARRIER": "__syncthreads()",
        "LANE": "(threadIdx.x % 32)",
        "WARP": "(threadIdx.x / 32)",
        "WARPS": "((blockDim.x + 31) / 32)",
        "WARP_SUM": "warp_sum",
        "WARP_MAX": "warp_max",
        "EXP": "__expf",
    },
}

#: Two steps: within each warp, then one warp over what the warps found. The last barrier lets the
#: shared array be used again.
FOLDS = {
    "GROUP_SUM": "{ X = WARP_SUM(X); if (LANE == 0) S[WARP] = X; BARRIER; "
    "X = WARP_SUM(LANE < WARPS ? (float)S[LANE] : 0.0f); BARRIER; }",
    "GROUP_MAX": "{ X = WARP_MAX(X); if (LANE == 0) S[WARP] = X; BARRIER; "
    "X = WARP_MAX(LANE < WARPS ? (float)S[LANE] : -INFINITY); BARRIER; }",
}
_FOLD = re.compile(r"\b(GROUP_SUM|GROUP_MAX)\(\s*(\w+)\s*,\s*(\w+)\s*\);")

#: Metal's compiler joins neighbouring accesses itself; an array of fewer than eight numbers lies in
#: the memory that it calls constant.
METAL_HEADER = """
#ifndef TINYMLX_SHIM
template <typename T, int V> struct Pack { T v[V]; };
template <int V, typename T> METAL_FUNC Pack<T, V> load(const device T* from, size_t i) {
    Pack<T, V> p;
    for (int j = 0; j < V; j++) p.v[j] = from[i + j];
    return p;
}
template <int V, typename T> METAL_FUNC Pack<T, V> load(const constant T* from, size_t i) {
    Pack<T, V> p;
    for (int j = 0; j < V; j++) p.v[j] = from[i + j];
    return p;
}
template <int V, typename T> METAL_FUNC void store(device T* to, size_t i, Pack<T, V> p) {
    for (int j = 0; j < V; j++) to[i + j] = p.v[j];
}
#endif
"""

#: An array may begin in the middle of another one: then 16 bytes at once are not allowed.
CUDA_HEADER = """
#ifndef TINYMLX_SHIM
using uint = unsigned int;
#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#endif
template <typename T, int V> struct alignas(sizeof(T) * V) Pack { T v[V]; };
template <int V, typename T> __device__ inline Pack<T, V> load(const T* from, size_t i) {
    from += i;
    if (reinterpret_cast<size_t>(from) % sizeof(Pack<T, V>) == 0)
        return *reinterpret_cast<const Pack<T, V>*>(from);
    Pack<T, V> p;
    for (int j = 0; j < V; j++) p.v[j] = from[j];
    return p;
}
template <int V, typename T> __device__ inline void store(T* to, size_t i, Pack<T, V> p) {
    to += i;
    if (reinterpret_cast<size_t>(to) % sizeof(Pack<T, V>) == 0)
        *reinterpret_cast<Pack<T, V>*>(to) = p;
    else
        for (int j = 0; j < V; j++) to[j] = p.v[j];
}
#endif
__device__ inline float warp_sum(float x) {
    for (int n = 16; n; n /= 2) x += __shfl_xor_sync(0xffffffff, x, n);
    return x;
}
__device__ inline float warp_max(float x) {
    for (int n = 16; n; n /= 2) x = max(x, __shfl_xor_sync(0xffffffff, x, n));
    return x;
}
"""

HEADERS = {"metal": METAL_HEADER, "cuda": CUDA_HEADER}


def translated(source: str, language: str) -> str:
    """A text in the words of the table, in those of ``"metal"`` or ``"cuda"``. Lines stay."""

    def folded(found: re.Match[str]) -> str:
        fold, x, shared = found.groups()
        return re.sub(r"\b[XS]\b", lambda m: {"X": x, "S": shared}[m.group()], FOLDS[fold])

    words = WORDS[language]
    return re.sub(
        r"\b[A-Z][A-Z_]*\b", lambda m: words.get(m.group(), m.group()), _FOLD.sub(folded, source)
    )


@dataclass(frozen=True)
class Kernel:
    """A kernel and how it is started: everything but its inputs.

    Attributes:
        name: of the kernel.
        source: the body of the function, in the words of :mod:`.launch`.
        inputs: how the source calls the arrays that it reads. They arrive contiguous. ``x_shape``
            and ``x_ndim`` are there for an ``x``.
        outputs: for each array that it writes its name, shape and dtype. Nobody has written a
            number into them.
        grid: how many *threads* there are in all, along x, y and z.
        group: how many of them make a group; at most 1,024.
        template: names that are known when the source is compiled: dtypes (``T``), whole numbers
            or truth values.
        header: what stands before the function.
    """

    name: str
    source: str
    inputs: Sequence[str]
    outputs: Mapping[str, tuple[Sequence[int], core.Dtype]]
    grid: Three
    group: Three
    template: Mapping[str, Any] = field(default_factory=dict)
    header: str = ""

    def plain(self, language: str) -> dict[str, Any]:
        """Everything as texts, numbers and lists, in ``"metal"`` or ``"cuda"``."""
        return {
            "language": language,
            "name": self.name,
            "source": translated(self.source, language),
            "header": HEADERS[language] + translated(self.header, language) + "\n",
            "input_names": list(self.inputs),
            "output_names": list(self.outputs),
            "template": [
                [name, _dtype_name(value) if isinstance(value, core.Dtype) else value]
                for name, value in self.template.items()
            ],
            "grid": list(self.grid),
            "threadgroup": list(self.group),
            "output_shapes": [list(shape) for shape, _ in self.outputs.values()],
            "output_dtypes": [_dtype_name(dtype) for _, dtype in self.outputs.values()],
        }


def whole_groups(threads: int, group: int) -> int:
    """The smallest multiple of ``group`` that has room for all threads."""
    return -(-threads // group) * group


def language_here() -> str | None:
    """Which language the default device understands, or ``None`` for a CPU."""
    if mx.default_device().type == mx.cpu:
        return None
    return "metal" if mx.metal.is_available() else "cuda"


def run(kernel: Kernel, *arrays: array) -> list[array]:
    """Run a kernel on the GPU.

    Args:
        kernel: the kernel.
        arrays: as many as it has inputs. A kernel has no derivative, unless a
            :class:`tinymlx.core.custom_function` around it gives it one.

    Returns:
        Its outputs.

    Raises:
        RuntimeError: the default device is not a GPU.
        ValueError: not as many arrays as the kernel has inputs; or (when it is asked for) there is
            no derivative.
    """
    language = language_here()
    if language is None:
        raise RuntimeError(f"[{kernel.name}] A kernel needs a GPU; the default device is a CPU.")
    if len(arrays) != len(kernel.inputs):
        raise ValueError(
            f"[{kernel.name}] Expected {len(kernel.inputs)} arrays but got {len(arrays)}."
        )
    compiled = _compiled(
        language,
        kernel.name,
        tuple(kernel.inputs),
        tuple(kernel.outputs),
        kernel.source,
        kernel.header,
    )

    def forward(*inputs: mx.array) -> list[mx.array]:
        return [
            bare(y)
            for y in compiled(
                inputs=list(inputs),
                template=list(kernel.template.items()),
                grid=kernel.grid,
                threadgroup=kernel.group,
                output_shapes=[tuple(shape) for shape, _ in kernel.outputs.values()],
                output_dtypes=[dtype for _, dtype in kernel.outputs.values()],
            )
        ]

    if all(x._trace is None for x in arrays):
        return [wrap(y) for y in forward(*(bare(x) for x in arrays))]
    made = Primitive(forward, arity=len(arrays))  # without a derivative; a compiler may note it
    made.__name__ = kernel.name
    return list(made(*arrays))


@functools.lru_cache(maxsize=512)
def _compiled(
    language: str,
    name: str,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    source: str,
    header: str,
) -> Callable[..., Any]:
    """MLX finds a compiled kernel again by its name; so another text has another name."""
    make = core.fast.metal_kernel if language == "metal" else core.fast.cuda_kernel
    mark = zlib.crc32((source + header).encode())
    return make(
        name=f"tinymlx_{name}_{mark:08x}",
        input_names=list(inputs),
        output_names=list(outputs),
        source=translated(source, language),
        header=HEADERS[language] + translated(header, language) + "\n",
    )


def pack_width(length: int, dtype: core.Dtype) -> int:
    """How many neighbours of a row are read at once: 16 bytes of them, if they divide the row."""
    return math.gcd(length, 16 // dtype.size)


def _dtype_name(dtype: core.Dtype) -> str:
    return str(dtype).split(".")[-1]
