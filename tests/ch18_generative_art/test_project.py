"""The project of chapter 18 on small things: its parts, its pages, what stops it."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from course.cli.project import after_chapter, load_script
from course.errors import CourseError
from course.paths import find_project
from course.registry import load_registry

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch18_generative_art"
PAGES = ("contact", "data", "duel", "edits", "large", "mixing", "painted", "samples", "transferred")


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        for name in ("TINYMLX_DATA", "TINYMLX_PHOTOS"):
            patch.delenv(name, raising=False)
        with after_chapter(PROJECT, load_registry(PROJECT), 18):
            yield load_script(FOLDER / "project.py")


def part(script, name):
    """A file beside the project."""
    return sys.modules[f"{script.__name__}.{name}"]


@pytest.fixture(scope="module")
def run(script, tmp_path_factory):
    """The whole in quick mode, once."""
    out = tmp_path_factory.mktemp("project")
    return script.main(out, quick=True), out


def test_the_project(run):
    """Every part writes pictures and numbers; the page shows them; predictions are complete."""
    numbers, out = run
    assert all((out / f"{name}.png").is_file() for name in PAGES)
    page = (out / "report.html").read_text()
    assert all(f'src="{name}.png"' in page for name in PAGES)
    assert not list(out.glob("unfinished*"))
    # Measured: 0.5 of nine styles after 60 steps; 0.11 is chance.
    assert numbers["looking: accuracy on other paintings"] >= 0.2
    assert numbers["transfer: style loss left, points"] < 0.9
    assert numbers["painter: loss in the end"] < numbers["painter: loss at first"]
    assert 0 <= numbers["diffusion: in the style asked for"] <= 1
    assert numbers["diffusion: in the style, low"] <= numbers["diffusion: in the style, high"]
    assert np.isfinite(list(numbers.values())).all()
    with np.load(out / "predictions.npz") as file:
        assert file["samples"].shape == (45, 16, 16, 3) and file["samples"].dtype == np.uint8
        assert (np.bincount(file["styles"]) == 5).all()


def test_one_part_alone(script, run):
    """What others have left in the folder is used."""
    _, out = run
    before = json.loads((out / "numbers-looking.json").read_text())
    found = script.main(out, quick=True, parts=["report"])
    assert found["looking: seconds"] == before["looking: seconds"]


def test_a_duel_that_was_stopped_goes_on(script, run, tmp_path, monkeypatch):
    """Stopped after half of its steps, it ends where an undisturbed run ends."""
    settings, generating = part(script, "settings"), part(script, "generating")
    setting = replace(settings.QUICK, gan=settings.Duelling(2, 4, 4))
    material, run_class = part(script, "material"), part(script, "borrowed").Run
    console = type("Console", (), {"print": lambda *_, **__: None, "is_terminal": False})()
    data = material.Paintings(*[np.zeros((8, 16, 16, 3), np.uint8), np.arange(8)] * 2,
                              np.zeros((8, 16, 16, 3), np.uint8))  # fmt: skip
    for folder in (tmp_path / "whole", tmp_path / "stopped"):
        folder.mkdir()
    whole = generating.duel(run_class(tmp_path / "whole", setting, console), data)
    save, saved = generating.checkpoints.save, []

    def stop(path, state):
        save(path, state)
        saved.append(path)
        if len(saved) == 2:
            raise KeyboardInterrupt

    stopped = run_class(tmp_path / "stopped", setting, console)
    with monkeypatch.context() as patch:
        patch.setattr(generating.checkpoints, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            generating.duel(stopped, data)
    again = generating.duel(stopped, data)
    assert again.steps == whole.steps == 4
    assert np.array_equal(generating.drawn(again, 3), generating.drawn(whole, 3))


def test_windows_cover_every_place_once(script):
    """A velocity that is the same everywhere stays so, and one that copies its input copies it."""
    from tinymlx import core

    windowed = part(script, "tiling").windowed
    x = core.random.normal((2, 24, 24, 3), key=core.random.key(0))
    labels = core.array([0, 1])
    for side in (24, 16):
        velocity = windowed(lambda labels: lambda x, t: 2 * x, side, 8, labels, 5)
        found = velocity(x[:, :side, :side], core.array([0.5, 0.5]))
        assert np.abs(np.array((found - 2 * x[:, :side, :side]).tolist())).max() < 1e-5


def test_own_pictures(script, tmp_path, monkeypatch):
    """A file, a folder, an empty one, none: the first three words of trouble."""
    pytest.importorskip("PIL")
    from PIL import Image

    material = part(script, "material")
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (60, 90, 3), dtype=np.uint8)).save(tmp_path / "b.png")
    (tmp_path / "a.txt").write_text("no picture")
    for place in (tmp_path, tmp_path / "b.png"):
        monkeypatch.setenv("TINYMLX_PHOTOS", str(place))
        found, name = material.picture(32, False)
        assert found.shape == (32, 32, 3) and name == "b.png"
    for place, sentence in (("nowhere", "no such file"), ("a.txt", "no picture that Pillow")):
        monkeypatch.setenv("TINYMLX_PHOTOS", str(tmp_path / place))
        with pytest.raises(CourseError, match=sentence):
            material.picture(32, False)
    scene, name = material.picture(32, True)
    assert name == "a scene of our own" and 0 <= scene.min() < scene.max() <= 1


def test_prepared_paintings(tmp_path):
    """Kept on disk; a file that was cut off is drawn again."""
    from tinymlx.data.paintings import collection
    from tinymlx.data.paintings.prepared import prepared

    shares = []
    x, y = prepared(12, 16, 5, tmp_path, told=shares.append)
    expected, labels = collection(12, 16, seed=5)
    assert np.array_equal(x, (255 * expected + 0.5).astype(np.uint8)) and np.array_equal(y, labels)
    assert shares[-1] == 1
    (file,) = tmp_path.iterdir()
    assert np.array_equal(prepared(12, 16, 5, tmp_path, told=pytest.fail)[0], x)
    file.write_bytes(file.read_bytes()[:100])
    assert np.array_equal(prepared(12, 16, 5, tmp_path)[0], x)
