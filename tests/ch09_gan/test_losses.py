"""Judges of 9.1 to 9.4 and 9.10: what each side wants, and what it could reach."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from course.grading.compare import agree
from course.grading.marks import exercise


def distribution(draw, n):
    p = draw.uniform(n, low=0.05, high=1.0)
    return p / p.sum()


@exercise("9.1")
def test_the_logits_of_the_best(check, draw):
    """The difference of the logarithms, and its slopes."""
    check(
        "best_logits",
        log_p=draw.normal(3, 4, scale=5.0),
        log_q=draw.normal(3, 4, scale=5.0),
        g=draw.normal(3, 4),
        scale=20.0,
    )


@exercise("9.1")
def test_densities_below_every_float(check, draw):
    """Far from the data both densities are 0 in float32, and their quotient is not."""
    log_p = np.array([-400.0, -2000.0, -150.0], np.float32)
    log_q = np.array([-395.0, -1800.0, -152.5], np.float32)
    check("best_logits", log_p=log_p, log_q=log_q, g=draw.normal(3), scale=2000.0)


@exercise("9.1")
def test_no_logits_are_better(probe, draw):
    """The least loss is that of the best logits, and other logits lose."""
    p, q = distribution(draw, 9), distribution(draw, 9)

    def loss(logits):
        return (p * np.logaddexp(0, -logits) + q * np.logaddexp(0, logits)).sum()

    best = probe("best_logits", log_p=np.log(p), log_q=np.log(q), g=np.ones(9, np.float32))
    least = probe("divergences", p=p, q=q)["loss"]
    logits = best["outputs"][0].astype(np.float64)
    assert agree(loss(logits), least, terms=9)
    assert all(loss(logits + s * draw.normal(9)) > least for s in (0.1, -0.1, 1.0))


@exercise("9.1")
@pytest.mark.parametrize("n", [2, 40])
def test_divergences(check, draw, n):
    """Jensen-Shannon, the least loss, and their slopes; the two are not exchanged."""
    inputs = {"p": distribution(draw, n), "q": distribution(draw, n)}
    check("divergences_and_slopes", **inputs, g=[draw.normal(), draw.normal()], terms=n)


@exercise("9.1")
def test_places_that_only_one_of_them_has(check, draw):
    """0 log 0 is 0; where the two never meet the divergence is log 2, and the loss 0."""
    p = np.array([0.25, 0.0, 0.75, 0.0], np.float32)
    check("divergences", p=p, q=np.array([0.0, 0.0, 0.5, 0.5], np.float32), terms=4)
    check("divergences", p=p, q=np.array([0.0, 0.6, 0.0, 0.4], np.float32), terms=4)


@exercise("9.1")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_optima_in_half_precision(check, draw, dtype):
    """The dtype of the densities."""
    p, q = (distribution(draw, 4).astype(draw.normal(1, dtype=dtype).dtype) for _ in range(2))
    check("divergences", p=p, q=q, terms=8)
    g = draw.normal(4, dtype=dtype)
    check("best_logits", log_p=draw.normal(4, dtype=dtype), log_q=draw.normal(4, dtype=dtype), g=g)


@exercise("9.1")
def test_nobody_can_tell_them_apart(check, draw):
    """The same distribution twice: the loss is log 4, and not 0."""
    p = distribution(draw, 6)
    check("divergences", p=p, q=p, terms=6)


def slopes(draw, count):
    return [draw.normal() for _ in range(count)]


@exercise("9.2")
@pytest.mark.parametrize("sizes", [(6, 6), (5, 3), (1, 1)], ids=str)
def test_logistic_losses(check, draw, sizes):
    """All three, and their slopes; real and made batches may differ in size."""
    real, fake = (draw.normal(n, scale=3.0) for n in sizes)
    check("logistic", real=real, fake=fake, g=slopes(draw, 3), terms=6)


@exercise("9.2")
@pytest.mark.parametrize("far", [20.0, 300.0])
def test_a_bad_start(check, draw, far):
    """A discriminator that is sure: losses are finite, and only one of the generator's has a
    slope."""
    sign = np.array([1.0, -1.0, 1.0, -1.0], np.float32)
    logits = far * sign + draw.normal(4)
    check("logistic", real=logits, fake=-logits, g=slopes(draw, 3), terms=4, scale=far)
    check(
        "logistic",
        real=np.array([far], np.float32),
        fake=np.array([-far], np.float32),
        g=slopes(draw, 3),
    )


@exercise("9.2")
def test_logistic_losses_in_half_precision(check, draw):
    """The dtype of the logits."""
    real, fake = (draw.normal(4, dtype="float16") for _ in range(2))
    check("logistic", real=real, fake=fake, g=[g.astype("float16") for g in slopes(draw, 3)])


@exercise("9.3")
@pytest.mark.parametrize("sizes", [(6, 6), (5, 3), (1, 2)], ids=str)
def test_squares_and_margins(check, draw, sizes):
    """Both pairs of losses and their slopes, on both sides of the margin."""
    real, fake = (draw.normal(n, scale=2.0) for n in sizes)
    check("others", real=real, fake=fake, g=slopes(draw, 4), terms=6)


@exercise("9.3")
def test_squares_and_margins_in_half_precision(check, draw):
    """The dtype of the outputs."""
    real, fake = (draw.normal(4, dtype="float16") for _ in range(2))
    g = [a.astype("float16") for a in slopes(draw, 4)]
    check("others", real=real, fake=fake, g=g, terms=4)


@exercise("9.3")
def test_each_side_of_the_margin(check, draw):
    """Far enough is far enough; a wrong sign of the margin would go on pulling."""
    real = np.array([1.5, 0.5, -0.5, -1.5], np.float32)
    fake = np.array([-1.5, -0.5, 0.5, 1.5], np.float32)
    check("others", real=real, fake=fake, g=slopes(draw, 4), terms=4)
    check("others", real=real[:1], fake=fake[:1], g=slopes(draw, 4))


@exercise("9.4")
@pytest.mark.parametrize("sizes", [(6, 6), (5, 3)], ids=str)
def test_what_a_critic_wants(check, draw, sizes):
    """No logarithm anywhere."""
    real, fake = (draw.normal(n, scale=3.0) for n in sizes)
    check("critics", real=real, fake=fake, g=slopes(draw, 2), terms=6)


@exercise("9.4")
@pytest.mark.parametrize("sizes", [(7, 7), (5, 3), (2, 9), (1, 1), (1, 4)], ids=str)
def test_a_distance_on_a_line(check, draw, sizes):
    """Samples of any sizes, in any order."""
    a, b = draw.normal(sizes[0]), 1 + 2 * draw.normal(sizes[1])
    check("distance", a=a, b=b, terms=10, scale=4.0)


@exercise("9.4")
def test_a_critic_in_half_precision(check, draw):
    """The dtype of what it says."""
    real, fake = draw.normal(4, dtype="float16"), draw.normal(4, dtype="float16")
    g = [a.astype("float16") for a in slopes(draw, 2)]
    check("critics", real=real, fake=fake, g=g, terms=4)


@exercise("9.4")
def test_ties_and_heaps(check):
    """The same number several times, in one sample and in both."""
    a = np.array([2.0, 0.0, 2.0, 2.0, 5.0], np.float32)
    check("distance", a=a, b=np.array([2.0, 5.0, 5.0, -1.0], np.float32), terms=9)
    check("distance", a=a, b=np.array([2.0], np.float32), terms=9)


@exercise("9.4")
@pytest.mark.parametrize(
    "shapes", [((0,), (3,)), ((3,), (0,)), ((2, 2), (3,)), ((3,), (2, 2))], ids=str
)
def test_no_sample(check, draw, shapes):
    """Nothing to carry, or no line; and two samples that are fine."""
    check("distance", a=draw.normal(3), b=draw.normal(2), terms=5)
    a, b = (draw.normal(*shape) for shape in shapes)
    check.raises("distance", "ValueError", match="sample", a=a, b=b)


@exercise("9.4")
def test_a_distance_of_many_numbers(probe, draw):
    """No table of each with each: two samples of thousands are two sorted rows."""
    a, b = draw.normal(3000), 1 + draw.normal(4000)
    found = probe("distance_of_many", a=a, b=b)
    assert agree(found["w"], wasserstein_distance(a, b), terms=7000)
    assert found["lean"], "more than 64 numbers are kept for each number of the samples"


@exercise("9.10")
@pytest.mark.parametrize("n", [1, 6])
def test_pairs(check, draw, n):
    """Each real one against its own partner, for both sides, and the slopes."""
    real, fake = draw.normal(n, scale=3.0), draw.normal(n, scale=3.0)
    check("paired", real=real, fake=fake, g=slopes(draw, 2), terms=n)


@exercise("9.10")
def test_pairs_in_half_precision(check, draw):
    """The dtype of the logits."""
    real, fake = draw.normal(4, dtype="float16"), draw.normal(4, dtype="float16")
    g = [a.astype("float16") for a in slopes(draw, 2)]
    check("paired", real=real, fake=fake, g=g, terms=4)


@exercise("9.10")
def test_pairs_far_apart(check, draw):
    """No infinite loss, and no slope that vanishes for the one who is behind."""
    real, fake = 300 * draw.normal(5), 300 * draw.normal(5)
    check("paired", real=real, fake=fake, g=slopes(draw, 2), terms=5, scale=1000.0)


@exercise("9.10")
@pytest.mark.parametrize("name", ["paired_discriminator_loss", "paired_generator_loss"])
@pytest.mark.parametrize("shapes", [((4, 1), (4,)), ((4,), (1,)), ((), (4,))], ids=str)
def test_no_partner(check, draw, name, shapes):
    """Broadcast shapes would make pairs of everybody with everybody."""
    check("one_paired", name=name, real=draw.normal(4), fake=draw.normal(4), terms=4)
    real, fake = (np.asarray(draw.normal(*shape)) for shape in shapes)
    check.raises("one_paired", "ValueError", match="partner", name=name, real=real, fake=fake)
