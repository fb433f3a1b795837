"""Per-example gradients, Hessian-vector products, and a step of the Trainer."""

from functools import partial

import mlx.core as mx
import mlx.nn as mlx_nn
import mlx.optimizers as mlx_optimizers
import numpy as np
import torch

from course.grading.marks import exercise

RANDOM = np.random.default_rng(0)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
ROWS, INPUTS, HIDDEN, OUTPUTS = 128, 64, 128, 10
X = RANDOM.normal(size=(ROWS, INPUTS)).astype(np.float32)
Y = RANDOM.integers(0, OUTPUTS, ROWS).astype(np.int32)
W1 = RANDOM.normal(size=(HIDDEN, INPUTS), scale=0.1).astype(np.float32)
W2 = RANDOM.normal(size=(OUTPUTS, HIDDEN), scale=0.1).astype(np.float32)
# A product with a weight is 2 * rows * inputs * outputs; a gradient takes three of each.
STEP = 6 * ROWS * (INPUTS * HIDDEN + HIDDEN * OUTPUTS)


def loss_of_one(c, parameters, x, y):
    """Cross entropy of one example by two layers, in words that MLX and tinymlx share."""
    w1, w2 = parameters
    logits = w2 @ c.tanh(w1 @ x)
    return c.logsumexp(logits) - c.take(logits, y)


def per_example(c):
    """The gradient of each example, for `mlx.core` or `tinymlx.core`."""
    parameters, x, y = [c.array(W1), c.array(W2)], c.array(X), c.array(Y)
    gradients = c.vmap(c.grad(partial(loss_of_one, c)), in_axes=(None, 0, 0))
    return gradients, (parameters, x, y)


@exercise("6.5", "6.7")
def bench_per_example_gradients(race):
    """The gradients of 128 examples, each for itself, of a network 64-128-10."""

    def tiny(_tinymlx):
        from tinymlx import core

        gradients, arguments = per_example(core)
        return lambda: gradients(*arguments)

    def tiny_compiled(_tinymlx):
        from tinymlx import core

        gradients, arguments = per_example(core)
        compiled = core.compile(gradients)
        return lambda: compiled(*arguments)

    def mlx():
        gradients, arguments = per_example(mx)
        return lambda: gradients(*arguments)

    def mlx_compiled():
        gradients, arguments = per_example(mx)
        compiled = mx.compile(gradients)
        return lambda: compiled(*arguments)

    def pytorch():
        parameters = [torch.from_numpy(W1).to(DEVICE), torch.from_numpy(W2).to(DEVICE)]
        x, y = torch.from_numpy(X).to(DEVICE), torch.from_numpy(Y).long().to(DEVICE)

        def loss(parameters, x, y):
            w1, w2 = parameters
            return torch.nn.functional.cross_entropy(w2 @ torch.tanh(w1 @ x), y)

        gradients = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
        return lambda: gradients(parameters, x, y)

    race(
        tiny=tiny, mlx=mlx, pytorch=pytorch, tiny_compiled=tiny_compiled,
        mlx_compiled=mlx_compiled, flops=STEP,
    )  # fmt: skip


@exercise("6.3", "6.4", "6.9")
def bench_hessian_vector_product(race):
    """The second derivative of the mean loss in one direction, forward over reverse."""

    def product(c):
        w1, w2, x, y = c.array(W1), c.array(W2), c.array(X), c.array(Y)
        direction = c.ones(w1.shape)

        def loss(w1):
            logits = c.tanh(x @ w1.T) @ w2.T
            right = c.take_along_axis(logits, c.expand_dims(y, 1), 1)
            return c.mean(c.logsumexp(logits, 1) - c.squeeze(right, 1))

        return lambda: c.jvp(c.grad(loss), [w1], [direction])[1][0]

    def tiny(_tinymlx):
        from tinymlx import core

        return product(core)

    def pytorch():
        w1, w2 = torch.from_numpy(W1).to(DEVICE), torch.from_numpy(W2).to(DEVICE)
        x, y = torch.from_numpy(X).to(DEVICE), torch.from_numpy(Y).long().to(DEVICE)
        direction = torch.ones_like(w1)

        def loss(w1):
            return torch.nn.functional.cross_entropy(torch.tanh(x @ w1.T) @ w2.T, y)

        return lambda: torch.func.jvp(torch.func.grad(loss), (w1,), (direction,))[1]

    race(tiny=tiny, mlx=lambda: product(mx), pytorch=pytorch, flops=2 * STEP)


