"""The project of chapter 4, in quick mode: its numbers against thresholds.

Each threshold lies between what the solutions and what sabotaged solutions (the misconceptions)
measured. The points and the parameters at the start are the same on every machine.
"""

import pytest

from course.cli.project import after_chapter, load_script
from course.paths import find_project
from course.registry import load_registry

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch04_neural_networks"
PICTURES = {f"{name}.{kind}" for name in ("moons", "race") for kind in ("png", "svg", "gif")}


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """One run."""
    out = tmp_path_factory.mktemp("project")
    with after_chapter(PROJECT, load_registry(PROJECT), 4):
        measured = load_script(FOLDER / "project.py").main(out, quick=True)
    assert {path.name for path in out.iterdir()} == PICTURES
    for name in ("moons.gif", "race.gif"):
        assert (out / name).read_bytes().startswith(b"GIF8")
    return measured


def test_the_gradients_agree_with_the_tape(numbers):
    # 8e-8. The second tanh 0.06, biases' slopes as means 0.15, no slope of tanh 0.16, the slope
    # of the sigmoid again 0.75, without 1/N 299; a forward pass that squashes twice 0.0016.
    assert numbers["gradient error"] < 1e-5


def test_the_moons_are_told_apart(numbers):
    # 0.6765, near log 2 = 0.693: at first the network knows nothing.
    assert 0.65 < numbers["loss at the start"] < 0.72
    # 0.089. Biases' slopes as means 0.116, the slope of the sigmoid again 0.244, no slope of tanh
    # 0.285, a second tanh after the output 0.43, without 1/N 116. The tanh taken twice in the
    # gradient is not noticed here (0.087): that is what the comparison above is for.
    assert numbers["final loss"] < 0.1
    # 0.954. Biases' slopes as means 0.945, the slope of the sigmoid again 0.897.
    assert numbers["accuracy"] > 0.948
    # 0.866, whatever the network does.
    assert 0.84 < numbers["accuracy of a straight line"] < 0.89


def test_the_race_ends_as_it_should(numbers):
    # 0.167 and 0.0205: plain descent crawls along the valley and waits on the pass.
    assert 0.05 < numbers["valley, SGD"] < 0.5
    assert 0.005 < numbers["saddle, SGD"] < 0.1
    # 2.2e-6 and 2.8e-6. A velocity that is forgotten 0.17 and 0.21, one that averages 0.33 and
    # 0.37.
    assert numbers["valley, momentum"] < 1e-3
    assert numbers["valley, Nesterov"] < 1e-4
    # 3.9e-12. Without looking ahead (as momentum) 3.1e-7.
    assert numbers["saddle, Nesterov"] < 1e-9
    # 0.097 and 1.6e-16. Shares exchanged 0.13 and 3e-4, no root 1.4 and 2e7, a sum instead of a
    # mean 4.4 and 6.3.
    assert numbers["valley, RMSprop"] < 0.115
    assert numbers["saddle, RMSprop"] < 1e-6
    # 9e-4 and 8e-8. Corrected means kept in the state 6.8 and 9, squares not corrected 2.4, betas
    # exchanged 2.5 and 1.4.
    assert numbers["valley, Adam"] < 0.02
    assert numbers["saddle, Adam"] < 1e-4
