"""A step of both sides of a DCGAN, and a step of a critic with a penalty on its slope."""

from functools import partial

import mlx.core as mx
import mlx.nn as mlx_nn
import mlx.optimizers as mlx_optimizers
import numpy as np
import torch

from course.grading.marks import exercise

BATCH, LATENT, WIDTH = 64, 64, 32
# Multiplications and additions of one picture forwards, in millions: the generator's linear layer
# and two transposed convolutions, and the discriminator's mirror of it.
GENERATOR = 2 * (LATENT * 3136 + 49 * 16 * 64 * 32 + 196 * 16 * 32)
DISCRIMINATOR = 2 * (196 * 16 * 32 + 49 * 16 * 32 * 64 + 3136)


def numbers():
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, (BATCH, 28, 28, 1)).astype(np.float32)
    return x, random.normal(size=(2, BATCH, LATENT)).astype(np.float32)


class Networks:
    """Generator and discriminator, of MLX's or tinymlx's layers."""

    def __init__(self, lib, nn, normalize):
        class Generator(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(LATENT, 3136, bias=False)
                self.norms = [nn.BatchNorm(64), nn.BatchNorm(32)]
                self.up = nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False)
                self.last = nn.ConvTranspose2d(32, 1, 4, 2, 1)

            def __call__(self, z):
                x = nn.relu(self.norms[0](self.linear(z).reshape(-1, 7, 7, 64)))
                return lib.tanh(self.last(nn.relu(self.norms[1](self.up(x)))))

        class Discriminator(nn.Module):
            def __init__(self):
                super().__init__()
                self.first = nn.Conv2d(1, 32, 4, 2, 1)
                self.second = nn.Conv2d(32, 64, 4, 2, 1, bias=False)
                self.norm = nn.BatchNorm(64) if normalize == "batch" else nn.GroupNorm(1, 64)
                self.linear = nn.Linear(3136, 1)

            def __call__(self, x):
                x = nn.leaky_relu(self.first(x), 0.2)
                x = nn.leaky_relu(self.norm(self.second(x)), 0.2)
                return self.linear(x.reshape(x.shape[0], -1))[:, 0]

        self.generator, self.discriminator = Generator(), Discriminator()


def softplus_mean(lib, x):
    return lib.mean(lib.logaddexp(x, lib.array(0.0)))


def dcgan_step(lib, nn, optimizers, compile):
    """Both sides once."""
    x, latents = (lib.array(a) for a in numbers())
    networks = Networks(lib, nn, "batch")
    g, d = networks.generator, networks.discriminator
    of_g, of_d = (optimizers.Adam(2e-4, betas=[0.5, 0.999]) for _ in range(2))
    of_g.init(g.trainable_parameters())
    of_d.init(d.trainable_parameters())

    def of_discriminator(x, fake):
        return softplus_mean(lib, -d(x)) + softplus_mean(lib, d(fake))

    def of_generator(z):
        return softplus_mean(lib, -d(g(z)))

    by_d, by_g = nn.value_and_grad(d, of_discriminator), nn.value_and_grad(g, of_generator)

    def step(x, latents):
        first, gradients = by_d(x, lib.stop_gradient(g(latents[0])))
        of_d.update(d, gradients)
        second, gradients = by_g(latents[1])
        of_g.update(g, gradients)
        return first, second

    state = [g.state, d.state, of_g.state, of_d.state]
    if compile:
        step = lib.compile(step, inputs=state, outputs=state)
    return lambda: (step(x, latents), state)


def critic_step(lib, nn, optimizers, compile):
    """The critic of a WGAN-GP once: a derivative of a derivative."""
    x = lib.array(numbers()[0])
    d = Networks(lib, nn, "layer").discriminator
    optimizer = optimizers.Adam(2e-4, betas=[0.0, 0.9])
    optimizer.init(d.trainable_parameters())
    fake = lib.tanh(lib.random.normal(x.shape))
    share = lib.random.uniform(shape=(BATCH, 1, 1, 1))

    def loss(x, fake):
        points = share * x + (1 - share) * fake
        slope = lib.grad(lambda x: lib.sum(d(x)))(points)
        lengths = lib.sqrt(lib.sum(lib.square(slope), axis=(1, 2, 3)))
        return lib.mean(d(fake)) - lib.mean(d(x)) + 10 * lib.mean(lib.square(lengths - 1))

    value_and_gradient = nn.value_and_grad(d, loss)

    def step(x, fake):
        value, gradients = value_and_gradient(x, fake)
        optimizer.update(d, gradients)
        return value

    state = [d.state, optimizer.state]
    if compile:
        step = lib.compile(step, inputs=state, outputs=state)
    return lambda: (step(x, fake), state)