@exercise("6.16")
def bench_a_step_of_the_trainer(race):
    """784-256-10, batch of 64, AdamW, compiled: `Trainer.step` against MLX written by hand."""
    x = RANDOM.random((64, 784)).astype(np.float32)
    y = RANDOM.integers(0, 10, 64).astype(np.int32)

    def tiny_compiled(_tinymlx):
        from tinymlx import core, nn, optimizers, training

        def loss(model, x, y):
            return nn.losses.cross_entropy(model(x), y, reduction="mean")

        model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
        trainer = training.Trainer(model, optimizers.AdamW(1e-6), loss)
        batch = core.array(x), core.array(y)
        return lambda: trainer.step(*batch)

    def mlx_compiled():
        model = mlx_nn.Sequential(mlx_nn.Linear(784, 256), mlx_nn.ReLU(), mlx_nn.Linear(256, 10))
        optimizer = mlx_optimizers.AdamW(1e-6)
        optimizer.init(model.trainable_parameters())

        def loss(x, y):
            return mlx_nn.losses.cross_entropy(model(x), y, reduction="mean")

        value_and_grad = mlx_nn.value_and_grad(model, loss)
        state = [model.state, optimizer.state]

        @partial(mx.compile, inputs=state, outputs=state)
        def step(x, y):
            value, gradients = value_and_grad(x, y)
            optimizer.update(model, gradients)
            return value

        batch = mx.array(x), mx.array(y)

        def run():
            value = step(*batch)
            mx.eval(value, state)
            return value.item()

        return run

    race(tiny_compiled=tiny_compiled, mlx_compiled=mlx_compiled, flops=6 * 64 * 794 * 256)


def small_step(lib, nn, optimizers, depth, compile):
    """Loss, gradients and Adam of `depth` layers of 8 x 8: so little arithmetic that all the rest
    shows. There are 6 arrays a layer: weight, bias, and two running means of each."""
    model = nn.Sequential(*[nn.Linear(8, 8) for _ in range(depth)])
    optimizer = optimizers.Adam(1e-6)

    def loss(x, y):
        return nn.losses.mse_loss(model(x), y, reduction="mean")

    value_and_grad = nn.value_and_grad(model, loss)

    def step(x, y):
        value, gradients = value_and_grad(x, y)
        optimizer.update(model, gradients)
        return value

    x, y = lib.ones((4, 8)), lib.ones((4, 8))
    optimizer.init(model.trainable_parameters())
    state = [model.state, optimizer.state]
    if compile:
        step = lib.compile(step, inputs=state, outputs=state)
    return lambda: (step(x, y), state)


def overhead(race, depth):
    def tiny(_tinymlx, compile=False):
        from tinymlx import core, nn, optimizers

        return small_step(core, nn, optimizers, depth, compile)

    def mlx():
        return small_step(mx, mlx_nn, mlx_optimizers, depth, compile=False)

    def mlx_compiled():
        return small_step(mx, mlx_nn, mlx_optimizers, depth, compile=True)

    race(
        tiny=tiny,
        mlx=mlx,
        tiny_compiled=partial(tiny, compile=True),
        mlx_compiled=mlx_compiled,
    )


@exercise("6.2")
def bench_overhead_of_18_arrays(race):
    """A step of 3 layers of 8 x 8 with Adam: what Python costs."""
    overhead(race, 3)


@exercise("6.2")
def bench_overhead_of_126_arrays(race):
    """A step of 21 layers of 8 x 8 with Adam: what Python costs."""
    overhead(race, 21)


@exercise("6.2")
def bench_overhead_of_366_arrays(race):
    """A step of 61 layers of 8 x 8 with Adam: what Python costs."""
    overhead(race, 61)
