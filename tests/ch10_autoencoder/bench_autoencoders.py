"""A training step of a variational autoencoder, and of one whose codes are whole numbers."""

from functools import partial

import mlx.core as mx
import mlx.nn as mlx_nn
import mlx.optimizers as mlx_optimizers
import numpy as np
import torch

from course.grading.marks import exercise

BATCH, PIXELS, HIDDEN, LATENT = 100, 784, (512, 256), 32
CODES, DIMS, WIDTH = 128, 16, 32
RANDOM = np.random.default_rng(0)
INK = (RANDOM.uniform(size=(BATCH, PIXELS)) < 0.2).astype(np.float32)
PICTURES = RANDOM.uniform(size=(BATCH, 28, 28, 1)).astype(np.float32)


def dense(nn, sizes):
    """Linear layers with relu between them."""
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def variational(lib, nn):
    """A model and its loss, in words that MLX and tinymlx share."""

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = dense(nn, (PIXELS, *HIDDEN, 2 * LATENT))
            self.decoder = dense(nn, (LATENT, *reversed(HIDDEN), PIXELS))

        def __call__(self, x):
            mean, log_variance = lib.split(self.encoder(x), 2, axis=-1)
            noise = lib.random.normal(mean.shape)
            logits = self.decoder(mean + lib.exp(0.5 * log_variance) * noise)
            picture = lib.sum(nn.softplus(logits) - x * logits, axis=-1)
            kl = lib.square(mean) + lib.exp(log_variance) - log_variance - 1
            return lib.mean(picture + 0.5 * lib.sum(kl, axis=-1))

    return Model()


def quantizing(lib, nn):
    """The same for codes that are whole numbers, with a codebook that learns by gradient."""

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, WIDTH, 4, 2, 1)
            self.conv2 = nn.Conv2d(WIDTH, 2 * WIDTH, 4, 2, 1)
            self.conv3 = nn.Conv2d(2 * WIDTH, DIMS, 3, 1, 1)
            self.conv4 = nn.Conv2d(DIMS, 2 * WIDTH, 3, 1, 1)
            self.conv5 = nn.ConvTranspose2d(2 * WIDTH, WIDTH, 4, 2, 1)
            self.conv6 = nn.ConvTranspose2d(WIDTH, 1, 4, 2, 1)
            self.book = lib.random.normal((CODES, DIMS))

        def __call__(self, x):
            z = self.conv3(nn.relu(self.conv2(nn.relu(self.conv1(x)))))
            lengths = lib.sum(lib.square(self.book), axis=-1)
            codes = lib.argmin(lengths - 2 * z @ self.book.T, axis=-1)
            e = self.book[lib.stop_gradient(codes)]
            code = lib.mean(lib.square(e - lib.stop_gradient(z)))
            code = code + 0.25 * lib.mean(lib.square(z - lib.stop_gradient(e)))
            z = z + lib.stop_gradient(e - z)
            y = self.conv6(nn.relu(self.conv5(nn.relu(self.conv4(z)))))
            return lib.mean(lib.square(nn.sigmoid(y) - x)) + code

    return Model()


def step_of(build, pictures, lib, nn, optimizers, compile):
    """A step of Adam on one batch."""
    model, optimizer, x = build(lib, nn), optimizers.Adam(1e-3), lib.array(pictures)
    optimizer.init(model.trainable_parameters())
    gradient = nn.value_and_grad(model, lambda x: model(x))

    def step(x):
        value, gradients = gradient(x)
        optimizer.update(model, gradients)
        return value

    state = [model.state, optimizer.state, lib.random.state]
    if compile:
        step = lib.compile(step, inputs=state, outputs=state)
    return lambda: (step(x), state[:2])