def torch_networks(normalize):
    t = torch.nn
    generator = t.Sequential(
        t.Linear(LATENT, 3136, bias=False),
        t.Unflatten(1, (64, 7, 7)),
        t.BatchNorm2d(64),
        t.ReLU(),
        t.ConvTranspose2d(64, 32, 4, 2, 1, bias=False),
        t.BatchNorm2d(32),
        t.ReLU(),
        t.ConvTranspose2d(32, 1, 4, 2, 1),
        t.Tanh(),
    )
    discriminator = t.Sequential(
        t.Conv2d(1, 32, 4, 2, 1),
        t.LeakyReLU(0.2),
        t.Conv2d(32, 64, 4, 2, 1, bias=False),
        t.BatchNorm2d(64) if normalize == "batch" else t.GroupNorm(1, 64),
        t.LeakyReLU(0.2),
        t.Flatten(),
        t.Linear(3136, 1),
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    x, latents = (torch.from_numpy(a).to(device) for a in numbers())
    return generator.to(device), discriminator.to(device), x.movedim(-1, 1).contiguous(), latents


def torch_dcgan(compile=False):
    g, d, x, latents = torch_networks("batch")
    of_g, of_d = (torch.optim.Adam(m.parameters(), 2e-4, (0.5, 0.999)) for m in (g, d))
    softplus = torch.nn.functional.softplus

    def of_discriminator(x, fake):
        return softplus(-d(x)).mean() + softplus(d(fake)).mean()

    def of_generator(z):
        return softplus(-d(g(z))).mean()

    if compile:  # both losses, both ways; the optimizers run eagerly
        of_discriminator, of_generator = map(torch.compile, (of_discriminator, of_generator))

    def step():
        of_d.zero_grad()
        first = of_discriminator(x, g(latents[0]).detach())
        first.backward()
        of_d.step()
        of_g.zero_grad()
        second = of_generator(latents[1])
        second.backward()
        of_g.step()
        return first, second

    return step


def torch_critic():
    _, d, x, _ = torch_networks("layer")
    optimizer = torch.optim.Adam(d.parameters(), 2e-4, (0.0, 0.9))
    fake, share = torch.randn_like(x).tanh(), torch.rand(BATCH, 1, 1, 1, device=x.device)

    def step():
        optimizer.zero_grad()
        points = (share * x + (1 - share) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(d(points).sum(), points, create_graph=True)
        lengths = slope.flatten(1).norm(2, dim=1)
        loss = d(fake).mean() - d(x).mean() + 10 * ((lengths - 1) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    return step


def raced(race, step, pytorch, flops):
    """All candidates; ``pytorch`` by its name."""

    def tiny(_tinymlx, compile=False):
        from tinymlx import core, nn, optimizers

        return step(core, nn, optimizers, compile)

    # The race hands the package to every candidate that takes an argument: MLX's take none.
    native = (mx, mlx_nn, mlx_optimizers)
    race(
        tiny=tiny,
        tiny_compiled=partial(tiny, compile=True),
        mlx=partial(step, *native, False),
        mlx_compiled=partial(step, *native, True),
        **pytorch,
        flops=flops,
    )


@exercise("9.5")
def bench_dcgan_step(race):
    """A step of each side: 64 digits of 28 x 28, 32 and 64 channels."""
    # A gradient by weights and by inputs takes two products more for each one forwards.
    raced(
        race,
        dcgan_step,
        {"pytorch": torch_dcgan, "pytorch_compiled": partial(torch_dcgan, compile=True)},
        BATCH * (GENERATOR + 6 * DISCRIMINATOR + 3 * GENERATOR + 2 * DISCRIMINATOR),
    )


@exercise("9.9")
def bench_critic_step_with_a_penalty(race):
    """A step of a critic with a penalty on the length of its slope: 64 digits."""
    # torch.compile makes no derivatives of derivatives: its critic is the eager one.
    raced(race, critic_step, {"pytorch": torch_critic}, BATCH * (6 + 6) * DISCRIMINATOR)
