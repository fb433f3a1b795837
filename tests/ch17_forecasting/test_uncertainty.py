"""Judges of 17.9 to 17.11: how sure a forecast is, whether that is true, and what is luck."""

import numpy as np
import pytest

from course.grading.marks import exercise

# 17.9

LEVELS = np.float32([0.1, 0.5, 0.8])


@exercise("17.9")
@pytest.mark.parametrize("shape", [(7,), (4, 3), ()])
def test_pinball(check, draw, shape):
    """Costs and derivatives, for one level and several, above and below."""
    for levels in (LEVELS, LEVELS[:1], np.float32([0.02, 0.98])):
        truth = np.array(draw.normal(*shape), np.float32)
        check(
            "pinball",
            quantiles=draw.normal(*shape, len(levels), scale=2),
            truth=truth,
            levels=levels,
            cotangent=draw.normal(*shape, len(levels)),
        )


@exercise("17.9")
def test_pinball_in_the_mean(check, draw):
    """As scikit-learn has it."""
    given = {"truth": draw.normal(50), "quantiles": draw.normal(50, 3), "levels": LEVELS}
    check("mean_pinball", **given, terms=50)


@exercise("17.9")
def test_pinball_of_exact_quantiles(probe, draw):
    """At the truth itself the cost is 0, and the derivative that of the level."""
    truth = draw.normal(4)
    found = probe(
        "pinball",
        quantiles=np.repeat(truth[:, None], 3, axis=1),
        truth=truth,
        levels=LEVELS,
        cotangent=np.ones((4, 3), np.float32),
    )
    assert not found["y"].any() and np.allclose(found["dq"], -LEVELS)


@exercise("17.9")
def test_pinball_of_other_shapes(check, draw):
    good = {
        "quantiles": draw.normal(4, 3),
        "truth": draw.normal(4),
        "levels": LEVELS,
        "cotangent": draw.normal(4, 3),
    }
    check("pinball", **good)
    for wrong in (
        {"truth": draw.normal(1)},
        {"levels": LEVELS[:1]},
        {"truth": draw.normal(4, 1)},
        {
            "levels": LEVELS[None],
            "quantiles": draw.normal(1, 3),
            "truth": np.array(1, np.float32),
            "cotangent": draw.normal(1, 3),
        },
    ):
        check.raises("pinball", "ValueError", **{**good, **wrong})


@exercise("17.9")
@pytest.mark.parametrize("levels", [1, 2, 3, 5])
def test_quantile_head(check, draw, levels):
    """The middle and the steps away from it, with all derivatives."""
    for shape in ((3, 4), (2, 3, 4)):
        check(
            "quantile_head",
            x=draw.normal(*shape),
            weights={
                "linear.weight": draw.normal(2 * levels, 4),
                "linear.bias": draw.normal(2 * levels),
            },
            horizon=2,
            levels=levels,
            cotangent=draw.normal(*shape[:-1], 2, levels),
            terms=20,
            scale=10,
        )


@exercise("17.9")
def test_quantiles_that_cannot_cross(probe, draw):
    """Also where the layer's numbers are large, of both signs."""
    found = probe(
        "quantile_head",
        x=draw.normal(20, 4, scale=100),
        weights={"linear.weight": draw.normal(15, 4), "linear.bias": draw.normal(15)},
        horizon=3,
        levels=5,
        cotangent=draw.normal(20, 3, 5),
    )
    assert np.isfinite(found["y0"]).all() and (np.diff(found["y0"], axis=-1) >= 0).all()
    assert np.isfinite(found["d0"]).all() and found["d0"].any()


@exercise("17.9")
@pytest.mark.parametrize("least", [1e-3, 0.5])
def test_gaussian_loss(check, draw, least):
    """Nats, with every derivative."""
    inputs = {"mean": draw.normal(4, 5), "truth": draw.normal(4, 5), "least": least}
    check("gaussian_loss", raw=draw.normal(4, 5), cotangent=draw.normal(4, 5), scale=20, **inputs)
    check(
        "gaussian_default", mean=draw.normal(9), raw=draw.normal(9), truth=draw.normal(9), scale=20
    )


@exercise("17.9")
def test_gaussian_loss_of_large_numbers(check, draw):
    """exp would overflow, or leave nothing: the least deviation stays."""
    raw = np.float32([90, 200, -60, -200, 0])
    zero = np.zeros(5, np.float32)
    check("gaussian_default", mean=zero, raw=raw, truth=zero + np.float32(0.002), scale=10)


