"""Judges of 17.1 and 17.2: gaps and outliers, features and scales."""

import numpy as np
import pytest

from course.grading.marks import exercise


def with_gaps(draw, rows, columns, share=0.4):
    x = draw.normal(rows, columns, scale=3) + np.float32(10)
    x[draw.uniform(rows, columns) < share] = np.nan
    return x


# 17.1


@exercise("17.1")
@pytest.mark.parametrize("rows", [1, 2, 40])
def test_filled(check, draw, rows):
    """Gaps at the beginning, in the middle, at the end; a column without any, one of gaps only."""
    x = with_gaps(draw, rows, 5)
    x[:, 3] = draw.normal(rows)
    x[:, 4] = np.nan
    x[0, :2] = np.nan
    check("filled", x=x, start=draw.normal(5) - np.float32(4))


@exercise("17.1")
def test_filled_without_rows(check, draw):
    """No rows, no columns; and some, so that zeros are not right."""
    check("filled", x=np.zeros((0, 3), np.float32), start=draw.normal(3))
    check("filled", x=with_gaps(draw, 7, 2), start=draw.normal(2))


@exercise("17.1")
def test_filled_in_halves(check, probe, draw):
    """The dtype of the values stays, also where the start has another one."""
    x = with_gaps(draw, 9, 3).astype(np.float16)
    x[0] = np.nan
    start = np.array([0.25, -1.5, 3], np.float32)
    found = probe("filled", x=x, start=start)["values"]
    assert found.dtype == np.float16
    assert np.array_equal(found[0], start)
    check("filled", x=x, start=start.astype(np.float16))


@exercise("17.1")
def test_filled_far_back(check, draw):
    """A year without a value: ages beyond what int8 or float16 hold."""
    x = np.full((9000, 1), np.nan, np.float32)
    x[3] = 7
    check("filled", x=x, start=draw.normal(1))
    half = np.full((9000, 1), np.nan, np.float16)
    half[4099] = 7
    check("filled", x=half, start=draw.normal(1).astype(np.float16))


@exercise("17.1")
def test_only_nan_is_missing(check, draw):
    """Zero degrees and an overflow are measured values."""
    x = with_gaps(draw, 12, 2)
    x[2:5, 0], x[6, 1] = 0, np.inf
    check("filled", x=x, start=draw.normal(2))


@exercise("17.1")
def test_all_rows_at_once(probe, draw):
    """Ten times the rows take as many lines of Python."""
    found = probe("cleaning_lines", x=with_gaps(draw, 400, 2), start=draw.normal(2), size=6)
    for name in ("filled", "outliers"):
        assert found[name] is True, f"{name} goes through the rows one by one"
    assert found["alive"] is True


@exercise("17.1")
def test_the_future_changes_nothing(probe, draw):
    """What stands in a row is the same, whatever comes later."""
    x, later = with_gaps(draw, 60, 2), with_gaps(draw, 60, 2)
    later[:30] = x[:30]
    start = draw.normal(2) + np.float32(50)
    one, two = (probe("filled", x=a, start=start) for a in (x, later))
    for name in ("values", "missing", "age"):
        assert np.array_equal(one[name][:30], two[name][:30]), name
    assert np.isfinite(one["values"]).all() and one["values"].any()
    one, two = (
        probe("outliers", x=a[:, 0] * 9, size=6, limit=1.0, least=0.1)["found"] for a in (x, later)
    )
    assert np.array_equal(one[:30], two[:30]) and one.any()


@exercise("17.1")
def test_filled_of_another_shape(check, draw):
    """A vector; a start of another length."""
    check.raises("filled", "ValueError", match="start", x=draw.normal(4), start=draw.normal(4))
    check.raises("filled", "ValueError", match="start", x=draw.normal(4, 2), start=draw.normal(3))
    check.raises(
        "filled", "ValueError", match="start", x=draw.normal(4, 2), start=draw.normal(2, 1)
    )


def spiky(draw, rows, share=0.15):
    x = draw.normal(rows)
    x[::7] += draw.normal(len(x[::7]), scale=9)
    x[draw.uniform(rows) < share] = np.nan
    return x


