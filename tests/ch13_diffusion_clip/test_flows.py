"""Judges of 13.9 to 13.12: lines, walks along flows, guidance."""

import math

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("13.9")
@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 4), (4, 2, 2, 1)], ids=str)
def test_points_of_lines(check, draw, shape):
    """Data at time 0, noise at time 1; each example has its own time."""
    arrays = {name: draw.normal(*shape) for name in ("x", "noise", "g")}
    check("line", **arrays, t=np.float32([0.0, 1.0, 0.3, 0.8]), terms=4)


@exercise("13.9")
@pytest.mark.parametrize("shape", [(4, 3), (1, 2, 3)], ids=str)
def test_the_loss_of_a_flow(check, draw, shape):
    """Its value, and the slopes of what the network has learned."""
    arrays = {"x": draw.normal(*shape), "noise": draw.normal(*shape), "t": draw.uniform(shape[0])}
    learned = {"weight": draw.normal(), "told": draw.normal()}
    check("line_loss", **arrays, **learned, g=draw.normal(), terms=60, scale=10.0)


@exercise("13.9")
def test_lines_of_half_precision(check, draw):
    """The dtype of all inputs is that of the point and of the loss."""
    arrays = {name: draw.normal(2, 3, dtype="float16") for name in ("x", "noise")}
    t = draw.uniform(2, dtype="float16")
    check("line", **arrays, t=t, g=draw.normal(2, 3, dtype="float16"), terms=4)
    learned = {name: draw.normal(dtype="float16") for name in ("weight", "told", "g")}
    check("line_loss", **arrays, t=t, **learned, terms=60, scale=10.0)


@exercise("13.9")
def test_a_time_near_noise_in_half_precision(probe, draw):
    """A time of 0.9999 is 1 in float16: it stays float32, or nothing is left of the data."""
    x, nothing = np.float16(1e4 * draw.normal(2, 3)), np.zeros((2, 3), np.float16)
    t = np.array(0.9999, np.float32)
    (found,) = probe("near_the_data", what="line", x=nothing, y=x, signal=t, before=t)["outputs"]
    assert agree(found, (1 - np.float64(t)) * x, "float16", terms=4)


@exercise("13.10")
@pytest.mark.parametrize("name", ["euler", "heun"])
def test_a_walk_in_half_precision(probe, draw, name):
    """The dtype of the noise is that of the data."""
    found = probe("walked_half", name=name, x=draw.normal(2, 3, dtype="float16"), times=[1.0, 0.0])
    assert found["y"].dtype == np.float16
    assert np.abs(found["y"]).max() > 0.01


@exercise("13.10")
@pytest.mark.parametrize("name", ["euler", "heun"])
@pytest.mark.parametrize("times", [[1.0, 0.0], [1.0, 0.7, 0.55, 0.2, 0.0], [0.6, 0.5, 0.1]],
                         ids=str)  # fmt: skip
@pytest.mark.parametrize("shape", [(2, 3), (3,), (2, 1, 2)], ids=str)
def test_a_walk(check, draw, name, times, shape):
    """Where it ends, and when the network was asked."""
    given = {"name": name, "times": times, "rate": draw.normal()}
    check("walked", **given, x=draw.normal(*shape), terms=40, scale=10.0)


@exercise("13.10")
@pytest.mark.parametrize("name", ["euler", "heun"])
def test_the_device_works_while_python_goes_on(check, draw, name):
    """Each step is started when it is written, and not all of them at the end."""
    times = np.linspace(1, 0, 13).tolist()
    check("waits", name=name, x=draw.normal(2, 3), times=times, terms=40, scale=10.0)


# A mixture of Gaussians: in one dimension paths never cross, so each point keeps its rank.

MIXTURES = [
    ([0.3, 0.45, 0.25], [-2.0, 0.5, 2.5], [0.5, 0.35, 0.6]),
    ([0.5, 0.5], [-1.5, 1.0], [0.4, 0.5]),
]


def below(x, mixture):
    """The share of a mixture that lies below x."""
    parts = zip(*mixture, strict=True)
    return sum(w * (1 + np.vectorize(math.erf)((x - m) / s / 2**0.5)) / 2 for w, m, s in parts)


def exact(noise, mixture):
    """The point of the same rank, by bisection."""
    rank = below(noise, ([1.0], [0.0], [1.0]))
    low, high = np.full(noise.shape, -20.0), np.full(noise.shape, 20.0)
    for _ in range(60):
        middle = (low + high) / 2
        left = below(middle, mixture) < rank
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    return low


def distance(y, expected):
    assert y.shape == expected.shape
    return np.sqrt(np.mean((y.astype(np.float64) - expected) ** 2))


@exercise("13.11")
@pytest.mark.parametrize("mixture", MIXTURES, ids=["three", "two"])
@pytest.mark.parametrize("calls", [8, 16])
def test_a_fifth_of_the_error(probe, draw, mixture, calls):
    """Your error is less than a fifth of Euler's with as many calls."""
    noise = np.linspace(-2.2, 2.2, 40, dtype=np.float32) + 0.02 * draw.normal(40)
    noise = noise.reshape(10, 2, 2).astype(np.float32)
    names = dict(zip(("weights", "means", "deviations"), map(np.float32, mixture), strict=True))
    given = {"x": noise, **names, "calls": calls}
    mine, theirs = (probe("arrived", **given, by_euler=b) for b in (False, True))
    assert mine["enough calls"], "the network was asked too often"
    assert mine["all at once"], "a time for each example of the batch, (N,)"
    assert mine["times"], "times are from 1 to 0"
    goal = exact(noise.astype(np.float64), mixture)
    error, bar = distance(mine["y"], goal), distance(theirs["y"], goal) / 5
    small = bool(error < bar)
    assert small, (
        f"with {calls} calls your error is {error:.3g}, Euler's {5 * bar:.3g}: a fifth is {bar:.3g}"
    )


