"""The project of chapter 11 in quick mode: its numbers against thresholds.

Each threshold lies between what the solutions and what sabotaged solutions measured.
"""

import json
from dataclasses import asdict

import numpy as np
import pytest

from course.cli.project import after_chapter, load_script
from course.paths import find_project
from course.registry import load_registry

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch11_transformer"
PICTURES = {
    f"{name}.{kind}"
    for name in ("tasks", "maps", "copying", "heads", "induction")
    for kind in ("png", "svg")
}


@pytest.fixture
def script(monkeypatch, tmp_path):
    """The project, with nothing filled and no data folder."""
    monkeypatch.delenv("TINYMLX_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no cache"))
    with after_chapter(PROJECT, load_registry(PROJECT), 11):
        yield load_script(FOLDER / "project.py")


def test_two_layers_copy_and_one_does_not(script, tmp_path):
    """And the heads that do it are found: without them nothing is left."""
    out = tmp_path / "out"
    numbers = script.main(out, quick=True)
    assert {path.name for path in out.iterdir()} == PICTURES | {"numbers.json"}
    assert json.loads((out / "numbers.json").read_text()) == numbers
    # 0.997 and 0.65; heads that are split by a reshape alone see what they shall write.
    assert numbers["copy, all right"] > 0.9
    assert numbers["sort, all right"] > 0.2
    # 0.84 and 0.064, where guessing one of the tokens seen has 0.083.
    assert numbers["2 layers, repeated tokens right"] > 0.6
    assert numbers["1 layers, repeated tokens right"] < 0.2
    # 0.216; a mask that is off by one is far below 0.
    assert 0 < numbers["2 layers, first half above the floor (nats)"] < 0.5
    assert numbers["score of the best head"] > 0.3
    assert numbers["right without them"] < 0.4


def test_a_run_that_was_stopped(script, tmp_path):
    """What goes on from a file ends bit for bit where a whole run does."""
    from tinymlx import core
    from tinymlx.models.decoder import Decoder
    from tinymlx.utils import tree_flatten

    setting = asdict(script.QUICK)
    file = tmp_path / "run.safetensors"
    batches = [core.random.randint(0, 7, (4, 9), key=core.random.key(i)) for i in range(6)]
    ones = core.ones((4, 9))

    def made(seed):
        core.random.seed(seed)
        return script.Training(Decoder(7, 8, 2, 1, dropout=0.3), 6, average=0.9)

    def weights(training):
        found = tree_flatten(training.model.parameters(), destination={})
        return {name: np.array(w.tolist()) for name, w in found.items()}

    whole = made(0)
    for i, tokens in enumerate(batches):
        whole.step(tokens, ones)
        whole.done = i + 1
        if i == 2:
            whole.save(file, setting)
    second = made(7)
    assert not second.resume(file, {**setting, "task_dims": 3})
    assert second.resume(file, setting) and second.done == 3
    for tokens in batches[3:]:
        second.step(tokens, ones)
    expected, found = weights(whole), weights(second)
    assert all(np.array_equal(expected[name], found[name]) for name in expected)


def test_a_text(script, tmp_path, monkeypatch):
    """The part of the full setting, small: it goes below what single letters know, and writes."""
    for name, value in (("LAYERS", 1), ("DIMS", 32), ("HEADS", 2), ("WINDOW", 16), ("LANES", 8)):
        monkeypatch.setattr(script, name, value)
    short = script.texts.documentation(4000)
    monkeypatch.setattr(script.texts, "shakespeare_or_documentation", lambda: short)
    setting = script.Setting("test", 1, 8, 1, 1, 8, text_steps=150, every=75)
    numbers = script.text(script.Run(tmp_path, setting, script.Console(quiet=True)))
    # 3.0; frequencies of single characters have 3.3.
    assert numbers["nats"] < 3.3
    assert len((tmp_path / "sample.txt").read_text()) == 300
    assert (tmp_path / "weights.safetensors").is_file()
