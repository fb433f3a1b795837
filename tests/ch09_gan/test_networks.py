"""Judges of 9.6 to 9.8, 9.11 to 9.13 and 9.19: blocks, starts, and what stands around them."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


def norm(draw, name, channels, running=True):
    found = {
        f"{name}.weight": 1 + 0.3 * draw.normal(channels),
        f"{name}.bias": draw.normal(channels),
    }
    if running:
        found[f"{name}.running_mean"] = draw.normal(channels)
        found[f"{name}.running_var"] = draw.uniform(channels, low=0.5, high=2.0)
    return found


@exercise("9.6")
def test_ranges(check, draw):
    """Paper is -1, ink is 1, and back."""
    x = draw.uniform(2, 3, 3, 1)
    check("ranges", pixels=x, g=[draw.normal(2, 3, 3, 1), draw.normal(2, 3, 3, 1)])


@exercise("9.6")
def test_ranges_in_half_precision(check, draw):
    """The dtype of the pictures, also behind a block in evaluation."""
    x = draw.uniform(2, 3, 3, 1, dtype="float16")
    g = draw.normal(2, 3, 3, 1, dtype="float16")
    check("ranges", pixels=x, g=[g, g])
    weights = {"conv.weight": draw.normal(3, 4, 4, 2), **norm(draw, "norm", 3)}
    check(
        "generator_block",
        x=draw.normal(2, 2, 2, 2, dtype="float16"),
        weights={name: w.astype("float16") for name, w in weights.items()},
        g=draw.normal(2, 4, 4, 3, dtype="float16"),
        training=False,
        terms=400,
        scale=16.0,
    )


@exercise("9.6")
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 1, 1)], ids=str)
def test_a_generator_block(check, draw, training, shape):
    """Twice as large, with PyTorch's numbers; no parameter more, and no bias."""
    n, height, width = shape
    weights = {"conv.weight": draw.normal(3, 4, 4, 2), **norm(draw, "norm", 3)}
    check(
        "generator_block",
        x=draw.normal(n, height, width, 2),
        weights=weights,
        g=draw.normal(n, 2 * height, 2 * width, 3),
        training=training,
        terms=400,
        scale=16.0,
    )


@exercise("9.7")
@pytest.mark.parametrize("side", [8, 28, 32, 10, 12, 24, 64, 14, 30])
def test_sides(check, side):
    """Halves, as long as they are whole and at least 4."""
    check("map_sides", side=side)


@exercise("9.7")
@pytest.mark.parametrize("side", [4, 6, 7, 9, 27, 0])
def test_no_sides(check, side):
    """A picture that cannot be halved once."""
    check("map_sides", side=28)
    check.raises("map_sides", "ValueError", match="side", side=side)


def block(draw, normalize, wrapped=False):
    weights = {f"conv.{'layer.' * wrapped}weight": draw.normal(4, 4, 4, 3)}
    if normalize is None:
        weights[f"conv.{'layer.' * wrapped}bias"] = draw.normal(4)
    else:
        weights.update(norm(draw, "norm", 4, normalize == "batch"))
    return weights


@exercise("9.7")
@pytest.mark.parametrize("normalize", ["batch", "layer", None])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])
def test_a_discriminator_block(check, draw, normalize, training, wrapped):
    """Half as large, with PyTorch's numbers; a bias only where nothing normalizes."""
    check(
        "discriminator_block",
        x=draw.normal(3, 6, 4, 3),
        weights=block(draw, normalize, wrapped),
        g=draw.normal(3, 3, 2, 4),
        normalize=normalize,
        training=training,
        wrapped=wrapped,
        terms=400,
        scale=16.0,
    )


@exercise("9.7")
@pytest.mark.parametrize("normalize", ["layer", None])
def test_examples_that_do_not_meet(check, draw, normalize):
    """What a critic says of an example does not depend on its neighbours."""
    weights = block(draw, normalize)
    x = draw.normal(3, 4, 4, 3)
    check("alone", x=x, weights=weights, normalize=normalize, terms=100, scale=8.0)


