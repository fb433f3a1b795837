"""The kernels of our own beside MLX's and PyTorch's: what they read and write in a second."""

from functools import partial
from pathlib import Path

import mlx.core as mx
import mlx.optimizers as mlx_optimizers
import numpy as np
import torch

from course.cli.project import implementation
from course.grading.marks import exercise
from course.paths import Project
from course.registry import load_registry

PROJECT = Project(Path(__file__).resolve().parents[2])
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
#: So many that the fixed price of a call, 0.06 ms and more in MLX, is not what is compared. A CPU
#: shall come to an end, too.
ROWS = 65536 if DEVICE == "cuda" else 256
HALF = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def drawn(*shape):
    """Normal numbers; those of many rows repeat themselves, or drawing would take minutes."""
    first, *rest = shape
    some = np.random.default_rng(0).normal(size=(min(first, 4096), *rest)).astype(np.float32)
    return np.resize(some, shape)


def in_mlx(x, dtype):
    return mx.array(x).astype(getattr(mx, dtype))


def in_torch(x, dtype, needs=False):
    return torch.from_numpy(x).to(DEVICE, HALF[dtype]).requires_grad_(needs)


def tiny_of(name, inputs, dtype, cotangent=None, compile=False, **options):
    """A candidate that calls a function of ours, or its derivative."""

    def tiny(_tinymlx):
        from tinymlx import core
        from tinymlx.kernels import functions

        xs = [core.array(x).astype(getattr(core, dtype)) for x in inputs]
        named = getattr(functions, name)

        def function(*xs):
            return named(*xs, **options)

        if cotangent is not None:
            g = [core.array(cotangent).astype(getattr(core, dtype))]
            forward = function

            def function(*xs):
                return core.vjp(forward, list(xs), g)[1]

        run = core.compile(function) if compile else function
        return lambda: run(*xs)

    return tiny


def mlx_of(function, inputs, dtype, cotangent=None, compile=False):
    def mlx():
        xs = [in_mlx(x, dtype) for x in inputs]
        run = mx.compile(function) if compile else function
        if cotangent is None:
            return lambda: run(*xs)
        g = [in_mlx(cotangent, dtype)]
        back = lambda *xs: mx.vjp(function, list(xs), g)[1]  # noqa: E731
        back = mx.compile(back) if compile else back
        return lambda: back(*xs)

    return mlx


def torch_of(function, inputs, dtype, cotangent=None):
    def pytorch():
        xs = [in_torch(x, dtype, cotangent is not None) for x in inputs]
        if cotangent is None:
            return lambda: function(*xs)
        g = in_torch(cotangent, dtype)
        return lambda: torch.autograd.grad(function(*xs), xs, g)

    return pytorch


def agreed(tiny, mlx, dtype):
    """A wrong kernel has no speed: ours and MLX's results are compared before the clock runs."""
    with implementation(PROJECT, load_registry(PROJECT), "solutions"):
        mine, theirs = tiny(None)(), mlx()()
        mine = [mine] if not isinstance(mine, (list, tuple)) else mine
        theirs = [theirs] if not isinstance(theirs, (list, tuple)) else theirs
        for a, b in zip(mine, theirs, strict=True):
            a, b = a._value.astype(mx.float32), b.astype(mx.float32)
            gap, most = mx.abs(a - b).max().item(), mx.abs(b).max().item()
            limit = 0.02 if dtype == "bfloat16" else 1e-4
            assert gap <= limit * max(1.0, most), f"ours differs from MLX by {gap} of {most}"


def raced(race, name, inputs, dtype, ours, theirs, others, back=False, **cost):
    """The three libraries on the same arrays; ``back`` for forwards and backwards."""
    cotangent = drawn(*inputs[0].shape) if back else None
    # In float32, on numbers that bfloat16 has: MLX's own way back rounds in between.
    rounded = [np.array(in_mlx(x, dtype).astype(mx.float32)) for x in inputs]
    wanted = None if cotangent is None else np.array(in_mlx(cotangent, dtype).astype(mx.float32))
    agreed(
        tiny_of(name, inputs, dtype, cotangent, **ours),
        mlx_of(theirs, rounded, "float32", wanted),
        dtype,
    )
    race(
        tiny=tiny_of(name, inputs, dtype, cotangent, **ours),
        tiny_compiled=tiny_of(name, inputs, dtype, cotangent, compile=True, **ours),
        mlx=mlx_of(theirs, inputs, dtype, cotangent),
        mlx_compiled=mlx_of(theirs, inputs, dtype, cotangent, compile=True),
        pytorch=torch_of(others, inputs, dtype, cotangent),
        **cost,
    )


# Rows


