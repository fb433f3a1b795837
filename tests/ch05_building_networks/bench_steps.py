"""Whole training steps through modules and optimizers: what the trees cost, eager and compiled."""

import mlx.core as mx
import mlx.nn
import mlx.optimizers
import numpy as np
import torch

from course.grading.marks import exercise

# So small that the weights (and the time of a step) stay what they are: no overflow, no denormals.
RATE = 1e-6
random = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return random.normal(size=shape).astype(np.float32)


def step_of(nn, model, optimizer, loss):
    """Loss, gradients, update: the same words for ``tinymlx`` and for MLX."""
    value_and_grad = nn.value_and_grad(model, loss)

    def step(*batch):
        value, gradients = value_and_grad(*batch)
        optimizer.update(model, gradients)
        return value, model.state

    return step


def compiled(lib, step, model, optimizer):
    optimizer.init(model.trainable_parameters())
    state = [model.state, optimizer.state]
    return lib.compile(step, inputs=state, outputs=state)


# A stack of linear layers and layer normalizations

WIDTH, DEPTH, ROWS = 256, 6, 128
X, Y = normal(ROWS, WIDTH), normal(ROWS, WIDTH)


def stack_of(nn):
    layers = []
    for _ in range(DEPTH):
        layers += [nn.Linear(WIDTH, WIDTH), nn.LayerNorm(WIDTH), nn.ReLU()]
    return nn.Sequential(*layers)


def stack_step(lib, nn, optimizers, array, compile):
    model, optimizer = stack_of(nn), optimizers.Adam(RATE)

    def loss(x, y):
        return nn.losses.mse_loss(model(x), y, reduction="mean")

    step, x, y = step_of(nn, model, optimizer, loss), array(X), array(Y)
    if compile:
        step = compiled(lib, step, model, optimizer)
    return lambda: step(x, y)


@exercise("5.17")
def bench_layer_norm_stack(race):
    """Six times Linear 256, LayerNorm, ReLU; 128 rows; loss, gradients, Adam."""

    def tiny(_package, compile=False):
        from tinymlx import core, nn, optimizers

        return stack_step(core, nn, optimizers, core.array, compile)

    def mlx_(compile=False):
        return stack_step(mx, mlx.nn, mlx.optimizers, mx.array, compile)

    def pytorch(compiled):
        layers = []
        for _ in range(DEPTH):
            layers += [torch.nn.Linear(WIDTH, WIDTH), torch.nn.LayerNorm(WIDTH), torch.nn.ReLU()]
        model = torch.nn.Sequential(*layers)
        optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
        x, y = torch.from_numpy(X), torch.from_numpy(Y)

        def loss():
            return torch.nn.functional.mse_loss(model(x), y)

        loss = torch.compile(loss) if compiled else loss  # both ways; the optimizer runs eagerly

        def step():
            optimizer.zero_grad()
            value = loss()
            value.backward()
            optimizer.step()
            return value

        return step

    race(
        tiny=tiny,
        tiny_compiled=lambda package: tiny(package, True),
        mlx=mlx_,
        mlx_compiled=lambda: mlx_(True),
        pytorch=lambda: pytorch(False),
        pytorch_compiled=lambda: pytorch(True),
        # Forward, the gradient by each weight, and by the input of each layer but the first.
        flops=2 * ROWS * WIDTH**2 * (3 * DEPTH - 1),
    )


# A bag of embeddings

TOKENS, DIMS, LENGTH, CLASSES, TEXTS = 5000, 64, 32, 10, 256
TEXT = random.integers(0, TOKENS, size=(TEXTS, LENGTH)).astype(np.int32)
LABELS = random.integers(0, CLASSES, size=TEXTS).astype(np.int32)


def bag_step(lib, nn, optimizers, array, compile):
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(TOKENS, DIMS)
            self.out = nn.Linear(DIMS, CLASSES)

        def __call__(self, text):
            return self.out(self.embed(text).mean(1))

    model, optimizer = Bag(), optimizers.SGD(RATE)

    def loss(text, labels):
        return nn.losses.cross_entropy(model(text), labels, reduction="mean")

    step = step_of(nn, model, optimizer, loss)
    text, labels = array(TEXT), array(LABELS)
    if compile:
        step = compiled(lib, step, model, optimizer)
    return lambda: step(text, labels)


@exercise("5.16")
def bench_embedding_bag(race):
    """256 texts of 32 tokens: Embedding 5000 x 64, mean, Linear, cross entropy, SGD."""

    def tiny(_package, compile=False):
        from tinymlx import core, nn, optimizers

        return bag_step(core, nn, optimizers, core.array, compile)

    def mlx_(compile=False):
        return bag_step(mx, mlx.nn, mlx.optimizers, mx.array, compile)

    def pytorch(compiled):
        embed, out = torch.nn.Embedding(TOKENS, DIMS), torch.nn.Linear(DIMS, CLASSES)
        optimizer = torch.optim.SGD([*embed.parameters(), *out.parameters()], lr=RATE)
        text, labels = torch.from_numpy(TEXT), torch.from_numpy(LABELS).long()

        def loss():
            return torch.nn.functional.cross_entropy(out(embed(text).mean(1)), labels)

        loss = torch.compile(loss) if compiled else loss  # both ways; the optimizer runs eagerly

        def step():
            optimizer.zero_grad()
            value = loss()
            value.backward()
            optimizer.step()
            return value

        return step

    race(
        tiny=tiny,
        tiny_compiled=lambda package: tiny(package, True),
        mlx=mlx_,
        mlx_compiled=lambda: mlx_(True),
        pytorch=lambda: pytorch(False),
        pytorch_compiled=lambda: pytorch(True),
        # The table and its gradient (written, then read), once each way.
        bytes=4 * (4 * TOKENS * DIMS + 2 * TEXTS * LENGTH * DIMS),
    )
