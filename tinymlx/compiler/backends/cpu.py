"""The CPU: C, built by the system's compiler, called on the arrays' own memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import mlx.core as mx

from tinymlx.core import reductions

from ..graph import Value
from ..kernel import Kernel
from ..machine.library import built, compiler
from ..machine.memory import address, function_of, in_parts, keep_memory, table, threads
from ..source import row_parts
from ..table import TYPES, template
from .mathematics import HEADER

#: A call of a kernel waits for its inputs and costs about a tenth of a millisecond: less work than
#: this many additions stays with MLX.
LEAST_WORK = 1 << 20
#: An exponential and its kind cost MLX as much as so many additions (an error function even more).
FUNCTION = 16
#: Bytes from which the memory of an old state is used again.
LARGE = 1 << 20
#: Elements for which a second thread pays.
PART = 1 << 16

SIMD = {
    reductions.sum: "+",
    reductions.mean: "+",
}


class CPU:
    """See :class:`.base.Backend`."""

    name, most = "C", 24

    def __init__(self, least_work: int = LEAST_WORK, hands_over: bool = True) -> None:
        self.least_work, self.hands_over = least_work, hands_over

    def available(self) -> bool:
        """Whether there is a compiler."""
        return compiler() is not None

    def refuses(self, kernel: Kernel) -> str | None:
        """Why a kernel is not computed in C, or ``None``."""
        for x in [*kernel.reads, *kernel.writes, *(y for n in kernel.nodes for y in n.outputs)]:
            if x.dtype not in TYPES["c"]:
                return f"C has no type for {x.dtype}"
        if len(kernel.nodes) < 2:
            return "alone it gains nothing"
        if work_of(kernel) < self.least_work:
            return "it is so small that a call would cost more than it wins"
        return None

    def build(self, kernels: Sequence[Kernel]) -> list[Callable[..., list[mx.array]]] | None:
        """All kernels as one library."""
        sources = [function(kernel, f"kernel{i}") for i, kernel in enumerate(kernels)]
        library = built(HEADER + "\n".join(sources))
        if library is None:
            return None
        keep_memory()
        return [
            Call(kernel, function_of(library, f"kernel{i}")) for i, kernel in enumerate(kernels)
        ]


def work_of(kernel: Kernel) -> int:
    """About how many additions a kernel is."""
    calls = sum("_(" in template(node) for node in kernel.nodes if not kernel.is_reduction(node))
    return kernel.size * (len(kernel.nodes) + FUNCTION * calls)


def function(kernel: Kernel, name: str) -> str:
    """A function ``name(pointers, start, stop)`` that computes rows ``start`` to ``stop``.

    A kernel of one row without a reduction computes its elements from ``start`` to ``stop``.
    """
    before, inside, behind = row_parts(kernel, "c")
    lines = [f"void {name}(void **a, long start, long stop) {{"]
    for i, x in enumerate(kernel.reads):
        lines.append(f"const {TYPES['c'][x.dtype]} *in{i} = a[{i}];")
    for i, x in enumerate(kernel.writes, start=len(kernel.reads)):
        lines.append(f"{TYPES['c'][x.dtype]} *out{i - len(kernel.reads)} = a[{i}];")
    sums = [node for node in kernel.nodes if kernel.is_reduction(node)]
    flat = by_elements(kernel)
    pragma = "#pragma omp simd"
    for i, node in enumerate(sums):
        pragma += f" reduction({SIMD.get(node.primitive, _extremum(node))}:s{i})"
    first, last = ("start", "stop") if flat else ("0", str(kernel.row))
    body = [*before, pragma, f"for (long j = {first}; j < {last}; j++) {{", *inside, "}", *behind]
    if not flat:
        body = ["for (long row = start; row < stop; row++) {", *body, "}"]
    return "\n".join([*lines, *body, "}"]) + "\n"


def _extremum(node: Any) -> str:
    return "nanmax" if node.primitive is reductions.max else "nanmin"


def by_elements(kernel: Kernel) -> bool:
    """Whether threads share the elements of one row, and not the rows."""
    return kernel.rows == 1 and not any(kernel.is_reduction(node) for node in kernel.nodes)


class Spare:
    """Memory for an output that is a state: that of the state of two calls ago.

    Fresh memory has to be filled by MLX before we can write to it, which for a large array takes as
    long as the kernel itself. What was the state two calls ago is nobody's any more, mostly.
    Whether it is, MLX knows: an update of a single element is made in place if no one else holds
    the array, and on a copy otherwise. Copies tell that somebody keeps old states: then we ask for
    fresh memory.
    """

    def __init__(self, shape: tuple[int, ...], dtype: mx.Dtype) -> None:
        self.shape, self.dtype = shape, dtype
        self.first = mx.zeros((1,) * len(shape), dtype)
        self.start = mx.array([0] * len(shape))
        self.axes = tuple(range(len(shape)))
        self.kept: list[mx.array] = []
        self.places: list[int] = []
        self.copies = 0

    def take(self) -> mx.array:
        """An array to write to; its numbers are nothing."""
        if len(self.kept) < 2 or self.copies > 2:
            return mx.empty(self.shape, self.dtype)
        return mx.slice_update(self.kept.pop(0), self.first, self.start, self.axes)

    def keep(self, y: mx.array, place: int) -> None:
        """Remember what was written now, for the call after the next."""
        if self.copies > 2:
            self.kept.clear()
            return
        if len(self.places) > 1:
            self.copies += place != self.places.pop(0)
        self.kept.append(y)
        self.places.append(place)


class Call:
    """A kernel and its function: arrays in, arrays out.

    Inputs may lie in memory as they like: for every way in which they do (transposed, sliced) there
    is a function of its own, built when it is needed for the first time.
    """

    def __init__(self, kernel: Kernel, run: Any) -> None:
        self.kernel, self.run = kernel, run
        self.count = kernel.row if by_elements(kernel) else kernel.rows
        self.parts = min(threads(), max(kernel.size // PART, 1), self.count)
        self.writes = [(y.shape, y.dtype) for y in kernel.writes]
        self.variants: dict[Any, Any] = {}
        self.spares = {
            i: Spare(y.shape, y.dtype)
            for i, y in enumerate(kernel.writes)
            if y in kernel.state and y.nbytes >= LARGE and y.shape
        }

    def __call__(self, *arrays: mx.array) -> list[mx.array]:
        outputs = [
            self.spares[i].take() if i in self.spares else mx.empty(*y)
            for i, y in enumerate(self.writes)
        ]
        mx.eval(arrays, outputs)
        views = [memoryview(x) for x in arrays]  # type: ignore[arg-type]
        addresses = [address(v) for v in views]
        addresses += [address(memoryview(y)) for y in outputs]  # type: ignore[arg-type]
        for i, spare in self.spares.items():
            spare.keep(outputs[i], addresses[len(arrays) + i])
        pointers = table(addresses)
        if all(v.c_contiguous for v in views):
            in_parts(self.run, pointers, self.count, self.parts)
        else:
            run, count = self.variant(views)
            in_parts(run, pointers, count, min(self.parts, count))
        return outputs

    def variant(self, views: Sequence[memoryview]) -> tuple[Any, int]:
        """The function for inputs that lie as these do, and how many rows it has."""
        strides = tuple(
            own_strides(v, x, self.kernel.shape) for v, x in zip(views, self.kernel.reads)
        )
        if strides not in self.variants:
            other = replace(self.kernel, strides=list(strides))
            library = built(HEADER + function(other, "kernel0"))
            assert library is not None  # the first one could be built
            count = other.row if by_elements(other) else other.rows
            self.variants[strides] = function_of(library, "kernel0"), count
        return self.variants[strides]


def own_strides(view: memoryview, x: Value, into: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of an array, in elements, along the axes of the shape to which it broadcasts."""
    strides = [0] * len(into)
    for i in range(1, len(x.shape) + 1):
        if x.shape[-i] != 1:
            strides[-i] = (view.strides or ())[-i] // view.itemsize
    return tuple(strides)