@exercise("17.1")
@pytest.mark.parametrize("size", [1, 2, 5, 8, 24])
def test_outliers(check, draw, size):
    """Windows of even and odd sizes, with gaps; rows with a short past."""
    for _ in range(3):
        x = spiky(draw, 90)
        check("outliers", x=x, size=size, limit=2.5, least=0.05)
        check("outliers", x=x + np.float32(30), size=size, limit=4.0, least=0.5)


@exercise("17.1")
def test_outliers_of_a_coarse_thermometer(check, draw):
    """Whole degrees: deviations of 0, where `least` counts; values on the border are none."""
    x = np.repeat(np.array([4, 5, 5, 6], np.float32), 12)
    x[[10, 20, 30, 40]] += np.array([5, 6, -5, -5.5], np.float32)
    for least in (1.0, 0.5, 2.0):
        check("outliers", x=x, size=8, limit=5.0, least=least)
    x = np.array([3] * 30 + [8, 3, 9, -2, -3] + [3] * 5, np.float32)
    check("outliers", x=x, size=24, limit=5.0, least=1.0)


@exercise("17.1")
def test_outliers_by_default(check, draw):
    """24 hours, five deviations, one unit."""
    x = spiky(draw, 200) * np.float32(2)
    check("outliers", x=x)
    x = np.round(spiky(draw, 200) / 4)
    x[np.flatnonzero(~np.isnan(x))[::9]] += np.float32(5.5)
    check("outliers", x=x)


@exercise("17.1")
def test_outliers_of_little(check, draw):
    """No rows, one row, only gaps, half of the window known; beside a series that has some."""
    check("outliers", x=np.zeros(0, np.float32), size=3, limit=3.0, least=1.0)
    check("outliers", x=draw.normal(1), size=3, limit=3.0, least=1.0)
    check("outliers", x=np.full(5, np.nan, np.float32), size=3, limit=3.0, least=1.0)
    for size in (3, 4, 5):
        for known in range(1, 6):
            x = np.array([np.nan] * 6 + [1.0] * known + [50.0], np.float32)
            check("outliers", x=x, size=size, limit=3.0, least=1.0)


@exercise("17.1")
def test_outliers_of_another_shape(check, draw):
    for wrong in ({"size": 0}, {"least": 0.0}, {"least": -1.0}):
        check.raises("outliers", "ValueError", match="least", x=draw.normal(9), **wrong)
    check.raises("outliers", "ValueError", match="least", x=draw.normal(9, 1))


# 17.2


@exercise("17.2")
@pytest.mark.parametrize("period", [24, 7.5, 365.25, 0.25])
def test_circular(check, draw, period):
    x = draw.uniform(3, 11, low=-2 * period, high=3 * period)
    x[0, :3] = 0, period, -period
    check("circular", x=x, period=period)
    check("circular", x=np.array(x[0, 1:2].reshape(())), period=period)


@exercise("17.2")
def test_circular_of_whole_numbers(check, probe, draw):
    """Hours, in several dtypes; also as many as five years have."""
    for dtype in ("int32", "int8", "uint8"):
        check("circular", x=draw.integers(50, low=0, high=100, dtype=dtype), period=24)
    hours = draw.integers(50, low=40_000, high=9_000_000)
    check("circular", x=hours, period=24)
    check("circular", x=hours.astype(np.float32), period=24)
    half = draw.integers(9, low=0, high=99).astype(np.float16)
    found = probe("circular", x=half, period=24)["y"]
    assert found.dtype == np.float32
    assert abs(found[:, 0] - np.sin(half.astype(float) * np.pi / 12)).max() < 1e-5


@exercise("17.2")
def test_circular_without_a_period(check, draw):
    for period in (0, -24.0, float("nan")):
        check.raises("circular", "ValueError", match="period", x=draw.normal(3), period=period)


