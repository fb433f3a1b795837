"""Judges of rules where a digit decides: float64, numbers that nearly tie, large ones, None."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise

WIDE = "float64"


def exact(probe, call, given, expected, **inputs):
    """The first gradient of a call in float64, to the last digits."""
    found = probe("gradient", call=call, inputs=inputs, given=given, cpu=True)
    first = found[f"d{next(iter(inputs))}"]
    assert first.dtype == np.float64 and agree(first, expected, WIDE), f"the slope of {call}"


@exercise("3.11")
def test_differences_of_double_precision(check, probe, draw):
    """A step of 1/1000, which float32 does not hold; a cotangent with all its digits.

    What rounding does to the differences of squares is divided by the step: scale 1000.
    """
    x, v = draw.uniform(3, low=1, high=2, dtype=WIDE), draw.uniform(3, low=1, high=2, dtype=WIDE)
    check(
        "finite_differences", function="square", x=x, cotangent=v, eps=1e-3, cpu=True, scale=1000.0
    )
    x = np.float16([0.5, -1.5])
    found = probe("differences_with_cotangent", x=x, cotangent=np.float32([1, 3]))
    assert found["dtype"] == "float16", f"the slopes are {found['dtype']}, x is float16"
    assert np.array_equal(found["slopes"], [1, -9])


@exercise("3.14")
def test_quotients_of_large_numbers(check):
    """1e20 by 1e20: nothing on the way is squared, or it is infinite."""
    x, y = np.float32([1e20, -1e20, 3]), np.float32([1e20, 2e20, 2])
    given = np.float32([1e20, 1e20, 1])
    check("gradient", call="x / y", inputs={"x": x, "y": y}, given=given)


@exercise("3.15")
def test_slopes_of_the_slopes_at_zero(check):
    """A nan that was replaced after it was made comes back in the derivative of the derivative."""
    check("slopes_of_power", a=np.float32([0, 0, 2, 3]), b=np.float32([2, 3, 3, 2]), scale=32.0)
    check("slopes_of_power", a=np.float32([0, 0, 2]), b=np.float32([0, 1, 3]), scale=32.0)


@exercise("3.15")
def test_an_exponent_that_passes_through_zero(check):
    """The slope by the base is 0 where the exponent is; its slope by the exponent is not."""
    check("mixed_slope_of_power", a=np.float32([3, 0.5, 2]), b=np.float32([0, 0, 2]), scale=32.0)
    x, y = np.float32([0, 0, 2]), np.float32([-1, 2, -1])  # 0 to the power of -1 has no slopes
    check("gradient", call="x ** y", inputs={"x": x, "y": y}, given=np.float32([1, 2, 3]))


@exercise("3.15")
def test_a_constant_power_of_a_large_number(check):
    """x**0 is constant, also where any other power of x overflows."""
    x, y = np.float32([1e30, -1e30, 2]), np.float32([0, 0, 3])
    given = np.float32([1, 2, 3])
    check("gradient", call="x ** y", inputs={"x": x, "y": y}, given=given)
    check("gradient", call="x ** 0 + x", inputs={"x": x}, given=given)


@exercise("3.16")
@pytest.mark.parametrize("name, slope", [("sin", 1), ("tanh", 1), ("erf", 2 / np.pi**0.5)])
def test_the_cotangent_keeps_its_digits(probe, draw, name, slope):
    """At 0 the slope is known exactly, so that only the cotangent's digits are left."""
    given = draw.normal(5, dtype=WIDE)
    exact(probe, f"mx.{name}(x)", given, slope * given, x=np.zeros(5))


@exercise("3.17")
def test_signs_of_very_small_numbers(probe, draw):
    """1e-60 is not 0, and 1 and 1 + 1e-12 are no tie."""
    given = draw.normal(4, dtype=WIDE)
    x = np.array([1e-60, -1e-60, 1e-300, 2.0])
    exact(probe, "mx.abs(x)", given, given * np.sign(x), x=x)
    a, b = np.array([1, 1 + 1e-12, 3, 3]), np.array([1 + 1e-12, 1, 3 - 1e-12, 3 + 1e-12])
    exact(probe, "mx.maximum(a, b)", given, given * (a > b), a=a, b=b)


@exercise("3.17")
def test_the_absolute_value_of_complex_numbers(check, draw):
    """Its slope points from 0 to the number, so the cotangent is real and the gradient is not."""
    z = (draw.normal(4) + 1j * draw.normal(4)).astype(np.complex64)
    check("gradient", call="mx.abs(z)", inputs={"z": z}, given=draw.normal(4))


@exercise("3.18")
def test_conditions_are_compared_with_zero(probe, draw):
    """A condition of 1e-60 is true."""
    given = draw.normal(3, dtype=WIDE)
    c = np.array([1e-60, 0, 1.0])
    found = probe(
        "gradient",
        call="mx.where(c, x, y)",
        inputs={"c": c, "x": draw.normal(3, dtype=WIDE), "y": draw.normal(3, dtype=WIDE)},
        given=given,
        cpu=True,
    )
    assert np.array_equal(found["dx"], given * (c != 0))
    assert np.array_equal(found["dy"], given * (c == 0))


@exercise("3.20")
def test_numbers_that_nearly_tie(probe):
    """1 + 1e-12 is greater than 1, and takes everything."""
    x = np.array([[1, 1 + 1e-12, 0.5], [2, 3, 3]])
    given = np.array([0.3, 0.5])
    exact(probe, "mx.max(x, 1)", given, [[0, 0.3, 0], [0, 0.25, 0.25]], x=x)


