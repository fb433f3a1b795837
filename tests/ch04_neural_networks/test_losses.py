"""Judges of losses: values, and gradients by predictions, targets and weights."""

import numpy as np
import pytest

from course.grading.marks import exercise

HALF = ["float16", "bfloat16"]
REDUCTIONS = ["none", "mean", "sum"]


def cotangent(draw, reduction, shape, dtype="float32"):
    """A random number for everything that a loss returns."""
    return draw.uniform(*(shape if reduction == "none" else ()), low=0.5, high=2, dtype=dtype)


def probabilities(draw, *shape):
    """Rows that are positive and sum to 1 along the last axis."""
    p = draw.uniform(*shape, low=0.05, high=1)
    return p / p.sum(-1, keepdims=True)


# 4.6


@exercise("4.6")
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
def test_classes_by_their_index(check, draw, smoothing, reduction):
    """Smoothing, weights and all reductions together."""
    targets = draw.integers(6, low=0, high=5)
    given = {"logits": draw.normal(6, 5, scale=2.0), "targets": targets}
    options = {"label_smoothing": smoothing, "reduction": reduction}
    g = cotangent(draw, reduction, (6,))
    check("cross_entropy", **given, cotangent=g, **options, terms=6)
    weights = draw.uniform(6, low=0.5, high=3)
    check("cross_entropy", **given, weights=weights, cotangent=g, **options, terms=6)


@exercise("4.6")
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_classes_by_probabilities(check, draw, smoothing):
    """Targets that are themselves a distribution."""
    targets = probabilities(draw, 4, 6)
    check(
        "cross_entropy",
        logits=draw.normal(4, 6),
        targets=targets,
        weights=draw.uniform(4, low=0.5, high=3),
        cotangent=draw.normal(4),
        label_smoothing=smoothing,
        terms=6,
    )


@exercise("4.6")
@pytest.mark.parametrize("shape, axis", [((2, 5, 3), 1), ((4, 2, 3), 0), ((3, 3), 0), ((5,), -1)])
def test_another_axis_of_classes(check, draw, shape, axis):
    """A sequence's logits, a square table, one example without a batch."""
    rest = tuple(np.delete(shape, axis))
    targets = draw.integers(*rest, low=0, high=shape[axis])
    check(
        "cross_entropy",
        logits=draw.normal(*shape),
        targets=targets,
        cotangent=np.asarray(draw.normal(*rest)),
        axis=axis,
        label_smoothing=0.1,
        terms=5,
    )


@exercise("4.6")
@pytest.mark.parametrize("axis", [0, 1])
def test_probabilities_along_another_axis(check, draw, axis):
    """Positions behind the classes, and a square table, which fits both ways."""
    for shape in [(4, 4), (5, 3, 2)]:
        targets = np.moveaxis(probabilities(draw, *shape[:axis], *shape[axis + 1 :], 4), -1, axis)
        logits = draw.normal(*targets.shape)
        g = draw.normal(*np.delete(targets.shape, axis))
        check("cross_entropy", logits=logits, targets=targets, cotangent=g, axis=axis, terms=5)


@exercise("4.6")
def test_classes_that_are_impossible(check, draw):
    """A logit of minus infinity (a class that is masked out) costs nothing and has no slope."""
    logits, targets = draw.normal(5, 6), draw.integers(5, low=0, high=5)
    logits[:, 5] = -np.inf
    check("cross_entropy", logits=logits, targets=targets, cotangent=draw.normal(5), terms=6)


@exercise("4.6")
def test_one_logit_far_below(check, draw):
    """The others keep their digits: what is subtracted is the maximum."""
    logits, targets = draw.normal(5, 6), draw.integers(5, low=0, high=5)
    logits[:, 5] = -1e4
    check("cross_entropy", logits=logits, targets=targets, cotangent=draw.normal(5), terms=6)