def rows(race, name, dtype, theirs, others, back=False, weights=0, **ours):
    """A function of rows of 4096 numbers; the bytes are those of the rows, read and written."""
    inputs = [drawn(ROWS, 4096), *(drawn(4096) for _ in range(weights))]
    size = inputs[0].size * (2 if dtype == "bfloat16" else 4)
    raced(
        race, name, inputs, dtype, ours, theirs, others, back,
        bytes=(5 if back else 2) * size,
    )  # fmt: skip


def mlx_softmax(x):
    return mx.softmax(x, axis=-1, precise=True)


def torch_softmax(x):
    return torch.softmax(x, -1)


def mlx_rms(x, w):
    return mx.fast.rms_norm(x, w, 1e-5)


def torch_rms(x, w):
    return torch.nn.functional.rms_norm(x, (4096,), w, 1e-5)


def mlx_layer(x, w, b):
    return mx.fast.layer_norm(x, w, b, 1e-5)


def torch_layer(x, w, b):
    return torch.nn.functional.layer_norm(x, (4096,), w, b, 1e-5)


@exercise("14.13")
def bench_softmax(race):
    """Softmax of rows of 4096 float32."""
    rows(race, "softmax", "float32", mlx_softmax, torch_softmax)


@exercise("14.13")
def bench_softmax_halves(race):
    """Softmax of rows of 4096 bfloat16."""
    rows(race, "softmax", "bfloat16", mlx_softmax, torch_softmax)


@exercise("14.13")
def bench_softmax_back(race):
    """Softmax of rows of 4096 bfloat16 and its derivative."""
    rows(race, "softmax", "bfloat16", mlx_softmax, torch_softmax, True)


@exercise("14.14")
def bench_rms_norm(race):
    """RMS norm of rows of 4096 bfloat16."""
    rows(race, "rms_norm", "bfloat16", mlx_rms, torch_rms, weights=1, eps=1e-5)


@exercise("14.14")
def bench_rms_norm_back(race):
    """RMS norm of rows of 4096 bfloat16 and its derivative."""
    rows(race, "rms_norm", "bfloat16", mlx_rms, torch_rms, True, 1, eps=1e-5)


@exercise("14.14")
def bench_layer_norm(race):
    """Layer norm of rows of 4096 float32."""
    rows(race, "layer_norm", "float32", mlx_layer, torch_layer, weights=2, eps=1e-5)


@exercise("14.14")
def bench_layer_norm_halves(race):
    """Layer norm of rows of 4096 bfloat16."""
    rows(race, "layer_norm", "bfloat16", mlx_layer, torch_layer, weights=2, eps=1e-5)


@exercise("14.14")
def bench_layer_norm_back(race):
    """Layer norm of rows of 4096 bfloat16 and its derivative."""
    rows(race, "layer_norm", "bfloat16", mlx_layer, torch_layer, True, 2, eps=1e-5)


# Elements and tiles


@exercise("14.12")
def bench_add(race):
    """The sum of two arrays of 268 million float32."""
    x = drawn(ROWS, 4096)
    raced(
        race, "add", [x, x], "float32", {}, lambda x, y: x + y, lambda x, y: x + y,
        bytes=12 * x.size,
    )  # fmt: skip


@exercise("14.15")
def bench_transpose(race):
    """A matrix of float32 turned, as a copy."""
    x = drawn(ROWS, 4096)
    raced(
        race, "transpose", [x], "float32", {}, lambda x: mx.contiguous(x.T),
        lambda x: x.T.contiguous(), bytes=8 * x.size,
    )  # fmt: skip


@exercise("14.15")
def bench_matmul(race):
    """A product of two matrices of 2048 x 2048 float32, by tiles of 16."""
    n = 2048 if DEVICE == "cuda" else 256
    x = drawn(n, n)
    raced(
        race, "matmul", [x, x], "float32", {}, lambda x, y: x @ y, lambda x, y: x @ y,
        flops=2 * n**3,
    )  # fmt: skip


@exercise("14.12")
def bench_adam(race):
    """A step of Adam over 268 million float32 in one array."""
    numbers = [drawn(ROWS * 4096) for _ in range(4)]
    numbers[3] = np.abs(numbers[3])

    def tiny(_tinymlx):
        from tinymlx import core
        from tinymlx.kernels.adam import adam_step

        if mx.default_device().type == mx.cpu:
            from tinymlx import optimizers

            adam = optimizers.Adam(1e-3)
            state = {"m": core.array(numbers[2]), "v": core.array(numbers[3])}
            p, g = core.array(numbers[0]), core.array(numbers[1])
            adam.init({"p": p})
            return lambda: adam.apply_single(g, p, dict(state))
        arrays = [core.array(x) for x in numbers]
        return lambda: adam_step(*arrays, step=3, learning_rate=1e-3)

    def mlx(compile=False):
        p, g, m, v = (mx.array(x) for x in numbers)
        adam = mlx_optimizers.Adam(1e-3)
        adam.init({"p": p})

        def step(p, g, m, v):
            state = {"m": m, "v": v}
            return adam.apply_single(g, p, state), state["m"], state["v"]

        step = mx.compile(step) if compile else step
        return lambda: step(p, g, m, v)

    def pytorch():
        p = in_torch(numbers[0], "float32", True)
        p.grad = in_torch(numbers[1], "float32")
        adam = torch.optim.Adam([p], 1e-3, fused=True)

        def step():
            adam.step()
            return p

        return step

    race(
        tiny=tiny,
        mlx=mlx,
        mlx_compiled=partial(mlx, True),
        pytorch=pytorch,
        bytes=28 * numbers[0].size,
    )


