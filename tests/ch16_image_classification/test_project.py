"""The project of chapter 16 on small things: its numbers against thresholds; its data."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from course.cli.project import after_chapter, load_script
from course.paths import find_project
from course.registry import load_registry

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch16_image_classification"
NAMES = ("confusion", "corruptions", "curves", "looks", "mistakes", "reliability")


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


def test_the_project(script, tmp_path):
    """Three networks learn which of four things it is; a page and predictions are written."""
    numbers = script.main(tmp_path / "out", quick=True)
    written = {path.name for path in (tmp_path / "out").iterdir()}
    expected = {"report.html", "predictions.npz", "rate-quick.json"}
    assert written == expected | {f"{name}.png" for name in NAMES}
    # Measured: 1.00, 0.97 and 0.99; a quarter is chance.
    assert numbers["CNN: accuracy"] >= 0.85
    assert numbers["transformer: accuracy"] >= 0.7
    assert numbers["student: accuracy"] >= 0.85
    assert numbers["student: parameters"] < numbers["CNN: parameters"] / 3
    assert numbers["transformer: flops"] <= numbers["CNN: flops"]
    assert 0 <= numbers["CNN and transformer: p"] <= 1
    with np.load(tmp_path / "out" / "predictions.npz") as file:
        p = file["probabilities"]
    assert p.shape == (240, 4)
    assert np.abs(p.sum(1) - 1).max() < 1e-4
    page = (tmp_path / "out" / "report.html").read_text()
    assert all(f'src="{name}.png"' in page for name in NAMES)


def test_a_run_that_was_stopped_goes_on(script, tmp_path, monkeypatch):
    """Stopped while the second network trains, it ends where an undisturbed run ends."""
    settings, small = part(script, "settings"), part(script, "pictures_in")
    monkeypatch.setattr(
        small, "things", lambda train, test: part(script, "small_world").things(120, 40)
    )
    monkeypatch.setattr(script, "draw", lambda *arguments: None)
    monkeypatch.setattr(part(script, "evaluation"), "hardened", lambda *arguments: {})
    monkeypatch.setattr(part(script, "drawing"), "draw_corruptions", lambda *arguments: None)
    setting = replace(
        settings.QUICK,
        teacher=settings.Net(4, (1,), (4, 2)),
        student=settings.Net(4, (1,), (4, 2)),
        epochs=(2, 2, 2),
    )
    whole = script.main(tmp_path / "whole", quick=True, setting=setting)
    trainer = part(script, "learning").Trainer
    evaluate, calls = trainer.evaluate, []

    def stopped(self, batches):
        calls.append(1)
        if len(calls) == 4:  # in the second epoch of the second network
            raise KeyboardInterrupt
        return evaluate(self, batches)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "evaluate", stopped)
        with pytest.raises(KeyboardInterrupt):
            script.main(tmp_path / "out", quick=True, setting=setting)
    again = script.main(tmp_path / "out", quick=True, setting=setting)
    whole.pop("seconds"), again.pop("seconds")
    assert again == whole
    assert not list((tmp_path / "out").glob("unfinished*"))


def test_a_folder_of_photos(script, tmp_path, monkeypatch):
    """Own pictures: what cannot be read is told, and copies stay on one side."""
    pytest.importorskip("PIL")
    from PIL import Image

    rng = np.random.default_rng(0)
    for kind in ("bright", "dark"):
        (tmp_path / kind).mkdir()
        for i in range(20):
            x = rng.uniform(0.1, 0.4, (40, 30, 3)) + (0.5 if kind == "bright" else 0)
            picture = Image.fromarray((255 * x).astype(np.uint8)).resize((300, 400), 2)
            picture.save(tmp_path / kind / f"{i}.jpg")
            if i < 3:
                picture.resize((150, 200)).save(tmp_path / kind / f"{i} again.png")
    (tmp_path / "dark" / "broken.jpg").write_bytes(b"no picture")
    monkeypatch.setenv("TINYMLX_PHOTOS", str(tmp_path))
    said = []
    console = type("Console", (), {"print": lambda self, text, **options: said.append(text)})()
    found = part(script, "pictures_in").load(False, 16, console)
    assert found.classes == ("bright", "dark")
    assert said == ["Left out: dark/broken.jpg: it is no picture that Pillow knows."]
    counts = [len(p.y) for p in (found.train, found.held_out, found.test)]
    assert sum(counts) == 46 - found.removed
    assert found.removed == 0, "copies of test pictures were in the training part"
    assert all(counts)


@pytest.mark.parametrize(
    "counts, sentence",
    [((20,), "at least two classes"), ((20, 1), "at least two, to learn"),
     ((20, 5), "14 different ones a class")],
)  # fmt: skip
def test_a_folder_of_photos_that_is_too_small(script, tmp_path, monkeypatch, counts, sentence):
    """One class, one picture, a handful: one sentence, without a traceback."""
    pytest.importorskip("PIL")
    from PIL import Image

    from course.errors import CourseError

    rng = np.random.default_rng(0)
    for name, count in zip("ab", counts):
        (tmp_path / name).mkdir()
        for i in range(count):
            picture = Image.fromarray(rng.integers(0, 255, (9, 9, 3), dtype=np.uint8))
            picture.resize((40, 40), 2).save(tmp_path / name / f"{i}.png")
    monkeypatch.setenv("TINYMLX_PHOTOS", str(tmp_path))
    console = type("Console", (), {"print": lambda *_, **__: None})()
    with pytest.raises(CourseError, match=sentence):
        part(script, "pictures_in").load(False, 16, console)
