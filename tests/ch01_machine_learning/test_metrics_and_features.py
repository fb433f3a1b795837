"""Judges of ``tinymlx/basics/metrics.py`` and ``features.py``."""

import numpy as np
import pytest

from course.grading.marks import exercise


@exercise("1.2")
@pytest.mark.parametrize("n", [1, 2, 50])
def test_mean_of_the_squares(check, draw, n):
    """One example, two, many."""
    p = draw.normal(n)
    check(
        "mean_squared_error", predictions=p, targets=p + draw.uniform(n, low=1.5, high=3), terms=n
    )


@exercise("1.2")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_error_keeps_a_short_dtype(check, draw, dtype):
    """Half precision in, half precision out."""
    p, t = draw.normal(8, dtype=dtype), draw.uniform(8, low=5, high=6, dtype=dtype)
    check("mean_squared_error", predictions=p, targets=t, scale=20.0)


@exercise("1.2")
def test_shapes_that_would_broadcast_are_refused(check, draw):
    """(N, 1) against (N,), and one number against many."""
    p, t = draw.normal(4), draw.normal(4)
    check.raises("mean_squared_error", "ValueError", predictions=p[:, None], targets=t)
    check.raises("mean_squared_error", "ValueError", predictions=p[:1], targets=t)
    check("mean_squared_error", predictions=p, targets=t + 4, terms=4)


@exercise("1.7")
@pytest.mark.parametrize("noise", [0.1, 1.0, 3.0])
def test_share_of_the_variation(check, draw, noise):
    """Good, middling, and worse than the mean; targets far from zero."""
    t = np.linspace(4, 8, 20, dtype=np.float32)
    p = t + noise * draw.uniform(20, low=0.5, high=1.5)
    check("r_squared", predictions=p, targets=t, terms=20, scale=20.0)


@exercise("1.7")
def test_a_wrong_scale_is_not_forgiven(check, draw):
    """Perfectly correlated and yet wrong: this is a score of the predictions themselves."""
    t = draw.normal(12)
    check("r_squared", predictions=2 * t + 1, targets=t, terms=12, scale=20.0)


@exercise("1.7")
def test_targets_that_are_all_equal(check):
    """Nothing to explain: 1 for perfect predictions, 0 for any other, and never NaN."""
    t = np.full(7, 0.1, dtype=np.float32)
    check("r_squared", predictions=t, targets=t)
    check("r_squared", predictions=t + 1, targets=t)
    check("r_squared", predictions=np.float32([2]), targets=np.float32([2]))


@exercise("1.7")
def test_score_refuses_shapes_that_differ(check, draw):
    """The same trap as in the mean squared error."""
    p, t = draw.normal(4), draw.normal(4)
    check.raises("r_squared", "ValueError", predictions=p[:, None], targets=t)
    check("r_squared", predictions=t + 0.1, targets=t, terms=4, scale=20.0)


@exercise("1.8")
@pytest.mark.parametrize("n, degree", [(6, 4), (3, 1), (1, 5)])
def test_powers_as_columns(check, draw, n, degree):
    """Negative numbers included, from a single power to five."""
    x = draw.uniform(n, low=0.5, high=2) * np.where(draw.booleans(n), 1, -1)
    check("polynomial_features", x=x.astype(np.float32), degree=degree, terms=degree)


@exercise("1.8")
def test_days_of_the_year_do_not_overflow(check):
    """366**5 is 6.6e12; an int32 ends at 2.1e9."""
    check("polynomial_features", x=np.int32([1, 59, 366]), degree=5, terms=5)


@exercise("1.8")
def test_features_keep_a_short_dtype(check, draw):
    """bfloat16 in, bfloat16 out."""
    x = draw.uniform(4, low=0.5, high=1, dtype="bfloat16")
    check("polynomial_features", x=x, degree=3, terms=3)


@exercise("1.8")
def test_features_refuse_wrong_arguments(check, draw):
    """A table instead of one column; a degree of zero."""
    check.raises("polynomial_features", "ValueError", x=draw.normal(4, 1), degree=2)
    check.raises("polynomial_features", "ValueError", match="degree", x=draw.normal(4), degree=0)


@exercise("1.9")
@pytest.mark.parametrize("n, d", [(9, 4), (4, 9), (30, 1)])
def test_statistics_of_each_column(check, draw, n, d):
    """Columns with their own means and their own spreads."""
    x = draw.normal(n, d) * np.linspace(0.5, 3, d, dtype=np.float32) + np.arange(
        d, dtype=np.float32
    )
    check("column_statistics", x=x, terms=n)


@exercise("1.9")
def test_constant_columns_have_scale_one(check, draw):
    """Exactly constant, also where the mean is rounded (0.1 has no exact float32)."""
    x = np.stack([np.full(11, 0.1), draw.normal(11) * 3, np.full(11, -7)], axis=1)
    check("column_statistics", x=x.astype(np.float32), terms=11)


@exercise("1.9")
def test_one_example_is_constant_in_every_column(check, draw):
    """N = 1: the mean is the example, all scales are 1."""
    check("column_statistics", x=draw.normal(1, 4) + 5)


@exercise("1.9")
def test_statistics_of_integers_are_floating(check, draw):
    """Integer tables; and what is not a table is refused."""
    check("column_statistics", x=draw.integers(8, 3, low=-9, high=10), terms=8, scale=20.0)
    check.raises("column_statistics", "ValueError", x=draw.normal(5))


@exercise("1.9")
def test_standardize_uses_what_it_is_given(check, draw):
    """Not the statistics of its own argument."""
    table = {"x": draw.normal(5, 3), "mean": draw.normal(3)}
    check("standardize", **table, deviation=draw.uniform(3, low=0.5, high=2))


@exercise("1.9")
def test_the_test_side_is_measured_by_the_training_side(check, draw):
    """Measured by itself, a single test example would always become zero."""
    train = draw.normal(12, 3) * 4 + 2
    check("standardize_by_training", train=train, test=draw.normal(1, 3) + 9, terms=12, scale=10.0)