@exercise("3.22")
def test_shares_of_rows_that_lie_far_apart(check, draw):
    """One row near 1000, one near -1000: each has its own maximum, none vanishes."""
    x = draw.normal(3, 3) + np.float32([[1000], [-1000], [0]])
    # The shares follow from differences of numbers of the size 1000.
    check(
        "gradient", call="mx.logsumexp(x, 1)", inputs={"x": x}, given=draw.normal(3), scale=1000.0
    )


@exercise("3.22")
def test_shares_in_double_precision(probe, draw):
    """Numbers of the size 1e9, a half apart; float32 has only every 64th of them."""
    given = draw.normal(2, dtype=WIDE)
    x = 1e9 + np.array([[0.0, 0.5, 1], [30, 0, -900]])
    found = probe("gradient", call="mx.logsumexp(x, 1)", inputs={"x": x}, given=given, cpu=True)
    e = np.exp(x - 1e9 - np.array([[1], [30]]))
    # exp has the digits of float32 also in float64 (MLX 0.32.4), and x - y those of 1e9: 1e-7.
    assert agree(found["dx"], given[:, None] * e / e.sum(1, keepdims=True))


@exercise("3.22")
def test_the_only_number_has_the_whole_share(probe, draw):
    """Its share is exactly 1, so that only the cotangent's digits are left."""
    given = draw.normal(4, dtype=WIDE)
    x = draw.normal(4, 1, dtype=WIDE)
    exact(probe, "mx.logsumexp(x, 1)", given, given[:, None], x=x)


@exercise("3.23")
def test_deviations_from_the_mean_of_each_row(check, draw):
    """Square tables, in which a mean of the wrong shape still broadcasts; rows that lie apart."""
    x = draw.normal(3, 3) + np.float32([[0], [50], [-50]])
    for call in ("mx.var(x, 1)", "mx.var(x, -2)", "mx.var(x)"):
        given = draw.normal() if call == "mx.var(x)" else draw.normal(3)
        check("gradient", call=call, inputs={"x": x}, given=given, terms=9, scale=100.0)


@exercise("3.30")
def test_more_picks_than_rows(check, draw):
    """Seven picks of two rows."""
    x, i = draw.normal(2, 3), np.int32([0, 1, 1, 0, 1, 1, 1])
    check("gradient", call="x[i]", inputs={"x": x, "i": i}, given=draw.normal(7, 3), terms=5)


@exercise("3.30")
@pytest.mark.parametrize("call", ["x[i]", "x[i, j]"])
def test_index_arrays_receive_none(probe, draw, call):
    """One answer for each argument of the step: the array, and every index array."""
    found = probe("pulled", x=draw.normal(3, 3), v=draw.normal(2), call=call)
    assert np.any(found["first"] != 0)
    assert found["kinds"] == ["array"] + ["None"] * (found["arguments"] - 1), found["kinds"]


@exercise("3.32")
@pytest.mark.parametrize("call", ["assigned(x, i, v)", "assigned(x, S[i, j], v)"])
def test_indices_of_writing_receive_none(probe, draw, call):
    """One answer for each argument: array and value, then None for every index array."""
    v = draw.normal(2, 1) if "S" not in call else draw.normal(2)
    found = probe("pulled", x=draw.normal(3, 3), v=v, call=call)
    assert np.any(found["first"] != 0)
    assert found["kinds"] == ["array"] * 2 + ["None"] * (found["arguments"] - 2), found["kinds"]


@exercise("3.31")
@pytest.mark.parametrize("axis", [-1, -2, -3])
def test_axes_counted_from_the_end(check, draw, axis):
    """Three axes of three sizes, each by its negative name."""
    x, i = draw.normal(2, 3, 4), np.int32([1, 0, 1])
    size = {-1: (2, 3, 3), -2: (2, 3, 4), -3: (3, 3, 4)}[axis]
    given = draw.normal(*size)
    translation = f"x.index_select({axis}, i)"
    check(
        "translated_gradient",
        call=f"mx.take(x, i, {axis})",
        translation=translation,
        inputs={"x": x, "i": i},
        given=given,
        terms=3,
    )


@exercise("3.33")
def test_small_cotangents_behind_a_large_one(probe):
    """Each sum is taken from its own summands: as a total minus the others it has lost them."""
    x, given = np.ones(4, np.float32), np.float32([3e8, 1, 2, 3])
    found = probe("gradient", call="mx.cumsum(x)", inputs={"x": x}, given=given)
    assert agree(found["dx"][1:], [6, 5, 3]), f"the last three should be 6, 5, 3: {found['dx']}"
    found = probe(
        "gradient", call="mx.cumsum(x, reverse=True)", inputs={"x": x}, given=given[::-1].copy()
    )
    assert agree(found["dx"][:3], [3, 5, 6]), f"the first three should be 3, 5, 6: {found['dx']}"


@exercise("3.34")
def test_one_row_in_a_cycle(check, draw):
    """Three numbers that move on by one place: the way there is not the way back."""
    x = np.float32([2, 3, 1])
    check("gradient", call="mx.sort(x)", inputs={"x": x}, given=draw.normal(3))


@exercise("3.34")
def test_orders_that_only_double_precision_sees(probe, draw):
    """1, 1 + 1e-12 and 1 + 2e-12 are three numbers; in float32 they are one."""
    given = draw.normal(3, dtype=WIDE)
    x = np.array([1 + 1e-12, 1 + 2e-12, 1])
    exact(probe, "mx.sort(x)", given, given[[1, 2, 0]], x=x)


@exercise("3.23")
def test_the_variance_of_complex_numbers(check, draw):
    """Deviations count by their absolute values, so the gradient has their conjugates."""
    z = (draw.normal(3, 5) + 1j * draw.normal(3, 5)).astype(np.complex64)
    check("gradient", call="mx.var(z, 1)", inputs={"z": z}, given=draw.normal(3), terms=5)
