"""`tinymlx bench 17`: a compiled training step of the temporal convolution; ridge regression."""

import mlx.core as mx
import mlx.nn as mlx_nn
import mlx.optimizers as mlx_optimizers
import numpy as np
import torch

from course.grading.marks import exercise

ROWS, LENGTH, DIMS, HIDDEN, HORIZON = 128, 72, 16, 32, 24


def data():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(ROWS, LENGTH, DIMS)).astype(np.float32)
    return x, draw.normal(size=(ROWS, HORIZON)).astype(np.float32)


@exercise("17.7")
def bench_temporal_convolution(race):
    """A compiled step of three residual blocks of causal convolutions, Adam, 128 windows."""
    x, y = data()

    def tiny_compiled(tinymlx):
        from tinymlx import core, nn, optimizers
        from tinymlx.forecasting.networks import TemporalConvolution

        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = TemporalConvolution(DIMS, HIDDEN, 3)
                self.out = nn.Linear(HIDDEN, HORIZON)

            def __call__(self, x):
                return self.out(self.layer(x)[:, -1])

        model, optimizer = Model(), optimizers.Adam(1e-3)
        gradient = nn.value_and_grad(model, lambda x, y: core.mean(core.square(model(x) - y)))
        optimizer.init(model.trainable_parameters())
        state = [model.state, optimizer.state]

        def step(x, y):
            loss, gradients = gradient(x, y)
            optimizer.update(model, gradients)
            return loss

        step = core.compile(step, inputs=state, outputs=state)
        a, b = core.array(x), core.array(y)
        return lambda: [step(a, b), state]

    def mlx_compiled():
        class Model(mlx_nn.Module):
            def __init__(self):
                super().__init__()
                ins = [DIMS, HIDDEN, HIDDEN]
                self.first = [mlx_nn.Conv1d(n, HIDDEN, 3, dilation=2**i) for i, n in enumerate(ins)]
                self.second = [mlx_nn.Conv1d(HIDDEN, HIDDEN, 3, dilation=2**i) for i in range(3)]
                self.match = mlx_nn.Linear(DIMS, HIDDEN)
                self.out = mlx_nn.Linear(HIDDEN, HORIZON)

            def __call__(self, x):
                for i in range(3):
                    room = [(0, 0), (2 * 2**i, 0), (0, 0)]
                    inner = mlx_nn.relu(self.first[i](mx.pad(x, room)))
                    inner = mlx_nn.relu(self.second[i](mx.pad(inner, room)))
                    x = (self.match(x) if i == 0 else x) + inner
                return self.out(x[:, -1])

        model, optimizer = Model(), mlx_optimizers.Adam(1e-3)
        gradient = mlx_nn.value_and_grad(model, lambda x, y: mx.mean(mx.square(model(x) - y)))
        optimizer.init(model.trainable_parameters())
        state = [model.state, optimizer.state]

        def step(x, y):
            loss, gradients = gradient(x, y)
            optimizer.update(model, gradients)
            return loss

        step = mx.compile(step, inputs=state, outputs=state)
        a, b = mx.array(x), mx.array(y)
        return lambda: [step(a, b), state]

    def pytorch():
        class Model(torch.nn.Module):
            def __init__(self):
                super().__init__()
                ins = [DIMS, HIDDEN, HIDDEN]
                conv = torch.nn.Conv1d
                self.first = torch.nn.ModuleList(
                    [conv(n, HIDDEN, 3, dilation=2**i) for i, n in enumerate(ins)]
                )
                self.second = torch.nn.ModuleList(
                    [conv(HIDDEN, HIDDEN, 3, dilation=2**i) for i in range(3)]
                )
                self.match = conv(DIMS, HIDDEN, 1)
                self.out = torch.nn.Linear(HIDDEN, HORIZON)

            def forward(self, x):
                x = x.transpose(1, 2)
                for i in range(3):
                    room = (2 * 2**i, 0)
                    inner = torch.relu(self.first[i](torch.nn.functional.pad(x, room)))
                    inner = torch.relu(self.second[i](torch.nn.functional.pad(inner, room)))
                    x = (self.match(x) if i == 0 else x) + inner
                return self.out(x[:, :, -1])

        model = Model()
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        a, b = torch.from_numpy(x), torch.from_numpy(y)

        def step():
            optimizer.zero_grad()
            loss = torch.mean((model(a) - b) ** 2)
            loss.backward()
            optimizer.step()
            return loss.detach()

        return step

    race(tiny_compiled=tiny_compiled, mlx_compiled=mlx_compiled, pytorch=pytorch)


@exercise("17.5")
def bench_ridge(race):
    """720 columns, 8,760 rows, 24 outputs: the products in float64, part by part."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(8760, 720)).astype(np.float32)
    y = draw.normal(size=(8760, 24)).astype(np.float32)

    def tiny(tinymlx):
        from tinymlx import core
        from tinymlx.forecasting.linear import ridge

        a, b = core.array(x), core.array(y)
        return lambda: ridge(a, b, 100.0)

    def pytorch():
        a, b = torch.from_numpy(x).double(), torch.from_numpy(y).double()

        def solve():
            c, d = a - a.mean(0), b - b.mean(0)
            gram = c.T @ c + 100 * torch.eye(720, dtype=torch.float64)
            return torch.cholesky_solve(c.T @ d, torch.linalg.cholesky(gram))

        return solve

    race(tiny=tiny, pytorch=pytorch, flops=2 * 8760 * 720 * 744)
