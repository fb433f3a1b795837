"""The given parts of chapter 9: whole networks, waves, and the 25 Gaussians."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import SimpleNamespace

import mlx.core as mx
import numpy as np
import pytest
import torch

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry
from tinymlx.data import gaussians


@pytest.fixture(scope="module")
def library(project: Project, registry: Registry) -> Iterator[SimpleNamespace]:
    with implementation(project, registry, "solutions"):
        from tinymlx import core
        from tinymlx.generative.spectral import SpectralNorm
        from tinymlx.models import conditional_gan, dcgan, perceptron

        yield SimpleNamespace(
            core=core,
            dcgan=dcgan,
            conditional=conditional_gan,
            perceptron=perceptron,
            SpectralNorm=SpectralNorm,
        )


@pytest.mark.parametrize("side, channels", [(28, 1), (8, 1), (32, 3)])
def test_shapes_of_whole_networks(library: SimpleNamespace, side: int, channels: int) -> None:
    core, dcgan = library.core, library.dcgan
    options = {"side": side, "channels": channels, "width": 4}
    made = dcgan.Generator(5, **options)(core.random.normal((6, 5)))
    assert made.shape == (6, side, side, channels)
    assert core.max(core.abs(made)).item() <= 1
    for more in ({}, {"normalize": "layer"}, {"normalize": None, "wrap": library.SpectralNorm}):
        for group in (0, 3):
            network = dcgan.Discriminator(**options, **more, group=group)
            assert network.features(made).shape == (6, network.dims)
            assert network(made).shape == (6,)
    network = library.conditional.ProjectionDiscriminator(3, **options)
    drawer = library.conditional.ConditionalGenerator(3, 5, **options)
    labels = core.array([0, 1, 2, 0, 1, 2])
    assert network(drawer(core.random.normal((6, 5)), labels), labels).shape == (6,)


def test_a_discriminator_without_extras(library: SimpleNamespace) -> None:
    """Against PyTorch: two convolutions and a linear layer."""
    core = library.core
    rng = np.random.default_rng(0)
    network = library.dcgan.Discriminator(16, 2, 3, normalize=None)
    weights = {
        "blocks.0.conv.weight": rng.normal(size=(3, 4, 4, 2)),
        "blocks.0.conv.bias": rng.normal(size=3),
        "blocks.1.conv.weight": rng.normal(size=(6, 4, 4, 3)),
        "blocks.1.conv.bias": rng.normal(size=6),
        "linear.weight": rng.normal(size=(1, 96)),
        "linear.bias": rng.normal(size=1),
    }
    x = rng.normal(size=(2, 16, 16, 2))
    network.load_weights([(n, core.array(w.astype(np.float32))) for n, w in weights.items()])
    found = np.array(network(core.array(x.astype(np.float32))).tolist())
    y = torch.from_numpy(x).permute(0, 3, 1, 2)
    for i in range(2):
        w = torch.from_numpy(weights[f"blocks.{i}.conv.weight"]).permute(0, 3, 1, 2)
        y = torch.nn.functional.conv2d(
            y, w, torch.from_numpy(weights[f"blocks.{i}.conv.bias"]), 2, 1
        )
        y = torch.nn.functional.leaky_relu(y, 0.2)
    flat = y.permute(0, 2, 3, 1).reshape(2, -1)
    expected = flat @ torch.from_numpy(weights["linear.weight"]).T
    expected = (expected[:, 0] + weights["linear.bias"][0]).numpy()
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max() + 1e-3


def test_perceptrons_and_waves(library: SimpleNamespace) -> None:
    core, perceptron = library.core, library.perceptron
    drawer = perceptron.Perceptron(3, (7, 5), (4, 4, 1), bounded=True)
    made = drawer(100 * core.random.normal((2, 3)))
    assert made.shape == (2, 4, 4, 1) and core.max(core.abs(made)).item() <= 1
    assert perceptron.Perceptron(16, (7,))(made).shape == (2,)
    network = perceptron.Waves(2, 6, 3.0, perceptron.Perceptron(14, (5,)))
    assert network(core.zeros((4, 2))).shape == (4,)
    assert "directions" in network.parameters()
    assert "directions" not in network.trainable_parameters()


def test_the_density_of_25_gaussians() -> None:
    """It sums to 1, and is as dense around a centre as samples are."""
    line = mx.arange(-4, 4, 0.02) + 0.01
    grid = mx.stack([a.reshape(-1) for a in mx.meshgrid(line, line)], axis=1)
    for log_density in (gaussians.log_density, gaussians.log_normal):
        inside = mx.exp(log_density(grid)).sum().item() * 0.02**2
        assert abs(inside - (1 if log_density is gaussians.log_density else 0.9847)) < 2e-3
    assert gaussians.centres().shape == (25, 2)
    points = gaussians.sample(20_000, mx.random.key(0))
    assert np.array_equal(points, gaussians.sample(20_000, mx.random.key(0)))
    away = mx.sqrt(mx.square(points[:, None] - gaussians.centres()).sum(axis=-1))
    near = (away <= gaussians.SPREAD).any(axis=1)
    # A two-dimensional normal distribution has 1 - exp(-1/2) within one deviation; the bound is
    # missed by chance once in 500 million runs.
    share = 1 - math.exp(-1 / 2)
    assert abs(near.astype(mx.float32).mean().item() - share) < 6 * math.sqrt(share / 20_000)
    counts = np.bincount(np.array(away.argmin(axis=1)), minlength=25)
    assert np.abs(counts - 800).max() < 6 * math.sqrt(800)
