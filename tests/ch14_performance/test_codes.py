"""Judges of 14.16 to 14.18: weights as codes of a few bits."""

import numpy as np
import pytest

from course.grading.marks import exercise

GROUPS = pytest.mark.parametrize("group_size, bits", [(32, 4), (64, 2), (32, 3), (64, 8)])


@exercise("14.16")
@GROUPS
def test_codes_steps_and_biases(check, draw, group_size, bits):
    """Groups around zero, of one sign, and with the larger end below."""
    w = draw.normal(6, 128)
    w[2] = abs(w[2]) + 1
    w[3] = -abs(w[3]) - 1
    w[4] = w[4] - 0.7
    check("coded", w=w, group_size=group_size, bits=bits)
    check("coded", w=w.reshape(2, 3, 128), group_size=group_size, bits=bits)


@exercise("14.16")
def test_codes_of_special_groups(check, probe, draw):
    """Groups of equal weights, of zeros, of nearly nothing, and with both ends equally far."""
    w = draw.normal(6, 64)
    w[0], w[1], w[2], w[4] = 3, 0, 1e-9 * w[2], -2
    w[3] = np.clip(w[3], -1, 1)
    w[3, :2] = -1, 1
    check("coded", w=w, group_size=32, bits=4)
    # Where all weights are equal, both ends are equally far, and steps go down: too small to
    # compare.
    assert (probe("coded", w=w, group_size=32, bits=4)["scales"][4] < 0).all()


@exercise("14.16")
def test_codes_in_halves(probe, check, draw):
    """Steps and biases are kept in the dtype of the weights."""
    w = draw.normal(40, 64, dtype="float16")
    check("coded", w=w, group_size=64, bits=8)
    found = probe("coded", w=w, group_size=64, bits=8)
    assert found["scales"].dtype == found["biases"].dtype == np.float16
    assert found["codes"].dtype == np.uint32 and found["codes"].max() == 255


@exercise("14.16")
def test_group_that_does_not_divide(check, draw):
    """An error that says both numbers, and no group of another size; a group that does is fine."""
    check("coded", w=draw.normal(2, 96), group_size=32, bits=4)
    for number in ("64", "96"):
        check.raises(
            "coded", "ValueError", match=number, w=draw.normal(2, 96), group_size=64, bits=4
        )


@exercise("14.16")
@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
def test_words_without_gaps(check, draw, bits):
    """Also codes that begin in one word and end in the next; and back."""
    for shape in ((3, 64), (2, 1, 2, 32)):
        codes = draw.integers(*shape, low=0, high=2**bits, dtype="uint32")
        check("packed", codes=codes, bits=bits)


@exercise("14.17")
@pytest.mark.parametrize("groups", [1, 4])
def test_product_without_the_matrix(check, draw, groups):
    """Scales and biases of both signs, several rows."""
    codes = draw.integers(5, 64, low=0, high=16, dtype="uint32")
    given = {"scales": 0.1 * draw.normal(5, groups), "biases": draw.normal(5, groups)}
    check("quantized_product", terms=64, x=draw.normal(3, 64), codes=codes, **given)


@exercise("14.17")
def test_product_in_halves(probe, draw):
    """In float32 inside, in the dtype of x outside."""
    codes = draw.integers(2, 256, low=0, high=16, dtype="uint32")
    scales, biases = np.full((2, 4), 0.5, np.float16), np.full((2, 4), -3.0, np.float16)
    x = draw.normal(1, 256, dtype="float16")
    y = probe("quantized_product", x=x, codes=codes, scales=scales, biases=biases)["y"]
    expected = x.astype(np.float64) @ (codes * 0.5 - 3.0).T
    bound = probe("error_bound", x=x, scales=scales)["bound"]
    assert y.dtype == np.float16 and bound.dtype == np.float32
    assert abs(bound / (0.5 * abs(x.astype(np.float64)).sum()) - 1).max() < 1e-5
    assert (abs(y - expected) <= 2**-10 * np.maximum(abs(expected), 1)).all()


