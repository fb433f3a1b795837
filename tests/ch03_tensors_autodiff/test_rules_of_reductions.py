"""Judges of the rules of reductions, scans and sorting."""

from pathlib import Path

import numpy as np
import pytest

from course.cli.project import load_script
from course.grading.marks import exercise

TABLE = load_script(Path(__file__).with_name("ops.py"))
INF, NAN = np.inf, np.nan


def at(check, draw, call, translation="", twice=True, terms=1, scale=None, **inputs):
    """A call at chosen numbers, with random cotangents and second derivatives."""
    inputs = {name: np.asarray(x) for name, x in inputs.items()}
    check(
        "op",
        call=call,
        translation=translation,
        inputs=inputs,
        pool=draw.normal(TABLE.POOL),
        twice=twice,
        cpu=False,
        terms=terms,
        scale=scale,
    )


@exercise("3.19")
@TABLE.cases("3.19")
def test_sums_and_means(check, draw, case):
    """All axes, one, several, negative ones, kept and dropped."""
    case(check, draw)


@exercise("3.19")
def test_sums_of_special_shapes(check, draw):
    """No axes, no elements, axes of size 1, several axes in another order."""
    at(check, draw, "mx.sum(x) + mx.mean(x)", x=draw.normal())
    at(check, draw, "mx.sum(x, axis=1) + mx.mean(x, axis=1)", x=draw.normal(3, 1))
    at(
        check,
        draw,
        "mx.sum(x, axis=(2, 0)) * mx.mean(x, (-3,))[:, 0]",
        terms=8,
        translation="torch.sum(x, (2, 0)) * torch.mean(x, 0)[:, 0]",
        x=draw.normal(2, 3, 4),
    )
    at(check, draw, "mx.sum(x, 0)", x=draw.normal(0, 3), twice=False)
    at(check, draw, "mx.mean(x, 0)", x=draw.normal(0, 3), twice=False)


@exercise("3.20")
@TABLE.cases("3.20")
def test_greatest_elements(check, draw, case):
    """Without ties: the greatest one receives everything."""
    case(check, draw)


@exercise("3.20")
def test_winners_share(check, draw):
    """Ties: among two, among three, among all, across axes; as torch.amax."""
    x = np.float32([[1, 3, 3, 0], [2, 2, 2, -1], [5, 4, 3, 2]])
    at(check, draw, "mx.max(x, axis=1)", x=x)
    at(check, draw, "mx.max(x, axis=1, keepdims=True)", x=np.zeros((2, 5), np.float32))
    at(check, draw, "mx.max(x)", x=np.float32([[7, 1], [7, 7]]))
    at(check, draw, "mx.max(x, axis=(0, 2))", x=np.float32([[[1, 4], [2, 2]], [[4, 0], [2, 1]]]))


@exercise("3.20")
def test_greatest_of_few(check, draw):
    """A single element, an array without axes, infinite ones."""
    at(check, draw, "mx.max(x)", x=draw.normal())
    at(check, draw, "mx.max(x, 1)", x=draw.normal(3, 1))
    at(check, draw, "mx.max(x, 0)", x=np.float32([[-INF, 1], [2, INF]]), twice=False)


@exercise("3.21")
@TABLE.cases("3.21")
def test_products_along_axes(check, draw, case):
    """Without zeros."""
    case(check, draw)


@exercise("3.21")
def test_products_with_zeros(check, draw):
    """One zero: it alone has a slope. Two: none has. Their second derivatives do."""
    x = np.float32([[2, 3, 4], [2, 0, 4], [0, 3, 0], [0, 0, 0], [0, 1, -2]])
    at(check, draw, "mx.prod(x, axis=1)", x=x, scale=64.0)
    at(check, draw, "mx.prod(x, axis=0)", x=np.float32([[0, 1], [5, 2], [3, 0]]), scale=64.0)
    at(check, draw, "mx.prod(x)", x=np.float32([[2, 0], [3, 4]]), scale=64.0)


@exercise("3.21")
def test_products_of_few(check, draw):
    """One factor, none, an array without axes."""
    at(check, draw, "mx.prod(x)", x=draw.normal())
    at(check, draw, "mx.prod(x, -1, True)", x=draw.normal(3, 1))
    at(check, draw, "mx.prod(x, 0)", x=draw.normal(0, 3), twice=False)


