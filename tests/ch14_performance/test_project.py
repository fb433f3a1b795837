"""The project of chapter 14 in its smallest sizes."""

import json
import sys

import pytest

from course.cli.project import after_chapter, load_script
from course.paths import find_project
from course.registry import load_registry

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch14_performance"


@pytest.fixture
def script():
    with after_chapter(PROJECT, load_registry(PROJECT), 14):
        yield load_script(FOLDER / "project.py")


def part(script, name):
    """A file beside the project."""
    return sys.modules[f"{script.__name__}.{name}"]


def test_the_project(script, tmp_path, capsys):
    """A profile, variants that learn the same, a plan of memory, two processes."""
    out = tmp_path / "out"
    numbers = script.main(out, quick=True)
    assert json.loads((out / "numbers.json").read_text()) == numbers
    drawn = {"steps.png", "steps.svg", "memory.png", "memory.svg", "step.json", "numbers.json"}
    found = {path.name for path in out.iterdir()}
    assert drawn <= found <= drawn | {"scaling.png", "scaling.svg"}
    for name in ("eager", "MLX's compiler", "our own compiler"):
        assert numbers[f"step: {name} (ms)"] > 0
    planned = [numbers[f"memory: planned at {x} (MB)"] for x in ("100%", "75%", "50%", "30%")]
    assert planned == sorted(planned, reverse=True) and planned[-1] < planned[0]
    said = capsys.readouterr().out
    assert "matmul" in said and "Memory" in said
    events = json.loads((out / "step.json").read_text())["traceEvents"]
    assert {event["ph"] for event in events} == {"X", "C"}
    # Where a machine is too busy to time sums, that is said instead of a link.
    assert "several: latency (µs)" in numbers or "too busy" in said


def test_kernels_in_the_network_learn_the_same(script):
    """Norms, attention and half precision, also where kernels fall back."""
    from tinymlx import core

    steps = part(script, "steps")
    sizes = steps.Sizes(32, 32, 2, 2, 16, 2)
    tokens = core.random.randint(0, 32, (2, 17), key=core.random.key(0))
    losses = []
    for model, half in ((0, False), (1, False), (1, True)):
        network = steps.decoder(sizes)
        step = steps.stepping(steps.with_kernels(network) if model else network, tokens, half=half)
        losses.append([step().item() for _ in range(3)])
    plain, kernels, halves = losses
    assert plain[2] < plain[0]
    assert kernels == pytest.approx(plain, rel=1e-5)
    assert halves == pytest.approx(plain, abs=0.03) and halves != plain


def test_a_step_that_learns_something_else_has_no_speed(script, tmp_path, monkeypatch):
    """A kernel that leaves its work undone would be the fastest."""
    steps = part(script, "steps")

    def wrong(sizes, tokens):
        yield steps.Variant("eager", steps.stepping(steps.decoder(sizes), tokens))
        lazy = steps.stepping(steps.decoder(sizes), tokens, adam=Idle)
        yield steps.Variant("idle", lazy)

    class Idle(steps.optimizers.AdamW):
        def apply_single(self, gradient, parameter, state):
            return parameter

    monkeypatch.setattr(script, "variants", wrong)
    with pytest.raises(ValueError, match="'idle' learns something else"):
        script.main(tmp_path, quick=True, parts=["step"])


def test_no_such_part(script, tmp_path):
    with pytest.raises(ValueError, match="There are step, memory, several"):
        script.main(tmp_path, quick=True, parts=["steps"])
