"""Judges of 13.1 to 13.4: schedules, noise, the best denoiser, three ways to say it."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise

NEAR = np.float32(0.9999)  # the least noise of a schedule; as a float16 it is 1


def scalar(x):
    return np.array(x, np.float32)


def near(probe, what, x, y):
    """Both in float16, the share in float32; the results are compared as float16."""
    x, y = np.asarray(x, np.float16), np.asarray(y, np.float16)
    return probe("near_the_data", what=what, x=x, y=y, signal=scalar(0.5), before=scalar(NEAR))[
        "outputs"
    ]


@exercise("13.1")
@pytest.mark.parametrize("steps", [2, 10, 300])
def test_a_linear_schedule(check, steps):
    """Both ends of the betas are used, and step 0 is one step."""
    check("linear", steps=steps, first=0.001, last=0.03, terms=steps)


@exercise("13.1")
def test_the_published_schedules(check):
    """1000 steps, as the papers have them."""
    check("linear_by_default", terms=1000)
    check("cosine_by_default", terms=1000)


@exercise("13.1")
@pytest.mark.parametrize("steps,offset,most", [(1, 0.008, 0.9), (8, 0.008, 0.999), (20, 0.1, 0.3)])
def test_a_cosine_schedule(check, steps, offset, most):
    """No step takes more than the bound."""
    check("cosine", steps=steps, offset=offset, most=most, terms=steps)


@exercise("13.1")
@pytest.mark.parametrize("count", [2, 6])
def test_nothing_is_left_at_the_end(check, draw, count):
    """The first entry stays, the last one is 0, the amplitude is stretched between them."""
    falling = np.sort(draw.uniform(count, low=0.1, high=0.95))[::-1].copy()
    check("terminal", signal=falling, terms=4)


@exercise("13.1")
def test_a_schedule_of_half_precision(check, draw):
    """The dtype stays."""
    falling = np.sort(draw.uniform(5, low=0.1, high=0.9, dtype="float16"))[::-1].copy()
    check("terminal", signal=falling, terms=4)


@exercise("13.2")
@pytest.mark.parametrize("shape", [(3,), (3, 4), (3, 2, 2, 2)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_noise_for_each_example(check, draw, shape, dtype):
    """Each example has its own step; the dtype is that of the data."""
    steps = np.array([0, 4, 2], np.int32)
    arrays = {name: draw.normal(*shape, dtype=dtype) for name in ("x", "noise", "g")}
    signal = np.sort(draw.uniform(5, low=0.01, high=0.99))[::-1].astype(dtype)
    check("mixed", **arrays, signal=signal, steps=steps, terms=4, scale=4.0)


@exercise("13.2")
def test_one_step_for_all(check, draw):
    """A number for the step; and data of half precision with a schedule of float32."""
    arrays = {name: draw.normal(2, 3) for name in ("x", "noise", "g")}
    signal = scalar([0.9, 0.4, 0.1])
    check("mixed", **arrays, signal=signal, steps=np.array(1, np.int32), terms=4, scale=4.0)


@exercise("13.2")
def test_data_of_half_precision(probe, draw):
    """A schedule of float32 does not make them float32."""
    arrays = {name: draw.normal(2, 3, dtype="float16") for name in ("x", "noise", "g")}
    found = probe("mixed", **arrays, signal=scalar([0.9, 0.1]), steps=np.array([0, 1], np.int32))[
        "outputs"
    ][0]
    assert found.dtype == np.float16
    assert np.abs(found).max() > 0.01


@exercise("13.2")
def test_the_least_noise_of_half_precision(probe, draw):
    """A share of 0.9999 is 1 in float16: the schedule stays float32, or there is no noise."""
    noise = np.float16(100 * draw.normal(3, 4))
    (found,) = near(probe, "noisy", np.zeros((3, 4)), noise)
    assert agree(found, noise * np.sqrt(1 - np.float64(NEAR)), "float16", terms=4)


@exercise("13.2")
def test_signal_to_noise(check, draw):
    """Of a whole schedule, and of a table."""
    check("ratio", signal=draw.uniform(7, low=0.01, high=0.99), scale=100.0)
    check("ratio", signal=draw.uniform(2, 3, low=0.01, high=0.99), scale=100.0)
    check("ratio", signal=draw.uniform(4, low=0.1, high=0.8, dtype="float16"), scale=10.0)


@exercise("13.3")
@pytest.mark.parametrize("signal", [0.05, 0.5, 0.9])
def test_the_best_guess(check, draw, signal):
    """Points in four dimensions, and how the guess moves with them."""
    x, data = 2 * draw.normal(5, 4), draw.normal(7, 4)
    g = draw.normal(5, 4)
    check("denoised", x=x, data=data, signal=scalar(signal), g=g, terms=200, scale=20.0)


@exercise("13.3")
def test_a_share_for_each_point(check, draw):
    """The share of signal may be (N, 1)."""
    x, data, g = draw.normal(4, 2), draw.normal(6, 2), draw.normal(4, 2)
    signal = draw.uniform(4, 1, low=0.1, high=0.9)
    check("denoised", x=x, data=data, signal=signal, g=g, terms=200, scale=20.0)


@exercise("13.3")
def test_a_guess_of_half_precision(check, draw):
    """The dtype of all inputs is that of the guess."""
    arrays = {"x": draw.normal(3, 2, dtype="float16"), "data": draw.normal(4, 2, dtype="float16")}
    signal, g = np.array(0.3, np.float16), draw.normal(3, 2, dtype="float16")
    check("denoised", **arrays, signal=signal, g=g, terms=16, scale=4.0)


@exercise("13.3")
def test_the_least_noise_of_a_guess(probe, draw):
    """A share of 0.9999 is 1 in float16: it stays float32, or there is a division by 0."""
    data = np.float16([[0, 0], [2, 1], [-1, 3], [4, -2]])
    (found,) = near(probe, "best", data[::-1] + 0.01 * draw.normal(4, 2), data)
    assert agree(found, data[::-1], "float16", terms=4)


@exercise("13.3")
def test_far_from_all_data(check, draw):
    """Where all densities are 0 in float32 there is still a nearest point."""
    x = np.float32([[300.0, -200.0], [0.5, 0.5]])
    data, g = draw.normal(5, 2), np.zeros((2, 2), np.float32)
    check("denoised", x=x, data=data, signal=scalar(0.9), g=g, terms=200, scale=20.0)


@exercise("13.3")
def test_a_table_is_enough(check, draw):
    """300 points and 200 data of 100 numbers: no table of differences."""
    check("denoised_cost", x=3 * draw.normal(300, 100), data=3 * draw.normal(200, 100), terms=900,
          scale=30.0)  # fmt: skip


KINDS = ["noise", "signal", "velocity"]


@exercise("13.4")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_parts(check, draw, kind, dtype):
    """Signal and noise from a prediction, and their slopes."""
    arrays = {name: draw.normal(3, 2, 2, dtype=dtype) for name in ("predicted", "x")}
    g = [draw.normal(3, 2, 2, dtype=dtype), draw.normal(3, 2, 2, dtype=dtype)]
    signal = draw.uniform(3, 2, 2, low=0.2, high=0.8, dtype=dtype)
    check("parts", kind=kind, **arrays, signal=signal, g=g, terms=16, scale=10.0)


@exercise("13.4")
def test_one_share_for_all(check, draw):
    """A scalar, and a share for each example."""
    arrays = {name: draw.normal(3, 2) for name in ("predicted", "x")}
    g = [draw.normal(3, 2), draw.normal(3, 2)]
    for signal in (scalar(0.6), draw.uniform(3, 1, low=0.2, high=0.8)):
        check("parts", kind="velocity", **arrays, signal=signal, g=g, terms=16, scale=10.0)


@exercise("13.4")
@pytest.mark.parametrize("kind,signal", [("noise", 1e-5), ("signal", 1 - 3 * 2**-24)])
def test_little_of_what_is_asked_for(check, draw, kind, signal):
    """A divisor of 0.003, or of 0.0004: nothing may be added to it, and no digit of it be lost."""
    arrays = {name: draw.normal(3, 2) for name in ("predicted", "x")}
    g = [draw.normal(3, 2), draw.normal(3, 2)]
    check("parts", kind=kind, **arrays, signal=scalar(signal), g=g, terms=16)


@exercise("13.4")
def test_nothing_but_noise(probe, draw):
    """Where no signal is left a velocity still says what the signal was."""
    x, noise = draw.normal(4), draw.normal(4)
    found = probe("parts", kind="velocity", predicted=-x, x=noise, signal=scalar(0.0),
                  g=[x, noise])["outputs"]  # fmt: skip
    assert np.array_equal(found[0], x)
    assert np.array_equal(found[1], noise)


@exercise("13.4")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_what_a_network_should_say(check, draw, kind, dtype):
    """The target, and its slopes."""
    arrays = {name: draw.normal(3, 4, dtype=dtype) for name in ("x", "noise", "g")}
    signal = draw.uniform(3, 1, low=0.1, high=0.9, dtype=dtype)
    check("target", kind=kind, **arrays, signal=signal, terms=4)


@exercise("13.4")
def test_the_least_noise_of_three_kinds(probe, draw):
    """A share of 0.9999 is 1 in float16: it stays float32, or nothing is left of the noise."""
    b, nothing = np.sqrt(1 - np.float64(NEAR)), np.zeros((3, 4))
    a, large = np.sqrt(np.float64(NEAR)), np.float16(100 * draw.normal(3, 4))
    wanted = {
        "parts, noise": [-b / a * large, large],
        "parts, velocity": [-b * large, a * large],
        "target": [-b * large],
    }
    for what, parts in wanted.items():
        for found, part in zip(near(probe, what, nothing, large), parts, strict=True):
            assert agree(found, part, "float16", terms=4), what
    small = np.float16(0.01 * draw.normal(3, 4))
    assert agree(near(probe, "parts, signal", nothing, small)[1], small / b, "float16", terms=4)


@exercise("13.4")
@pytest.mark.parametrize("value", ["epsilon", ""])
def test_another_kind(check, draw, value):
    """One sentence says which kinds there are."""
    for what in ("kind", "target"):
        check.raises("fails", "ValueError", match="kind", what=what, value=value)
    arrays = {name: draw.normal(2, 2) for name in ("x", "noise", "g")}
    check("target", kind="velocity", **arrays, signal=scalar(0.3), terms=4)
