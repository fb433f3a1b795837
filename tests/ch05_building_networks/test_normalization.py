"""Judges of the two normalizations."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("5.14")
@pytest.mark.parametrize("shape", [(4, 6), (6,), (2, 3, 6), (1, 1, 6)], ids=str)
@pytest.mark.parametrize("affine", ["both", "weight", "bias", "neither"])
def test_layer_norm(check, draw, shape, affine):
    """Along the last axis alone, with every gradient."""
    weight = draw.normal(6) if affine in ("both", "weight") else None
    bias = draw.normal(6) if affine in ("both", "bias") else None
    # The gradients hold quotients by the standard deviation, which is about 2 here.
    check("layer_norm", x=2 * draw.normal(*shape) + 1, weight=weight, bias=bias, eps=1e-5,
          cotangent=draw.normal(*shape), terms=12)  # fmt: skip


@exercise("5.14")
@pytest.mark.parametrize("eps", [0.5, 1e-3])
def test_epsilon_is_added_to_the_variance(check, draw, eps):
    """Rows that are nearly or quite equal: the quotient stays finite."""
    x = 0.05 * draw.normal(4, 8)
    x[2] = 0.25
    check("layer_norm", x=x, weight=draw.normal(8), bias=draw.normal(8), eps=eps,
          cotangent=draw.normal(4, 8), terms=16)  # fmt: skip


@exercise("5.14")
def test_few_features(check, draw):
    """With two numbers in a row the mean of squares and the unbiased estimate differ by 2."""
    x = np.array([[1.0, 3.0], [-2.0, 5.0], [0.5, 0.0]], "float32")
    check("layer_norm", x=x, weight=draw.normal(2), bias=None, eps=0.01,
          cotangent=draw.normal(3, 2), terms=4)  # fmt: skip


@exercise("5.14")
def test_a_large_offset(check, draw):
    """Numbers around 1000: the mean goes before the square.

    x - mean has the rounding of numbers of size 1000, hence the scale.
    """
    x = draw.normal(4, 16) + 1000
    check("layer_norm", x=x, weight=draw.normal(16), bias=draw.normal(16), eps=1e-5,
          cotangent=draw.normal(4, 16), terms=16, scale=1000.0)  # fmt: skip


@exercise("5.14")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("size", [1, 1000], ids=["small", "large"])
def test_layer_norm_in_half_precision(check, draw, dtype, size):
    """Statistics in float32: squares of 1000 are beyond float16, and sums would lose digits."""
    x = (size * draw.normal(3, 64)).astype("float32") + 2 * size
    x = draw._as(x, dtype)
    w, b = draw.normal(64, dtype=dtype), draw.normal(64, dtype=dtype)
    check("layer_norm_in_half", x=x, weight=w, bias=b, eps=1e-5)


@exercise("5.14")
def test_layer_norm_of_several_dtypes(check, probe, draw):
    """float16 input and float32 weights give float32, in float32's digits after the quotient."""
    x, w = draw.normal(3, 8, dtype="float16"), draw.normal(8)
    check("layer_norm_in_half", x=x, weight=w, bias=draw.normal(8), eps=1e-5, terms=8)


@exercise("5.14")
def test_the_layer(check, draw):
    """At first the weight is 1 and the bias 0, if there are any."""
    for options in ({}, {"bias": False}, {"affine": False}, {"eps": 0.3}):
        check("layer_norm_layer", x=draw.normal(4, 6), dims=6, options=options, terms=6)


@exercise("5.14")
def test_what_does_not_fit(check, draw):
    """A weight of another size, an integer input, no axis at all."""
    x, w = draw.normal(3, 4), draw.normal(5)
    for wrong in (
        {"x": x, "weight": w},
        {"x": draw.integers(3, 4, low=0, high=9), "weight": None},
        {"x": draw.normal(), "weight": None},
        {"x": x, "weight": draw.normal(1, 4)},
    ):
        check.raises("layer_norm_in_half", "ValueError", match="layer_norm", bias=None, eps=1e-5,
                     **wrong)  # fmt: skip