@exercise("17.2")
def test_wind(check, draw):
    """All directions, calms, whole turns; several shapes."""
    speed = draw.uniform(40, low=0, high=12)
    direction = draw.uniform(40, low=0, high=360)
    direction[:6] = 0, 90, 180, 270, 360, np.nan
    direction[20:25] = np.nan
    check("wind", speed=speed, direction=direction, scale=12)
    check("wind", speed=speed.reshape(4, 10), direction=direction.reshape(4, 10), scale=12)
    speed[5] = np.nan
    found = {"speed": speed[5:8], "direction": np.array([np.nan, 10, 20], np.float32)}
    check("wind", **found, scale=12)
    gone = {"speed": np.float32([np.nan, 2, 0]), "direction": np.float32([90, 180, 45])}
    check("wind", **gone, scale=12)
    half = draw.uniform(9, low=0, high=4).astype(np.float16)
    check("wind", speed=half, direction=direction[6:15].astype(np.float16), scale=4)


@exercise("17.2")
def test_wind_of_two_shapes(check, draw):
    check.raises(
        "wind", "ValueError", match="shape", speed=draw.uniform(3), direction=draw.uniform(1)
    )


@exercise("17.2")
@pytest.mark.parametrize("column", [0, 2])
def test_scaled(check, draw, column):
    """Only the past counts, and of it only what was measured."""
    x = with_gaps(draw, 60, 3, 0.2)
    x[40:] = x[40:] * 7 + 100
    x *= np.array([1, 0.1, 20], np.float32)
    check("scaled", x=x, stop=40, y=draw.normal(4, 5), column=column, terms=40, scale=3000)
    check("scaled", x=x, stop=60, y=np.array(1.5, np.float32), column=column, terms=60, scale=3000)
    x[0] = 1, 2, 3
    check("scaled", x=x, stop=8, y=draw.normal(2, 2, 2), column=column, terms=40, scale=3000)


@exercise("17.2")
def test_scaled_pressure(check, draw):
    """1,000 hectopascals and a spread of one: squares must not be taken before the mean is off.

    The mean itself is rounded by some eps of 1,000, which the scale of 1 does not see.
    """
    x = 1013 + draw.normal(400, 2)
    check("scaled_column", x=x, stop=300, terms=300, scale=1013)


@exercise("17.2")
def test_the_scale_of_a_pressure(probe, agree_scale, draw):
    x = (1013 + draw.normal(400, 2, scale=0.5)).astype(np.float32)
    found = probe("scaled_column", x=x, stop=300)["scale"]
    expected = x[:300].astype(np.float64).std(axis=0)
    assert agree_scale(found, expected), f"{found} for {expected}"


@pytest.fixture
def agree_scale():
    """Equal to four digits: the mean off first gives six, squares first none."""
    return lambda a, b: np.allclose(a, b, rtol=1e-4, atol=0)


@exercise("17.2")
def test_scaled_where_nothing_moves(check, draw):
    """A column of equal values has the scale 1, also where their mean is rounded; one row."""
    x = draw.normal(30, 3)
    x[:20, 1] = np.float32(0.1)
    check("scaled_column", x=x, stop=20, terms=20)
    check("scaled_column", x=x, stop=1)
    x = draw.normal(30, 2) * np.float32(1e-6)
    check("scaled_column", x=x, stop=20, scale=1e-6, terms=20)
    x[:20, 0] = np.float32(1e5) / 3
    check("scaled_column", x=x, stop=20, terms=20, scale=1e5)
    x = draw.normal(9, 2)
    x[:, 1] = np.nan
    x[3, 1] = 5
    check("scaled", x=x, stop=9, y=draw.normal(3), column=0, terms=20, scale=100)


@exercise("17.2")
def test_scaled_without_a_past(check, draw):
    x = draw.normal(8, 2)
    for stop in (0, 9, -1):
        check.raises("scaled_column", "ValueError", match="stop", x=x, stop=stop)
    check.raises("scaled_column", "ValueError", match="stop", x=x[:, 0], stop=3)
    x[:4, 1] = np.nan
    check.raises("scaled_column", "ValueError", match="no measured value", x=x, stop=4)