@exercise("4.6")
def test_logits_far_from_zero(check, draw):
    """Small differences on top of 1e4, and logits that are 1e4 apart."""
    close = draw.integers(5, 4, low=-2, high=3).astype("float32") + np.float32(1e4)
    for logits in (close, close - np.float32(2e4), draw.normal(5, 4, scale=1e4)):
        targets = draw.integers(5, low=0, high=4)
        check("cross_entropy", logits=logits, targets=targets, cotangent=draw.normal(5), terms=4)


@exercise("4.6")
def test_rows_far_from_each_other(check, draw):
    """Each row needs its own maximum: that of another row, 2e4 away, rounds its digits off."""
    logits = draw.normal(5, 4)
    logits += np.array([1e4, -1e4, 0, 1e4, -1e4], np.float32)[:, None]
    targets = draw.integers(5, low=0, high=4)
    check("cross_entropy", logits=logits, targets=targets, cotangent=draw.normal(5), terms=4)


@exercise("4.6")
@pytest.mark.parametrize("dtype", ["int64", "uint8", "uint32"])
def test_indices_of_every_kind(check, draw, dtype):
    """The dtype of the indices does not matter; a batch may hold one example."""
    for n in (1, 4):
        targets = draw.integers(n, low=0, high=7, dtype=dtype)
        g = draw.normal(n)
        check("cross_entropy", logits=draw.normal(n, 7), targets=targets, cotangent=g, terms=7)


@exercise("4.6")
@pytest.mark.parametrize("dtype", HALF)
def test_cross_entropy_in_half_precision(check, draw, dtype):
    """The dtype of the logits stays."""
    logits, targets = draw.normal(4, 6, dtype=dtype), draw.integers(4, low=0, high=6)
    g = draw.normal(4, dtype=dtype)
    check("cross_entropy", logits=logits, targets=targets, cotangent=g, terms=6)


@exercise("4.6")
def test_what_cross_entropy_refuses(check, draw):
    """Shapes that do not fit, smoothing outside of [0, 1), an unknown reduction."""
    logits, targets = draw.normal(4, 6), draw.integers(4, low=0, high=6)
    given = {"logits": logits, "targets": targets, "cotangent": draw.normal(4)}

    def refused(match, **changes):
        check.raises("cross_entropy", "ValueError", match=match, **(given | changes))

    refused("smoothing", label_smoothing=1.0)
    refused("smoothing", label_smoothing=-0.1)
    refused("targets", targets=draw.integers(5, low=0, high=6))
    refused("targets", targets=draw.uniform(4, 5))
    refused("weights", weights=draw.uniform(6))
    refused("weights", weights=draw.uniform(1))
    refused("reduction", reduction="average")
    check("cross_entropy", **given, terms=6)


# 4.7


@exercise("4.7")
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("with_logits", [True, False])
def test_binary_cross_entropy(check, draw, with_logits, reduction):
    """Logits and probabilities, with and without weights, targets between 0 and 1."""
    inputs = draw.normal(3, 4) if with_logits else draw.uniform(3, 4, low=0.1, high=0.9)
    options = {"with_logits": with_logits, "reduction": reduction}
    given = {"inputs": inputs, "cotangent": cotangent(draw, reduction, (3, 4))} | options
    check("binary_cross_entropy", **given, targets=draw.uniform(3, 4), terms=12)
    weights = draw.uniform(3, 4, low=0.5, high=3)
    check("binary_cross_entropy", **given, targets=draw.uniform(3, 4), weights=weights, terms=12)


@exercise("4.7")
def test_binary_defaults(check, draw):
    """Logits, and the mean; a batch of one."""
    for n in (1, 6):
        targets = draw.integers(n, low=0, high=2).astype("float32")
        g = draw.uniform(low=1, high=2)
        check("binary_cross_entropy", inputs=draw.normal(n), targets=targets, cotangent=g, terms=n)


@exercise("4.7")
def test_decisions_that_are_open(check, draw):
    """A logit of exactly 0, as a new model has: the loss is smooth there, with slope 1/2 - t."""
    inputs, targets = np.float32([0, 0, 0, -0.0, 1]), np.float32([0, 1, 0.3, 1, 0])
    g = draw.normal(5)
    check("binary_cross_entropy", inputs=inputs, targets=targets, cotangent=g, reduction="none")


