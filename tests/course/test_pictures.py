"""The given data of pictures: CIFAR-10's archives, whole and broken, and the shape world."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tinymlx.data import cifar10, shapes

# CIFAR-10


def batch(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, (count, 32, 32, 3), np.uint8)
    return pictures, (np.arange(count) % 10).astype(np.uint8)


def as_binary(pictures: np.ndarray, labels: np.ndarray) -> bytes:
    planes = pictures.transpose(0, 3, 1, 2).reshape(len(pictures), -1)
    return np.concatenate([labels[:, None], planes], axis=1).tobytes()


def as_pickle(pictures: np.ndarray, labels: np.ndarray) -> bytes:
    planes = pictures.transpose(0, 3, 1, 2).reshape(len(pictures), -1)
    return pickle.dumps({b"data": planes, b"labels": labels.tolist()}, protocol=2)


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize(("ending", "encode"), [(".bin", as_binary), ("", as_pickle)])
def test_both_forms_of_cifar_10_are_read(tmp_path: Path, ending: str, encode) -> None:
    """Channels last, the batches in order, from an archive and from a folder."""
    parts = {"data_batch_2": batch(20, 2), "data_batch_1": batch(10, 1), "test_batch": batch(10, 3)}
    files = {f"{name}{ending}": encode(*part) for name, part in parts.items()}
    data = cifar10.load(archive(tmp_path / "a.tar.gz", files | {"readme.html": b"hello"}))
    assert data.train.x.shape == (30, 32, 32, 3) and data.test.x.shape == (10, 32, 32, 3)
    assert data.train.y.tolist() == [*range(10), *range(10), *range(10)]
    for got, (pictures, _) in (
        (data.train.x[:10], parts["data_batch_1"]),
        (data.test.x, parts["test_batch"]),
    ):
        assert np.abs(np.array(got) * 255 - pictures).max() < 1e-4
    folder = tmp_path / "batches"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    assert cifar10.load(folder).train.y.tolist() == data.train.y.tolist()
    assert data.classes[3] == "cat" and "30 photographs" in data.source


def test_broken_archives_of_cifar_10_are_explained(tmp_path: Path) -> None:
    good = as_binary(*batch(10, 1))
    whole = {"data_batch_1.bin": good, "test_batch.bin": good}
    path = archive(tmp_path / "whole.tar.gz", whole)
    (tmp_path / "cut.tar.gz").write_bytes(path.read_bytes()[:9000])
    (tmp_path / "page.tar.gz").write_bytes(b"<html>not found</html>" * 100)
    wrong = bytearray(good)
    wrong[0] = 17
    cases = {
        "cut.tar.gz": "no whole archive",
        "page.tar.gz": "no whole archive",
        "missing.tar.gz": "There is no",
    }
    broken = {
        "short": ({**whole, "test_batch.bin": good[:-1]}, "is truncated"),
        "empty": ({**whole, "test_batch.bin": b""}, "is truncated"),
        "label": ({**whole, "test_batch.bin": bytes(wrong)}, "has a label 17"),
        "no test": ({"data_batch_1.bin": good}, "has no test batch"),
        "pickle": ({"data_batch_1": b"nonsense", "test_batch": b""}, "is no batch"),
        "evil": ({"data_batch_1": pickle.dumps(os.getcwd), "test_batch": b""}, "asks for"),
        "other": ({"data_batch_1": pickle.dumps({b"data": [1], b"labels": [1]})}, "of shape"),
    }
    for name, (files, message) in broken.items():
        archive(tmp_path / f"{name}.tar.gz", files)
        cases[f"{name}.tar.gz"] = message
    for name, message in cases.items():
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            cifar10.load(tmp_path / name)


def test_shapes_stand_in_for_photographs(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TINYMLX_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(FileNotFoundError, match="tinymlx data cifar10"):
        cifar10.load()
    assert "rendered shapes" in cifar10.load_or_shapes(train=12, test=6).source
    good = as_binary(*batch(10, 1))
    archive(tmp_path / "cifar-10-binary.tar.gz", {"data_batch_1.bin": good, "test_batch.bin": good})
    assert "CIFAR-10" in cifar10.load_or_shapes(train=12, test=6).source


# The shape world


def test_every_caption_says_its_scene() -> None:
    every = list(shapes.scenes())
    assert len(every) == 72 + 72 * 72 * 4 == len(set(map(str, every)))
    for scene in every[::97]:
        assert shapes.scene_of(str(scene)) == scene


@pytest.mark.parametrize(
    ("caption", "message"),
    [
        ("a small rad circle", "'rad' is unknown here .did you mean 'red'"),
        ("a small red", "a thing is 'a', a size, a colour and a shape"),
        ("a small red circle near a large blue square", "one of left of, .* not 'near'"),
        ("a small red circle above a large blue square today", "something behind"),
        ("", "a thing is"),
    ],
)
def test_what_is_no_caption_is_explained(caption: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shapes.scene_of(caption)


@pytest.mark.parametrize("pixels", [32, 64])
def test_pictures_are_read_exactly(pixels: int) -> None:
    """Every single thing and 150 pairs, at random places. 1 of 3576 was misread with twice this
    noise, none without."""
    rng = np.random.default_rng(1)
    every = list(shapes.scenes())
    chosen = [*every[:72], *(every[i] for i in rng.integers(72, len(every), 150))]
    for scene in chosen:
        picture = shapes.render(scene, rng, pixels)
        assert picture.shape == (pixels, pixels, 3) and picture.dtype == np.float32
        noisy = picture + rng.normal(0, 0.03, picture.shape)
        for image in (picture, noisy):
            assert shapes.same(shapes.read(image), scene), (str(scene), str(shapes.read(image)))


def test_what_is_no_scene_is_not_read() -> None:
    rng = np.random.default_rng(0)
    grey = np.full((32, 32, 3), 0.5)
    three = sum(
        shapes.render(shapes.scene_of(f"a small {c} circle"), np.random.default_rng(i))
        for i, c in ((0, "red"), (1, "green"), (4, "blue"))
    )
    for image in (np.zeros((32, 32, 3)), grey, rng.uniform(0, 1, (32, 32, 3)), three):
        assert shapes.read(image) is None


def test_relations_turn_round() -> None:
    a = shapes.scene_of("a small red circle left of a large blue square")
    b = shapes.scene_of("a large blue square right of a small red circle")
    assert shapes.same(a, b) and a != b
    assert not shapes.same(a, shapes.scene_of("a large blue square left of a small red circle"))
    assert not shapes.same(a, None)


def test_shapes_to_classify() -> None:
    data = shapes.load(train=60, test=12, seed=3)
    assert data.train.x.shape == (60, 32, 32, 3) and data.classes == shapes.SHAPES
    assert np.bincount(np.array(data.train.y)).tolist() == [10] * 6
    again, other = shapes.load(60, 12, 3), shapes.load(60, 12, 4)
    assert (np.array(again.test.x) == np.array(data.test.x)).all()
    assert (np.array(other.test.x) != np.array(data.test.x)).any()
    assert np.array(data.train.x).min() >= 0 and np.array(data.train.x).max() <= 1
    calm = np.array(shapes.load(60, 12, 3, clutter=0).train.x)
    lively = np.array(data.train.x)
    assert calm[:, :2, :2].std() < 0.1 < lively[:, :2, :2].std()  # corners: noise alone
    with pytest.raises(ValueError, match="must be pictures"):
        shapes.load(0, 1)
    with pytest.raises(ValueError, match="clutter should be in"):
        shapes.load(60, 12, clutter=1.5)
    with pytest.raises(ValueError, match="no shape 'star'"):
        shapes.coverage("star", np.zeros(1), np.zeros(1), np.ones(1))
