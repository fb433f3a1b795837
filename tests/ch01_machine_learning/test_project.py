"""The project of chapter 1, in quick mode: its numbers against thresholds.

Each threshold lies between what the solutions and what sabotaged solutions (the misconceptions)
measured on the embedded weather, which is the same on every machine.
"""

import pytest

from course.cli.project import after_chapter, load_script
from course.paths import find_project
from course.registry import load_registry
from tinymlx import plotting
from tinymlx.data import weather
from tinymlx.data.folder import data_folder, find

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch01_machine_learning"
PICTURES = {
    f"{name}.{kind}" for name in ("temperature", "errors", "days") for kind in ("png", "svg")
}


def run(out):
    with after_chapter(PROJECT, load_registry(PROJECT), 1):
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


HEAD = "date,precipitation,temp_max,temp_min,wind,weather\n"
DAY = "2012-01-01,0.0,12.8,5.0,4.7,drizzle\n"


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "line 1: missing column date, precipitation"),
        ("date,wind\n2012-01-01,3\n", "line 1: missing column precipitation, temp_max, temp_min"),
        (HEAD, "a header and no days"),
        (HEAD + DAY + "2012-01-02,0.0,warm,5.0,4.7,sun\n", "line 3: expected a date and numbers"),
        (HEAD + DAY + "2012-01-02,0.0,1\n", "line 3: expected a date and numbers"),
        (HEAD + "2 January,0,1,2,3,sun\n", "line 2: expected a date and numbers"),
        (HEAD + "2012-01-01,0,1,2,nan,sun\n", "line 2: a value is not a finite number"),
        (HEAD + DAY + DAY, "line 3: 2012-01-01 does not come after"),
        (HEAD + "2012-01-01,0,1,\xff,3,sun\n", "line 2: expected a date and numbers"),
    ],
)
def test_a_malformed_weather_file_is_explained(tmp_path, text, message):
    path = tmp_path / "weather.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=message) as error:
        weather.load(path)
    assert str(error.value).startswith(str(path))


def test_a_weather_file_is_read(tmp_path):
    path = tmp_path / "weather.csv"
    path.write_text(HEAD + DAY + "2012-02-29,1.5,10.6,2.8,4.5,rain\n")
    days = weather.load(path)
    assert len(days) == 2 and "weather.csv" in days.source
    assert days.day_of_year.tolist() == [1, 60] and days.month.tolist() == [1, 2]
    assert [round(t, 2) for t in days.temperature.tolist()] == [8.9, 6.7]


def test_the_embedded_weather_resembles_seattle(monkeypatch):
    """The real file: 1461 days, mean 12.3, deviation 6.0, rain on 43 %, wind 3.2."""
    monkeypatch.delenv("TINYMLX_DATA", raising=False)
    days = weather.load()
    assert len(days) == 1461 and "embedded" in days.source
    assert abs(days.temperature.mean().item() - 12.3) < 0.5
    assert abs(days.temperature.var().item() ** 0.5 - 6.0) < 0.5
    assert abs((days.precipitation > 0).mean().item() - 0.43) < 0.05
    assert abs(days.wind.mean().item() - 3.2) < 0.3
    assert (days.temp_max > days.temp_min).all().item()


def test_a_data_folder_that_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYMLX_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"TINYMLX_DATA names .*nowhere"):
        data_folder()
    monkeypatch.setenv("TINYMLX_DATA", str(tmp_path))
    assert find("weather", "seattle-weather.csv") is None


def test_pictures_depend_on_nothing_but_what_is_drawn(tmp_path):
    for folder in ("first", "second"):
        fig, ax = plotting.figure()
        ax.plot([1, 2, 3], [3, 1, 2], label="a line")
        ax.legend()
        plotting.save(fig, tmp_path / folder, "picture")
    for name in ("picture.png", "picture.svg"):
        first, second = (tmp_path / folder / name for folder in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
    assert (tmp_path / "first" / "picture.svg").read_text().startswith("<?xml")
