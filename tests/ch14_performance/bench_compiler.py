"""The compiler against ``mx.compile`` and PyTorch: expressions, Adam, and training steps.

``tiny`` is our compiler, ``tiny_native`` the same program under ``core.compile``, ``mlx`` the same
arithmetic under ``mx.compile`` (for steps, the network on MLX's layers).
"""

import math

import mlx.core as mx
import mlx.nn as mlx_nn
import mlx.optimizers as mlx_optimizers
import numpy as np
import torch

from course.grading.marks import exercise

ON_GPU = mx.default_device().type == mx.gpu
ROWS, COLUMNS = (16384, 1024) if ON_GPU else (1024, 1024)
PARAMETERS = 10_000_000
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(ROWS, COLUMNS)).astype(np.float32)
LINE = DRAW.normal(size=(2, COLUMNS)).astype(np.float32)
DEVICE = "cuda" if ON_GPU and torch.cuda.is_available() else "cpu"


# The same arithmetic three times: `m` is `tinymlx.core`, `mlx.core` or a few names of PyTorch


class Torch:
    """PyTorch by MLX's names."""

    exp, erf, tanh, sigmoid = torch.exp, torch.erf, torch.tanh, torch.sigmoid
    square, rsqrt, sqrt = torch.square, torch.rsqrt, torch.sqrt

    @staticmethod
    def max(x, axis, keepdims):
        return torch.amax(x, axis, keepdims)

    @staticmethod
    def sum(x, axis, keepdims):
        return torch.sum(x, axis, keepdim=keepdims)

    @staticmethod
    def mean(x, axis, keepdims):
        return torch.mean(x, axis, keepdim=keepdims)


def gelu(m, x, w, b):
    return 0.5 * x * (1 + m.erf(x / math.sqrt(2)))


def softmax(m, x, w, b):
    e = m.exp(x - m.max(x, axis=-1, keepdims=True))
    return e / m.sum(e, axis=-1, keepdims=True)


def layer_norm(m, x, w, b):
    d = x - m.mean(x, axis=-1, keepdims=True)
    return d * m.rsqrt(m.mean(m.square(d), axis=-1, keepdims=True) + 1e-5) * w + b


def chain(m, x, w, b):
    return m.tanh(x * 2 + 1) * m.sigmoid(x) - m.square(x) * 0.5 + w


def expression(race, fun, flops):
    """Race one expression over a matrix, a row and a row."""

    def tiny(tinymlx, native=False):
        from tinymlx import compiler, core

        arrays = [core.array(a) for a in (X, *LINE)]
        compile_it = core.compile if native else compiler.compile
        made = compile_it(lambda *xs: fun(core, *xs))
        return lambda: made(*arrays)

    def mlx():
        arrays = [mx.array(a) for a in (X, *LINE)]
        made = mx.compile(lambda *xs: fun(mx, *xs))
        return lambda: made(*arrays)

    def pytorch():
        arrays = [torch.from_numpy(a).to(DEVICE) for a in (X, *LINE)]
        return lambda: fun(Torch, *arrays)

    race(
        tiny=tiny,
        tiny_native=lambda tinymlx: tiny(tinymlx, native=True),
        mlx=mlx,
        mlx_native=mlx,
        pytorch=pytorch,
        flops=flops * X.size,
        bytes=2 * X.nbytes,
    )


@exercise("14.6")
def bench_gelu(race):
    """GELU by the error function."""
    expression(race, gelu, 5)


@exercise("14.6")
def bench_softmax(race):
    """A softmax over rows, written out."""
    expression(race, softmax, 5)


@exercise("14.8")
def bench_layer_norm(race):
    """Layer normalization of rows, written out."""
    expression(race, layer_norm, 9)


@exercise("14.6")
def bench_chain(race):
    """A chain of elementwise operations with a row that is broadcast."""
    expression(race, chain, 8)


