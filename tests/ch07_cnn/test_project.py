"""The project of chapter 7, in quick mode on rendered things: its numbers against thresholds.

Each threshold lies between what the solutions and what sabotaged solutions measured.
"""

from dataclasses import replace

import pytest

from course.cli.project import after_chapter, load_script
from course.paths import find_project
from course.registry import load_registry
from tinymlx import core

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch07_cnn"
PICTURES = {
    f"{name}.{kind}"
    for name in ("curves", "filters", "maps", "mistakes")
    for kind in ("png", "svg")
}


@pytest.fixture
def script(monkeypatch, tmp_path):
    monkeypatch.delenv("TINYMLX_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no cache"))
    with after_chapter(PROJECT, load_registry(PROJECT), 7):
        yield load_script(FOLDER / "project.py")


def test_shapes_are_recognized(script, tmp_path):
    """Which of six shapes it is, for things that the network has never seen."""
    numbers = script.main(tmp_path / "out", quick=True)
    assert {path.name for path in (tmp_path / "out").iterdir()} == PICTURES
    # 0.917. A slope of the kernels in reverse order: 0.28; a rate that never falls: 0.76. A slope
    # of the pictures from a kernel that was not turned round reaches 0.86: 7.6's judges see it.
    assert numbers["test accuracy"] >= 0.82
    assert numbers["right among three"] >= numbers["test accuracy, both sides"]


def test_a_run_that_was_stopped_goes_on(script, tmp_path, monkeypatch):
    """Stopped in its second epoch, it ends where an undisturbed run ends."""
    setting = replace(
        script.QUICK, epochs=2, widths=(8,), blocks=(1,), strides=(2,), mix=True, hole=6
    )
    data = script.things(200, 20)

    def run(name, seed):
        out = tmp_path / name
        out.mkdir(exist_ok=True)
        core.random.seed(seed)
        model = script.network(setting, 6)
        return script.fit(setting, model, data.train, data.test, out).history

    whole = run("whole", seed=0)
    evaluate = script.Trainer.evaluate

    def stopped(trainer, batches):
        if trainer.history:
            raise KeyboardInterrupt
        return evaluate(trainer, batches)

    with monkeypatch.context() as patch:
        patch.setattr(script.Trainer, "evaluate", stopped)
        with pytest.raises(KeyboardInterrupt):
            run("stopped", seed=0)
    assert run("stopped", seed=99) == whole
    assert list((tmp_path / "stopped").iterdir()) == []
