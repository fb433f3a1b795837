"""Judges of 13.5 to 13.8: steps back, with noise and without, few and clever."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


def scalar(x):
    return np.array(x, np.float32)


PAIRS = [(0.3, 0.35), (0.02, 0.6), (0.9, 0.99), (0.99, 1.0), (0.0, 0.1)]
pairs = pytest.mark.parametrize("signal,before", PAIRS, ids=str)
LONG = {"terms": 64, "scale": 4.0}


def some(draw, *names, dtype="float32"):
    return {name: draw.normal(3, 4, dtype=dtype) for name in names}


def shares(**values):
    """Shares of half precision."""
    return {name: np.array(value, np.float16) for name, value in values.items()}


def near(probe, what, x, y, signal, before=0.9999):
    """Both in float16, shares in float32, which would be 1 in float16."""
    x, y = np.asarray(x, np.float16), np.asarray(y, np.float16)
    given = {"signal": scalar(signal), "before": scalar(before)}
    return probe("near_the_data", what=what, x=x, y=y, **given)["outputs"]


@exercise("13.5")
@pytest.mark.parametrize("signal,before", [*PAIRS, (0.2, 1.0)], ids=str)
def test_what_is_known_of_the_step_before(check, draw, signal, before):
    """Mean and variance; at the data, and from nothing but noise, too."""
    given = {"signal": scalar(signal), "before": scalar(before)}
    check("before", **some(draw, "x", "x0", "g"), **given, **LONG)


@exercise("13.5")
def test_a_share_for_each_example(check, draw):
    """Arrays of shares with axes that fit; one of them is at the data."""
    before = draw.uniform(3, 1, low=0.5, high=0.9)
    given = {"signal": before * np.float32(0.7), "before": before}
    before[1] = 1
    check("before", **some(draw, "x", "x0", "g"), **given, **LONG)
    check("with_noise", **some(draw, "x", "x0", "noise", "g"), **given, **LONG)


@exercise("13.5")
@pytest.mark.parametrize("signal,before", PAIRS[:3], ids=str)
def test_a_step_with_noise(check, draw, signal, before):
    """The deviation is the root of the variance."""
    given = {"signal": scalar(signal), "before": scalar(before)}
    check("with_noise", **some(draw, "x", "x0", "noise", "g"), **given, **LONG)


@exercise("13.5")
def test_a_step_with_noise_in_half_precision(check, draw):
    """The dtype of all inputs is that of the step."""
    given = {**shares(signal=0.3, before=0.5), "terms": 16, "scale": 4.0}
    check("before", **some(draw, "x", "x0", "g", dtype="float16"), **given)
    check("with_noise", **some(draw, "x", "x0", "noise", "g", dtype="float16"), **given)


@exercise("13.5")
def test_a_small_step_of_half_precision(probe, draw):
    """Shares of 0.9998 and 0.9999 are both 1 in float16: they stay float32."""
    x, y = np.float16(draw.normal(3, 4)), np.float16(draw.normal(3, 4))
    signal, before = np.float64(np.float32([0.9998, 0.9999]))
    alpha, left = signal / before, (1 - before) / (1 - signal)
    mean = np.sqrt(before) * (1 - alpha) / (1 - signal) * y + np.sqrt(alpha) * left * x
    found, variance = near(probe, "posterior", x, y, signal)
    assert agree(found, mean, "float16", terms=4)
    assert agree(1e4 * variance, 1e4 * left * (1 - alpha), "float16", terms=4)
    noise = np.float16(100 * draw.normal(3, 4))
    (found,) = near(probe, "with noise", np.zeros((3, 4)), noise, signal)
    assert agree(found, np.sqrt(left * (1 - alpha)) * noise, "float16", terms=4)


@exercise("13.5")
def test_the_last_step_adds_nothing(check, draw):
    """It ends at the data."""
    given = {"signal": scalar(0.8), "before": scalar(1.0)}
    arrays = some(draw, "x", "x0", "noise", "g")
    y = check("with_noise", **arrays, **given, **LONG)["outputs"][0]
    assert agree(y, arrays["x0"])


@exercise("13.5")
def test_many_steps_have_the_variance_of_one(probe, draw):
    """From x0 known, a thousand chains of ten steps: mean and variance of what is left before them.

    With 4000 chains the mean is off by more than 0.09 of a deviation, or the variance by more than
    13 %, with a probability below 1e-7.
    """
    shares = np.linspace(0.05, 0.6, 11, dtype=np.float32)
    x0 = np.full((4000,), 1.5, np.float32)
    x = np.sqrt(shares[0]) * x0 + np.sqrt(1 - shares[0]) * draw.normal(4000)
    for signal, before in zip(shares, shares[1:], strict=False):
        given = {"signal": scalar(signal), "before": scalar(before), "noise": draw.normal(4000)}
        x = probe("with_noise", x=x, x0=x0, **given, g=x0)["outputs"][0]
    left = 1 - shares[-1]
    assert abs(x.mean() - 1.5 * np.sqrt(shares[-1])) < 0.09 * np.sqrt(left)
    assert abs(x.var() / left - 1) < 0.13


@exercise("13.6")
@pairs
@pytest.mark.parametrize("eta", [0.0, 0.6, 1.0])
def test_a_step_without_noise(check, draw, signal, before, eta):
    """And with as much of it as one likes."""
    if signal == 0 and eta == 1:
        signal = 0.01  # nothing of the old noise would stay: a root of what rounding has left
    given = {"signal": scalar(signal), "before": scalar(before), "eta": eta}
    fresh = draw.normal(3, 4) if eta else None
    check("without_noise", **some(draw, "x0", "noise", "g"), **given, fresh=fresh, **LONG)


@exercise("13.6")
def test_more_noise_than_there_is(check, draw):
    """Above 1 eta may ask for more than is left: nothing of the old noise stays, and no nan."""
    given = {"signal": scalar(0.2), "before": scalar(0.7), "eta": 3.0}
    check("without_noise", **some(draw, "x0", "noise", "fresh", "g"), **given, **LONG)


@exercise("13.6")
def test_fresh_noise_that_is_not_wanted(check, draw):
    """With eta 0 it changes nothing."""
    given = {"signal": scalar(0.2), "before": scalar(0.7)}
    check("without_noise", **some(draw, "x0", "noise", "fresh", "g"), **given, eta=0.0, **LONG)
    check("by_default", **some(draw, "x0", "noise"), **given, **LONG)


@exercise("13.6")
def test_a_step_without_noise_in_half_precision(check, draw):
    """The dtype of all inputs is that of the step."""
    arrays = some(draw, "x0", "noise", "fresh", "g", dtype="float16")
    given = {**shares(signal=0.3, before=0.5), "terms": 16, "scale": 4.0}
    check("without_noise", **arrays, **given, eta=0.5)


@exercise("13.6")
def test_near_the_data_in_half_precision(probe, draw):
    """A share of 0.9999 is 1 in float16: it stays float32, or the noise is gone too early."""
    noise = np.float16(100 * draw.normal(3, 4))
    (found,) = near(probe, "without noise", np.zeros((3, 4)), noise, 0.9)
    assert agree(found, np.sqrt(1 - np.float64(np.float32(0.9999))) * noise, "float16", terms=4)


@exercise("13.6")
@pytest.mark.parametrize("what,value", [("eta", -0.5), ("eta", 1.0), ("eta with noise", -0.1)])
def test_no_such_step(check, draw, what, value):
    """A negative eta, or no fresh noise."""
    check.raises("fails", "ValueError", match="eta", what=what, value=value)
    given = {"signal": scalar(0.2), "before": scalar(0.7)}
    check("by_default", **some(draw, "x0", "noise"), **given, **LONG)


@exercise("13.7")
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("total,count", [(1000, 50), (1000, 7), (1000, 999), (10, 10), (11, 4),
                                         (30, 12)])  # fmt: skip
def test_which_steps(check, spacing, total, count):
    """The noisiest first."""
    check("chosen", total=total, count=count, spacing=spacing, offset=0)


@exercise("13.7")
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_a_single_step(check, spacing):
    """One of nine, one of one, and then some more."""
    for total, count in ((9, 1), (1, 1), (7, 3)):
        check("chosen", total=total, count=count, spacing=spacing, offset=0)


@exercise("13.7")
def test_moved_by_one(check):
    """The offset is that of leading steps only; the others do not hear it."""
    for spacing in ("leading", "trailing", "linspace"):
        check("chosen", total=100, count=9, spacing=spacing, offset=1)
    check("chosen_by_default", total=1000, count=20)


@exercise("13.7")
@pytest.mark.parametrize("value", [0, 11, -3])
def test_no_such_count(check, value):
    """From 1 to all."""
    check.raises("fails", "ValueError", match="count", what="count", value=value)
    check("chosen", total=20, count=3, spacing="leading", offset=0)


@exercise("13.7")
def test_no_such_spacing(check):
    """One of three."""
    check.raises("fails", "ValueError", match="spacing", what="spacing", value="even")
    check("chosen", total=20, count=3, spacing="leading", offset=0)


@exercise("13.8")
@pairs
def test_the_first_step(check, draw, signal, before):
    """Without one before it. The last one ends at x0."""
    given = {"signal": scalar(signal), "before": scalar(before), "last_x0": None,
             "last_signal": None}  # fmt: skip
    check("solved", **some(draw, "x", "x0", "g"), **given, **LONG)


@exercise("13.8")
@pytest.mark.parametrize("shares", [(0.1, 0.3, 0.5), (0.02, 0.03, 0.6), (0.5, 0.9, 0.95),
                                    (0.2, 0.9, 1.0)])  # fmt: skip
def test_a_step_that_knows_the_last_one(check, draw, shares):
    """Steps of different lengths."""
    last, signal, before = map(scalar, shares)
    arrays = some(draw, "x", "x0", "g", "last_x0")
    check("solved", **arrays, signal=signal, before=before, last_signal=last, terms=64, scale=30.0)


@exercise("13.8")
def test_a_clever_step_in_half_precision(check, draw):
    """The dtype of all inputs is that of the step."""
    arrays = some(draw, "x", "x0", "last_x0", "g", dtype="float16")
    given = shares(signal=0.3, before=0.5, last_signal=0.1)
    check("solved", **arrays, **given, terms=16, scale=8.0)


@exercise("13.8")
def test_a_clever_step_near_the_data(probe, draw):
    """A share of 0.9999 is 1 in float16, the data: it stays float32."""
    x = np.float16(30 * draw.normal(3, 4))
    (found,) = near(probe, "solver", np.zeros((3, 4)), x, 0.9)
    signal, before = np.float64(np.float32([0.9, 0.9999]))
    assert agree(found, np.sqrt((1 - before) / (1 - signal)) * x, "float16", terms=16)


@exercise("13.8")
@pytest.mark.parametrize("left", ["last_x0", "last_signal"])
def test_half_of_the_last_step(check, draw, left):
    """One alone of what is known of the last step is not used."""
    given = {"last_x0": draw.normal(3, 4), "last_signal": scalar(0.1), left: None}
    arrays = {**some(draw, "x", "x0", "g"), "signal": scalar(0.3), "before": scalar(0.5)}
    check("solved_by_half", **arrays, **given, **LONG)


@exercise("13.8")
def test_a_clever_step_of_each_example(check, draw):
    """Arrays of shares with axes that fit; one of them ends at the data."""
    last = draw.uniform(3, 1, low=0.1, high=0.3)
    given = {
        "last_signal": last,
        "signal": last + np.float32(0.2),
        "before": last + np.float32(0.5),
    }
    given["before"][1] = 1
    check("solved", **some(draw, "x", "x0", "last_x0", "g"), **given, terms=64, scale=30.0)
