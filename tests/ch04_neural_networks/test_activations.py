"""Judges of activations: values, and gradients under random cotangents.

No input lies exactly on a corner, where PyTorch and MLX choose different slopes.
"""

import numpy as np
import pytest

from course.grading.marks import exercise

HALF = ["float16", "bfloat16"]
WIDE = [*HALF, "float64"]


def single(dtype):
    """mlx computes exponentials with the digits of float32 also in float64."""
    return {"scale": 2.0**29} if dtype == "float64" else {}


def both(check, name, x, draw, **options):
    """Value and gradient at ``x``."""
    terms = options.pop("terms", 1)
    x = np.asarray(x)
    cotangent = draw.normal(*x.shape, dtype=x.dtype.name)
    check(name, x=x, cotangent=cotangent, terms=terms, **options)


def beyond(limit, dtype="float32"):
    """Numbers of both signs up to a limit, none of them 0."""
    magnitudes = np.array([0.3, 1, 4, 9, 15, 30, 100, limit])
    return np.concatenate([-magnitudes, magnitudes]).astype(dtype)


# 4.2


@exercise("4.2")
@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (2, 3, 2)])
def test_leaky_relu(check, draw, shape):
    """The default slope, and others."""
    x = draw.normal(*shape) + np.float32(0.01)
    both(check, "leaky_relu", x - 1, draw)
    both(check, "leaky_relu", -abs(x), draw, negative_slope=0.2)
    both(check, "leaky_relu", x, draw, negative_slope=0.5)


@exercise("4.2")
@pytest.mark.parametrize("dtype", ["float32", *HALF])
def test_leaky_relu_far_from_zero(check, draw, dtype):
    """Up to 1e4, in every floating dtype, which the result keeps."""
    x = beyond(1e4).astype(draw.normal(1, dtype=dtype).dtype)
    both(check, "leaky_relu", x, draw, negative_slope=0.25)


@exercise("4.2")
@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (2, 3, 2)])
def test_softplus(check, draw, shape):
    """Values and slopes around 0."""
    both(check, "softplus", draw.normal(*shape, scale=3.0), draw)


@exercise("4.2")
def test_softplus_has_no_corner(check, draw):
    """At 0 itself the slope is 1/2: it is smooth there, whatever it is put together of."""
    both(check, "softplus", np.array([0.0, -0.0, 1.0], np.float32), draw)


@exercise("4.2")
@pytest.mark.parametrize("dtype", ["float32", *HALF])
def test_softplus_far_from_zero(check, draw, dtype):
    """Up to 1e4, where e^x is infinite: neither value nor slope is."""
    both(check, "softplus", beyond(1e4).astype(draw.normal(1, dtype=dtype).dtype), draw)


# 4.3 and 4.5: both by the same inputs

AXES = [((5, 7), -1), ((5, 7), 0), ((4, 4), 1), ((2, 3, 4), 1), ((2, 3, 4), [0, 2]), ((6,), 0)]


@exercise("4.3")
@pytest.mark.parametrize("shape, axis", AXES)
def test_softmax_and_its_gradient(check, draw, shape, axis):
    """Along one axis or several, under any cotangent."""
    both(check, "softmax", draw.normal(*shape, scale=2.0), draw, axis=axis, terms=8)


@exercise("4.3")
def test_softmax_of_large_numbers(check, draw):
    """Rows near 1e4, near -1e4, and far apart from each other."""
    x = draw.integers(6, 5, low=-3, high=4).astype("float32")
    both(check, "softmax", x + np.float32([[1e4], [-1e4], [0], [1000], [-1000], [5]]), draw)
    both(check, "softmax", draw.normal(4, 5, scale=1e4), draw)


@exercise("4.3")
def test_softmax_of_one_outlier(check, draw):
    """One number that is far above the mean of its row, and one that is impossible."""
    x = draw.normal(3, 8)
    x[0, 3], x[1, 5], x[2, 1] = 1000, 200, -np.inf
    both(check, "softmax", x, draw, terms=8)


@exercise("4.3")
@pytest.mark.parametrize("dtype", WIDE)
def test_softmax_in_other_dtypes(check, draw, dtype):
    """The dtype stays; in float16 e^x is infinite from 11.1 on."""
    x = draw.normal(4, 9, dtype=dtype, scale=20.0)
    both(check, "softmax", x, draw, terms=9, **single(dtype))


@exercise("4.3")
def test_softmax_without_an_axis_named(check, draw):
    """The last axis is the default; of a single number the softmax is 1."""
    both(check, "softmax", draw.normal(3, 2, 4), draw, terms=4)
    both(check, "softmax", draw.normal(3, 1), draw)


@exercise("4.5")
@pytest.mark.parametrize("shape, axis", AXES)
def test_log_softmax_and_its_gradient(check, draw, shape, axis):
    """Along one axis or several, under any cotangent."""
    both(check, "log_softmax", draw.normal(*shape, scale=2.0), draw, axis=axis, terms=8)


@exercise("4.5")
def test_log_softmax_keeps_small_differences(check, draw):
    """Small integers added to 1e4: nothing is rounded away in the difference."""
    x = draw.integers(5, 6, low=-3, high=4).astype("float32")
    shift = np.float32([[1e4], [-1e4], [0], [-500], [5]])
    both(check, "log_softmax", x + shift, draw, terms=6)


@exercise("4.5")
def test_log_softmax_with_one_number_far_below(check, draw):
    """It takes the digits of the others if it is subtracted; what is impossible stays so."""
    x = draw.normal(4, 6)
    x[0, 2], x[1, 0], x[2, 5], x[3, 3] = -1e4, -1e5, -1e3, -np.inf
    for axis in (-1, 0):
        both(check, "log_softmax", x if axis else x.T.copy(), draw, axis=axis, terms=6)


@exercise("4.5")
def test_log_softmax_of_hopeless_classes(check, draw):
    """A share that underflows to 0 still has a logarithm."""
    both(check, "log_softmax", draw.normal(4, 5, scale=1e4), draw)
    both(check, "log_softmax", np.float32([[0, 200, -200], [-1e4, 1e4, 0]]), draw)


@exercise("4.5")
@pytest.mark.parametrize("dtype", WIDE)
def test_log_softmax_in_other_dtypes(check, draw, dtype):
    """The dtype stays."""
    for x in (draw.normal(4, 9, dtype=dtype, scale=20.0), draw.normal(2, 3, dtype=dtype)):
        both(check, "log_softmax", x, draw, terms=9, **single(dtype))


# 4.4


@exercise("4.4")
@pytest.mark.parametrize("name", ["gelu", "gelu_approx"])
@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (2, 3, 2)])
def test_gelu(check, draw, name, shape):
    """Values and slopes around 0; the two functions differ by up to 0.0005."""
    both(check, name, np.float32(1.2) + abs(draw.normal(*shape)), draw)
    both(check, name, draw.normal(*shape, scale=2.0), draw)


@exercise("4.4")
@pytest.mark.parametrize("name", ["gelu", "gelu_approx"])
@pytest.mark.parametrize("dtype", ["float32", *HALF])
def test_gelu_far_from_zero(check, draw, name, dtype):
    """Up to 1e4, whose cube float16 cannot hold: 0 or x, with slope 0 or 1."""
    both(check, name, beyond(1e4).astype(draw.normal(1, dtype=dtype).dtype), draw)
