"""Steps of LSTM and GRU as single CUDA kernels.

On a GPU every operation costs some microseconds, however small it is. As separate operations a step
of an LSTM is a sum, four slices, a fused kernel and, backwards, a concatenation of four parts; here
it is one kernel in each direction. Chapter 14 explains how such kernels are written; elsewhere than
on CUDA, :mod:`.loop` lets ``mx.compile`` fuse what it can.

A thread computes one unit of one example, in float32.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from ..arrays import bare, wrap
from .cells import Cell

HEADER = "__device__ inline float sigmoid_(float x) { return 1.0f / (1.0f + expf(-x)); }"

#: Which unit of which example, and where its first gate lies.
PLACE = """
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    int units = h_shape[1];
    if (i >= h_shape[0] * units) return;
    int row = i / units, first = row * GATES * units + i % units;
    auto gate = [&](auto a, int k) { return (float)a[first + k * units]; };
"""

LSTM_STEP = """
    float in = sigmoid_(gate(x, 0) + gate(p, 0)), forget = sigmoid_(gate(x, 1) + gate(p, 1));
    float cell = forget * (float)c[i] + in * tanhf(gate(x, 2) + gate(p, 2));
    new_c[i] = (T)cell;
    new_h[i] = (T)(sigmoid_(gate(x, 3) + gate(p, 3)) * tanhf(cell));
"""

LSTM_PULL = """
    float in = sigmoid_(gate(x, 0) + gate(p, 0)), forget = sigmoid_(gate(x, 1) + gate(p, 1));
    float new_ = tanhf(gate(x, 2) + gate(p, 2)), out = sigmoid_(gate(x, 3) + gate(p, 3));
    float before = (float)c[i], y = tanhf(forget * before + in * new_);
    float g = (float)gh[i] + (float)carried_h[i] + (float)through[i];
    float cell = (float)gc[i] + (float)carried_c[i] + g * out * (1 - y * y);
    gp[first] = (T)(cell * new_ * in * (1 - in));
    gp[first + units] = (T)(cell * before * forget * (1 - forget));
    gp[first + 2 * units] = (T)(cell * in * (1 - new_ * new_));
    gp[first + 3 * units] = (T)(g * y * out * (1 - out));
    before_h[i] = (T)0.0f;
    before_c[i] = (T)(cell * forget);
"""

GRU_STEP = """
    float reset = sigmoid_(gate(x, 0) + gate(p, 0)), update = sigmoid_(gate(x, 1) + gate(p, 1));
    float new_ = tanhf(gate(x, 2) + reset * gate(p, 2));
    new_h[i] = (T)((1 - update) * new_ + update * (float)h[i]);
"""

GRU_PULL = """
    float reset = sigmoid_(gate(x, 0) + gate(p, 0)), update = sigmoid_(gate(x, 1) + gate(p, 1));
    float new_ = tanhf(gate(x, 2) + reset * gate(p, 2));
    float g = (float)gh[i] + (float)carried_h[i] + (float)through[i];
    float gn = g * (1 - update) * (1 - new_ * new_);
    float gr = gn * gate(p, 2) * reset * (1 - reset);
    float gz = g * ((float)h[i] - new_) * update * (1 - update);
    gx[first] = gp[first] = (T)gr;
    gx[first + units] = gp[first + units] = (T)gz;
    gx[first + 2 * units] = (T)gn;
    gp[first + 2 * units] = (T)(gn * reset);
    before_h[i] = (T)(g * update);
"""

#: For each cell the sources of its step and its derivative, the arrays of its state, and the
#: cotangents of ``x`` and ``p`` that the derivative writes.
SOURCES = {
    "LSTM": (LSTM_STEP, LSTM_PULL, ("h", "c"), ("gp",)),
    "GRU": (GRU_STEP, GRU_PULL, ("h",), ("gx", "gp")),
}
Run = Callable[..., list[mx.array]]


def on_cuda() -> bool:
    """Whether arrays are computed by CUDA here."""
    return mx.default_device().type == mx.gpu and mx.cuda.is_available()


@functools.cache
def step_kernel(cell: Cell) -> Run | None:
    """A function of ``x, p, *state`` that returns the next state; ``None`` where there is none."""
    if cell.name not in SOURCES:
        return None
    source, _, state, _ = SOURCES[cell.name]
    outputs = [f"new_{name}" for name in state]
    return _kernel(cell, "step", source, ["x", "p", *state], outputs, gates=())


@functools.cache
def pull_kernel(cell: Cell) -> Run | None:
    """A function of ``x, p, *state, *g, *carried, through``, as in :func:`.loop.fast_pull`."""
    if cell.name not in SOURCES:
        return None
    _, source, state, gates = SOURCES[cell.name]
    inputs = ["x", "p", *state, *(f"g{n}" for n in state), *(f"carried_{n}" for n in state)]
    outputs = [*gates, *(f"before_{name}" for name in state)]
    return _kernel(cell, "pull", source, [*inputs, "through"], outputs, gates)


@functools.cache
def agree(cell: Cell) -> bool:
    """Whether the kernels do what the cell's own functions do, on a small example: who writes or
    changes a cell shall see what it does on a GPU, too."""
    step, pull = step_kernel(cell), pull_kernel(cell)
    if step is None or pull is None:
        return False
    rng = random.Random(0)

    def drawn(*shape: int) -> mx.array:
        return mx.array([rng.uniform(-1, 1) for _ in range(math.prod(shape))]).reshape(shape)

    x, p = drawn(2, cell.gates * 3), drawn(2, cell.gates * 3)
    state, g = ([drawn(2, 3) for _ in range(cell.states)] for _ in range(2))
    nothing = [mx.zeros((2, 3))] * (cell.states + 1)
    wrapped = [wrap(a) for a in state]
    gx, gp, before = cell.pull([wrap(a) for a in g], wrap(x), wrap(p), wrapped)
    expected = [*cell.step(wrap(x), wrap(p), wrapped), *([gx] if cell.differ else []), gp, *before]
    found = [*step(x, p, *state), *pull(x, p, *state, *g, *nothing)]
    close = [mx.allclose(a, bare(b), atol=1e-5).item() for a, b in zip(found, expected)]
    return all(close)


def _kernel(
    cell: Cell,
    what: str,
    source: str,
    inputs: list[str],
    outputs: list[str],
    gates: tuple[str, ...],
) -> Run:
    made: Any = mx.fast.cuda_kernel(
        name=f"tinymlx_{cell.name.lower()}_{what}",
        input_names=inputs,
        output_names=outputs,
        source=PLACE.replace("GATES", str(cell.gates)) + source,
        header=HEADER,
    )

    def run(*arrays: mx.array) -> list[mx.array]:
        state = arrays[2]
        threads = 256
        return list(
            made(
                inputs=list(arrays),
                template=[("T", state.dtype)],
                grid=(-(-state.size // threads) * threads, 1, 1),
                threadgroup=(threads, 1, 1),
                output_shapes=[arrays[0].shape if n in gates else state.shape for n in outputs],
                output_dtypes=[state.dtype] * len(outputs),
            )
        )

    return run
