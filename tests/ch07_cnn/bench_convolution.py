"""Convolutions at the shapes of residual networks, three ways to compute one, and a whole step."""

from functools import partial

import mlx.core as mx
import mlx.nn
import mlx.optimizers
import numpy as np
import pytest
import torch

from course.grading.marks import exercise

RANDOM = np.random.default_rng(0)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# The pictures, their side, channels in and out, all with 3 x 3 kernels and a border of zeros.
SHAPES = {
    "32x32x32x64": (32, 32, 64, 64),
    "32x32x32x3": (32, 32, 3, 64),
    "32x16x16x128": (32, 16, 128, 128),
}


def arrays(shape):
    n, side, inputs, outputs = shape
    x = RANDOM.normal(size=(n, side, side, inputs)).astype(np.float32)
    w = (RANDOM.normal(size=(outputs, 3, 3, inputs)) / 10).astype(np.float32)
    return x, w, 2 * n * side * side * outputs * 9 * inputs


@exercise("7.6", "7.7")
@pytest.mark.parametrize("name", SHAPES)
def bench_forward_and_backward(race, name):
    """A convolution and its two slopes, under a given cotangent."""
    x, w, flops = arrays(SHAPES[name])
    g = RANDOM.normal(size=(*x.shape[:3], w.shape[0])).astype(np.float32)

    def backward(c):
        return lambda x, w, g: c.vjp(lambda x, w: c.conv2d(x, w, padding=1), [x, w], [g])[1]

    def on(c, compile):
        arguments = [c.array(v) for v in (x, w, g)]
        function = c.compile(backward(c)) if compile else backward(c)
        return lambda: function(*arguments)

    def tiny(_package, compile=False):
        from tinymlx import core

        return on(core, compile)

    def pytorch(compile=False):
        first, kernel, cotangent = (
            torch.from_numpy(v)
            .to(DEVICE)
            .movedim(-1, 1)
            .contiguous(memory_format=torch.channels_last)
            for v in (x, w, g)
        )
        first.requires_grad_(), kernel.requires_grad_()

        forward = partial(torch.conv2d, padding=1)
        forward = torch.compile(forward) if compile else forward  # its slopes as well

        def step():
            return torch.autograd.grad(forward(first, kernel), (first, kernel), cotangent)

        return step

    race(
        tiny=tiny,
        tiny_compiled=lambda package: tiny(package, True),
        mlx=lambda: on(mx, False),
        mlx_compiled=lambda: on(mx, True),
        pytorch=pytorch,
        pytorch_compiled=partial(pytorch, compile=True),
        flops=3 * flops,
    )


@exercise("7.1", "7.4")
def bench_three_ways(race):
    """4 pictures of 16 x 16 x 32, 32 kernels: loops, windows times a matrix, the primitive."""
    x, w = (RANDOM.normal(size=s).astype(np.float32) for s in ((4, 16, 16, 32), (32, 3, 3, 32)))

    def way(_package, name):
        from tinymlx import core
        from tinymlx.vision import convolution

        function = core.conv2d if name == "primitive" else getattr(convolution, name)
        a, b = core.array(x), core.array(w)
        return lambda: function(a, b)

    def pytorch():
        a, b = (torch.from_numpy(v).to(DEVICE).movedim(-1, 1).contiguous() for v in (x, w))
        return lambda: torch.conv2d(a, b)

    race(
        tiny=partial(way, name="primitive"),
        tiny_windows=partial(way, name="by_windows"),
        tiny_loops=partial(way, name="by_loops"),
        mlx=lambda: partial(mx.conv2d, mx.array(x), mx.array(w)),
        pytorch=pytorch,
        flops=2 * 4 * 14 * 14 * 32 * 9 * 32,
        # Pictures, windows written and read, kernels, outputs.
        bytes=4 * (x.size + 2 * 4 * 14 * 14 * 9 * 32 + w.size + 4 * 14 * 14 * 32),
    )


BATCH, SIDE, WIDTHS = 32, 32, (16, 32, 64)
PICTURES = RANDOM.normal(size=(BATCH, SIDE, SIDE, 3)).astype(np.float32)
LABELS = RANDOM.integers(0, 10, BATCH).astype(np.int32)