@exercise("14.17")
@pytest.mark.parametrize("bits", [2, 4])
def test_bound_of_the_error(check, probe, draw, bits):
    """The formula; and no error is larger, also where the far end of a group is cut."""
    x, w = draw.normal(4, 128), draw.uniform(6, 128, low=-0.55, high=1)
    check("error_bound", terms=128, x=x, scales=0.1 * draw.normal(6, 4))
    part = probe("coded", w=w, group_size=32, bits=bits)
    wide = {n: part[n].astype(np.float64).repeat(32, -1) for n in ("scales", "biases")}
    error = abs(x.astype(np.float64) @ (part["codes"] * wide["scales"] + wide["biases"] - w).T)
    bound = probe("error_bound", x=x, scales=part["scales"])["bound"]
    assert (error <= bound * (1 + 1e-5)).all(), "an error is larger than its bound"


@exercise("14.18")
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_factors_of_columns(check, probe, draw, strength):
    """Inputs of both signs, of one and more axes in front; a column that is always zero."""
    for shape in ((40, 6), (4, 10, 6)):
        x = draw.normal(*shape) * np.array([1, 0.1, 5, 1, 30, 0], np.float32)
        check("column_scales", terms=40, x=x, strength=strength)
    half = draw.normal(300, 4, dtype="float16")
    size = abs(half.astype(np.float64)).mean(0) ** strength
    found = probe("column_scales", x=half, strength=strength)["factors"]
    assert found.dtype == np.float32
    assert abs(found * np.sqrt(size.max() * size.min()) / size - 1).max() < 1e-5


@exercise("14.18")
def test_strength_of_least_error(probe, check, draw):
    """A few inputs are large: the best strength lies between none and all."""
    size = np.ones(64, np.float32)
    size[[3, 20, 50]] = 40
    x, w = draw.normal(64, 64) * size, draw.normal(16, 64)
    given = {"w": w, "x": x, "group_size": 32, "bits": 3}
    check("calibrated", strengths=[0.0, 0.2, 0.4, 0.6, 0.8, 1.0], **given)
    check("calibrated", strengths=[1.0, 0.0], **given)
    # Weights that are large where inputs are small: a strong factor would be a mistake.
    w = (w / np.square(size)).astype(np.float32)
    check("calibrated", w=w, x=x, group_size=32, bits=3, strengths=[1.0, 0.0, 0.5])


@exercise("14.18")
def test_the_first_of_equals(check, draw):
    """Weights that are all zero have no error, whatever the factors are."""
    x, w = draw.normal(20, 32) * np.arange(1, 33, dtype=np.float32), np.zeros((4, 32), np.float32)
    for strengths in ([0.5, 0.0, 1.0], [1.0, 0.5]):
        check("calibrated", w=w, x=x, group_size=32, bits=4, strengths=strengths)


@exercise("14.18")
def test_calibration_pays(probe, draw):
    """With large inputs in a few columns the error of three bits falls to less than half."""
    size = np.ones(128, np.float32)
    size[:4] = 50
    x, w = draw.normal(64, 128) * size, draw.normal(16, 128)
    given = {"w": w, "x": x, "group_size": 64, "bits": 3}
    errors = []
    for strengths in ([0.0], [i / 10 for i in range(11)]):
        c = probe("calibrated", strengths=strengths, **given)["factors"]
        part = probe("coded", w=w * c, group_size=64, bits=3)
        wide = {n: part[n].repeat(64, -1) for n in ("scales", "biases")}
        rounded = part["codes"] * wide["scales"] + wide["biases"]
        errors.append(np.square((x / c) @ rounded.T - x @ w.T).mean())
    assert errors[1] < errors[0] / 2, f"mean square error {errors[1]:.3f}, without {errors[0]:.3f}"
