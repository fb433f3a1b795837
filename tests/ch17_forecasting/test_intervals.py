"""Judges of 17.10: whether forecasts keep their word."""

import numpy as np
import pytest

from course.grading.marks import exercise

LEVELS = np.float32([0.1, 0.5, 0.8])


def days(draw, rows, steps):
    middle = draw.normal(rows, steps)
    width = draw.uniform(rows, steps, low=0.1, high=2)
    truth = draw.normal(rows, steps, scale=2)
    return {"low": middle - width, "high": middle + width, "truth": truth}


@exercise("17.10")
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8, 0.9, 0.975])
def test_conformal(check, draw, share):
    """Every number of days: ranks between 1 and beyond the last one; gaps in the truth."""
    for rows in (1, 2, 3, 4, 8, 9, 10, 19, 39, 50):
        given = days(draw, rows, 3)
        check("conformal", share=share, **given, scale=5)
        given["truth"][draw.uniform(rows, 3) < 0.3] = np.nan
        check("conformal", share=share, **given, scale=5)


@exercise("17.10")
def test_whole_ranks(check, draw):
    """(n + 1) times the share is a whole number, which rounding must not lift."""
    for rows, share in ((9, 0.7), (9, 0.1), (49, 0.58), (99, 0.07), (99, 0.56), (24, 0.28)):
        check("conformal", share=share, **days(draw, rows, 2), scale=5)


@exercise("17.10")
def test_a_little_more_than_a_whole_rank(check, draw):
    """8.0005 is no rounding of 8: the promise is one of the next rank."""
    for rows, share in ((9, 0.80005), (9, 0.800001), (24, 0.28002)):
        check("conformal", share=share, **days(draw, rows, 2), scale=5)


@exercise("17.10")
def test_conformal_of_nothing(check, draw):
    """A step without truth: no finite number. Beside one with truth."""
    given = days(draw, 6, 2)
    given["truth"][:, 0] = np.nan
    check("conformal", share=0.5, **given, scale=5)


@exercise("17.10")
def test_a_promise_that_is_kept(probe, draw):
    """Ten days for calibration, 400 times: 8 of 10 new ones are held, though the intervals are bad.

    With 400 steps of 50 new days each, the coverage of a step is Beta distributed (9, 2) with the
    deviation 0.11 and the mean 9 / 11; its mean over 400 steps lies within 0.0056 (plus 0.003 of
    the new days), so that 0.03 is five deviations.
    """
    given, new = days(draw, 10, 400), days(draw, 50, 400)
    found = probe(
        "covered",
        **given,
        new_low=new["low"],
        new_high=new["high"],
        new_truth=new["truth"],
        share=0.8,
    )["y"]
    assert abs(found.mean() - 9 / 11) < 0.03, f"coverage {found.mean():.3f}"


@exercise("17.10")
def test_conformal_of_other_shapes(check, draw):
    good = {**days(draw, 9, 2), "share": 0.5}
    check("conformal", **good, scale=5)
    for wrong in (
        {"share": 0.0},
        {"share": 1.0},
        {"truth": draw.normal(9, 1)},
        {"low": draw.normal(8, 2)},
        {"high": draw.normal(2)},
    ):
        check.raises("conformal", "ValueError", match="share", **{**good, **wrong})
    flat = {name: draw.normal(9) for name in ("low", "high", "truth")}
    check.raises("conformal", "ValueError", match="share", share=0.5, **flat)


@exercise("17.10")
@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_pit(check, draw, count):
    """Below, between, at, above; several shapes; missing truth."""
    levels = np.linspace(0.1, 0.9, count).astype(np.float32) ** np.float32(1.5)
    quantiles = np.sort(draw.normal(30, 4, count), axis=-1)
    truth = draw.normal(30, 4, scale=1.5)
    truth[:count, 0] = quantiles[np.arange(count), 0, np.arange(count)]
    truth[20, 1:3] = np.nan
    given = {"quantiles": quantiles, "truth": truth, "levels": levels}
    # Neighbouring quantiles may be a hundredth apart; what is between them is divided by that.
    check("pit", **given, scale=50)
    check("pit", quantiles=quantiles[0, 0], truth=np.array(truth[0, 0]), levels=levels, scale=50)


@exercise("17.10")
def test_pit_of_equal_quantiles(check, draw):
    """A forecast without doubt that is right: halfway between the lowest and the highest level."""
    levels = np.float32([0.1, 0.3, 0.5, 0.9])
    quantiles = np.float32([[2, 2, 2, 2], [1, 2, 2, 3], [2, 2, 3, 4], [1, 3, 3, 3], [1, 1, 3, 3]])
    for truth in (0, 1, 2, 2.5, 3, 4, 5):
        given = {"truth": np.full(5, truth, np.float32), "levels": levels}
        check("pit", quantiles=quantiles, **given)
        given["truth"] = given["truth"] * np.float32(1e-6)
        check("pit", quantiles=quantiles * np.float32(1e-6), **given)


@exercise("17.10")
def test_honest_forecasts_are_uniform(probe, draw):
    """Quantiles of the distribution that the truth is drawn from.

    Of 4,000 uniform numbers a tenth of the range has 400 with the deviation 19; 100 is five.
    """
    from statistics import NormalDist

    levels = np.linspace(0.01, 0.99, 99)
    normal = np.array([NormalDist().inv_cdf(p) for p in levels], np.float32)
    mean, size = draw.normal(4000), draw.uniform(4000, low=0.5, high=3)
    truth = mean + size * draw.normal(4000)
    quantiles = mean[:, None] + size[:, None] * normal
    found = probe("pit", quantiles=quantiles, truth=truth, levels=levels.astype(np.float32))["y"]
    counts = np.histogram(found, 10, (0, 1))[0]
    assert abs(counts - 400).max() < 100, counts


@exercise("17.10")
def test_pit_of_other_shapes(check, draw):
    given = {"quantiles": np.sort(draw.normal(4, 3)), "levels": LEVELS}
    check("pit", truth=draw.normal(4), **given, scale=50)
    for other in (draw.normal(3), draw.normal(1), np.array(0, np.float32)):
        check.raises("pit", "ValueError", truth=other, **given)
    given["levels"] = LEVELS[:2]
    check.raises("pit", "ValueError", truth=draw.normal(4), **given)