@exercise("4.7")
@pytest.mark.parametrize("dtype", ["float32", *HALF])
def test_decisions_that_are_certain(check, draw, dtype):
    """Logits up to 1e4, right and wrong: the loss is as large as the logit, not infinite."""
    magnitudes = [0.5, 4, 20, 100, 1000, 1e4]
    inputs = np.array([s * m for m in magnitudes for s in (-1, 1)])
    inputs = np.concatenate([inputs, inputs]).astype(draw.normal(1, dtype=dtype).dtype)
    targets = np.repeat([0, 1], 12).astype(inputs.dtype)
    g = draw.normal(24, dtype=dtype)
    check("binary_cross_entropy", inputs=inputs, targets=targets, cotangent=g, reduction="none")


@exercise("4.7")
def test_probabilities_of_zero_and_one(check):
    """Both logarithms end at -100, so a wrong certainty costs 100 and a right one nothing."""
    q, t = np.float32([0, 0, 1, 1, 0.5, 0.2]), np.float32([0, 1, 0, 1, 1, 0.5])
    check("certain", probabilities=q, targets=t)


@exercise("4.7")
def test_what_binary_cross_entropy_refuses(check, draw):
    """A column of inputs against a row of targets, weights of another shape."""
    given = {"inputs": draw.normal(4), "targets": draw.uniform(4), "cotangent": draw.normal()}

    def refused(match, **changes):
        check.raises("binary_cross_entropy", "ValueError", match=match, **(given | changes))

    refused("targets", inputs=draw.normal(4, 1))
    refused("targets", targets=draw.uniform(1))
    refused("weights", weights=draw.uniform(1))
    refused("reduction", reduction="max")
    check("binary_cross_entropy", **given, terms=4)


# 4.8


def around(draw, delta, *shape):
    """Differences of both signs, inside of delta and outside, away from 0 and from delta."""
    inside = draw.uniform(*shape, low=0.1, high=0.9)
    outside = draw.uniform(*shape, low=1.1, high=4)
    sign = np.where(draw.booleans(*shape), 1, -1)
    difference = delta * sign * np.where(draw.booleans(*shape), inside, outside)
    return difference.astype("float32")


@exercise("4.8")
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("delta", [0.3, 1.0, 2.5])
def test_huber_loss(check, draw, delta, reduction):
    """Both pieces, for several widths of the parabola."""
    targets = draw.normal(4, 6)
    inputs = targets + around(draw, delta, 4, 6)
    g = cotangent(draw, reduction, (4, 6))
    check(
        "huber_loss",
        inputs=inputs,
        targets=targets,
        cotangent=g,
        delta=delta,
        reduction=reduction,
        terms=24,
    )


@exercise("4.8")
def test_huber_defaults(check, draw):
    """delta is 1, and nothing is reduced; one number alone."""
    for shape in [(8,), ()]:
        targets = np.asarray(draw.normal(*shape))
        inputs = np.asarray(targets + np.float32(3))
        check(
            "huber_loss", inputs=inputs, targets=targets, cotangent=np.asarray(draw.normal(*shape))
        )


@exercise("4.8")
def test_huber_of_exact_predictions(check, draw):
    """Where nothing is wrong, value and slope are 0."""
    targets = draw.normal(4)
    inputs = targets + np.float32([0, 0.5, 0, -3])
    check("huber_loss", inputs=inputs, targets=targets, cotangent=draw.normal(4))


@exercise("4.8")
@pytest.mark.parametrize("dtype", ["float32", *HALF])
def test_huber_of_outliers(check, draw, dtype):
    """Differences up to 1e4, whose square float16 cannot hold."""
    name = draw.normal(1, dtype=dtype).dtype
    inputs = np.array([-1e4, -100, -0.25, 0.25, 100, 1e4]).astype(name)
    targets, g = np.zeros(6).astype(name), draw.normal(6, dtype=dtype)
    check("huber_loss", inputs=inputs, targets=targets, cotangent=g, delta=0.5)
