"""The student that came with the course: shown, refused where it is of no use, exported."""

import sys

import mlx.core as mx
import numpy as np
import pytest

from course.cli.export import export
from course.cli.project import after_chapter, check_trained, load_script
from course.paths import find_project
from course.registry import load_registry

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch16_image_classification"


@pytest.fixture
def script(monkeypatch, tmp_path):
    for name in ("TINYMLX_DATA", "TINYMLX_PHOTOS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no cache"))
    with after_chapter(PROJECT, load_registry(PROJECT), 16):
        yield load_script(FOLDER / "project.py")


def part(script, name):
    """A file beside the project."""
    return sys.modules[f"{script.__name__}.{name}"]


def some_photographs(script, monkeypatch, count):
    """Noise instead of CIFAR-10, which is not there."""
    random, cifar10 = np.random.default_rng(0), part(script, "shipped").cifar10
    module = part(script, "pictures_in")

    def noise():
        x = mx.array(random.random((count, 32, 32, 3)).astype(np.float32))
        y = mx.array(np.arange(count) % 10)
        return module.Part(x, y)

    def load(quick, side, console):
        return module.prepared("noise", cifar10.CLASSES, noise(), noise())

    monkeypatch.setattr(module, "load", load)


def test_what_came_is_shown(script, tmp_path, monkeypatch):
    """Pictures and predictions are written; in noise nobody sees more than chance."""
    check_trained(FOLDER / "trained")
    some_photographs(script, monkeypatch, 300)
    evaluation = part(script, "evaluation")
    hardened = evaluation.hardened
    monkeypatch.setattr(evaluation, "hardened", lambda *given: hardened(*given[:2], 10))
    monkeypatch.setattr(part(script, "drawing"), "BOTH", ("png",))
    numbers = script.main(tmp_path / "out", trained=True)
    written = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert written == {"confusion.png", "corruptions.png", "mistakes.png"}
    assert numbers["parameters"] == 157630
    assert numbers["low"] <= 0.1 <= numbers["high"]
    with np.load(tmp_path / "out" / "predictions.npz") as file:
        assert file["probabilities"].shape == (300, 10)


def test_other_classes_are_refused(script, tmp_path):
    """Without CIFAR-10 there are rendered shapes, of which it knows nothing."""
    with pytest.raises(ValueError, match="tinymlx data cifar10"):
        script.main(tmp_path / "out", trained=True)


def test_the_exported_function_is_the_network_with_all_around_it(script, tmp_path):
    """Statistics and temperature are inside: from pixels to calibrated logits."""
    file = export(16, "mlxfn", tmp_path / "student.mlxfn", 2, "solutions")
    x = np.random.default_rng(1).random((2, 32, 32, 3)).astype(np.float32)
    (found,) = mx.import_function(str(file))(mx.array(x))
    shipped = part(script, "shipped")
    scaled = (x - np.array(shipped.MEAN)) / np.array(shipped.DEVIATION)
    model, core = shipped.student(), shipped.core
    expected = model(core.array(scaled.astype(np.float32))).tolist()
    assert np.abs(np.array(found) - np.array(expected) / shipped.TEMPERATURE).max() < 1e-4
    told = script.exported()[3]
    assert told["classes"].split(",")[0] == "airplane" and told["shape"] == "32,32,3"