@exercise("9.7")
def test_a_discriminator_block_in_half_precision(check, draw):
    """The dtype of its weights and of the picture."""
    check(
        "discriminator_block",
        x=draw.normal(2, 4, 4, 3, dtype="float16"),
        weights={name: w.astype("float16") for name, w in block(draw, None).items()},
        g=draw.normal(2, 2, 2, 4, dtype="float16"),
        normalize=None,
        training=True,
        wrapped=False,
        terms=400,
        scale=16.0,
    )


@exercise("9.7")
@pytest.mark.parametrize("normalize", ["Batch", "", False, "instance"])
def test_no_such_normalization(check, draw, normalize):
    """One clear sentence; and a block that is one."""
    weights = block(draw, None)
    check("alone", x=draw.normal(1, 4, 4, 3), weights=weights, normalize=None, terms=100, scale=8.0)
    check.raises("no_block", "ValueError", match="normalize", normalize=normalize)


SPREADS = {
    "inner.0.a.layers.0.weight": 0.0,
    "inner.0.a.layers.1.weight": 1.0,
    "up.weight": 0.0,
    "linear.weight": 0.0,
}


@exercise("9.8")
def test_a_start(probe, draw):
    """Means and deviations of 16,000 numbers and more: each bound is missed by chance once in 500
    million runs; nobody's neighbour is drawn twice."""
    found = probe("started", seed=draw.seed())
    assert found["itself"]
    weights = found["weights"]
    for name, mean in SPREADS.items():
        w = weights[name].astype(np.float64).ravel()
        n = len(w)
        assert weights[name].dtype == np.float32
        assert abs(w.mean() - mean) < 6 * 0.02 / np.sqrt(n)
        assert abs(w.std() / 0.02 - 1) < 6 / np.sqrt(2 * n)
        # A normal distribution and no other: a uniform one has 1.8 here, and this one 3.
        kurtosis = ((w - w.mean()) ** 4).mean() / w.var() ** 2
        assert abs(kurtosis - 3) < 6 * np.sqrt(24 / n)
    assert not np.array_equal(
        weights["up.weight"].ravel()[:100], weights["linear.weight"].ravel()[:100]
    )


@exercise("9.8")
def test_what_a_start_leaves(probe, draw):
    """Biases are 0; other layers, bare arrays and running statistics stay; another seed, others."""
    first, second = (probe("started", seed=draw.seed()) for _ in range(2))
    weights, others = first["weights"], second["weights"]
    assert first["itself"] and weights["free"].sum() == 15
    biases = {"inner.0.a.layers.0.bias", "inner.0.a.layers.1.bias", "linear.bias"}
    for name, w in weights.items():
        if name in SPREADS:
            assert not np.array_equal(w, others[name]), name
        else:
            expected = np.zeros_like(w) if name in biases else np.full_like(w, 3)
            assert np.array_equal(w, expected), name


# 9.11


def vectors(draw, rows, columns):
    u, v = draw.normal(rows), draw.normal(columns)
    return u / np.linalg.norm(u), v / np.linalg.norm(v)


@exercise("9.11")
@pytest.mark.parametrize("rounds", [0, 1, 3])
@pytest.mark.parametrize("shape", [(4, 6), (5, 2)], ids=str)
def test_rounds(check, draw, rounds, shape):
    """Both vectors, of length 1; and no slope goes through them."""
    u, v = vectors(draw, *shape)
    g = [draw.normal(n) for n in shape]
    check("iterated", w=draw.normal(*shape), u=u, v=v, rounds=rounds, g=g, terms=60)