@exercise("13.11")
@pytest.mark.parametrize("calls", [1, 2, 3, 7])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_straight_lines_are_exact(probe, draw, calls, dtype):
    """The same velocity everywhere: one call is enough, and no dtype changes."""
    x, velocity = draw.normal(2, 3, dtype=dtype), draw.normal(3, dtype=dtype)
    found = probe("arrived_straight", x=x, velocity=velocity, calls=calls)
    assert found["enough calls"], "the network is asked at least once and at most `calls` times"
    assert found["y"].dtype == x.dtype
    assert agree(found["y"], x.astype(np.float64) - velocity, dtype, terms=16)


@exercise("13.11")
def test_nothing_stays(probe, draw):
    """Another walk between two walks changes nothing; no call is one too few."""
    x = draw.normal(2, 3)
    assert probe("arrived_twice", x=x, rate=0.5, calls=5)["same"]
    found = probe("arrived_straight", x=x, velocity=x[0], calls=2)
    assert agree(found["y"], x - x[0], terms=16)


@exercise("13.11")
@pytest.mark.parametrize("calls", [0, -2])
def test_no_calls(check, probe, draw, calls):
    """One sentence."""
    check.raises("fails", "ValueError", match="calls", what="calls", value=calls)
    x = draw.normal(2, 3)
    assert agree(probe("arrived_straight", x=x, velocity=x[0], calls=1)["y"], x - x[0], terms=16)


# Guidance


@exercise("13.12")
@pytest.mark.parametrize("w", [0.0, 1.0, 4.5, -1.0])
def test_further_in_the_same_direction(check, draw, w):
    """0 asks for nothing, 1 is the conditional prediction."""
    arrays = {name: draw.normal(2, 3) for name in ("unconditional", "conditional", "g")}
    check("guide", **arrays, w=w, terms=16)


@exercise("13.12")
def test_guidance_in_half_precision(check, draw):
    """The dtype stays."""
    names = ("unconditional", "conditional", "g")
    check("guide", **{n: draw.normal(2, 3, dtype="float16") for n in names}, w=3.0, terms=16)


@exercise("13.12")
@pytest.mark.parametrize("shape", [(4000, 2), (4000,), (4000, 1, 3)], ids=str)
def test_how_often_nothing_is_asked(probe, draw, shape):
    """A whole example at a time.

    A share of 0.2 of 4000 has a deviation of 0.0063: 0.04 is passed with a probability of 2e-10.
    """
    conditions = np.abs(draw.normal(*shape)) + 1
    nothing = np.asarray(-np.abs(draw.normal(*shape[1:])) - 1)
    found = probe("dropped", conditions=conditions, nothing=nothing, drop=0.2, seed=draw.seed())
    kept = found["kept"]
    assert np.array_equal(kept, found["again"]), "the same key, another draw"
    gone = (kept == nothing).reshape(4000, -1)
    assert (gone.all(1) | ~gone.any(1)).all(), "an example was dropped in part"
    assert np.array_equal(kept[~gone[:, 0]], conditions[~gone[:, 0]])
    assert abs(gone[:, 0].mean() - 0.2) < 0.04


@exercise("13.12")
@pytest.mark.parametrize("drop", [0.0, 1.0])
def test_always_and_never(probe, draw, drop):
    """Both ends are allowed; the dtype is that of the conditions."""
    conditions, nothing = draw.normal(5, 2, dtype="float16"), draw.normal(2)
    kept = probe("dropped", conditions=conditions, nothing=nothing, drop=drop, seed=1)["kept"]
    assert kept.dtype == np.float16
    wanted = np.broadcast_to(nothing.astype(np.float16), (5, 2)) if drop else conditions
    assert np.array_equal(kept, wanted)


@exercise("13.12")
def test_the_global_random_state(probe, draw):
    """Without a key two seeds give two draws, and one seed always the same."""
    given = {"conditions": draw.normal(64, 1), "nothing": np.zeros(1, np.float32), "drop": 0.5}
    a, b, c = (probe("dropped_by_default", **given, seed=s)["kept"] for s in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


@exercise("13.12")
def test_nothing_learns_too(probe, draw):
    """The slopes of what is asked and of nothing, if all or none is dropped."""
    given = {"conditions": draw.normal(3, 2), "nothing": draw.normal(2), "g": [draw.normal(3, 2)]}
    for drop in (0.0, 1.0):
        asked, nothing = probe("drop_slope", **given, drop=drop)["gradients"]
        g = given["g"][0]
        assert agree(asked, g * (1 - drop))
        assert agree(nothing, g.sum(0) * drop, terms=3)


@exercise("13.12")
@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_no_probability(check, draw, value):
    """One sentence."""
    check.raises("fails", "ValueError", match="drop", what="drop", value=value)
    arrays = {name: draw.normal(2, 3) for name in ("unconditional", "conditional", "g")}
    check("guide", **arrays, w=2.0, terms=16)
