"""Judges of 17.9: how sure a forecast is."""

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
def test_little_doubt_is_not_none(check, draw):
    """Deviations of a millionth of a millionth: only 0 is 0."""
    mean, deviation = draw.normal(6) * np.float32(1e-9), draw.uniform(6, low=0.5, high=2)
    deviation = deviation * np.float32(1e-9)
    truth = mean + deviation * draw.normal(6)
    check("crps_gaussian", mean=mean, deviation=deviation, truth=truth, scale=1e-8)


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
def test_crps_of_pressures(probe, draw):
    """Samples near 1,000: measured, the truth off first is right to 2e-6, and to 1e-4 otherwise."""
    for count in (400, 4000):
        samples, truth = 1013 + draw.normal(count), np.array(1013.3, np.float32)
        found = probe("crps_samples", samples=samples, truth=truth)["y"]
        apart = np.sort(samples.astype(np.float64) - truth)
        ranks = 2 * np.arange(1, count + 1) - (count + 1)
        expected = abs(apart).mean() - (ranks * apart).sum() / count**2
        assert abs(found - expected) < 1e-5, f"{found} for {expected}"


@exercise("17.9")
def test_crps_without_a_walk(probe, draw):
    """Ten times the samples take as many lines of Python."""
    found = probe("crps_lines", samples=draw.normal(2, 200), truth=draw.normal(2))
    assert found["at once"] is True and found["y"].any(), "samples are taken one by one"


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