@exercise("9.11")
def test_rounds_of_a_small_matrix(check, draw):
    """Lengths do not matter; a matrix of zeros gives no infinite numbers."""
    u, v = vectors(draw, 3, 4)
    g = [draw.normal(3), draw.normal(4)]
    check("iterated", w=1e-6 * draw.normal(3, 4), u=u, v=v, rounds=2, g=g, terms=60)
    w = np.zeros((3, 4), np.float32)
    w[0] = draw.normal(4)
    check("iterated", w=w, u=u, v=v, rounds=2, g=g, terms=60)


@exercise("9.11")
def test_rounds_in_half_precision(check, draw):
    """The dtype of the weight."""
    w, g = draw.normal(3, 4, dtype="float16"), [draw.normal(n, dtype="float16") for n in (3, 4)]
    u, v = (a.astype("float16") for a in vectors(draw, 3, 4))
    check("iterated", w=w, u=u, v=v, rounds=1, g=g, terms=60)


@exercise("9.11")
@pytest.mark.parametrize("kind", ["linear", "conv"])
@pytest.mark.parametrize("modes, rounds", [("ttett", 1), ("e", 1), ("tt", 3)])
def test_normalized_layers(check, draw, kind, modes, rounds):
    """Outputs, vectors and both gradients over several calls, against PyTorch's parametrization:
    each call in training goes on where the last one stopped, one in evaluation changes nothing."""
    shape = (4, 6) if kind == "linear" else (4, 3, 2, 2)
    weight = draw.normal(*shape)
    u, _ = vectors(draw, shape[0], 1)
    v = u @ weight.reshape(shape[0], -1)  # drawn, the two might give a sigma of nearly 0
    v /= np.linalg.norm(v)
    x, g = (
        (draw.normal(3, 6), draw.normal(3, 4))
        if kind == "linear"
        else (draw.normal(2, 4, 5, 2), draw.normal(2, 2, 4, 4))
    )
    check(
        "spectral_layer",
        kind=kind,
        weight=weight,
        u=u,
        v=v,
        x=x,
        g=g,
        modes=modes,
        rounds=rounds,
        terms=400,
        scale=8.0,
    )


@exercise("9.11")
@pytest.mark.parametrize("modes", ["t", "e"])
def test_a_layer_that_shrinks(check, draw, modes):
    """A weight that stretches by less than 1 is divided by its sigma, too."""
    u, _ = vectors(draw, 4, 1)
    weight = 0.05 * draw.normal(4, 6)
    v = u @ weight
    v /= np.linalg.norm(v)
    some = {"kind": "linear", "weight": weight, "u": u, "v": v, "modes": modes, "rounds": 1}
    x, g = draw.normal(3, 6), draw.normal(3, 4)
    check("spectral_layer", **some, x=x, g=g, terms=400, scale=160.0)


# 9.12 and 9.13


@exercise("9.12")
@pytest.mark.parametrize("n, group", [(8, 4), (8, None), (8, 2), (6, 6), (3, 1), (6, 3)])
def test_deviations(check, draw, n, group):
    """One number for each group of neighbours, in a new last channel, with its slope."""
    x = draw.normal(n, 2, 3, 4)
    check("deviation", x=x, group=group, g=draw.normal(n, 2, 3, 5), terms=100, scale=8.0)


@exercise("9.12")
def test_deviations_in_half_precision(check, draw):
    """The dtype of the maps."""
    x, g = draw.normal(4, 2, 2, 3, dtype="float16"), draw.normal(4, 2, 2, 4, dtype="float16")
    check("deviation", x=x, group=2, g=g, terms=50, scale=8.0)


@exercise("9.12")
def test_a_batch_that_has_collapsed(check, draw):
    """All examples of a group are the same: a deviation near 0, and no infinite slope."""
    x = np.concatenate([np.repeat(draw.normal(1, 2, 2, 3), 4, axis=0), draw.normal(4, 2, 2, 3)])
    check("deviation", x=x, group=4, g=draw.normal(8, 2, 2, 4), terms=100, scale=8.0)


