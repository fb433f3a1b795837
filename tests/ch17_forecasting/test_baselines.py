"""Judges of 17.4 and 17.5: what is to be beaten, and lines."""

import numpy as np
import pytest

from course.grading.marks import exercise

# 17.4


@exercise("17.4")
@pytest.mark.parametrize("period", [1, 3, 7])
def test_seasonal(check, draw, period):
    """Less than a period, one, several."""
    past = draw.normal(4, 7)
    for horizon in (1, 2, 3, 7, 8, 20):
        check("seasonal", past=past, horizon=horizon, period=period)


@exercise("17.4")
def test_seasonal_that_does_not_fit(check, draw):
    for period in (0, 8, -1):
        check.raises(
            "seasonal",
            "ValueError",
            match="period",
            past=draw.normal(2, 7),
            horizon=3,
            period=period,
        )


def climate(draw, rows):
    day = np.sort(draw.uniform(rows, low=0, high=700))
    hour = draw.uniform(rows, low=0, high=24)
    y = 12 - 14 * np.cos(2 * np.pi * day / 365.25) + 4 * np.sin(2 * np.pi * hour / 24)
    return day, hour, (y + draw.normal(rows, scale=2)).astype(np.float32)


@exercise("17.4")
@pytest.mark.parametrize("yearly, daily", [(0, 0), (1, 0), (0, 2), (2, 1), (3, 2)])
def test_climatology(check, draw, yearly, daily):
    """Against least squares over the measured rows; asked at other times, of two axes."""
    day, hour, y = climate(draw, 400)
    y[draw.uniform(400) < 0.2] = np.nan
    new = {"new_day": draw.uniform(3, 5, high=366), "new_hour": draw.uniform(3, 5, high=24)}
    # The angles of the second year are rounded by 6 eps, in waves of a few degrees.
    sizes = {"yearly": yearly, "daily": daily}
    check("climatology", day=day, hour=hour, y=y, **sizes, **new, terms=400, scale=60)


@exercise("17.4")
def test_climatology_by_default(check, draw):
    day, hour, y = climate(draw, 500)
    check("climatology_default", day=day, hour=hour, y=y, terms=500, scale=60)


@exercise("17.4")
def test_climatology_of_two_months(probe, draw):
    """In 60 days the waves of a year look alike: their products have no digits left in float32.

    Measured: a QR is wrong by up to 0.0003 degrees, the normal equations by a degree.
    """
    for _ in range(3):
        day, hour = np.sort(draw.uniform(400, low=100, high=160)), draw.uniform(400, high=24)
        y = 20 + draw.normal(400, scale=2)
        given = {"day": day, "hour": hour, "y": y, "yearly": 2, "daily": 1}
        found = probe("climatology", **given, new_day=day, new_hour=hour)["then"]
        year, clock = (np.float64(a) * 2 * np.pi / p for a, p in ((day, 365.25), (hour, 24)))
        ones = np.ones(400)
        of_year = [ones] + [f(k * year) for k in (1, 2) for f in (np.sin, np.cos)]
        waves = np.stack([a * b for a in of_year for b in (ones, np.sin(clock), np.cos(clock))], 1)
        expected = waves @ np.linalg.lstsq(waves, y.astype(np.float64), rcond=None)[0]
        assert abs(found - expected).max() < 0.005, abs(found - expected).max()


@exercise("17.4")
def test_climatology_of_too_little(check, probe, draw):
    """Three waves; three measured values are enough and two are not."""
    day, hour, y = (a[:6] for a in climate(draw, 400)[:3])
    day = np.array([10, 80, 150, 200, 280, 350], np.float32)
    y = y.copy()
    y[[1, 3, 4]] = np.nan
    given = {"day": day, "hour": hour, "yearly": 1, "daily": 0}
    check("climatology", y=y, new_day=day, new_hour=hour, **given, terms=6, scale=200)
    y[0] = np.nan
    check.raises(
        "climatology", "ValueError", match="measured", y=y, new_day=day, new_hour=hour, **given
    )
    day, hour, y = climate(draw, 80)
    for yearly, daily, size in ((1, 1, 9), (2, 1, 15), (1, 2, 15)):
        few = y.copy()
        few[size - 1 :] = np.nan
        inputs = {"day": day, "hour": hour, "yearly": yearly, "daily": daily}
        inputs |= {"new_day": day, "new_hour": hour}
        check.raises("climatology", "ValueError", match="measured", y=few, **inputs)
        few[size - 1] = 3
        assert np.isfinite(probe("climatology", y=few, **inputs)["then"]).all()


def smoothed(draw, rows=30, period=4):
    return {
        "y": (10 + draw.normal(rows, dtype="float64")).tolist(),
        "level": 8.0,
        "trend": 0.3,
        "season": draw.normal(period, dtype="float64").tolist(),
    }


