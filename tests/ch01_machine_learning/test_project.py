"""The project of chapter 1, in quick mode: its numbers against thresholds.

Each threshold lies between what the solutions and what sabotaged solutions (the misconceptions)
measured on the embedded weather, which is the same on every machine.
"""

import pytest

from course.cli.project import implementation, load_script
from course.paths import find_project
from course.registry import load_registry
from tinymlx.data.folder import find

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch01_machine_learning"
PICTURES = {
    f"{name}.{kind}" for name in ("temperature", "errors", "days") for kind in ("png", "svg")
}


def run(out):
    with implementation(PROJECT, load_registry(PROJECT), "solutions"):
        return load_script(FOLDER / "project.py").main(out, quick=True)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """One run on the embedded weather."""
    out = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TINYMLX_DATA", raising=False)
        measured = run(out)
    assert {path.name for path in out.iterdir()} == PICTURES
    return measured


def test_the_yearly_curve_is_found(numbers):
    # Always the mean: 5.96. With the mean distance for the error 2.3, with the squared sum 114.
    assert 5.5 < numbers["test error of the mean, °C"] < 6.5
    # Degree 5: 2.53; degrees 4 and 6: 2.61 and 2.58. Test rows standardized by themselves 3.04,
    # training on test rows 3.2, x and y shuffled apart 6.9, coefficients in the wrong order 9.6,
    # no bias 12.9.
    assert numbers["test error of the chosen degree, °C"] < 2.8
    assert 4 <= numbers["chosen degree"] <= 6
    # Degree 12: 2.82, with ridge 2.66. x and y shuffled apart 6.7, substitution from the top 4.5.
    assert numbers["test error of the highest degree with ridge, °C"] < 2.75
    # Both 3.6859. The wrong sign: infinite; the bias never moved 13.3; a residual without bias 742.
    by_steps, exact = (
        numbers["test error of gradient descent, degree 2, °C"],
        numbers["test error of degree 2, °C"],
    )
    assert abs(by_steps - exact) < 0.05
    # 0.819. Compared with zero instead of the mean 0.967, the squared correlation 0.829.
    assert 0.79 < numbers["test R² of the chosen degree"] < 0.825


def test_the_kinds_of_days_are_found(numbers):
    # 0.784. Roots of distances 0.54, sums divided by all points 0.47, every centre counted -6.0.
    assert 0.7 < numbers["variation explained by the kinds of days"] < 0.9
    # 41 steps; without a stop 100.
    assert 2 <= numbers["steps of k-means"] < 90
    # 0.996 of the days of July and August.
    assert numbers["share of the two warmest kinds in July and August"] > 0.9


@pytest.mark.skipif(find("weather", "seattle-weather.csv") is None, reason="no real weather here")
def test_the_real_weather_tells_the_same_story(tmp_path):
    numbers = run(tmp_path)
    # Always the mean 5.95; degree 5 3.30; degree 12 5.26, with ridge 3.7 to 3.8.
    assert numbers["test error of the chosen degree, °C"] < 3.7
    assert numbers["test error of the highest degree, °C"] > 4.3
    assert numbers["test error of the highest degree with ridge, °C"] < 4.1
    assert numbers["variation explained by the kinds of days"] > 0.7
