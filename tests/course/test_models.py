"""The given parts of chapter 7: whole networks, stochastic depth, random augmentation, top k."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry


@pytest.fixture(scope="module")
def library(project: Project, registry: Registry) -> Iterator[SimpleNamespace]:
    with implementation(project, registry, "solutions"):
        from tinymlx import core, models, nn, vision
        from tinymlx.training import metrics

        yield SimpleNamespace(core=core, models=models, nn=nn, vision=vision, metrics=metrics)


def test_networks_are_features_and_a_head(library: SimpleNamespace) -> None:
    core, models = library.core, library.models
    x = core.random.normal((2, 32, 32, 3), key=core.random.key(0))
    networks = {
        "lenet": (models.LeNet(7, in_channels=3), (2, 5, 5, 16)),
        "vgg": (models.VGG((4, 8), 1, classes=7), (2, 8, 8, 8)),
        "resnet": (models.ResNet((4, 8), (2, 1), (1, 2), classes=7), (2, 16, 16, 8)),
        "before": (
            models.ResNet((4, 8), (1, 2), (2, 2), (4, 2), 7, pre_activation=True, drop=0.5),
            (2, 4, 4, 8),
        ),
    }
    for name, (network, shape) in networks.items():
        network.eval()
        maps = network.features(x)
        assert maps.shape == shape, name
        assert core.array_equal(network(x), network.head(maps)).item(), name
        assert network(x).shape == (2, 7), name
    with pytest.raises(ValueError, match="stage"):
        models.ResNet((4, 8), (1,), (1, 2))


@pytest.mark.parametrize("stride, outputs", [(1, 3), (2, 5)])
def test_a_block_with_pre_activation(library: SimpleNamespace, stride: int, outputs: int) -> None:
    """Against PyTorch, in training mode, with every weight drawn."""
    rng = np.random.default_rng(0)
    block = library.models.PreActivationBlock(3, outputs, stride)
    x = rng.normal(size=(4, 6, 6, 3)).astype(np.float32)
    assert library.core.all(block.conv2.weight == 0).item()
    kernels = {}
    for name in ("conv1", "conv2", "shortcut"):
        if name in block:
            kernels[name] = rng.normal(size=block[name].weight.shape).astype(np.float32)
            block[name].weight = library.core.array(kernels[name])

    def conv(x: torch.Tensor, name: str, step: int, padding: int) -> torch.Tensor:
        w = torch.from_numpy(kernels[name]).movedim(-1, 1)
        return torch.conv2d(x, w, stride=step, padding=padding)

    def norm(x: torch.Tensor) -> torch.Tensor:
        return torch.relu(torch.nn.functional.batch_norm(x, None, None, training=True))

    first = torch.from_numpy(x).movedim(-1, 1)
    h = norm(first)
    branch = conv(norm(conv(h, "conv1", stride, 1)), "conv2", 1, 1)
    expected = branch + (conv(h, "shortcut", stride, 0) if "shortcut" in kernels else first)
    found = np.array(block(library.core.array(x)))
    np.testing.assert_allclose(found, expected.movedim(1, -1).numpy(), rtol=1e-4, atol=1e-3)


def test_stochastic_depth_keeps_the_mean(library: SimpleNamespace) -> None:
    """Of 4000 examples a quarter is left out: 1000, with a standard deviation of 27."""
    core = library.core
    layer = library.models.StochasticDepth(0.25)
    core.random.seed(3)
    y = layer(core.ones((4000, 2, 2, 1)))
    values = np.array(y).reshape(4000, -1)
    assert (values == values[:, :1]).all()
    assert set(np.unique(values).round(4)) == {0.0, np.float32(1.3333)}
    assert abs((values[:, 0] == 0).sum() - 1000) < 7 * 27
    layer.eval()
    assert core.all(layer(y) == y).item()
    with pytest.raises(ValueError, match="rate"):
        library.models.StochasticDepth(1.0)


def test_random_augmentation_follows_from_its_key(library: SimpleNamespace) -> None:
    core, mixing = library.core, library.vision.mixing
    x = core.random.uniform(shape=(6, 8, 8, 3), key=core.random.key(0))
    targets = mixing.one_hot(core.array([0, 1, 2, 0, 1, 2]), 3)
    changes = {
        "flip": lambda key: library.vision.augmentation.random_flip(x, key),
        "cutout": lambda key: mixing.random_cutout(x, 4, key),
        "mixup": lambda key: mixing.mixup(x, targets, key=key)[0],
        "colours": lambda key: mixing.random_colours(x, 0.3, key),
    }
    for name, change in changes.items():
        one, again, other = (change(core.random.key(seed)) for seed in (1, 1, 4))
        assert core.array_equal(one, again).item(), name
        assert not core.array_equal(one, other).item(), name
        assert one.shape == x.shape and 0 <= one.min().item() <= one.max().item() <= 1, name
    _, mixed = mixing.mixup(x, targets, key=core.random.key(2))
    np.testing.assert_allclose(np.array(mixed.sum(1)), np.ones(6), rtol=1e-6)


def test_top_k_accuracy(library: SimpleNamespace) -> None:
    from sklearn.metrics import top_k_accuracy_score

    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(200, 5)).astype(np.float32), rng.integers(0, 5, 200)
    to = library.core.array
    for k in (1, 2, 4, 5):
        found = library.metrics.top_k_accuracy(to(logits), to(labels), k).item()
        expected = top_k_accuracy_score(labels, logits, k=k, labels=range(5)) if k < 5 else 1.0
        assert found == pytest.approx(expected)
    for k in (0, 6):
        with pytest.raises(ValueError, match="k from 1"):
            library.metrics.top_k_accuracy(to(logits), to(labels), k)
