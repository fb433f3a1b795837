"""Judges of 9.5, 9.9 and 9.14: steps in turns, penalties on slopes, and the average."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


def network(draw, outputs):
    """Weights of the probe's small network."""
    return {
        "first.weight": draw.normal(4, 3),
        "first.bias": draw.normal(4),
        "norm.weight": 1 + 0.3 * draw.normal(4),
        "norm.bias": draw.normal(4),
        "norm.running_mean": draw.normal(4),
        "norm.running_var": draw.uniform(4, low=0.5, high=2.0),
        "last.weight": draw.normal(outputs, 4),
        "last.bias": draw.normal(outputs),
        "table": draw.normal(5, 3),
    }


def game(draw, steps, labels=False, sizes=(5, 5), **options):
    real = [draw.normal(sizes[0], 3) for _ in steps]
    latents = [draw.normal(sizes[1], 3) for _ in steps]
    chosen = [draw.integers(sizes[1], low=0, high=5) if labels else None for _ in steps]
    usual = {"penalty": False, "augment": False, "own": False}
    return {
        "generator": network(draw, 3),
        "discriminator": network(draw, 1),
        "real": real,
        "latents": latents,
        "labels": chosen,
        "steps": steps,
        **usual,
        **options,
    }


@exercise("9.5")
@pytest.mark.parametrize("steps", ["d", "g", "dg", "ddgdg"])
def test_steps_in_turns(check, draw, steps):
    """Losses, all parameters, running statistics and both optimizers, against PyTorch."""
    check("played", **game(draw, steps), terms=2000, scale=4.0)


@exercise("9.5")
@pytest.mark.parametrize("steps", ["d", "dg"])
def test_batches_of_two_sizes(check, draw, steps):
    """Fewer latent vectors than real examples: each is normalized in its own batch."""
    check("played", **game(draw, steps, sizes=(7, 4)), terms=2000, scale=4.0)


@exercise("9.5")
@pytest.mark.parametrize("steps", ["d", "g", "dg"])
def test_steps_with_labels(check, draw, steps):
    """Both networks are told what was asked for."""
    check("played", **game(draw, steps, labels=True), terms=2000, scale=4.0)


@exercise("9.5")
@pytest.mark.parametrize("steps", ["d", "g", "dg"])
def test_both_sides_are_augmented(check, draw, steps):
    """What is real, what is made, and the slope comes back through it."""
    check("played", **game(draw, steps, augment=True), terms=4000, scale=16.0)


def half(tree):
    """A tree of inputs in float16."""
    if isinstance(tree, dict):
        return {name: half(branch) for name, branch in tree.items()}
    if isinstance(tree, list):
        return [half(branch) for branch in tree]
    floating = isinstance(tree, np.ndarray) and tree.dtype == np.float32
    return tree.astype("float16") if floating else tree


@exercise("9.5")
@pytest.mark.parametrize("steps", ["d", "g"])
def test_steps_in_half_precision(check, draw, steps):
    """Nothing is computed in another dtype than the networks and what they are given."""
    check("played", **half(game(draw, steps)), terms=16, scale=4.0)


@exercise("9.5")
@pytest.mark.parametrize("labels", [False, True])
def test_a_penalty(check, draw, labels):
    """Of what the discriminator saw; with the labels filled in."""
    some = game(draw, "dg", labels=labels, penalty=True, augment=True)
    check("played", **some, terms=4000, scale=64.0)


@exercise("9.5")
@pytest.mark.parametrize("steps", ["d", "g"])
def test_losses_of_ones_own(check, draw, steps):
    """Those that the duel was made with."""
    check("played", **game(draw, steps, own=True), terms=2000, scale=8.0)


# 9.9 and 9.10