def residual_network(nn):
    """Three blocks with projections, in words that MLX and tinymlx share."""

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1, self.bn2 = nn.BatchNorm(outputs), nn.BatchNorm(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

        def __call__(self, x):
            y = self.bn2(self.conv2(nn.relu(self.bn1(self.conv1(x)))))
            return nn.relu(y + self.shortcut(x))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, WIDTHS[0], 3, padding=1)
            inputs = (WIDTHS[0], *WIDTHS)
            self.blocks = [Block(i, o, s) for i, o, s in zip(inputs, WIDTHS, (1, 2, 2))]
            self.head = nn.Linear(WIDTHS[-1], 10)

        def __call__(self, x):
            x = nn.relu(self.stem(x))
            for block in self.blocks:
                x = block(x)
            return self.head(x.mean((1, 2)))

    return Network()


def step_of(lib, nn, optimizers, compile):
    """A training step: cross entropy, gradients, SGD with momentum."""
    model, optimizer = residual_network(nn), optimizers.SGD(1e-3, momentum=0.9)

    def loss(x, y):
        return nn.losses.cross_entropy(model(x), y, reduction="mean")

    value_and_grad = nn.value_and_grad(model, loss)

    def step(x, y):
        value, gradients = value_and_grad(x, y)
        optimizer.update(model, gradients)
        return value

    x, y = lib.array(PICTURES), lib.array(LABELS)
    state = [model.state, optimizer.state]
    function = lib.compile(step, inputs=state, outputs=state) if compile else step

    def run():
        value = function(x, y)
        lib.eval(value, state)
        return value

    return run


class TorchBlock(torch.nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1, self.bn2 = torch.nn.BatchNorm2d(outputs), torch.nn.BatchNorm2d(outputs)
        self.conv2 = torch.nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.shortcut = torch.nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + self.shortcut(x))


@exercise("7.13")
def bench_a_step_of_a_residual_network(race):
    """32 pictures of 32 x 32, three blocks of width 16, 32, 64, SGD with momentum."""

    def tiny(_package, compile=False):
        from tinymlx import core, nn, optimizers

        return step_of(core, nn, optimizers, compile)

    def pytorch(compile=False):
        inputs = (WIDTHS[0], *WIDTHS)
        blocks = [TorchBlock(i, o, s) for i, o, s in zip(inputs, WIDTHS, (1, 2, 2))]
        body = torch.nn.Sequential(
            torch.nn.Conv2d(3, WIDTHS[0], 3, padding=1), torch.nn.ReLU(), *blocks
        )
        head = torch.nn.Linear(WIDTHS[-1], 10)
        body, head = body.to(DEVICE, memory_format=torch.channels_last), head.to(DEVICE)
        parameters = [*body.parameters(), *head.parameters()]
        optimizer = torch.optim.SGD(parameters, lr=1e-3, momentum=0.9)
        x = torch.from_numpy(PICTURES).to(DEVICE).movedim(-1, 1)  # channels last in memory
        y = torch.from_numpy(LABELS).to(DEVICE).long()

        def loss():
            return torch.nn.functional.cross_entropy(head(body(x).mean((2, 3))), y)

        loss = torch.compile(loss) if compile else loss  # both ways; the optimizer runs eagerly

        def step():
            optimizer.zero_grad()
            value = loss()
            value.backward()
            optimizer.step()
            return value

        return step

    # Products of the stem, the six 3 x 3 convolutions and the three projections, three times each.
    products = 27 * 16 * 32**2
    for inputs, outputs, side in ((16, 16, 32), (16, 32, 16), (32, 64, 8)):
        products += (9 * inputs * outputs + 9 * outputs**2 + inputs * outputs) * side**2
    race(
        tiny=tiny,
        tiny_compiled=lambda package: tiny(package, True),
        mlx=lambda: step_of(mx, mlx.nn, mlx.optimizers, False),
        mlx_compiled=lambda: step_of(mx, mlx.nn, mlx.optimizers, True),
        pytorch=pytorch,
        pytorch_compiled=partial(pytorch, compile=True),
        flops=6 * BATCH * products,
    )
