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

#: A call of a kernel waits for its inputs and costs about a tenth of a millisecond; less work than
#: these additions stays with MLX.
LEAST_WORK = 1 << 18
#: An exponential and its kind cost MLX as much as so many additions.
FUNCTION = 32
#: Bytes from which a state is written over.
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
    """About how many additions a kernel saves.

    Functions are what MLX computes slowly on a CPU. Plain arithmetic it fuses as well as we do, if
    with one thread: there only large arrays are worth a call.
    """
    calls = sum("_(" in template(node) for node in kernel.nodes if not kernel.is_reduction(node))
    return kernel.size * FUNCTION * calls + kernel.size // 4


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


class Call:
    """A kernel and its function: arrays in, arrays out.

    Inputs may lie in memory as they like: for every way in which they do (transposed, sliced) there
    is a function of its own, built when it is needed for the first time.

    A large state is written over where that is possible: fresh memory has to be filled by MLX
    before we can write to it, which takes about as long as the kernel. Whether somebody else holds
    the array, MLX knows: it updates a single element in place if nobody does, and on a copy
    otherwise.

    Attributes:
        over: as in the kernel, but of large arrays only.
        live: for the same outputs the positions of the old arrays in the list of all inputs of the
            program: there is the only reference to them.
    """

    def __init__(self, kernel: Kernel, run: Any) -> None:
        self.kernel, self.run = kernel, run
        self.count = kernel.row if by_elements(kernel) else kernel.rows
        self.parts = min(threads(), max(kernel.size // PART, 1), self.count)
        self.writes = [(y.shape, y.dtype) for y in kernel.writes]
        self.variants: dict[Any, Any] = {}
        large = {i for i, y in enumerate(kernel.writes) if y.nbytes >= LARGE and y.shape}
        self.over = {i: at for i, at in kernel.over.items() if i in large}
        self.live: dict[int, int] = {}

    def __call__(self, *arrays: Any) -> list[mx.array]:
        if not self.over:
            return self.call(arrays, [mx.empty(*y) for y in self.writes])
        state, *rest = arrays
        taken = self.taken_over(state)
        outputs = [taken[i] if i in taken else mx.empty(*y) for i, y in enumerate(self.writes)]
        places = {at: taken[i] for i, at in self.over.items()}
        others = iter(rest)
        reads = range(len(self.kernel.reads))
        return self.call([places[at] if at in places else next(others) for at in reads], outputs)

    def taken_over(self, state: list[mx.array]) -> dict[int, mx.array]:
        """The old arrays as new ones that we may write over, with the same numbers."""
        for at in self.live.values():
            if not memoryview(state[at]).c_contiguous:  # type: ignore[arg-type]
                state[at] = mx.contiguous(state[at])
        firsts = {i: state[at][(slice(0, 1),) * state[at].ndim] + 0 for i, at in self.live.items()}
        mx.eval(list(firsts.values()))
        for i, at in self.live.items():
            axes = range(state[at].ndim)
            start = mx.array([0] * len(axes))
            state[at] = mx.slice_update(state[at], firsts[i], start, tuple(axes))
        return {i: state[at] for i, at in self.live.items()}

    def call(self, arrays: Sequence[mx.array], outputs: list[mx.array]) -> list[mx.array]:
        """Compute ``outputs``, some of which may be among the inputs."""
        mx.eval(arrays, outputs)
        views = [memoryview(x) for x in arrays]  # type: ignore[arg-type]
        addresses = [address(v) for v in views]
        addresses += [address(memoryview(y)) for y in outputs]  # type: ignore[arg-type]
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
