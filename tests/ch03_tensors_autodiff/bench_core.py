"""What a library above the line costs: arrays nobody watches, gradients, a whole training step."""

import mlx.core as mx
import numpy as np
import torch

from course.grading.marks import exercise

random = np.random.default_rng(0)

# Small arrays, so that what is timed is the bookkeeping and not the arithmetic.
NUMBERS = random.uniform(0.5, 1.5, size=256).astype(np.float32)
ROUNDS = 25


def chain(lib, x):
    """A hundred elementwise operations in a row; the numbers stay near 1."""
    for _ in range(ROUNDS):
        x = lib.exp(lib.sin(x) - 1.0) * 2.0
    return x


@exercise("3.5")
def bench_unwatched_chain(race):
    """100 elementwise operations on 256 numbers that no transform watches."""

    def tiny(_package):
        from tinymlx import core

        x = core.array(NUMBERS)
        return lambda: chain(core, x)

    def mlx():
        x = mx.array(NUMBERS)
        return lambda: chain(mx, x)

    def pytorch():
        x = torch.from_numpy(NUMBERS)
        return lambda: chain(torch, x)

    race(tiny=tiny, mlx=mlx, pytorch=pytorch, flops=4 * ROUNDS * NUMBERS.size)


@exercise("3.9")
def bench_watched_chain(race):
    """The gradient of the sum of the same chain: recorded, and walked back."""

    def tiny(_package):
        from tinymlx import core

        x, slope = core.array(NUMBERS), core.grad(lambda x: chain(core, x).sum())
        return lambda: slope(x)

    def mlx():
        x, slope = mx.array(NUMBERS), mx.grad(lambda x: chain(mx, x).sum())
        return lambda: slope(x)

    def pytorch():
        x = torch.from_numpy(NUMBERS).requires_grad_()
        return lambda: torch.autograd.grad(chain(torch, x).sum(), x)

    race(tiny=tiny, mlx=mlx, pytorch=pytorch, flops=12 * ROUNDS * NUMBERS.size)


# A perceptron with two hidden layers, as for handwritten digits.
SIZES, BATCH, RATE = (784, 256, 256, 10), 128, 0.1
X = random.normal(size=(BATCH, SIZES[0])).astype(np.float32)
Y = np.eye(SIZES[-1], dtype=np.float32)[random.integers(0, SIZES[-1], BATCH)]
WEIGHTS = [
    (random.normal(size=(n, m)) / np.sqrt(n)).astype(np.float32)
    for n, m in zip(SIZES[:-1], SIZES[1:], strict=True)
]
BIASES = [np.zeros(m, np.float32) for m in SIZES[1:]]

# Forward, the gradient by each weight, and by each layer's input but the first.
PRODUCTS = [n * m for n, m in zip(SIZES[:-1], SIZES[1:], strict=True)]
FLOPS = 2 * BATCH * (2 * PRODUCTS[0] + 3 * sum(PRODUCTS[1:]))


def loss(lib, parameters, x, y):
    """Cross entropy of the logits, against rows that are 1 at the right digit."""
    (w1, b1), (w2, b2), (w3, b3) = parameters
    x = lib.maximum(x @ w1 + b1, 0)
    x = lib.maximum(x @ w2 + b2, 0)
    logits = x @ w3 + b3
    return (lib.logsumexp(logits, axis=1) - (logits * y).sum(axis=1)).mean()


def training_step(lib):
    """Loss, gradients and new parameters, for ``mlx.core`` and for ``tinymlx.core``."""
    value_and_grad = lib.value_and_grad(lambda p, x, y: loss(lib, p, x, y))

    def step(parameters, x, y):
        value, gradients = value_and_grad(parameters, x, y)
        new = [
            [p - RATE * g for p, g in zip(layer, slopes, strict=True)]
            for layer, slopes in zip(parameters, gradients, strict=True)
        ]
        return value, new

    return step


def tiny_arguments(core):
    layers = [[core.array(w), core.array(b)] for w, b in zip(WEIGHTS, BIASES, strict=True)]
    return layers, core.array(X), core.array(Y)


@exercise("3.9")
def bench_training_step(race):
    """784-256-256-10, batch of 128: loss, gradients, SGD; eager and compiled."""

    def tiny(_package):
        from tinymlx import core

        step, arguments = training_step(core), tiny_arguments(core)
        return lambda: step(*arguments)

    def mlx():
        step, arguments = training_step(mx), tiny_arguments(mx)
        return lambda: step(*arguments)

    def tiny_compiled(_package):
        from tinymlx import core

        step, arguments = core.compile(training_step(core)), tiny_arguments(core)
        return lambda: step(*arguments)

    def mlx_compiled():
        step, arguments = mx.compile(training_step(mx)), tiny_arguments(mx)
        return lambda: step(*arguments)

    def pytorch():
        parameters = [
            [torch.from_numpy(a).requires_grad_() for a in layer]
            for layer in zip(WEIGHTS, BIASES, strict=True)
        ]
        x, y, zero = torch.from_numpy(X), torch.from_numpy(Y), torch.tensor(0.0)

        class Torch:  # `maximum` takes no number
            maximum = staticmethod(lambda a, _: torch.maximum(a, zero))
            logsumexp = staticmethod(torch.logsumexp)

        def step():
            value = loss(Torch, parameters, x, y)
            flat = [p for layer in parameters for p in layer]
            slopes = torch.autograd.grad(value, flat)
            with torch.no_grad():
                return value, [p - RATE * g for p, g in zip(flat, slopes, strict=True)]

        return step

    race(
        tiny=tiny,
        mlx=mlx,
        tiny_compiled=tiny_compiled,
        mlx_compiled=mlx_compiled,
        pytorch=pytorch,
        flops=FLOPS,
    )
