"""The project of chapter 17 on the invented climate, and on files of the reader's own."""

import datetime
import json
from pathlib import Path

import numpy as np
import pytest

from course.cli.project import after_chapter, load_script
from course.paths import find_project
from course.registry import load_registry
from tinymlx.data import climate

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch17_forecasting"


def test_the_project(tmp_path, monkeypatch):
    """Quick, on the invented climate: what costs nothing is beaten, and the floor is not."""
    empty = tmp_path / "data"
    empty.mkdir()
    monkeypatch.setenv("TINYMLX_DATA", str(empty))
    out = tmp_path / "out"
    with after_chapter(PROJECT, load_registry(PROJECT), 17):
        numbers = load_script(FOLDER / "project.py").main(out, quick=True)
    assert json.loads((out / "numbers.json").read_text()) == numbers
    there = {path.name for path in out.iterdir()}
    assert {"report.md", "predictions.npz", "steps.svg", "days.png", "calibration.svg"} <= there
    assert not list(out.glob("unfinished*"))
    for name in ("ensemble", "ridge, direct"):
        assert numbers[f"{name} (RMSE)"] < 0.8 * numbers["yesterday (RMSE)"]
        # 100 days whose errors last a day: the error itself is known to some ten per cent.
        assert numbers[f"{name} (RMSE)"] > 0.85 * numbers["floor"]
    assert 0.7 < numbers["80 % interval: coverage"] < 0.95
    assert numbers["CRPS gained"] > 0.2
    with np.load(out / "predictions.npz") as file:
        assert file["quantiles"].shape == (len(file["origins"]), 24, 3)
        assert (np.diff(file["quantiles"], axis=-1) >= 0).all()


def lines(times, values=None, header="time,temperature,wind"):
    rows = [f"{t},{20 + i % 7},{i % 3}" for i, t in enumerate(times)]
    return "\n".join([header, *(values or rows)]) + "\n"


def hours(count, zone="", first=datetime.datetime(2020, 1, 1)):
    return [(first + datetime.timedelta(hours=i)).isoformat() + zone for i in range(count)]


def read(tmp_path, text):
    path = tmp_path / "own.csv"
    path.write_text(text, encoding="utf-8")
    return climate.load(path)


def test_a_file_of_ones_own(tmp_path):
    """Hours that are missing become rows of nan; another time zone, the same hours."""
    times = hours(50)
    found = read(tmp_path, lines(times[:10] + times[14:]))
    assert len(found) == 50 and found.columns == ("temperature", "wind")
    assert np.isnan(found.values[10:14]).all() and np.isfinite(found.values[14:]).all()
    zoned = read(tmp_path, lines(hours(30, "+02:00")))
    assert zoned.hour[0] == 22 and len(zoned) == 30
    assert read(tmp_path, lines(hours(30, "Z"))).hour[0] == 0
    gaps = read(
        tmp_path, lines(times, [f"{t},{'NA' if i == 3 else 5},x" for i, t in enumerate(times)])
    )
    assert gaps.columns == ("temperature",) and np.isnan(gaps.values[3, 0])


@pytest.mark.parametrize(
    "text, words",
    [
        ("a,b\n1,2\n", "no column of times"),
        ("time,a\n", "no rows"),
        ("", "no column of times"),
        ("time,a\nyesterday,2\n", "is no time"),
        ("time,a\n2020-01-01T00:00,x\n", "no column has numbers"),
        ("time,a\n2020-01-01T00:00,1,9\n", "number of fields"),
        (lines([*hours(5), *hours(3)]), "does not come after"),
        (lines([*hours(5), "2020-01-01T05:00+01:00"]), "time zone"),
        (lines([*hours(5), "2020-01-01T05:30"]), "whole number of hours"),
        (lines([*hours(5), *hours(3, "", datetime.datetime(2021, 6, 1))]), "days are missing"),
        (lines(hours(9), header="time,temperature,wind").replace(",21,", ",inf,"), "is no number"),
        (lines(hours(9)).replace(",21,", ",1e39,"), "is no number"),
        (lines(hours(9)).replace(",", ";"), "write commas"),
        (lines(hours(9), header="time,wind,wind"), "column wind is there twice"),
        (lines(["0001-01-01T00:00+05:00"]), "is no time"),
        ("time,a\n2020-01-01T00:00," + "1" * 200_000, "no CSV file"),
    ],
)
def test_bad_files(tmp_path, text, words):
    """One sentence, which names the file."""
    with pytest.raises(ValueError, match=words) as error:
        read(tmp_path, text)
    assert str(error.value).startswith(str(tmp_path)) and "\n" not in str(error.value)


def test_a_file_of_a_spreadsheet(tmp_path):
    """A byte order mark belongs to no name."""
    assert read(tmp_path, "\ufeff" + lines(hours(9))).columns == ("temperature", "wind")


def test_too_little_was_measured(tmp_path):
    """A column without a past, a target without a test, one that never changes: one sentence."""
    rows = 24 * 121
    whole = np.stack([np.arange(rows) % 7, np.arange(rows) % 5], axis=1).astype(np.float32)
    first = datetime.datetime(2020, 1, 1)
    main = load_script(FOLDER / "project.py").main
    for (row, column, value), words in (
        ((slice(0, 2000), 1, ""), "column 'wind' has 0 measured hours from 2020-01-01"),
        ((slice(2300, rows), 0, ""), "column 'temperature' has"),
        ((slice(0, rows), 0, "5"), "'temperature' is always 5.0"),
    ):
        table = whole.astype("U8")
        table[row, column] = value
        texts = [f"{t},{a},{b}" for t, (a, b) in zip(hours(rows, first=first), table)]
        file = tmp_path / "own.csv"
        file.write_text("time,temperature,wind\n" + "\n".join(texts), encoding="utf-8")
        with pytest.raises(ValueError, match=words) as error:
            main(tmp_path / "out", quick=True, file=file)
        assert "\n" not in str(error.value)


def test_beijing_without_a_column(tmp_path):
    with pytest.raises(ValueError, match="missing column DEWP"):
        read(tmp_path, "year,month,day,hour,pm2.5,TEMP,PRES,cbwd,Iws,Is,Ir\n")
    names = "year,month,day,hour,pm2.5,DEWP,TEMP,PRES,cbwd,Iws,Is,Ir\n"
    with pytest.raises(ValueError, match="line 2: '-2' in column 'Iws' is no wind"):
        read(tmp_path, names + "2010,1,1,0,NA,-21,-11,1021,NW,-2,0,0\n")
    with pytest.raises(ValueError, match="no such file"):
        climate.load(Path(tmp_path / "nowhere.csv"))