@exercise("9.9")
@pytest.mark.parametrize("shape", [(6, 5), (4, 3, 3, 2), (9,)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_points_on_lines(probe, draw, shape, dtype):
    """One share for each example, the same for all of its numbers; the same key, the same draw."""
    real, fake = draw.normal(*shape, dtype=dtype), draw.normal(*shape, dtype=dtype)
    found = probe("points_between", real=real, fake=fake, seed=draw.seed())
    assert np.array_equal(found["first"], found["again"])
    assert np.array_equal(found["first"], found["same seed"])
    x, y, z = (a.astype(np.float64).reshape(shape[0], -1) for a in (real, fake, found["first"]))
    assert found["first"].shape == shape and found["first"].dtype == real.dtype
    share = ((z - y) * (x - y)).sum(1) / ((x - y) ** 2).sum(1)
    assert agree(z, y + share[:, None] * (x - y), dtype=dtype, terms=4)
    assert share.min() >= -0.01 and share.max() <= 1.01
    assert len(np.unique(share.round(2))) > 2


@exercise("9.9")
def test_shares_are_uniform(probe, draw):
    """Mean and deviation of 4,000; each bound is missed by chance once in 500 million runs."""
    n = 4000
    found = probe(
        "points_between",
        real=np.ones((n, 1), np.float32),
        fake=np.zeros((n, 1), np.float32),
        seed=None,
    )
    share = found["first"].astype(np.float64)[:, 0]
    assert np.array_equal(found["first"], found["same seed"])
    assert not np.array_equal(found["first"], found["again"])
    assert abs(share.mean() - 0.5) < 6 * np.sqrt(1 / 12 / n)
    assert abs((share**2).mean() - 1 / 3) < 6 * np.sqrt(4 / 45 / n)
    assert 0 <= share.min() < 0.01 and 0.99 < share.max() <= 1


PENALTIES = ["squared_slopes", "gradient_penalty"]


def critic(draw, shape):
    size = int(np.prod(shape[1:]))
    return {"w": 0.5 * draw.normal(size, 6), "v": draw.normal(6), "x": draw.normal(*shape)}


def slope_of(draw, name, n):
    return draw.normal(n) if name == "squared_slopes" else draw.normal()


@exercise("9.9")
@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("shape", [(5, 7), (4, 3, 2, 2), (1, 3)], ids=str)
def test_penalties(check, draw, name, shape):
    """The value, and the derivatives of a derivative: by the weights, and by the points."""
    shift = np.array(0.5, np.float32)
    g = slope_of(draw, name, shape[0])
    check("penalty", name=name, **critic(draw, shape), shift=shift, g=g, terms=100, scale=64.0)


def in_half_precision(check, draw, name):
    some = {k: a.astype("float16") for k, a in critic(draw, (3, 2)).items()}
    g = np.asarray(slope_of(draw, name, 3), "float16")
    shift = np.array(0.5, "float16")
    check("penalty", name=name, **some, shift=shift, g=g, terms=6, scale=4.0)


@exercise("9.9")
@pytest.mark.parametrize("name", PENALTIES)
def test_penalties_in_half_precision(check, draw, name):
    """The dtype of the points."""
    in_half_precision(check, draw, name)


@exercise("9.9")
def test_one_pixel(check, draw):
    """With one channel and one pixel all norms are the same; with several channels they differ."""
    shift = np.array(0.5, np.float32)
    for shape in [(6, 1, 1, 1), (6, 1, 1, 4), (6, 4, 1, 1)]:
        some = critic(draw, shape)
        g = np.asarray(draw.normal())
        check("penalty", name="gradient_penalty", **some, shift=shift, g=g, terms=100, scale=64.0)


@exercise("9.9")
def test_a_critic_without_a_slope(check, draw):
    """Where it is flat, the length is 0 and has the slope 0: nothing infinite, nothing lost."""
    some = critic(draw, (4, 3))
    some["x"][1:3] = 0
    for shift in (-0.001, -100.0):
        check(
            "penalty",
            name="gradient_penalty",
            **some,
            shift=np.array(shift, np.float32),
            g=np.array(1.5, np.float32),
            terms=100,
            scale=64.0,
        )


@exercise("9.9")
@pytest.mark.parametrize("n", [1, 5])
def test_a_linear_critic(check, draw, n):
    """Its slope is the weight, everywhere."""
    check("linear_penalty", x=draw.normal(n, 4), w=draw.normal(4), g=draw.normal(), terms=50)


@exercise("9.10")
@pytest.mark.parametrize("shape", [(5, 7), (4, 3, 2, 2), (1, 3)], ids=str)
def test_a_penalty_around_zero(check, draw, shape):
    """Half of the mean squared length; flat costs nothing."""
    shift = np.array(0.5, np.float32)
    check(
        "penalty",
        name="zero_centred_penalty",
        **critic(draw, shape),
        shift=shift,
        g=draw.normal(),
        terms=100,
        scale=64.0,
    )


@exercise("9.10")
def test_a_penalty_around_zero_in_half_precision(check, draw):
    """The dtype of the points."""
    in_half_precision(check, draw, "zero_centred_penalty")


# 9.14


def layers(draw, count):
    return [
        {
            "layers.0.weight": draw.normal(4, 3),
            "layers.0.bias": draw.normal(4),
            "layers.1.weight": draw.normal(4),
            "layers.1.bias": draw.normal(4),
            "layers.1.running_mean": draw.normal(4),
            "layers.1.running_var": draw.uniform(4, low=0.5, high=2.0),
        }
        for _ in range(count)
    ]


@exercise("9.14")
@pytest.mark.parametrize("decay", [0.5, 0.999, None])
@pytest.mark.parametrize("steps", [1, 12])
@pytest.mark.parametrize("training", [True, False])
def test_a_shadow(check, draw, decay, steps, training):
    """All arrays follow, faster at first; samples are drawn with them, and nothing else changes."""
    weights = layers(draw, steps + 1)
    some = {"weights": weights, "decay": decay, "x": draw.normal(5, 3), "training": training}
    check("followed", **some, dtype="float32", terms=60, scale=16.0)


@exercise("9.14")
def test_a_shadow_in_half_precision(probe, draw):
    """The averages have the dtypes of the generator's arrays."""
    some = {"weights": layers(draw, 3), "decay": 0.9, "x": draw.normal(5, 3), "training": True}
    found = probe("followed", **some, dtype="float16")
    assert {a.dtype.name for a in found["averages"].values()} == {"float16"}
    assert found["y"].dtype == np.float16 and found["raised"]
    w = [step["layers.0.weight"].astype(np.float64) for step in some["weights"]]
    expected = 0.1 * w[0] + 0.9 * w[1]
    expected = 2 / 11 * expected + 9 / 11 * w[2]
    assert agree(found["averages"]["layers.0.weight"], expected, dtype="float16", terms=4)
