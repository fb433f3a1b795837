"""The project of chapter 10 in quick mode, on the digits of scikit-learn: numbers and thresholds.

Each threshold lies between what the solutions and what sabotaged solutions measured.
"""

import json
from dataclasses import replace

import numpy as np
import pytest

from course.cli.project import after_chapter, load_script
from course.paths import find_project
from course.registry import load_registry

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch10_autoencoder"
PICTURES = {
    f"{name}.{kind}"
    for name in ("reconstructions", "samples", "interpolation", "map", "to_order", "rates")
    for kind in ("png", "svg")
}


@pytest.fixture
def script(monkeypatch, tmp_path):
    """The project, with nothing filled and no data folder."""
    monkeypatch.delenv("TINYMLX_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no cache"))
    with after_chapter(PROJECT, load_registry(PROJECT), 10):
        yield load_script(FOLDER / "project.py")


def test_digits_in_few_bytes(script, tmp_path):
    """Better than PCA, a bound that is one, and a file smaller than PNG."""
    out = tmp_path / "out"
    numbers = script.main(out, quick=True)
    assert {path.name for path in out.iterdir()} == PICTURES | {"numbers.json", "digits-32.tmx"}
    assert json.loads((out / "numbers.json").read_text()) == numbers
    # 0.009. A divergence that is added, or a mean for a sum, is no bound of anything.
    assert 0 <= numbers["gap to the floor"] < 0.03
    # 1.6 dB.
    assert numbers["better than PCA at 8 (dB)"] > 0.4
    # 19.9 nats; 27.9 for a code that has collapsed.
    assert numbers["test bound, 1 draw (nats)"] < 21
    many, one = (
        numbers[f"test bound, {draws}, 200 digits (nats)"] for draws in ("20 draws", "1 draw")
    )
    assert one - 1.5 < many < one - 0.2
    assert numbers["numbers of the code in use"] >= 5
    # All of them; a decoder that is not told gets one in ten.
    assert numbers["digit as asked for"] > 0.9
    # A codebook that never moves, or has died, leaves few codes.
    assert numbers["perplexity of 32 codes"] > 20
    size = numbers["file with 32 codes (bytes)"]
    # The head and the checksum are 34 bytes; the coder itself wastes two at most.
    assert 34 <= size - size / numbers["file with 32 codes over its bound"] <= 36
    assert 2 * size < numbers["PNG of at least that PSNR (bytes)"]
    assert 2 * size < numbers["gzip of at least that PSNR (bytes)"]


def test_a_run_that_was_stopped_goes_on(script, tmp_path, monkeypatch):
    """Stopped in its second epoch, a model ends bit for bit where an undisturbed run ends."""
    from tinymlx import core
    from tinymlx.data import digits
    from tinymlx.models.vqvae import VQVAE
    from tinymlx.utils import tree_flatten

    data = digits.load()
    data = replace(data, train=type(data.train)(data.train.x[:96], data.train.y[:96]))

    def trained(name, epochs):
        out = tmp_path / name
        out.mkdir(exist_ok=True)
        run = script.Run(out, script.QUICK, data, script.Console(quiet=True))
        model = run.fit(
            "book",
            lambda: VQVAE(8, 4, 8),
            lambda model, x, y, step: script.book_loss(model, x),
            epochs,
            average=False,
        )
        core.random.seed(99)
        return run, {k: np.array(w.tolist()) for k, w in tree_flatten(model.parameters())}

    monkeypatch.setattr(script, "schedule", lambda peak, steps: lambda step: core.array(1e-3))
    _, whole = trained("whole", 3)
    run, first = trained("stopped", 1)
    assert not np.array_equal(first["book.vectors"], whole["book.vectors"])
    run, second = trained("stopped", 3)
    assert all(np.array_equal(whole[name], second[name]) for name in whole)
    run.finish()
    assert list((tmp_path / "stopped").iterdir()) == []