@exercise("3.22")
@TABLE.cases("3.22")
def test_soft_maxima(check, draw, case):
    """All axes, one, several, kept and dropped."""
    case(check, draw)


@exercise("3.22")
def test_soft_maxima_of_large_numbers(check, draw):
    """exp(1000) overflows, and exp(-1000) vanishes; the shares are as always."""
    x = np.float32([[1000, 999, 998], [-1000, -999, -1001], [0, 500, 1], [1, -INF, 2]])
    # The shares follow from differences of numbers of the size 1000.
    at(check, draw, "mx.logsumexp(x, axis=1)", x=x, scale=1000.0, twice=False)
    at(check, draw, "mx.logsumexp(x)", x=draw.normal(), twice=False)
    at(check, draw, "mx.logsumexp(x, 1)", x=draw.normal(3, 1))


@exercise("3.23")
@TABLE.cases("3.23")
def test_variances(check, draw, case):
    """All axes, one, several; divided by n and by n - 1."""
    case(check, draw)


@exercise("3.23")
def test_variances_of_special_numbers(check, draw):
    """Far from 0; all equal; a single element, whose variance is 0 or, with ddof=1, undefined."""
    # Deviations from a mean of about 1000 have its rounding.
    at(check, draw, "mx.var(x, 1)", x=draw.normal(3, 5) + 1000, terms=5, scale=1000.0)
    at(check, draw, "mx.var(x, 0)", x=np.full((4, 2), 3, np.float32))
    at(check, draw, "mx.var(x, 1)", x=draw.normal(3, 1))
    given = draw.normal(2)
    call = "mx.var(x, 1, ddof=1)"
    check("gradient", call=call, inputs={"x": draw.normal(2, 1)}, given=given)
    check("gradient", call="mx.var(x, 1, False, 2)", inputs={"x": draw.normal(2, 3)}, given=given)


@exercise("3.33")
@TABLE.cases("3.33")
def test_running_sums(check, draw, case):
    """Forward and in reverse, with the element itself and without, along an axis and flat."""
    case(check, draw)


@exercise("3.33")
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("inclusive", [False, True])
def test_running_sums_of_few(check, draw, reverse, inclusive):
    """Two elements, one element, none."""
    call = f"mx.cumsum(x, 0, reverse={reverse}, inclusive={inclusive}) + 0 * x"
    for n in (2, 1, 0):
        at(check, draw, call, x=draw.normal(n, 2))
    at(check, draw, call.replace("0 * x", "x"), x=draw.normal(1, 3))


@exercise("3.33")
def test_running_sums_with_a_dtype(probe, draw):
    """Summed in float32, the gradient of a float16 array is float16 again."""
    x = draw.normal(4, dtype="float16")
    found = probe("dtypes_of_gradients", call="mx.cumsum(x, 0, dtype=mx.float32)", inputs={"x": x})
    assert found["dtypes"] == ["float16"], f"the gradient is {found['dtypes']}"
    assert np.array_equal(found["gradients"][0], [4, 3, 2, 1])


@exercise("3.34")
@TABLE.cases("3.34")
def test_sorted_numbers(check, draw, case):
    """Along each axis, and flat."""
    case(check, draw)


@exercise("3.34")
def test_orders_that_are_not_their_own_inverse(check, draw):
    """A cycle of three: sending cotangents along the order, and not back, is visible."""
    at(check, draw, "mx.sort(x)", x=np.float32([[2, 3, 1], [3, 1, 2], [1, 2, 3], [3, 2, 1]]))
    at(check, draw, "mx.sort(x, 0)", x=np.float32([[INF, 1], [2, -INF], [-4, 0]]))
    at(check, draw, "mx.sort(x)", x=draw.normal(1))


@exercise("3.34")
def test_equal_numbers(probe, draw):
    """Ties: each place of the result goes to a place of its own among the equal ones."""
    x, given = np.float32([2, 1, 2, 1, 2]), draw.normal(5)
    found = probe("gradient", call="mx.sort(x)", inputs={"x": x}, given=given)
    assert np.array_equal(found["y"], np.sort(x))
    for value, part in ((1, given[:2]), (2, given[2:])):
        mine = found["dx"][x == value]
        assert np.array_equal(np.sort(mine), np.sort(part)), f"the cotangents of the {value}s"
