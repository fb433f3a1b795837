"""Judges of 17.6: errors that count."""

import numpy as np
import pytest

from course.grading.marks import exercise


@exercise("17.6")
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_scored(check, draw, share):
    """Errors of growing size, a bias, gaps of another number in each step."""
    truth = draw.normal(30, 4, scale=5)
    forecast = truth + draw.normal(30, 4) * np.float32([1, 2, 3, 4]) + np.float32([0, 1, -1, 3])
    truth[draw.uniform(30, 4) < share] = np.nan
    truth[0] = 1
    check("scored", forecast=forecast, truth=truth, terms=30, scale=10)
    check("scored", forecast=forecast[:1], truth=truth[:1], terms=4, scale=10)
    check("scored", forecast=truth * 0 + forecast, truth=truth, terms=30, scale=10)


@exercise("17.6")
def test_a_step_without_truth(probe, draw):
    truth = draw.normal(6, 3)
    forecast = truth + np.float32(2)
    truth[:, 1] = np.nan
    found = probe("scored", forecast=forecast, truth=truth)
    assert found["count"].tolist() == [6, 0, 6]
    for name in ("rmse", "mae", "bias"):
        assert np.isnan(found[name]).tolist() == [False, True, False], name
        assert np.allclose(found[name][[0, 2]], 2)
    assert np.allclose(found["totals"], 2)


@exercise("17.6")
def test_what_cannot_be_scored(check, draw):
    """A forecast that leaves out what is hard; no truth; two shapes. Only where truth is known."""
    truth = draw.normal(5, 2)
    for hole in (np.nan, np.inf, -np.inf):
        forecast = draw.normal(5, 2)
        forecast[3, 1] = hole
        inputs = {"forecast": forecast, "truth": truth}
        check.raises("scored", "ValueError", match="not finite", **inputs)
        known = truth.copy()
        known[3, 1] = np.nan
        check("scored", forecast=forecast, truth=known, terms=5, scale=10)
    check.raises("scored", "ValueError", match="no measured", forecast=truth, truth=truth * np.nan)
    check.raises("scored", "ValueError", forecast=truth, truth=truth[:, :1])
    check.raises("scored", "ValueError", forecast=truth[0], truth=truth[0])


@exercise("17.6")
@pytest.mark.parametrize("period", [1, 2, 7])
def test_naive_scale(check, draw, period):
    past = draw.normal(40, scale=4)
    check("naive_scale", past=past, period=period, terms=40, scale=8)
    past[draw.uniform(40) < 0.3] = np.nan
    check("naive_scale", past=past, period=period, terms=40, scale=8)
    tiny = past * np.float32(1e-9)
    check("naive_scale", past=tiny, period=period, terms=40, scale=8e-9)
    forecast, truth = draw.normal(9, 3), draw.normal(9, 3)
    truth[2, 1] = np.nan
    check("mase", forecast=forecast, truth=truth, past=past, period=period, terms=40)


@exercise("17.6")
def test_naive_scale_of_nothing(check, draw):
    check("naive_scale", past=draw.normal(4), period=3)
    check.raises("naive_scale", "ValueError", match="period", past=draw.normal(4), period=0)
    for past, period in (
        (draw.normal(4), 4),
        (draw.normal(4), 9),
        (np.array([1, np.nan, 3, np.nan], np.float32), 1),
        (draw.normal(0), 1),
        (draw.normal(4, 4), 1),
    ):
        check.raises("naive_scale", "ValueError", past=past, period=period)
    again = np.tile(draw.normal(3), 4)
    check.raises("naive_scale", "ValueError", match="scale is 0", past=again, period=3)


@exercise("17.6")
def test_skill(check, draw):
    truth = draw.normal(30, 4)
    forecast, other = truth + draw.normal(30, 4), truth + 2 * draw.normal(30, 4)
    truth[4:9, 2] = np.nan
    check("skill", forecast=forecast, other=other, truth=truth, terms=30, scale=4)
    check("skill", forecast=other, other=forecast, truth=truth, terms=30, scale=20)
    tiny = [a * np.float32(1e-8) for a in (forecast, other, truth)]
    check("skill", forecast=tiny[0], other=tiny[1], truth=tiny[2], terms=30, scale=4)


@exercise("17.6")
def test_skill_of_what_cannot_be_scored(check, draw):
    """The errors of both forecasts are those of `scores`."""
    truth = draw.normal(5, 2)
    good = {"forecast": draw.normal(5, 2), "other": draw.normal(5, 2), "truth": truth}
    check("skill", **good, terms=5, scale=50)
    for name in ("forecast", "other"):
        hole = draw.normal(5, 2)
        hole[3, 1] = np.nan
        check.raises("skill", "ValueError", match="not finite", **{**good, name: hole})
        check.raises("skill", "ValueError", **{**good, name: draw.normal(5, 1)})
    check.raises("skill", "ValueError", match="no measured", **{**good, "truth": truth * np.nan})


@exercise("17.6")
def test_skill_against_perfection(probe, draw):
    """Where the other forecast has no error, or nothing was measured, there is no skill."""
    truth = draw.normal(5, 3)
    other = truth + np.float32([1, 0, 1])
    truth[:, 2] = np.nan
    found = probe("skill", forecast=truth + np.float32([0.5, 1, 1]), other=other, truth=truth)["y"]
    assert abs(found[0] - 0.75) < 1e-5 and np.isnan(found[1:]).all(), found
    found = probe("skill", forecast=truth + 0, other=other, truth=truth)["y"]
    assert found[0] == 1 and np.isnan(found[1]), found