@exercise("9.12")
@pytest.mark.parametrize("group", [4, 0, -2, 12])
def test_groups_that_do_not_fit(check, draw, group):
    """No divisor of six; and one that is."""
    x = draw.normal(6, 1, 2, 2)
    check("deviation_fails", x=x, group=3, terms=50)
    check.raises("deviation_fails", "ValueError", match="group", x=x, group=group)


def generator_weights(draw, latent, side, width):
    """All weights of a conditional generator, small enough that tanh does not saturate."""
    first, blocks = side, 0
    while first % 2 == 0 and first >= 8:
        first, blocks = first // 2, blocks + 1
    widths = [width * 2**i for i in reversed(range(blocks))]
    found = {
        "embedding.weight": draw.normal(3, latent),
        "generator.linear.weight": draw.normal(first * first * widths[0], 2 * latent),
        **norm(draw, "generator.norm", widths[0]),
    }
    for i, (a, b) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        found[f"generator.blocks.{i}.conv.weight"] = draw.normal(b, 4, 4, a)
        found |= norm(draw, f"generator.blocks.{i}.norm", b)
    found["generator.last.weight"] = 0.2 * draw.normal(1, 4, 4, widths[-1])
    found["generator.last.bias"] = draw.normal(1)
    return found


@exercise("9.13")
@pytest.mark.parametrize("side", [8, 16])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_a_generator_that_is_asked(check, draw, side, training):
    """A whole network against PyTorch: pictures, running statistics, and all gradients."""
    check(
        "conditional_generator",
        weights=generator_weights(draw, 4, side, 2),
        z=draw.normal(5, 4),
        labels=np.array([2, 0, 1, 1, 2], np.int32),
        g=draw.normal(5, side, side, 1),
        side=side,
        width=2,
        training=training,
        terms=4000,
        scale=32.0,
    )


@exercise("9.13")
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("n", [4, 2])
def test_a_discriminator_that_knows(check, draw, training, n):
    """A number for each pair, against PyTorch, with all gradients."""
    weights = {
        "discriminator.blocks.0.conv.weight": draw.normal(2, 4, 4, 1),
        "discriminator.blocks.0.conv.bias": draw.normal(2),
        "discriminator.blocks.1.conv.weight": draw.normal(4, 4, 4, 2),
        **norm(draw, "discriminator.blocks.1.norm", 4),
        "discriminator.linear.weight": draw.normal(1, 80),
        "discriminator.linear.bias": draw.normal(1),
        "embedding.weight": draw.normal(3, 80),
    }
    check(
        "projection",
        weights=weights,
        x=draw.normal(n, 16, 16, 1),
        labels=draw.permutation(n) % 3,
        g=draw.normal(n),
        width=2,
        training=training,
        terms=4000,
        scale=64.0,
    )


@exercise("9.13")
def test_conditions_in_half_precision(check, draw):
    """The dtype of latent vectors and pictures."""
    weights = generator_weights(draw, 4, 8, 2)
    check(
        "conditional_generator",
        weights={name: 0.1 * w.astype("float16") for name, w in weights.items()},
        z=draw.normal(2, 4, dtype="float16"),
        labels=np.array([2, 0], np.int32),
        g=draw.normal(2, 8, 8, 1, dtype="float16"),
        side=8,
        width=2,
        training=False,
        terms=16,
    )
    weights = {
        "discriminator.blocks.0.conv.weight": draw.normal(2, 4, 4, 1),
        "discriminator.blocks.0.conv.bias": draw.normal(2),
        "discriminator.linear.weight": draw.normal(1, 48),
        "discriminator.linear.bias": draw.normal(1),
        "embedding.weight": draw.normal(3, 48),
    }
    check(
        "projection",
        weights={name: w.astype("float16") for name, w in weights.items()},
        x=draw.normal(2, 8, 8, 1, dtype="float16"),
        labels=np.array([2, 0], np.int32),
        g=draw.normal(2, dtype="float16"),
        width=2,
        training=False,
        terms=48,
    )


