"""Judges of the rules that work element by element, and of undoing a broadcast."""

from pathlib import Path

import numpy as np
import pytest

from course.cli.project import load_script
from course.grading.compare import agree
from course.grading.marks import exercise

TABLE = load_script(Path(__file__).with_name("ops.py"))
INF, NAN = np.inf, np.nan


def at(check, draw, call, translation="", twice=True, **inputs):
    """A call at chosen numbers, with random cotangents and second derivatives."""
    inputs = {name: np.asarray(x) for name, x in inputs.items()}
    pool = draw.normal(TABLE.POOL)
    check(
        "op",
        call=call,
        translation=translation,
        inputs=inputs,
        pool=pool,
        twice=twice,
        cpu=False,
    )


@exercise("3.13")
@TABLE.cases("3.13")
def test_sums_and_differences(check, draw, case):
    """The rules of + and - are given, and lean on unbroadcast."""
    case(check, draw)


@exercise("3.13")
@pytest.mark.parametrize(
    "shape, of",
    [
        ((3, 4), (4,)),
        ((3, 4), (3, 1)),
        ((2, 3, 4), (1, 3, 1)),
        ((2, 3, 4), (3, 1)),
        ((2, 3), ()),
        ((2, 3), (1, 1)),
        ((1, 3), (3,)),
        ((4, 1, 3), (1, 3)),
    ],
)
def test_sums_over_the_repetitions(check, draw, shape, of):
    """Axes that were missing, axes of size 1, both; a number of Python gets nothing."""
    check("unbroadcast", g=draw.normal(*shape), x=draw.normal(*of), terms=24)


@exercise("3.13")
def test_nothing_was_repeated(probe, check, draw):
    """Equal shapes: the cotangent itself. No elements: a sum of none is 0."""
    assert probe("unbroadcast_equal", g=draw.normal(2, 3))["the same object"]
    check("unbroadcast", g=draw.normal(2, 3), x=draw.normal(2, 3))
    check("unbroadcast", g=draw.normal(0, 3), x=draw.normal(1, 3))
    check("unbroadcast", g=draw.normal(2, 0), x=draw.normal(2, 1))
    check("unbroadcast", g=draw.normal(2, 0), x=draw.normal(0))


@exercise("3.13")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sums_in_half_precision(check, draw, dtype):
    """The dtype stays that of the cotangent."""
    check("unbroadcast", g=draw.normal(5, 2, dtype=dtype), x=draw.normal(2, dtype=dtype), terms=5)


@exercise("3.14")
@TABLE.cases("3.14")
def test_products_and_quotients(check, draw, case):
    """Arrays, numbers, integers and booleans on either side."""
    case(check, draw)


@exercise("3.14")
def test_products_at_special_numbers(check, draw):
    """An array with itself; without axes; a divisor of 0, whose slopes are infinite."""
    at(check, draw, "x * x * x", x=draw.normal(4))
    at(check, draw, "x / x * y", x=np.float32([0.5, -2]), y=draw.normal(2))
    at(check, draw, "x * y / 3", x=draw.normal(), y=draw.normal())
    x, y = np.float32([1, -2, 3]), np.float32([2, 0, -4])
    check("gradient", call="x / y", inputs={"x": x, "y": y}, given=np.float32([1, 2, 3]))


@exercise("3.14")
def test_gradients_in_the_dtypes_of_factors(probe, draw):
    """float16 times float32 is float32, and each factor's gradient has the factor's dtype."""
    inputs = {"x": draw.uniform(3, low=1, high=2, dtype="float16"), "y": draw.normal(3)}
    for call, slope in [("x * y", inputs["y"]), ("y / x", -inputs["y"] / inputs["x"] ** 2)]:
        found = probe("dtypes_of_gradients", call=call, inputs=inputs)
        assert found["dtypes"] == ["float16", "float32"], f"{call}: {found['dtypes']}"
        assert agree(found["gradients"][0], slope, "float16")


@exercise("3.15")
@TABLE.cases("3.15")
def test_powers_and_logarithms(check, draw, case):
    """Array to array, to a number, a number to an array."""
    case(check, draw)


@exercise("3.15")
def test_powers_of_zero(check, draw):
    """0**0, 0**1, 0**2 by base and by exponent: nothing becomes nan."""
    x, y = np.float32([0, 0, 0, 2, 3]), np.float32([0, 1, 2, 0, 2])
    check("gradient", call="x ** y", inputs={"x": x, "y": y}, given=np.float32([1, 2, 3, 4, 5]))
    for exponent in (0, 1, 2, 3):
        at(check, draw, f"x ** {exponent} + x * 2", x=np.float32([0, -2, 3]))
    at(check, draw, "0 ** x + 3 ** x", x=np.float32([1, 2, 0.5]), twice=False)


