"""The project of chapter 8 in quick mode: its numbers against thresholds.

Each threshold lies between what the solutions and what sabotaged solutions measured.
"""

import json

import numpy as np
import pytest

from course.cli.project import after_chapter, load_script
from course.paths import find_project
from course.registry import load_registry

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch08_rnn"
FILES = {f"{name}.{kind}" for name in ("text", "forecasts") for kind in ("png", "svg")} | {
    "numbers.json",
    "sample.txt",
    "text_quick.safetensors",
    "weights.safetensors",
}


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """No data folder: the embedded defaults."""
    monkeypatch.delenv("TINYMLX_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no cache"))


def test_the_network_beats_the_tables(tmp_path, offline):
    """On Python's documentation, on the Markov text, on a wave and on invented weather."""
    out = tmp_path / "out"
    with after_chapter(PROJECT, load_registry(PROJECT), 8):
        numbers = load_script(FOLDER / "project.py").main(out, quick=True)
    assert {path.name for path in out.iterdir()} == FILES
    assert json.loads((out / "numbers.json").read_text()) == numbers
    assert 0 < numbers["gap to the floor"] < 0.06
    assert numbers["nats"] < numbers["table of 1"] - 0.3
    assert numbers["tomorrow, network"] < numbers["tomorrow as today"]
    assert len((out / "sample.txt").read_text()) > 600


def test_a_run_that_was_stopped(tmp_path, offline):
    """What goes on after the first epoch ends bit for bit where a whole run does."""
    with after_chapter(PROJECT, load_registry(PROJECT), 8):
        script = load_script(FOLDER / "project.py")
        from tinymlx import core
        from tinymlx.utils import tree_flatten

        setting = script.Setting("test", 8, 2, 0.3, 4, 5, 2, 1e-2, 0.9)
        tokens = core.random.randint(0, 6, (300,), key=core.random.key(1))

        def made(seed):
            core.random.seed(seed)
            return script.TextTraining(setting, 6, tokens)

        def weights(training):
            found = tree_flatten(training.model.parameters(), destination={})
            return {name: np.array(w.tolist()) for name, w in found.items()}

        whole, file = made(0), tmp_path / "run.safetensors"
        whole.fit(tokens)
        first = made(0)
        first.setting = script.Setting("test", 8, 2, 0.3, 4, 5, 1, 1e-2, 0.9)
        first.fit(tokens, file)
        first.setting = setting
        script.checkpoints.save(str(file), first.state())
        second = made(7)
        script.resume(script.Console(quiet=True), second, file)
        assert second.epoch == 1
        second.fit(tokens)
        expected, found = weights(whole), weights(second)
        assert all(np.array_equal(expected[name], found[name]) for name in expected)
        assert second.curve == whole.curve