# Attention, recurrence, quantized products


def attended(race, causal, back, size=64):
    """Attention of 512 heads over 2048 tokens in bfloat16."""
    batch, heads, length = (32, 16, 2048) if DEVICE == "cuda" else (1, 2, 256)
    inputs = [drawn(batch, heads, length, size) for _ in range(3)]
    scale = size**-0.5

    def theirs(q, k, v):
        mask = "causal" if causal else None
        return mx.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask=mask)

    def others(q, k, v):
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)

    flops = (7 if back else 2) * 2 * batch * heads * length**2 * size
    ours = {"scale": scale, "causal": causal}
    flops = flops // 2 if causal else flops
    raced(race, "attention", inputs, "bfloat16", ours, theirs, others, back, flops=flops)


@exercise("14.15")
def bench_attention(race):
    """Attention of 512 heads of 64 over 2048 tokens in bfloat16."""
    attended(race, False, False)


@exercise("14.15")
def bench_attention_causal(race):
    """Causal attention of 512 heads of 64 over 2048 tokens in bfloat16."""
    attended(race, True, False)


@exercise("14.15")
def bench_attention_wide(race):
    """Causal attention of 512 heads of 128 over 2048 tokens in bfloat16."""
    attended(race, True, False, 128)


@exercise("14.15")
def bench_attention_back(race):
    """Causal attention of 512 heads of 64 over 2048 tokens in bfloat16, and its derivative."""
    attended(race, True, True)


@exercise("14.14")
def bench_lstm(race):
    """The states of an LSTM of 512 units over 256 steps of 64 examples, float32."""
    length, batch, units = (256, 64, 512) if DEVICE == "cuda" else (16, 4, 64)
    x, w = drawn(length, batch, 4 * units), 0.05 * drawn(4 * units, units)
    start = [drawn(batch, units), drawn(batch, units)]

    def theirs(x, w, h, c):
        states = []
        for t in range(length):
            i, f, g, o = mx.split(x[t] + h @ w.T, 4, axis=-1)
            c = mx.sigmoid(f) * c + mx.sigmoid(i) * mx.tanh(g)
            h = mx.sigmoid(o) * mx.tanh(c)
            states.append(h)
        return mx.stack(states)

    def pytorch():
        # cuDNN projects the input itself: one of a single number, which costs next to nothing.
        layer = torch.nn.LSTM(1, units).to(DEVICE)
        inputs = torch.zeros(length, batch, 1, device=DEVICE)
        h, c = (torch.from_numpy(a).to(DEVICE)[None] for a in start)

        def run():
            with torch.no_grad():
                return layer(inputs, (h, c))[0]

        return run

    race(
        tiny=tiny_of("lstm", [x, w, *start], "float32"),
        mlx_compiled=mlx_of(theirs, [x, w, *start], "float32", compile=True),
        pytorch=pytorch,
        flops=2 * length * batch * 4 * units**2,
    )


@exercise("14.17")
def bench_quantized(race):
    """A vector of 4096 with a matrix of 4096 x 16384 in 4 bits; PyTorch has it in bfloat16."""
    rows_, dims = (16384, 4096) if DEVICE == "cuda" else (512, 512)
    x, w = drawn(1, dims), drawn(rows_, dims)

    def tiny(_tinymlx):
        from tinymlx import core
        from tinymlx.kernels import functions

        a, q = core.array(x).astype(core.bfloat16), core.quantize(core.array(w, core.bfloat16))
        return lambda: functions.quantized_matmul(a, *q)

    def mlx():
        a, q = in_mlx(x, "bfloat16"), mx.quantize(in_mlx(w, "bfloat16"))
        return lambda: mx.quantized_matmul(a, *q)

    def pytorch():
        a, b = in_torch(x, "bfloat16"), in_torch(w, "bfloat16")
        return lambda: a @ b.T

    # Half a byte for each code, and a scale and a bias of two bytes for 64 of them.
    race(tiny=tiny, mlx=mlx, pytorch=pytorch, bytes=w.size * 9 // 16)