@exercise("3.15")
def test_powers_of_negative_numbers(check):
    """A negative base has slopes by whole exponents; by the exponent itself it has none: nan."""
    x, y = np.float32([-2, -1.5, 2]), np.float32([3, 2, -2])
    check("gradient", call="x ** y", inputs={"x": x, "y": y}, given=np.float32([1, 2, 3]))
    check("gradient", call="x ** 3", inputs={"x": x}, given=np.float32([1, 2, 3]))
    check("gradient", call="x ** 0.5", inputs={"x": np.float32([0, 4])}, given=np.float32([1, 2]))


@exercise("3.15")
def test_the_logarithm_at_its_edge(check):
    """At 0 the slope is infinite; in 1e-30 nothing overflows before its time."""
    x = np.float32([0, 1e-30, 1, 1e30])
    check("gradient", call="mx.log(x)", inputs={"x": x}, given=np.float32([1, 1e-4, 2, 3]))


@exercise("3.16")
@TABLE.cases("3.16")
def test_three_curves(check, draw, case):
    """Sine, hyperbolic tangent, error function."""
    case(check, draw)


@exercise("3.16")
@pytest.mark.parametrize("name", ["sin", "tanh", "erf"])
def test_curves_at_special_numbers(check, draw, name):
    """At 0, far out, without axes, without elements."""
    at(check, draw, f"mx.{name}(x)", x=np.float32([0, 0.1, -0.1, 3, -6, 20]))
    at(check, draw, f"mx.{name}(x)", x=draw.normal())
    at(check, draw, f"mx.{name}(x)", x=draw.normal(0, 3))


@exercise("3.17")
@TABLE.cases("3.17")
def test_absolute_values_and_maxima(check, draw, case):
    """Away from the corners."""
    case(check, draw)


@exercise("3.17")
def test_the_corner_of_the_absolute_value(check, draw):
    """0 at 0, whatever its sign."""
    at(check, draw, "mx.abs(x)", x=np.float32([0.0, -0.0, 1e-30, -1e-30, INF, -INF]))
    at(check, draw, "mx.abs(x) * 2", x=draw.normal())


@exercise("3.17")
def test_ties_of_the_maximum(check, draw):
    """Equal arguments: the second one receives everything, as in MLX."""
    a, b = np.float32([1, 2, 3, 0, -1]), np.float32([1, 3, 2, -0.0, -1])
    given = draw.normal(5)
    inputs = {"a": a, "b": b}
    check(
        "gradient",
        reference="maximum_at_ties",
        call="mx.maximum(a, b)",
        inputs=inputs,
        given=given,
    )
    for call in ("mx.maximum(x, 1)", "mx.maximum(1, x)"):
        check(
            "gradient",
            reference="maximum_with_a_number",
            call=call,
            inputs={"x": a},
            given=given,
        )


@exercise("3.18")
@TABLE.cases("3.18")
def test_choices(check, draw, case):
    """Arrays and numbers in both branches, conditions that broadcast."""
    case(check, draw)


@exercise("3.18")
def test_what_was_not_chosen_does_not_matter(check):
    """nan in the other branch, or in the cotangent of the other branch, stays there."""
    c = np.array([True, False, True, False])
    x, y = np.float32([1, NAN, INF, 2]), np.float32([NAN, 3, 4, -INF])
    given = np.float32([INF, NAN, 2, 3])
    inputs = {"c": c, "x": x, "y": y}
    check("gradient", call="mx.where(c, x, y)", inputs=inputs, given=given)
    # Written by hand, this is how a root is kept away from 0, where its slope is infinite.
    x, given = np.float32([0, 2, -1, 0.5]), np.float32([1, 2, 3, 4])
    call = "mx.where(x > 0, mx.sqrt(mx.where(x > 0, x, 1)), x * 3)"
    check("gradient", call=call, inputs={"x": x}, given=given)


@exercise("3.18")
def test_conditions_that_are_numbers(check, draw):
    """A condition of floating numbers is watched like any array, and receives zeros."""
    inputs = {"c": np.float32([0, 1, -2, 0]), "x": draw.normal(4), "y": draw.normal(4)}
    given = draw.normal(4)
    call = "mx.where(c, x, y)"
    check("gradient", reference="where_by_numbers", call=call, inputs=inputs, given=given)
