"""Judges of 17.11: better, or lucky?"""

import numpy as np
import pytest

from course.grading.marks import exercise


def alike(draw, rows):
    """A series whose neighbours are alike."""
    noise = draw.normal(rows + 5)
    return (noise[5:] + 0.8 * noise[4:-1] + 0.5 * noise[2:-3] + np.float32(0.4)).astype(np.float32)


@exercise("17.11")
@pytest.mark.parametrize("lags", [0, 1, 2, 7, 23])
def test_long_run_variance(check, draw, lags):
    """Against statsmodels' HAC covariance; a level far from 0, and a series no longer than that."""
    for rows in (24, 60):
        check("long_run_variance", d=alike(draw, rows), lags=lags, terms=60, scale=10)
        check("long_run_variance", d=alike(draw, rows) + np.float32(50), lags=lags, scale=400)


@exercise("17.11")
def test_variance_without_pairs(probe, draw):
    """2,000 hours: a table of all pairs would be 16 megabytes."""
    found = probe("variance_memory", d=draw.normal(2000), lags=23)
    assert found["little memory"] is True, "more than two megabytes for 2,000 hours"
    assert 0.3 < found["y"] < 3


@exercise("17.11")
def test_lags_that_do_not_fit(check, draw):
    check("long_run_variance", d=draw.normal(5), lags=4, scale=5)
    for lags in (5, -1):
        check.raises("long_run_variance", "ValueError", match="lags", d=draw.normal(5), lags=lags)
    check.raises("long_run_variance", "ValueError", match="lags", d=draw.normal(5, 5), lags=1)


@exercise("17.11")
@pytest.mark.parametrize("steps", [1, 2, 6, 24])
def test_diebold_mariano(check, draw, steps):
    """Statistic and p, in both directions; few origins and many."""
    for rows in (2 * steps, 60, 300):
        first, second = alike(draw, rows), alike(draw, rows) - np.float32(0.2)
        for pair in ((first, second), (second, first)):
            inputs = {"first": pair[0], "second": pair[1], "steps": steps}
            check("diebold_mariano", **inputs, terms=rows, scale=10)


@exercise("17.11")
def test_forecasts_that_differ_always_alike(probe, check, draw):
    """No variance: equally good, or better without any doubt."""
    loss = np.round(draw.uniform(30, high=9))
    found = probe("diebold_mariano", first=loss, second=loss, steps=3)
    assert found == {"difference": 0, "statistic": 0, "p": 1, "numbers": True}
    for apart in (2, -2):
        found = probe("diebold_mariano", first=loss + np.float32(apart), second=loss, steps=3)
        expected = {"difference": apart, "statistic": apart * np.inf, "p": 0, "numbers": True}
        assert found == expected
    for rows in (8, 15, 40):  # the mean of so many tenths is rounded: its deviations are not 0
        tenth, none = np.full(rows, 0.1, np.float32), np.zeros(rows, np.float32)
        found = probe("diebold_mariano", first=tenth, second=none, steps=2)
        assert found["statistic"] == np.inf and found["p"] == 0, found
        assert found["difference"] == tenth[0]
    check("diebold_mariano", first=loss, second=draw.normal(30), steps=3, terms=30, scale=10)


@exercise("17.11")
def test_small_losses(check, draw):
    """Losses of a millionth differ as large ones do: only 0 is 0."""
    first, second = alike(draw, 60) * np.float32(1e-8), draw.normal(60) * np.float32(1e-8)
    found = {"first": first, "second": second, "steps": 6}
    check("diebold_mariano", **found, terms=60, scale=10)


@exercise("17.11")
def test_luck_is_not_skill(probe, draw):
    """Two forecasts equally good whose errors last a day: 100 months of 30 days.

    At a level of 5% there are five false alarms, with a deviation of 2; Bartlett's weights and few
    days make more of them (measured: 6 to 18). Who counts every hour as news finds 59 to 74.
    """
    alarms = 0
    for _ in range(100):
        noise = draw.normal(720 + 23)
        d = np.convolve(noise, np.ones(24) / 24, "valid").astype(np.float32)
        found = probe("diebold_mariano", first=d, second=np.zeros_like(d), steps=24)
        alarms += float(found["p"]) < 0.05
    assert 1 <= alarms <= 30, f"{alarms} false alarms of 100"


