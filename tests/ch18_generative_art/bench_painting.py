"""A compiled training step of modulated kernels, as the generator has them, with Adam."""

import mlx.core as mx
import mlx.nn
import mlx.optimizers
import numpy as np
import torch

from course.grading.marks import exercise

RANDOM = np.random.default_rng(0)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
BATCH, SIDE, LATENT, WIDTH, LAYERS = 16, 16, 32, 32, 3
Z = RANDOM.normal(size=(BATCH, LATENT)).astype(np.float32)
X = RANDOM.normal(size=(BATCH, SIDE, SIDE, WIDTH)).astype(np.float32)
Y = RANDOM.normal(size=(BATCH, SIDE, SIDE, WIDTH)).astype(np.float32)
FLOPS = 3 * LAYERS * 2 * BATCH * SIDE**2 * WIDTH**2 * 9


def network_of(nn, core, modulated):
    """Layers whose kernels a style scales, of another library's parts, channels last."""

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = core.random.normal((WIDTH, 3, 3, WIDTH)) / (9 * WIDTH) ** 0.5
            self.bias = core.zeros((WIDTH,))
            self.style = nn.Linear(LATENT, WIDTH)

        def __call__(self, x, z):
            y = modulated(x, self.weight, 1 + self.style(z)) + self.bias
            return nn.leaky_relu(y, 0.2)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [Layer() for _ in range(LAYERS)]

        def __call__(self, x, z):
            for layer in self.layers:
                x = layer(x, z)
            return x

    return Network()


def tiny_step(tinymlx):
    """Ours, with the trainer's own step."""
    from tinymlx import core, nn, optimizers
    from tinymlx.art.mixing import modulated_conv2d
    from tinymlx.training import Trainer

    def loss(model, x, z, y):
        return core.mean(core.square(model(x, z) - y))

    model = network_of(nn, core, modulated_conv2d)
    trainer = Trainer(model, optimizers.Adam(1e-3), loss)
    step, arrays = trainer.prepared(), [core.array(a) for a in (X, Z, Y)]
    return lambda: (step(*arrays), trainer.changing())


def mlx_step():
    """MLX's own layers, transforms and optimizer; the same way to modulate."""

    def modulated(x, weight, style):
        y = mx.conv2d(x * style[:, None, None], weight, padding=1)
        strength = mx.square(weight).sum(axis=(1, 2))
        return y * mx.rsqrt(mx.square(style) @ strength.T + 1e-8)[:, None, None]

    model = network_of(mlx.nn, mx, modulated)
    optimizer = mlx.optimizers.Adam(1e-3)
    optimizer.init(model.trainable_parameters())
    state = [model.state, optimizer.state]

    def loss(model, x, z, y):
        return mx.square(model(x, z) - y).mean()

    slopes = mlx.nn.value_and_grad(model, loss)

    def step(x, z, y):
        value, gradients = slopes(model, x, z, y)
        optimizer.update(model, gradients)
        return value

    compiled = mx.compile(step, inputs=state, outputs=state)
    arrays = [mx.array(a) for a in (X, Z, Y)]
    return lambda: (compiled(*arrays), state)


class TorchNetwork(torch.nn.Module):
    """The same in PyTorch, channels first."""

    def __init__(self):
        super().__init__()
        scale = 1 / (9 * WIDTH) ** 0.5
        self.weights = torch.nn.ParameterList(
            [scale * torch.randn(WIDTH, WIDTH, 3, 3) for _ in range(LAYERS)]
        )
        self.biases = torch.nn.ParameterList([torch.zeros(WIDTH) for _ in range(LAYERS)])
        self.styles = torch.nn.ModuleList([torch.nn.Linear(LATENT, WIDTH) for _ in range(LAYERS)])

    def forward(self, x, z):
        for weight, bias, style in zip(self.weights, self.biases, self.styles):
            s = 1 + style(z)
            y = torch.nn.functional.conv2d(x * s[:, :, None, None], weight, padding=1)
            scale = torch.rsqrt(s.square() @ weight.square().sum((2, 3)).T + 1e-8)
            x = torch.nn.functional.leaky_relu(
                y * scale[:, :, None, None] + bias[:, None, None], 0.2
            )
        return x


def torch_step():
    """PyTorch, uncompiled."""
    model = TorchNetwork().to(DEVICE)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    z = torch.from_numpy(Z).to(DEVICE)
    x, y = (torch.from_numpy(a).movedim(-1, 1).to(DEVICE) for a in (X, Y))

    def step():
        optimizer.zero_grad()
        loss = (model(x, z) - y).square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


@exercise("18.9")
def bench_a_training_step(race):
    """16 pictures through three modulated layers and back, and all weights moved."""
    race(tiny_compiled=tiny_step, mlx_compiled=mlx_step, pytorch=torch_step, flops=FLOPS)