SHAPES = [(7, 3), (4, 5, 3), (2, 3, 4, 3)]


@exercise("5.15")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("affine", [True, False], ids=["affine", "plain"])
def test_batch_norm(check, draw, shape, affine):
    """Three training steps and three in evaluation: values, gradients, running statistics."""
    x = [(2 + i) * draw.normal(*shape) + i for i in range(3)]
    weight, bias = (draw.normal(3), draw.normal(3)) if affine else (None, None)
    check("batch_norm", x=x, weight=weight, bias=bias, cotangent=draw.normal(*shape), options={},
          steps=3, terms=60)  # fmt: skip


@exercise("5.15")
@pytest.mark.parametrize("options", [{"momentum": 0.5}, {"eps": 0.3}, {"momentum": 1.0}], ids=str)
def test_options_of_batch_norm(check, draw, options):
    """Momentum is the share of the newest batch; epsilon is added to the variance."""
    x = [3 * draw.normal(5, 2) + 1 for _ in range(2)]
    check("batch_norm", x=x, weight=draw.normal(2), bias=draw.normal(2), options=options, steps=2,
          cotangent=draw.normal(5, 2), terms=20)  # fmt: skip


@exercise("5.15")
def test_channels_with_a_large_offset(check, draw):
    """Numbers around 1000: the mean goes before the square.

    x - mean has the rounding of numbers of size 1000, hence the scale; the running mean, too.
    """
    x = [draw.normal(16, 3) + 1000]
    check("batch_norm", x=x, weight=draw.normal(3), bias=draw.normal(3), options={}, steps=1,
          cotangent=draw.normal(16, 3), terms=16, scale=1000.0)  # fmt: skip


@exercise("5.15")
def test_without_running_statistics(check, draw):
    """The batch's own statistics in both modes, and nothing is kept."""
    x = [3 * draw.normal(5, 2) + 1 for _ in range(2)]
    check("batch_norm", x=x, weight=draw.normal(2), bias=draw.normal(2), steps=2,
          options={"track_running_stats": False}, cotangent=draw.normal(5, 2),
          terms=20)  # fmt: skip


@exercise("5.15")
def test_two_values_for_a_channel(check, draw):
    """The smallest batch; and one example with several positions."""
    for shape in ((2, 3), (1, 2, 3)):
        x = [draw.normal(*shape) * 2 + 3]
        # Two values: z is about +-1 and the gradient by x is nearly 0, a difference of numbers of
        # the size of the cotangent over the standard deviation, which may be small.
        check("batch_norm", x=x, weight=draw.normal(3), bias=draw.normal(3), options={"eps": 0.1},
              cotangent=draw.normal(*shape), steps=1, terms=8, scale=16.0)  # fmt: skip


@exercise("5.15")
def test_inputs_that_batch_norm_refuses(check, draw):
    """One value for a channel while training; one axis; five axes. Evaluating, one is enough."""
    for shape, training in ((1, 3), True), ((1, 1, 3), True), ((3,), False), ((1,) * 5, False):
        check.raises("batch_norm_of", "ValueError", x=draw.normal(*shape), training=training)


@exercise("5.15")
def test_one_example_in_evaluation(probe, draw):
    """With the statistics at the start, mean 0 and variance 1, one example is enough."""
    x = draw.normal(1, 3)
    y = probe("batch_norm_of", x=x, training=False)["y"]
    assert agree(y, x / np.sqrt(1 + 1e-5, dtype="float64"))


@exercise("5.15")
def test_an_example_alone(probe, draw):
    """In evaluation mode an example does not depend on its neighbours."""
    found = probe("batch_norm_is_alone", x=draw.normal(6, 4))
    assert np.abs(found["together"]).max() > 0.01
    assert agree(found["together"], found["alone"])
