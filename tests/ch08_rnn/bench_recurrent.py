"""A training step of an LSTM over 64 and 256 steps, and the same network step by step."""

from functools import partial

import mlx.core as mx
import mlx.nn as mlx_nn
import mlx.optimizers as mlx_optimizers
import numpy as np
import torch

from course.grading.marks import exercise

ROWS, TOKENS, WIDTH = 32, 64, 256
GATES = 4 * WIDTH


class Reader:
    """Embedding, LSTM and logits, of MLX's or tinymlx's layers."""

    def __new__(cls, nn):
        class Network(nn.Module):
            def __init__(self):
                super().__init__()
                self.embedding = nn.Embedding(TOKENS, WIDTH)
                self.lstm = nn.LSTM(WIDTH, WIDTH)
                self.head = nn.Linear(WIDTH, TOKENS)

            def __call__(self, tokens):
                return self.head(self.lstm(self.embedding(tokens))[0])

        return Network()


def training_step(lib, nn, optimizers, steps, compile):
    """A step of Adam on one batch."""
    tokens = np.random.default_rng(0).integers(0, TOKENS, (ROWS, steps + 1)).astype(np.int32)
    x, y = lib.array(tokens[:, :-1]), lib.array(tokens[:, 1:])
    model, optimizer = Reader(nn), optimizers.Adam(1e-3)
    optimizer.init(model.trainable_parameters())

    def loss(x, y):
        return nn.losses.cross_entropy(model(x), y, reduction="mean")

    value_and_gradient = nn.value_and_grad(model, loss)

    def step(x, y):
        value, gradients = value_and_gradient(x, y)
        optimizer.update(model, gradients)
        return value

    state = [model.state, optimizer.state]
    if compile:
        step = lib.compile(step, inputs=state, outputs=state)
    return lambda: (step(x, y), state)


def torch_step(steps, compile=False):
    tokens = np.random.default_rng(0).integers(0, TOKENS, (ROWS, steps + 1))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokens = torch.from_numpy(tokens).to(device)
    x, y = tokens[:, :-1], tokens[:, 1:]
    embedding = torch.nn.Embedding(TOKENS, WIDTH)
    lstm = torch.nn.LSTM(WIDTH, WIDTH, batch_first=True)
    head = torch.nn.Linear(WIDTH, TOKENS)
    network = torch.nn.ModuleList([embedding, lstm, head]).to(device)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)

    def loss():
        logits = head(lstm(embedding(x))[0])
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())

    loss = torch.compile(loss) if compile else loss  # both ways; the optimizer runs eagerly

    def step():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        return value

    return step


def reading(race, steps):
    """All candidates, over a number of steps."""

    def tiny(_tinymlx, compile=False):
        from tinymlx import core, nn, optimizers

        return training_step(core, nn, optimizers, steps, compile)

    # The race hands the package to every candidate that takes an argument: MLX's take none.
    native = (mx, mlx_nn, mlx_optimizers, steps)
    race(
        tiny=tiny,
        tiny_compiled=partial(tiny, compile=True),
        mlx=partial(training_step, *native, False),
        mlx_compiled=partial(training_step, *native, True),
        pytorch=partial(torch_step, steps),
        pytorch_compiled=partial(torch_step, steps, True),
        # A product with a weight is 2 * rows * inputs * outputs; a gradient takes three of each.
        flops=6 * ROWS * steps * (2 * WIDTH * GATES + WIDTH * TOKENS),
    )


@exercise("8.8", "8.11")
def bench_lstm_over_64_steps(race):
    """A training step: 32 sequences of 64 characters, an LSTM of 256."""
    reading(race, 64)


@exercise("8.8", "8.11")
def bench_lstm_over_256_steps(race):
    """A training step: 32 sequences of 256 characters, an LSTM of 256."""
    reading(race, 256)


@exercise("8.7", "8.8")
def bench_the_walk_back(race):
    """The gradient of an LSTM of 64 over 100 steps: one operation, against the loop in MLX."""
    rows, steps, width = 16, 100, 64
    random = np.random.default_rng(0)
    inputs = random.normal(size=(steps, rows, 4 * width)).astype(np.float32)
    weights = random.normal(size=(4 * width, width), scale=0.1).astype(np.float32)

    def tiny(_tinymlx, compile=False):
        from tinymlx import core
        from tinymlx.core.recurrence import cells
        from tinymlx.core.recurrence.loop import recurrence

        x, w, zeros = core.array(inputs), core.array(weights), core.zeros((rows, width))

        def loss(w):
            return core.sum(recurrence(cells.LSTM, x, w, None, [zeros, zeros])[0])

        gradient = core.compile(core.grad(loss)) if compile else core.grad(loss)
        return lambda: gradient(w)

    def native_loop(compile):
        x, w, zeros = mx.array(inputs), mx.array(weights), mx.zeros((rows, width))

        def loss(w):
            h, c, total = zeros, zeros, 0.0
            for t in range(steps):
                i, f, g, o = mx.split(x[t] + h @ w.T, 4, axis=-1)
                c = mx.sigmoid(f) * c + mx.sigmoid(i) * mx.tanh(g)
                h = mx.sigmoid(o) * mx.tanh(c)
                total = total + h.sum()
            return total

        gradient = mx.compile(mx.grad(loss)) if compile else mx.grad(loss)
        return lambda: gradient(w)

    race(
        tiny=tiny,
        tiny_compiled=partial(tiny, compile=True),
        mlx=partial(native_loop, False),
        mlx_compiled=partial(native_loop, True),
    )