@exercise("17.9")
def test_crps_gaussian(check, draw):
    """Against the integral; narrow and wide ones, no doubt at all, truth far out."""
    mean, deviation = draw.normal(3, 6), draw.uniform(3, 6, low=0.05, high=3)
    truth = mean + draw.normal(3, 6) * 2
    deviation[1, :2], truth[2, :2] = 0, [25, -25]
    check("crps_gaussian", mean=mean, deviation=deviation, truth=truth.astype(np.float32), scale=25)
    given = {"mean": mean[2], "deviation": deviation[2], "truth": mean[2] + draw.normal(6)}
    check("crps_gaussian_gradient", cotangent=draw.normal(6), scale=10, **given)


@exercise("17.9")
def test_the_derivative_without_doubt(probe, draw):
    """A deviation of 0 must not turn derivatives into nan."""
    given = {
        "mean": np.float32([1, 2]),
        "deviation": np.float32([0, 1]),
        "truth": np.float32([3, 3]),
    }
    found = probe("crps_gaussian_gradient", cotangent=np.ones(2, np.float32), **given)
    assert found["y"][0] == 2 and found["dm"][0] == -1
    assert all(np.isfinite(found[name]).all() for name in ("dm", "dd", "dt"))


@exercise("17.9")
@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_crps_samples(check, draw, count):
    """Against all pairs; samples in any order, equal ones among them."""
    samples = draw.normal(4, 3, count, scale=2)
    samples[0, :, -1] = samples[0, :, 0]
    check("crps_samples", samples=samples, truth=draw.normal(4, 3), terms=count, scale=5)
    check("crps_samples", samples=samples[0, 0], truth=np.array(0.5, np.float32), terms=count)
    far = {"samples": samples + np.float32(1000), "truth": draw.normal(4, 3) + np.float32(1000)}
    check("crps_samples", **far, terms=count, scale=5)


@exercise("17.9")
def test_crps_without_pairs(probe, draw):
    """4,000 samples: all pairs would be 64 megabytes."""
    samples = draw.normal(4000)
    found = probe("crps_memory", samples=samples, truth=np.array(0, np.float32))
    assert found["bytes"] < 2_000_000, f"{found['bytes']} bytes for 4,000 samples"
    # A standard normal at its mean: 2 phi(0) - 1 / sqrt(pi); six deviations of such a mean.
    assert abs(found["y"] - 0.2337) < 0.04


@exercise("17.9")
def test_no_sample(check, draw):
    check("crps_samples", samples=draw.normal(2, 3), truth=draw.normal(2), scale=5)
    for samples, truth in (
        (draw.normal(2, 0), draw.normal(2)),
        (draw.normal(2, 3), draw.normal(3)),
        (draw.normal(2, 3), draw.normal(1)),
        (draw.normal(2, 3), draw.normal(2, 3)),
        (np.array(1, np.float32), np.array(1, np.float32)),
    ):
        check.raises("crps_samples", "ValueError", samples=samples, truth=truth)


# 17.10


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
    check.raises("pit", "ValueError", truth=draw.normal(3), **given)
    given["levels"] = LEVELS[:2]
    check.raises("pit", "ValueError", truth=draw.normal(4), **given)


# 17.11


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
    check("diebold_mariano", first=loss, second=draw.normal(30), steps=3, terms=30, scale=10)


@exercise("17.11")
def test_luck_is_not_skill(probe, draw):
    """Two forecasts equally good whose errors last a day: 200 years of 30 days.

    At a level of 5% there are ten false alarms, with a deviation of 3; Bartlett's weights and few
    days make more of them (measured: 20 to 35). Who counts every hour as news finds 100.
    """
    alarms = 0
    for _ in range(200):
        noise = draw.normal(720 + 23)
        d = np.convolve(noise, np.ones(24) / 24, "valid").astype(np.float32)
        found = probe("diebold_mariano", first=d, second=np.zeros_like(d), steps=24)
        alarms += float(found["p"]) < 0.05
    assert 1 <= alarms <= 60, f"{alarms} false alarms of 200"


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
    seed, draws = draw.seed(), 900
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
def test_intervals_that_do_not_fit(check, probe, draw):
    inputs = {"seed": 1, "draws": 3, "share": 0.5}
    one = np.ones(6, np.float32)
    found = probe("skill_interval", errors=one, other=2 * one, block=2, **inputs)
    assert np.allclose(found["found"], 0.5)
    for errors, other, block in ((one, one[:5], 2), (one, one, 7), (one[None], one[None], 1)):
        given = {"errors": errors, "other": other, "block": block}
        check.raises("skill_interval", "ValueError", **given, **inputs)
