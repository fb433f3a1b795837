"""The project of chapter 5, in quick mode: its numbers against thresholds.

Each threshold lies between what the solutions and what sabotaged solutions (the misconceptions)
measured on the same 569 tumours.
"""

import pytest

from course.cli.project import after_chapter, load_script
from course.paths import find_project
from course.registry import load_registry

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch05_building_networks"
FILES = {f"{name}.{kind}" for name in ("training", "roc", "calibration") for kind in ("png", "svg")}


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """One run."""
    out = tmp_path_factory.mktemp("project")
    with after_chapter(PROJECT, load_registry(PROJECT), 5):
        measured = load_script(FOLDER / "project.py").main(out, quick=True)
    assert {path.name for path in out.iterdir()} == FILES
    return measured


def test_the_network_learns(numbers):
    assert numbers["parameters"] == 30 * 32 + 32 + 32 + 1
    # 0.697; a network that knows nothing has log 2 = 0.693.
    assert 0.6 < numbers["validation loss before training"] < 0.8
    # 0.095. Gradient and parameter exchanged in the update 0.54, labels shuffled apart from their
    # rows 0.63, parameters that are never lent to the model 0.697.
    assert numbers["validation loss"] < 0.2


def test_it_ranks_tumours_that_it_has_not_seen(numbers):
    # 0.9942. Gradient and parameter exchanged 0.966, shuffled apart 0.71, never lent 0.59.
    assert numbers["AUC"] > 0.99
    # 0.9906. The same three: 0.04, 0.83, 0.88.
    assert numbers["AUC of a linear unit"] > 0.98
    # 0.9754: no training is involved.
    assert 0.97 < numbers["AUC of the best single column"] < 0.98
    # 0.974. The same three: 0.916, 0.668, 0.494.
    assert numbers["accuracy at even odds"] > 0.95


def test_its_probabilities_mean_what_they_say(numbers):
    # 0.016; a bias left out 0.022. The same three: 0.32, 0.12, 0.15.
    assert numbers["expected calibration error"] < 0.05


def test_the_threshold_finds_most_malignant_tumours(numbers):
    # 0.962 where 0.97 was asked for on the validation rows. The standard error of a share of 212 is
    # 0.012.
    assert numbers["sensitivity"] > 0.92
    # 0.947. The same three: 0.83, 0.34, 0.09.
    assert numbers["specificity"] > 0.9