@exercise("17.4")
@pytest.mark.parametrize(
    "rates", [(0.4, 0.2, 0.3), (1.0, 1.0, 0.0), (0.0, 0.0, 0.0), (0.2, 0.9, 0.7)]
)
def test_smoothing(check, draw, rates):
    """Every state on the way, and forecasts beyond a period, as statsmodels has them."""
    alpha, beta, gamma = rates
    given = {"alpha": alpha, "beta": beta, "gamma": gamma, "horizon": 9}
    check("smoothing", **smoothed(draw), **given, terms=30, scale=30)
    check("smoothing", **smoothed(draw, 9, 2), **given, terms=30, scale=30)
    check("smoothing", **smoothed(draw, 8, 3), **{**given, "horizon": 1}, terms=30, scale=30)


@exercise("17.4")
def test_smoothing_over_a_gap(probe, draw):
    """The state moves on, and nothing is learned: forecasts from both sides are the same."""
    given = {**smoothed(draw, 13), "alpha": 0.3, "beta": 0.2, "gamma": 0.4}
    y = given.pop("y")
    before = probe("smoothing", y=y, horizon=12, **given)
    after = probe("smoothing", y=[*y, float("nan"), float("nan"), float("nan")], horizon=9, **given)
    assert np.allclose(before["forecast"][3:], after["forecast"], rtol=1e-5, atol=1e-5)
    assert np.allclose(before["trend"], after["trend"])
    assert np.allclose(np.roll(before["season"], -3), after["season"])
    assert after["unchanged"] and before["forecast"].any()


# 17.5


@exercise("17.5")
@pytest.mark.parametrize("penalty", [1e-3, 1.0, 200.0])
def test_ridge(check, draw, penalty):
    """More rows than columns, and fewer; one output and several; parts of several sizes."""
    for rows, columns, outputs in ((50, 6, 3), (5, 9, 2), (40, 1, 1), (1, 2, 1)):
        x, y = draw.normal(rows, columns) + np.float32(2), draw.normal(rows, outputs) * 3 - 5
        inputs = {"x": x, "y": y.astype(np.float32), "penalty": penalty}
        # Few rows and a small penalty: outputs are differences of weights of this size.
        size = 16.0
        check("ridge", **inputs, terms=rows, scale=size)
        for step in (1, 7, rows):
            check("ridge", **inputs, rows=step, terms=rows, scale=size)


@exercise("17.5")
def test_ridge_of_a_large_level(check, draw):
    """Pressure: the means come off in float64. Columns that are nearly alike need it, too.

    The bias is a product of weights and a mean of 1,000, rounded to float32.
    """
    x = draw.normal(60, 3, scale=0.1) + np.float32(1000)
    y = x @ np.array([[1], [-1], [0.5]], np.float32) + draw.normal(60, 1)
    check("ridge", x=x, y=y, penalty=0.01, scale=4000, terms=4)
    x = draw.normal(80, 1) + draw.normal(80, 4, scale=1e-3)
    y = x[:, :2] * 100
    check("ridge", x=x, y=y.astype(np.float32), penalty=1e-4, terms=8, scale=400)


@exercise("17.5")
def test_ridge_of_views(probe, draw):
    """Windows of 200 rows of 4,000: copies of 3 megabytes in float32, and never as float64."""
    x = draw.normal(4000)
    found = probe("ridge_memory", x=x, length=200, penalty=1.0)
    assert found["little memory"], "more than three megabytes"
    assert abs(found["weights"][0, 0] - 1) < 0.01 and abs(found["weights"][1:]).max() < 0.01


@exercise("17.5")
def test_ridge_of_nothing(check, draw):
    good = {"x": draw.normal(5, 2), "y": draw.normal(5, 1), "penalty": 1.0}
    check("ridge", **good)
    for wrong in (
        {"penalty": 0.0},
        {"penalty": -1.0},
        {"y": draw.normal(4, 1)},
        {"y": draw.normal(5)},
        {"x": draw.normal(5)},
        {"x": draw.normal(0, 2), "y": draw.normal(0, 1)},
    ):
        check.raises("ridge", "ValueError", match="penalty", **{**good, **wrong})


@exercise("17.5")
@pytest.mark.parametrize("lags", [1, 2, 5])
def test_recursive(check, draw, lags):
    """Against statsmodels' forecast with the same parameters; longer pasts than the model reads."""
    weights, bias = draw.uniform(lags, 1, low=-0.4, high=0.5), draw.normal(1)
    for longer in (0, 3):
        past = draw.normal(3, lags + longer)
        for horizon in (1, 2, 12):
            check("recursive", weights=weights, bias=bias, past=past, horizon=horizon, terms=12)


@exercise("17.5")
def test_recursive_that_does_not_fit(check, draw):
    past = draw.normal(2, 3)
    good = {"weights": draw.normal(3, 1), "bias": draw.normal(1), "past": past, "horizon": 2}
    check("recursive", **good, scale=50)
    check.raises("recursive", "ValueError", match="inputs", **{**good, "past": past[:, :2]})
    wide = {"weights": draw.normal(3, 2), "bias": draw.normal(2)}
    check.raises("recursive", "ValueError", match="outputs", **{**good, **wide})
