"""Judges of 10.7 to 10.15: Gaussians, likelihoods and their bounds."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("10.7")
@pytest.mark.parametrize("leading", [(), (3,)], ids=["one draw", "three draws"])
def test_draws(check, draw, leading):
    """Values, and the slopes of mean and log-variance."""
    noise, g = draw.normal(*leading, 4, 2), draw.normal(*leading, 4, 2)
    mean, log_variance = draw.normal(4, 2), draw.normal(4, 2)
    check("draws", mean=mean, log_variance=log_variance, noise=noise, g=g, terms=3)


@exercise("10.7")
def test_draws_in_half_precision(check, draw):
    """The dtype is that of the inputs."""
    mean, log_variance, noise, g = (draw.normal(3, 2, dtype="float16") for _ in range(4))
    check("draws", mean=mean, log_variance=log_variance, noise=noise, g=g)


@exercise("10.8")
@pytest.mark.parametrize(
    "shapes",
    [((4, 3),) * 4, ((4, 3), (4, 3), (3,), (1, 1)), ((3,), (2, 3), (2, 1), (3,))],
    ids=["alike", "one prior", "all different"],
)
def test_divergences(check, draw, shapes):
    """Of any two Gaussians, number by number, and all four slopes."""
    four = [draw.normal(*shape) for shape in shapes]
    g = draw.normal(*np.broadcast_shapes(*shapes))
    check("apart", four=four, g=g, terms=12, scale=20.0)


@exercise("10.8")
def test_a_gaussian_is_not_apart_from_itself(probe, draw):
    """Exactly 0 where both are the same, more than 0 elsewhere."""
    mean, log_variance = draw.normal(5, 2), draw.normal(5, 2)
    g = np.ones((5, 2), np.float32)
    same = probe("apart", four=[mean, log_variance] * 2, g=g)
    assert not same["outputs"][0].any() and not any(d.any() for d in same["gradients"])
    other = probe("apart", four=[mean, log_variance, mean + 1, log_variance - 0.5], g=g)
    assert (other["outputs"][0] > 0.01).all()


@exercise("10.8")
@pytest.mark.parametrize("size", [100.0, -80.0])
def test_very_wide_and_very_narrow(check, draw, size):
    """Only the difference of two log-variances counts, whatever they are."""
    mean = 0 * draw.normal(4) if size < 0 else draw.normal(4)
    log_variance = (size + draw.normal(4)).astype(np.float32)
    other = (log_variance + draw.normal(4)).astype(np.float32)
    # A difference of two numbers near 100 is exact to 1e-5.
    check("apart", four=[mean, log_variance, mean, other], g=draw.normal(4), scale=100.0)


@exercise("10.8")
def test_divergences_in_half_precision(check, draw):
    """The dtype is that of the inputs."""
    four = [0.5 * draw.normal(3, 2, dtype="float16") for _ in range(4)]
    four = [x.astype(np.float16) for x in four]
    check("apart", four=four, g=draw.normal(3, 2, dtype="float16"), terms=4)


@exercise("10.8")
def test_the_divergence_from_the_prior(check, draw):
    """What the bound uses."""
    check("apart_from_standard", mean=draw.normal(3, 4), log_variance=draw.normal(3, 4), terms=4)


def ink(draw, *shape):
    return draw.integers(*shape, low=0, high=2).astype(np.float32)


@exercise("10.9")
@pytest.mark.parametrize("shape", [(3, 4, 5, 1), (2, 6), (1, 1), (4,)], ids=str)
@pytest.mark.parametrize("leading", [(), (3,), (2, 2)], ids=str)
def test_log_probabilities_of_pictures(check, draw, shape, leading):
    """One number for each picture and each draw: a sum over its pixels."""
    check(
        "pixels",
        logits=2 * draw.normal(*leading, *shape),
        x=ink(draw, *shape),
        g=[draw.normal(*leading, shape[0])],
        terms=60,
    )


@exercise("10.9")
def test_logits_of_any_size(check, draw):
    """Sure and right costs nothing, sure and wrong much; both have a slope that is right."""
    logits = np.array([[90, -90, 300, -300], [30, -30, 0, 20]], np.float32)
    x = np.array([[1, 0, 0, 1], [0, 1, 1, 0]], np.float32)
    check("pixels", logits=logits, x=x, g=[draw.normal(2)], terms=4)


@exercise("10.9")
def test_pictures_in_half_precision(check, draw):
    """The dtype is that of the inputs."""
    x = ink(draw, 3, 4).astype(np.float16)
    logits, g = draw.normal(3, 4, dtype="float16"), draw.normal(3, dtype="float16")
    check("pixels", logits=logits, x=x, g=[g], terms=4)


@exercise("10.9")
@pytest.mark.parametrize("threshold", [None, 0.25])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_black_and_white(check, draw, threshold, dtype):
    """Above the threshold, not at it."""
    x = draw.uniform(4, 6, dtype=dtype)
    x[0, 0], x[1, 1], x[2, 2] = threshold or 0.5, 1, 0
    check("black_and_white", x=x, threshold=threshold)


def small_model(draw, pixels, latent):
    return {
        "encoder": 0.3 * draw.normal(pixels, 2 * latent),
        "decoder": draw.normal(latent, pixels),
    }


@exercise("10.10")
@pytest.mark.parametrize("shape, latent", [((3, 2, 3, 1), 2), ((2, 5), 1), ((1, 4), 3)], ids=str)
def test_two_terms(check, draw, shape, latent):
    """Of each picture, of each number of its code; slopes of encoder and decoder."""
    model = small_model(draw, int(np.prod(shape[1:])), latent)
    noise = draw.normal(shape[0], latent)
    g = [draw.normal(shape[0]), draw.normal(shape[0], latent)]
    check("two_terms", x=ink(draw, *shape), **model, noise=noise, g=g, terms=100, scale=8.0)


def half(inputs):
    """The same in float16."""
    if isinstance(inputs, dict):
        return {name: half(value) for name, value in inputs.items()}
    return [half(x) for x in inputs] if isinstance(inputs, list) else inputs.astype(np.float16)


@exercise("10.10")
def test_terms_in_half_precision(check, draw):
    """The dtype is that of the inputs."""
    inputs = {"x": ink(draw, 2, 4), **small_model(draw, 4, 2), "noise": draw.normal(2, 2)}
    g = [draw.normal(2), draw.normal(2, 2)]
    check("two_terms", **half({**inputs, "g": g}), terms=16, scale=8.0)
    inputs = {"log_likelihood": draw.normal(3), "kl": draw.uniform(3, 4), "g": draw.normal(3)}
    check("one_bound", **half(inputs), beta=None, terms=5)


@exercise("10.11")
def test_several_draws_in_half_precision(check, draw):
    """The dtype is that of the inputs."""
    inputs = {"x": ink(draw, 2, 4), **small_model(draw, 4, 2), "noise": draw.normal(3, 2, 2)}
    check("many_draws", **half({**inputs, "g": draw.normal(2)}), terms=16, scale=16.0)


@exercise("10.10")
@pytest.mark.parametrize("beta", [None, 0.0, 4.0])
def test_the_bound(check, draw, beta):
    """Minus beta times the sum over the code, for each example."""
    a, kl = draw.normal(3), draw.uniform(3, 4)
    check("one_bound", log_likelihood=a, kl=kl, beta=beta, g=draw.normal(3), terms=5)


@exercise("10.11")
@pytest.mark.parametrize("draws", [1, 2, 7])
@pytest.mark.parametrize("shape, latent", [((3, 2, 3, 1), 2), ((2, 5), 1)], ids=str)
def test_bounds_of_several_draws(check, draw, draws, shape, latent):
    """Of each picture, and the slopes of encoder and decoder."""
    model = small_model(draw, int(np.prod(shape[1:])), latent)
    noise = draw.normal(draws, shape[0], latent)
    g = draw.normal(shape[0])
    check("many_draws", x=ink(draw, *shape), **model, noise=noise, g=g, terms=300, scale=16.0)


@exercise("10.11")
def test_pictures_of_a_thousand_nats(check, draw):
    """The quotients are below the smallest number of float32."""
    model = small_model(draw, 900, 2)
    model = {"encoder": 0.03 * model["encoder"], "decoder": 2 * model["decoder"]}
    model = {name: w.astype(np.float32) for name, w in model.items()}
    noise, g = draw.normal(3, 2, 2), draw.normal(2)
    check("many_draws", x=ink(draw, 2, 900), **model, noise=noise, g=g, terms=2000, scale=100.0)


def exact(x, decoder):
    """log p(x) for a code of one number, by a sum over a fine grid."""
    z = np.linspace(-9, 9, 4001)
    logits = z[:, None] * decoder  # (Z, P)
    likelihood = (x[:, None] * logits - np.logaddexp(0, logits)).sum(-1)  # (N, Z)
    density = -0.5 * (z**2 + np.log(2 * np.pi)) + np.log(z[1] - z[0])
    return np.logaddexp.reduce(likelihood + density, axis=1)


@exercise("10.11")
def test_more_draws_come_nearer(probe, draw):
    """The mean bound grows with the draws, and tends to log p(x) from below.

    Over 400 pictures the bound of 2000 draws is within 0.01 nats of the exact value in all but one
    of 10^4 runs, and the steps between the others are more than ten of their standard errors.
    """
    x, model = np.repeat(ink(draw, 4, 6), 100, axis=0), small_model(draw, 6, 1)
    found = probe("growing", x=x, **model, draws=[1, 8, 2000], seed=draw.seed() % 10**6)["bounds"]
    goal = exact(x.astype(float), model["decoder"].astype(float)).mean()
    assert found[0] < found[1] < goal + 0.01
    assert abs(found[2] - goal) < 0.02, f"{found[2]:.3f}, and log p(x) is {goal:.3f}"


def by_hand(x, z, encoder, decoder):
    """The bound of each picture of a batch, from the codes that the decoder saw."""
    x, z, encoder, decoder = (a.astype(float) for a in (x, z, encoder, decoder))
    mean, log_variance = np.split(x.reshape(len(x), -1) @ encoder, 2, axis=-1)
    logits = z @ decoder
    flat = x.reshape(len(x), -1)
    w = (flat * logits - np.logaddexp(0, logits)).sum(-1) - 0.5 * (z**2).sum(-1)
    w = w + 0.5 * (log_variance + (z - mean) ** 2 / np.exp(log_variance)).sum(-1)
    return np.logaddexp.reduce(w, axis=0) - np.log(len(z))


@exercise("10.11")
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "count, draws, batch_size, sizes",
    [(7, None, 3, [3, 3, 1]), (7, 4, 2, [2, 2, 2, 1]), (7, 2, 100, [7]), (6, 1, 3, [3, 3])],
)
def test_held_out_pictures(probe, draw, training, count, draws, batch_size, sizes):
    """In evaluation mode, black and white, each picture once, with noise of its own."""
    x, model = draw.uniform(count, 2, 3, 1), small_model(draw, 6, 2)
    seed = draw.seed() % 10**6
    inputs = {"x": x, **model, "draws": draws, "batch_size": batch_size, "training": training}
    found = probe("tested", **inputs, seed=seed)
    seen = found["seen"]
    assert found["training"] is training
    assert found["state left alone"]
    assert found["a number"]
    assert [len(batch["x"]) for batch in seen] == sizes
    assert not any(batch["training"] for batch in seen)
    assert np.array_equal(np.concatenate([b["x"] for b in seen]), (x > 0.5).astype(np.float32))
    codes = np.concatenate([b["z"] for b in seen], axis=1)
    assert codes.shape == (draws or 1, count, 2) and len(np.unique(codes)) == codes.size
    for batch, noise in zip(seen, found["noise"], strict=True):
        mean, log_variance = np.split(
            batch["x"].reshape(len(batch["x"]), -1) @ model["encoder"], 2, 1
        )
        z = mean + np.exp(log_variance / 2) * noise
        assert agree(batch["z"], z, terms=100), "the noise is not that of split(key(seed))"
    values = [by_hand(b["x"], b["z"], **model) for b in seen]
    expected = np.concatenate(values).mean()
    # A product of 6 numbers, 6 pixels and 2 numbers of a code, each up to some tens of nats.
    assert agree(np.array(found["value"]), expected, terms=10_000)
    again = probe("tested", **inputs, seed=seed)
    assert again["value"] == found["value"]
    assert probe("tested", **inputs, seed=seed + 1)["value"] != found["value"]


@exercise("10.11")
def test_a_model_that_fails(probe, draw):
    """It is in its mode again after an error, too."""
    found = probe("tested_and_failed", x=draw.uniform(2, 3), decoder=draw.normal(2, 3))
    assert found["raised"] and found["training"]


def cloud(draw, rows, dims):
    """Rows with two directions that stand out."""
    x = draw.normal(rows, 2) @ draw.normal(2, dims, scale=2.0) + 0.5 * draw.normal(rows, dims)
    return (x + 1).astype(np.float32)


@exercise("10.12")
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_plane_with_noise(check, draw, count):
    """Parameters, likelihood of other rows, and what is known of their codes."""
    x = cloud(draw, 50, 5)
    # A product with the inverse of the covariance magnifies errors by its condition.
    check("plane_with_noise", x=x, count=count, new=cloud(draw, 4, 5), terms=500, scale=100.0)


@exercise("10.12")
def test_the_best_bound_has_no_gap(probe, draw):
    """With the true posterior the bound is log p(x), for any draw."""
    found = probe("no_gap", x=cloud(draw, 30, 4), count=2, z=draw.normal(30, 2))
    assert found["bound"].max() < 0
    # Squares over a variance near 0.2, times z of size 3: terms of a hundred that cancel.
    assert agree(found["bound"], found["log likelihood"], terms=50_000)


@exercise("10.13")
@pytest.mark.parametrize("beta", [None, 4.0, 0.25])
@pytest.mark.parametrize("length", [10, 1, 0])
def test_a_weight_that_rises(check, beta, length):
    """From 0 to beta, and no further; also in a compiled step."""
    check("rising", steps=[0, 3, 9, 10, 11, 500], length=length, beta=beta)


@exercise("10.13")
@pytest.mark.parametrize("least", [0.0, 0.3, 5.0])
def test_free_nats(check, draw, least):
    """Each number of the code pays its mean, or the least; slopes only where it pays itself."""
    kl = draw.uniform(6, 5) * np.array([0.1, 0.5, 1, 2, 0.4], np.float32)
    kl[:, 4] = [0, 0, 0, 0, 0, 4]  # silent for most examples, and above the least all the same
    check("charged", kl=kl, least=least, g=[draw.normal()], terms=30)


@exercise("10.13")
def test_free_nats_in_half_precision(check, draw):
    """The dtype is that of the divergences."""
    kl, g = draw.uniform(4, 3, dtype="float16"), [draw.normal(dtype="float16")]
    check("charged", kl=kl, least=0.5, g=g, terms=12)


@exercise("10.14")
@pytest.mark.parametrize("shape, latent", [((4, 2, 3, 1), 2), ((3, 2, 2, 2), 1)], ids=str)
def test_told_what_is_on_the_picture(check, draw, shape, latent):
    """Both sides know the label; values and gradients."""
    pixels, classes = int(np.prod(shape[1:])), 3
    check(
        "told",
        x=draw.normal(*shape),
        z=draw.normal(shape[0], latent),
        labels=np.array([2, 0, 1, 2][: shape[0]], np.int32),
        encoder=draw.normal(pixels + classes, 2 * latent),
        decoder=draw.normal(latent + classes, pixels),
        g=[draw.normal(shape[0], latent), draw.normal(shape[0], latent), draw.normal(*shape)],
        terms=20,
    )


@exercise("10.15")
@pytest.mark.parametrize("count", [None, 2, 5])
def test_levels(check, draw, count):
    """Log-probabilities of pixels between the ends and at them, with slopes."""
    steps = (count or 256) - 1
    x = (draw.integers(4, 6, low=0, high=steps + 1) / steps).astype(np.float32)
    x[0, 0], x[0, 1] = 0, 1
    mean = draw.uniform(4, 6, low=-0.2, high=1.2)
    log_scale = draw.uniform(4, 1, low=-3, high=0.5)
    # An interval of 1/255 is the difference of two numbers near 1.
    g = draw.normal(4, 6)
    check("levels", mean=mean, log_scale=log_scale, x=x, count=count, g=[g], terms=6, scale=200.0)


@exercise("10.15")
def test_levels_far_from_the_mean(check, draw):
    """Where both sigmoids are 0 or 1 in float32."""
    x = (np.array([3, 40, 128, 200, 254]) / 255).astype(np.float32)
    for mean in (0.0, 1.0):
        check(
            "levels",
            mean=np.full(5, mean, np.float32),
            log_scale=np.full(5, -5.5, np.float32),
            x=x,
            count=None,
            g=[draw.normal(5)],
            scale=500.0,
        )


@exercise("10.15")
@pytest.mark.parametrize("count", [2, 3, 256])
def test_all_levels_together(probe, draw, count):
    """Their probabilities sum to 1, wherever the mean is."""
    x = (np.arange(count) / (count - 1)).astype(np.float32)[:, None] + np.zeros((1, 3), np.float32)
    mean = np.array([-0.3, 0.4, 1.7], np.float32)
    log_scale = np.array([-2, -4, 0], np.float32)
    found = probe("levels", mean=mean, log_scale=log_scale, x=x, count=count, g=[0 * x])
    total = np.exp(found["outputs"][0].astype(float)).sum(0)
    # exp makes of an error in a logarithm near 5 a relative one that is as large.
    assert agree(total.astype(np.float32), np.ones(3), terms=100 * count)


@exercise("10.15")
@pytest.mark.parametrize("dims", [1, 784])
def test_bits_a_dimension(check, draw, dims):
    """784 pixels of log 256 nats have eight bits each."""
    nats = (dims * draw.uniform(3, low=0.5, high=5.0)).astype(np.float32)
    nats[0] = dims * np.log(256)
    check("bits", nats=nats, dims=dims)


@exercise("10.15")
def test_levels_in_half_precision(check, draw):
    """The dtype is that of the inputs."""
    x = (np.array([0, 1, 2, 4, 5]) / 5).astype(np.float16)
    inputs = {
        "mean": draw.uniform(5),
        "log_scale": draw.uniform(5, low=-1.5),
        "g": [draw.normal(5)],
    }
    check("levels", **half(inputs), x=x, count=6, terms=6, scale=32.0)
    check("bits", nats=draw.uniform(3, low=1, high=9, dtype="float16"), dims=4)
