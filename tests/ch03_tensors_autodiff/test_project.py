"""The project of chapter 3, in quick mode: its numbers against thresholds.

Each threshold lies between what the solutions and what sabotaged derivative rules measured. The
points and the weights at the start are the same on every machine.
"""

import re

import pytest

from course.cli.project import after_chapter, load_script
from course.paths import find_project
from course.registry import load_registry

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch03_tensors_autodiff"
FILES = {f"{name}.{kind}" for name in ("fit", "network") for kind in ("png", "svg")}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One run: its numbers, and the graph it wrote."""
    out = tmp_path_factory.mktemp("project")
    with after_chapter(PROJECT, load_registry(PROJECT), 3):
        numbers = load_script(FOLDER / "project.py").main(out, quick=True)
    assert {path.name for path in out.iterdir()} == FILES | {"network.dot"}
    return numbers, (out / "network.dot").read_text(encoding="utf-8")


def test_the_gradient_agrees_with_differences(run):
    numbers, _ = run
    # 2.5e-5. One-sided differences 0.0054, no slope for the hidden layer 0.24, tanh without the
    # square 0.58, a sum over the batch forgotten 0.92, a square without its 2 0.5.
    assert numbers["gradient error"] < 1e-3


def test_the_curve_is_fitted(run):
    numbers, _ = run
    assert 1.4 < numbers["loss at the start"] < 1.6  # 1.486
    # 0.0096. No slope for the hidden layer 0.061, tanh's slope 1 - x^2 0.15, a bias that sees one
    # point only 0.16, tanh's slope 1 - y 0.21, none for the output layer 0.25, the wrong sign
    # 56,000. A wrong factor does not show here: Adam divides by the size of the slopes.
    assert numbers["final loss"] < 0.02
    # 0.0124; the same sabotaged rules at least 0.065.
    assert numbers["loss on 1000 new points"] < 0.03
    # 0.0006 to 0.001 on two cores of a Xeon.
    assert 0 < numbers["seconds a step"] < 1


def test_the_graph_is_that_of_the_loss(run):
    numbers, dot = run
    assert numbers["nodes of the graph"] == 12  # 4 parameters, 8 operations; each node twice: 24
    names = dict(re.findall(r'(\d+) \[label="(\w+) ', dot))
    steps = {(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", dot)}
    chain = ("matmul", "add", "tanh", "matmul", "add", "subtract", "square", "mean")
    assert steps == {("input", "matmul"), ("input", "add"), *zip(chain, chain[1:], strict=False)}