def torch_step(modules, loss, pictures, compile):
    """The same in PyTorch; compiled, the loss both ways: the optimizer runs eagerly."""
    loss = torch.compile(loss) if compile else loss
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for module in modules:
        module.to(device)
    parameters = [w for module in modules for w in module.parameters()]
    optimizer = torch.optim.Adam(parameters, 1e-3)
    x = torch.from_numpy(pictures).to(device)

    def step():
        optimizer.zero_grad()
        value = loss(x)
        value.backward()
        optimizer.step()
        return value

    return step


def torch_variational(compile=False):
    encoder = dense(torch.nn, (PIXELS, *HIDDEN, 2 * LATENT))
    decoder = dense(torch.nn, (LATENT, *reversed(HIDDEN), PIXELS))

    def loss(x):
        mean, log_variance = encoder(x).chunk(2, -1)
        logits = decoder(mean + (0.5 * log_variance).exp() * torch.randn_like(mean))
        picture = (torch.nn.functional.softplus(logits) - x * logits).sum(-1)
        kl = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum(-1)
        return (picture + kl).mean()

    return torch_step([encoder, decoder], loss, INK, compile)


def torch_quantizing(compile=False):
    nn, relu = torch.nn, torch.nn.ReLU
    down = nn.Sequential(
        nn.Conv2d(1, WIDTH, 4, 2, 1),
        relu(),
        nn.Conv2d(WIDTH, 2 * WIDTH, 4, 2, 1),
        relu(),
        nn.Conv2d(2 * WIDTH, DIMS, 3, 1, 1),
    )
    up = nn.Sequential(
        nn.Conv2d(DIMS, 2 * WIDTH, 3, 1, 1),
        relu(),
        nn.ConvTranspose2d(2 * WIDTH, WIDTH, 4, 2, 1),
        relu(),
        nn.ConvTranspose2d(WIDTH, 1, 4, 2, 1),
    )
    book = nn.Embedding(CODES, DIMS)

    def loss(x):
        z = down(x).movedim(1, -1)
        vectors = book.weight
        e = vectors[((vectors**2).sum(-1) - 2 * z @ vectors.T).argmin(-1)]
        code = ((e - z.detach()) ** 2).mean() + 0.25 * ((z - e.detach()) ** 2).mean()
        z = z + (e - z).detach()
        return ((torch.sigmoid(up(z.movedim(-1, 1))) - x) ** 2).mean() + code

    return torch_step([down, up, book], loss, PICTURES.transpose(0, 3, 1, 2).copy(), compile)


def steps(race, build, pictures, pytorch, products):
    """All candidates; ``products`` are those of one example, forward."""

    def tiny(_package, compile=False):
        from tinymlx import core, nn, optimizers

        return step_of(build, pictures, core, nn, optimizers, compile)

    native = (build, pictures, mx, mlx_nn, mlx_optimizers)
    race(
        tiny=tiny,
        tiny_compiled=partial(tiny, compile=True),
        mlx=partial(step_of, *native, False),
        mlx_compiled=partial(step_of, *native, True),
        pytorch=pytorch,
        pytorch_compiled=partial(pytorch, compile=True),
        flops=6 * BATCH * products,
    )


@exercise("10.7", "10.9", "10.10")
def bench_a_step_of_a_variational_autoencoder(race):
    """100 digits of 784 pixels, layers of 512 and 256, 32 numbers of a code, Adam."""
    sizes = (PIXELS, *HIDDEN, 2 * LATENT)
    products = sum(a * b for a, b in zip(sizes, sizes[1:], strict=False))
    back = (LATENT, *reversed(HIDDEN), PIXELS)
    products += sum(a * b for a, b in zip(back, back[1:], strict=False))
    steps(race, variational, INK, torch_variational, products)


@exercise("10.16", "10.17")
def bench_a_step_with_codes(race):
    """100 digits of 28 x 28, 7 x 7 codes of 128, Adam."""
    products = 196 * 16 * WIDTH + 49 * 16 * WIDTH * 2 * WIDTH + 49 * 9 * 2 * WIDTH * DIMS
    steps(race, quantizing, PICTURES, torch_quantizing, 2 * products + 49 * DIMS * CODES)