# 9.19


def explained(x, y, shift):
    """For each picture the shift and the factor that made ``y`` of ``x``, or nothing."""
    n, height, width, _ = x.shape
    found = []
    for k in range(n):
        padded = np.pad(x[k].astype(np.float64) + 1, [(shift, shift), (shift, shift), (0, 0)])
        ink = y[k].astype(np.float64) + 1
        for i in range(2 * shift + 1):
            for j in range(2 * shift + 1):
                moved = padded[i : i + height, j : j + width]
                factor = (moved * ink).sum() / (moved * moved).sum()
                if agree(ink, factor * moved, dtype=y.dtype.name, terms=4):
                    found.append((i - shift, j - shift, factor))
    return found


@exercise("9.19")
@pytest.mark.parametrize("shift, light", [(2, 0.2), (1, 0.5), (0, 0.3), (2, 0.0), (None, None)])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_views(probe, draw, shift, light, dtype):
    """Each picture is moved and lit as by some draw of its own, from the key; paper comes in."""
    x = draw.uniform(6, 7, 6, 2, low=-1.0, dtype=dtype)
    g = draw.normal(6, 7, 6, 2, dtype=dtype)
    found = probe("views", x=x, shift=shift, light=light, seed=draw.seed(), g=g)
    assert found["y"].dtype == x.dtype and found["y"].shape == x.shape
    assert np.array_equal(found["y"], found["again"])
    shift, light = 2 if shift is None else shift, 0.2 if light is None else light
    draws = explained(x, found["y"], shift)
    assert len(draws) == 6, f"{len(draws)} of 6 pictures are views of what they were"
    assert all(1 - light - 0.01 <= factor <= 1 + light + 0.01 for *_, factor in draws)
    places, factors = {d[:2] for d in draws}, {round(d[2], 2) for d in draws}
    assert shift == 0 or len(places) > 1
    assert light == 0 or len(factors) > 1
    # The slope is that of the same view: the cotangent moved back, times the same factor.
    for k, (i, j, factor) in enumerate(draws):
        padded = np.pad(g[k].astype(np.float64), [(shift, shift), (shift, shift), (0, 0)])
        back = padded[shift - i : shift - i + 7, shift - j : shift - j + 6]
        assert agree(found["gx"][k], factor * back, dtype=dtype, terms=4)


@exercise("9.19")
def test_draws_of_views(probe, draw):
    """2,000 pictures: every shift as often as the others, each factor as likely, all of them
    independent. Each bound is missed by chance once in 500 million runs."""
    n = 2000
    x = -np.ones((n, 3, 5, 1), np.float32)
    x[:, 1, 2] = 0.5
    found = probe("views", x=x, shift=1, light=0.4, seed=None, g=np.zeros_like(x))
    assert not np.array_equal(found["y"], found["again"])
    ink = found["y"][..., 0].astype(np.float64) + 1
    place = ink.reshape(n, -1).argmax(axis=1)
    rows, columns, factor = 1 - place // 5, 2 - place % 5, ink.max(axis=(1, 2)) / 1.5
    for drawn in (rows, columns):
        for value in (-1, 0, 1):
            assert abs((drawn == value).mean() - 1 / 3) < 6 * np.sqrt(2 / 9 / n)
    unit = (factor - 0.6) / 0.8
    assert -0.001 <= unit.min() < 0.02 and 0.98 < unit.max() <= 1.001
    assert abs(unit.mean() - 0.5) < 6 * np.sqrt(1 / 12 / n)
    assert abs((unit**2).mean() - 1 / 3) < 6 * np.sqrt(4 / 45 / n)
    table = np.stack([rows, columns, factor])
    assert np.abs(np.corrcoef(table) - np.eye(3)).max() < 6 / np.sqrt(n)