@exercise("14.9")
def bench_adam(race):
    """An update of 10 million parameters by Adam, its state captured."""
    numbers = DRAW.normal(size=(2, PARAMETERS)).astype(np.float32)

    def update(m, p, g, first, second):
        first = 0.9 * first + 0.1 * g
        second = 0.999 * second + 0.001 * m.square(g)
        return p - 1e-3 * first / (m.sqrt(second) + 1e-8), first, second

    def tiny(tinymlx, native=False):
        from tinymlx import compiler, core

        g = core.array(numbers[1])
        state = [core.array(numbers[0]), core.zeros_like(g), core.zeros_like(g)]

        def step(g):
            state[:] = update(core, state[0], g, state[1], state[2])

        compile_it = core.compile if native else compiler.compile
        made = compile_it(step, inputs=state, outputs=state)

        def run():
            made(g)
            return state

        return run

    def mlx():
        g = mx.array(numbers[1])
        state = [mx.array(numbers[0]), mx.zeros_like(g), mx.zeros_like(g)]

        def step(g):
            state[:] = update(mx, state[0], g, state[1], state[2])

        made = mx.compile(step, inputs=state, outputs=state)

        def run():
            made(g)
            return state

        return run

    def pytorch():
        p = torch.from_numpy(numbers[0].copy()).to(DEVICE).requires_grad_()
        p.grad = torch.from_numpy(numbers[1].copy()).to(DEVICE)
        optimizer = torch.optim.Adam([p], fused=True)

        def run():
            optimizer.step()
            return p

        return run

    race(
        tiny=tiny,
        tiny_native=lambda tinymlx: tiny(tinymlx, native=True),
        mlx=mlx,
        mlx_native=mlx,
        pytorch=pytorch,
        flops=12 * PARAMETERS,
        bytes=7 * 4 * PARAMETERS,
    )


# Training steps in the sizes of the chapters


def network(nn, kind):
    """The layers of a chapter, on MLX's or our own `nn`."""
    if kind == "perceptron":  # 4
        return [nn.Linear(784, 256), nn.GELU(), nn.Linear(256, 256), nn.GELU(), nn.Linear(256, 10)]
    if kind == "convolutions":  # 7
        body = []
        for inputs, outputs in ((1, 16), (16, 32)):
            body += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm(outputs), nn.ReLU()]
            body.append(nn.MaxPool2d(2, 2))
        return [*body, nn.Linear(32 * 49, 10)]
    if kind == "recurrent":  # 8
        return [nn.LSTM(32, 128), nn.Linear(128, 10)]
    return [nn.TransformerEncoder(2, 128, 4, 512), nn.Linear(128, 10)]  # 11


SHAPES = {
    "perceptron": (256, 784),
    "convolutions": (32, 28, 28, 1),
    "recurrent": (32, 40, 32),
    "transformer": (32, 48, 128),
}


def answer(core, layers, kind, x):
    """The logits."""
    if kind == "recurrent":
        return layers[1](layers[0](x)[0][:, -1])
    if kind == "transformer":
        return layers[1](core.mean(layers[0](x, None), axis=1))
    for layer in layers[:-1]:
        x = layer(x)
    return layers[-1](x.reshape(x.shape[0], -1))


def training(race, kind):
    """Race a whole training step with Adam."""
    x = DRAW.normal(size=SHAPES[kind]).astype(np.float32)
    y = DRAW.integers(0, 10, SHAPES[kind][0]).astype(np.int32)

    def made(core, nn, optimizers, compile_it):
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = network(nn, kind)

            def __call__(self, x):
                return answer(core, self.layers, kind, x)

        model, optimizer = Model(), optimizers.Adam(1e-3)
        optimizer.init(model.trainable_parameters())
        state = [model.state, optimizer.state, core.random.state]

        def loss(model, x, y):
            return core.mean(nn.losses.cross_entropy(model(x), y))

        def step(x, y):
            value, slopes = nn.value_and_grad(model, loss)(model, x, y)
            optimizer.update(model, slopes)
            return value

        compiled = compile_it(step, inputs=state, outputs=state)
        batch = core.array(x), core.array(y)

        def run():
            value = compiled(*batch)
            core.eval(value, model.parameters(), optimizer.state)
            return value

        return run

    def tiny(tinymlx):
        from tinymlx import compiler, core, nn, optimizers

        return made(core, nn, optimizers, compiler.compile)

    def tiny_native(tinymlx):
        from tinymlx import core, nn, optimizers

        return made(core, nn, optimizers, core.compile)

    def mlx():
        return made(mx, mlx_nn, mlx_optimizers, mx.compile)

    race(tiny=tiny, tiny_native=tiny_native, mlx=mlx, mlx_native=mlx)


@exercise("14.9")
def bench_perceptron(race):
    """A training step of chapter 4."""
    training(race, "perceptron")


@exercise("14.9")
def bench_convolutions(race):
    """A training step of chapter 7."""
    training(race, "convolutions")


@exercise("14.9")
def bench_recurrent(race):
    """A training step of chapter 8."""
    training(race, "recurrent")


@exercise("14.9")
def bench_transformer(race):
    """A training step of chapter 11."""
    training(race, "transformer")
