"""Judges of what it costs: counted runs and looks, and memory at the worst moment, never seconds.

Limits of memory lie at least a factor of three above what the solutions take and below what a way
that is a dimension too large takes; both are written beside each.
"""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise

KB = 1024


def costs(probe, call, limit, **inputs):
    """The gradient of a call must not need more than ``limit`` bytes at the worst moment."""
    found = probe("memory_of_gradient", call=call, inputs=inputs)
    assert np.any(found["slope"] != 0), "the gradient is zero everywhere"
    assert found["bytes"] < limit, (
        f"the gradient of {call} took {found['bytes'] / KB:.0f} KB at the worst moment; "
        f"{limit / KB:.0f} KB are more than enough"
    )


@exercise("3.4")
def test_a_contraction_does_not_hold_all_products(probe):
    """256 by 256: the matrix product needs 0.25 MB, all products before the sum are 64 MB."""
    found = probe("memory_of_contraction", n=256)
    assert found["element"] == 256.0
    assert found["bytes"] < 4_000_000, f"{found['bytes']} bytes: every single product was kept"


@exercise("3.6")
def test_a_long_chain_is_walked_once(probe):
    """2000 nodes: a few looks at each. To search a list for every node takes two million."""
    found = probe("looks_at_a_chain", length=2000)
    assert found["nodes"] == 2000
    assert found["looks"] <= 10 * 2000, (
        f"{found['looks']} looks at the parents of 2000 nodes, or comparisons of two of them: the "
        "work grows with the square of their number"
    )


@exercise("3.8")
def test_the_function_runs_once(probe, draw):
    """For outputs and gradients together, and nothing is computed before somebody asks for it."""
    x = draw.normal(4)
    found = probe("runs_of_a_function", x=x, transform="vjp")
    assert agree(found["slope"], np.cos(x.astype(np.float64)))
    assert found["runs"] == 1, f"the function was called {found['runs']} times"
    assert found["lazy"] == [True, True], "outputs and gradients are lazy until they are looked at"


@exercise("3.9")
def test_value_and_gradient_of_one_run(probe, draw):
    """The function is called once, and nothing is computed before somebody asks for it."""
    x = draw.normal(4)
    found = probe("runs_of_a_function", x=x, transform="value_and_grad")
    assert agree(found["slope"], np.cos(x.astype(np.float64)))
    assert found["runs"] == 1, f"the function was called {found['runs']} times"
    assert found["lazy"] == [True, True], "value and gradient are lazy until they are looked at"


@exercise("3.11")
def test_two_runs_for_each_number(probe, draw):
    """Six numbers are twelve runs: forward and back."""
    found = probe("runs_of_differences", x=draw.normal(2, 3))
    assert found["runs"] == 12, f"the function was called {found['runs']} times"


@exercise("3.21")
def test_no_product_for_every_factor(probe, draw):
    """2048 factors: two scans of 8 KB; a product of all others for each one is 16 MB."""
    costs(probe, "mx.prod(x)", 500 * KB, x=draw.uniform(2048, low=0.99, high=1.01))


@exercise("3.28")
@pytest.mark.parametrize("shape", [(256, 2, 64), (16, 16, 2, 64)], ids=str)
def test_a_batch_is_folded_into_the_rows(probe, draw, shape):
    """One matrix of 64 by 64 for 256 small products: its gradient at once, and not 256 of 16 KB."""
    costs(probe, "x @ y", 1400 * KB, x=draw.normal(*shape), y=draw.normal(64, 64))


@exercise("3.30")
def test_a_row_is_not_found_by_looking_at_all(probe, draw):
    """500 of 5000 rows: a table of who is where, to be multiplied with, would be 10 MB."""
    i = draw.integers(500, low=0, high=500)
    costs(probe, "x[i]", 1000 * KB, x=draw.normal(5000, 4), i=i)


@exercise("3.31")
@pytest.mark.parametrize("call", ["mx.take(x, i, 0)", "mx.take_along_axis(x, i[:, None], 0)"])
def test_taking_does_not_compare_with_all(probe, draw, call):
    """500 of 5000 rows: a table of who is where would be 10 MB."""
    i = draw.integers(500, low=0, high=500)
    costs(probe, call, 1000 * KB, x=draw.normal(5000, 4), i=i)


@exercise("3.33")
def test_a_running_sum_is_no_matrix(probe, draw):
    """2048 numbers: a scan of 8 KB; the triangle of ones is 16 MB."""
    costs(probe, "mx.cumsum(x)", 500 * KB, x=draw.normal(2048))


@exercise("3.34")
def test_a_permutation_is_no_matrix(probe, draw):
    """2048 numbers: the matrix of the permutation is 16 MB."""
    costs(probe, "mx.sort(x)", 500 * KB, x=draw.normal(2048))