@exercise("17.11")
def test_losses_that_cannot_be_compared(check, draw):
    good = {"first": draw.normal(10), "second": draw.normal(10), "steps": 5}
    check("diebold_mariano", **good, scale=10)
    for wrong in (
        {"steps": 0},
        {"steps": 6},
        {"second": draw.normal(9)},
        {"first": draw.normal(11), "second": draw.normal(11), "steps": 6},
        {"first": np.array(1, np.float32), "second": np.array(2, np.float32), "steps": 1},
        {"first": draw.normal(10, 1), "second": draw.normal(10, 1), "steps": 1},
    ):
        check.raises("diebold_mariano", "ValueError", match="steps", **{**good, **wrong})
    for hole in (np.nan, np.inf):
        first = draw.normal(10)
        first[9] = hole
        check.raises("diebold_mariano", "ValueError", match="finite", **{**good, "first": first})


@exercise("17.11")
@pytest.mark.parametrize("count, block", [(12, 1), (12, 4), (13, 5), (7, 7)])
def test_block_starts(probe, draw, count, block):
    """Whole blocks of neighbours, each equally likely; all from the key.

    A start is drawn `draws` times pieces times; each of `starts` ones has a share with six
    deviations of room.
    """
    seed, draws = draw.seed(), 6000
    found = probe("block_starts", count=count, block=block, seed=seed, draws=draws)
    rows = found["y"]
    assert rows.shape == (draws, count) and rows.dtype == np.int32
    assert found["untouched"], "the global state of random numbers stays as it is"
    starts = rows[:, ::block]
    for i in range(count):
        assert np.array_equal(rows[:, i], starts[:, i // block] + i % block), f"row {i}"
    possible = count - block + 1
    for column in starts.T:
        counts = np.bincount(column, minlength=possible)
        room = 6 * np.sqrt(draws / possible) + 1
        assert len(counts) == possible and abs(counts - draws / possible).max() < room
    if starts.shape[1] > 1 and possible > 1:
        assert (starts[:, 0] != starts[:, 1]).any()
    again = probe("block_starts", count=count, block=block, seed=seed, draws=draws)["y"]
    other = probe("block_starts", count=count, block=block, seed=seed + 1, draws=draws)["y"]
    assert np.array_equal(rows, again) and (possible == 1 or not np.array_equal(rows, other))


@exercise("17.11")
def test_blocks_that_do_not_fit(check, probe):
    found = probe("block_starts", count=5, block=5, seed=1, draws=2)["y"]
    assert np.array_equal(found, [[0, 1, 2, 3, 4]] * 2)
    for block in (0, 6):
        check.raises("block_starts", "ValueError", count=5, block=block, seed=1, draws=2)


@exercise("17.11")
@pytest.mark.parametrize("share", [0.95, 0.5])
def test_skill_interval(probe, draw, share):
    """The same rows of both; NumPy's quantiles of the same draws."""
    for count, block, draws in ((40, 5, 300), (33, 8, 7), (12, 12, 1)):
        errors, other = draw.uniform(count, high=2) ** 2, draw.uniform(count, low=0.5, high=3)
        inputs = {"block": block, "seed": draw.seed(), "draws": draws, "share": share}
        found = probe("skill_interval", errors=errors, other=other, **inputs)
        rows = found["rows"]
        drawn = 1 - errors[rows].sum(1) / other[rows].sum(1)
        tail = (1 - share) / 2
        expected = [1 - errors.sum() / other.sum(), *np.quantile(drawn, [tail, 1 - tail])]
        assert np.allclose(found["found"], expected, atol=1e-5), (found["found"], expected)
        assert found["numbers"], "three numbers of Python"


@exercise("17.11")
def test_all_draws_at_once(probe, draw):
    """Ten times the draws take as many lines of Python."""
    given = {"errors": draw.uniform(30), "other": draw.uniform(30, low=0.5), "block": 5}
    found = probe("skill_lines", **given)
    assert found["at once"] is True and found["found"].any(), "draws are taken one by one"


@exercise("17.11")
def test_intervals_that_do_not_fit(check, probe, draw):
    inputs = {"seed": 1, "draws": 3, "share": 0.5}
    one = np.ones(6, np.float32)
    found = probe("skill_interval", errors=one, other=2 * one, block=2, **inputs)
    assert np.allclose(found["found"], 0.5)
    for errors, other, block in ((one, one[:5], 2), (one, one, 7), (one[None], one[None], 1)):
        given = {"errors": errors, "other": other, "block": block}
        check.raises("skill_interval", "ValueError", **given, **inputs)
