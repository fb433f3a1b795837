"""Judges of what a table of values does not show: the digits that are kept, and what it costs."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise

WIDE = "float64"


def examples(draw, n, d, dtype=WIDE):
    """A table, its targets, weights and a bias, all in one dtype."""
    return {
        "x": draw.normal(n, d, dtype=dtype),
        "y": draw.normal(n, dtype=dtype),
        "weights": draw.normal(d, dtype=dtype),
        "bias": draw.uniform(low=1, high=2, dtype=dtype),
    }


@exercise("1.2")
def test_small_errors_of_large_numbers(check, draw):
    """Years that are wrong by a tenth: the differences are squared, and not the years.

    Squares of 2000 are four million, of which float32 keeps halves.
    """
    t = draw.integers(9, low=1900, high=2100).astype(np.float32)
    p = t + (draw.integers(9, low=1, high=5) / 8).astype(np.float32)
    check("mean_squared_error", predictions=p, targets=t, terms=9)


@exercise("1.3")
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_slopes_keep_their_digits(check, draw, dtype):
    """Half precision stays half precision, and double is not computed in single."""
    check("mean_squared_error_gradient", **examples(draw, 9, 3, dtype), terms=27, scale=20.0)


@exercise("1.4")
def test_the_walk_keeps_its_digits(check, draw):
    """float64 from the first step to the last."""
    x, y = draw.normal(9, 2, dtype=WIDE), draw.normal(9, dtype=WIDE) + 3
    check("gradient_descent", x=x, y=y, learning_rate=0.05, steps=4, terms=72)


@exercise("1.4")
def test_the_walk_refuses_a_single_example_without_its_axis(check, draw):
    """Before it looks at the shape any further; two of them as a table are welcome."""
    check.raises(
        "gradient_descent",
        "ValueError",
        x=draw.normal(4),
        y=draw.normal(4),
        learning_rate=1,
        steps=2,
    )
    check("gradient_descent", x=draw.normal(2, 1), y=draw.normal(2) + 3, learning_rate=0.1, steps=2)


@exercise("1.4")
def test_each_step_is_evaluated(probe, draw):
    """What the helpers are given after thirty steps has no longer history than after three.

    The size is that of the lazy graph behind their arguments. Measured: 18 arrows in both cases
    where each step is evaluated; where none is, 53 more with every step.
    """
    x, y = draw.normal(6, 2), draw.normal(6) + 3
    short, long = (probe("history_of_a_walk", x=x, y=y, steps=steps) for steps in (3, 30))
    assert short["losses"][0] > 0 and agree(long["losses"][:3], short["losses"], terms=36)
    assert long["largest"] <= short["largest"] + 40, (
        f"after 30 steps {long['largest']} operations wait to be computed, after 3 steps "
        f"{short['largest']}: evaluate at the end of every step"
    )


@exercise("1.5")
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_the_triangle_keeps_its_digits(check, draw, dtype):
    """Of both arguments, and a diagonal with both signs."""
    signs = np.where(draw.booleans(5), 1, -1)
    r = draw.normal(5, 5) / 5 + np.diag(signs * draw.uniform(5, low=2, high=4))
    c = draw.uniform(5, low=1, high=5, dtype=dtype)
    check("back_substitution", r=r.astype(dtype), c=c, terms=5, scale=5.0)


@exercise("1.5")
@pytest.mark.parametrize("size", [1e-20, 1e15])
def test_the_scale_of_the_equations_does_not_matter(check, draw, size):
    """Both sides times one number: the same solution, so nothing may be added to the diagonal."""
    r = draw.normal(4, 4) / 4 + np.diag(draw.uniform(4, low=2, high=4))
    c = draw.uniform(4, low=1, high=5)
    check("back_substitution", r=np.float32(size) * r, c=np.float32(size) * c, terms=4, scale=5.0)


@exercise("1.5")
def test_a_thousand_unknowns_and_more(probe, draw):
    """Twice as deep as Python lets a function call itself: each unknown is half of the next."""
    m = 2000
    r = np.diag(np.full(m, 2.0)) - np.diag(np.ones(m - 1), 1)
    c = np.zeros(m, np.float32)
    c[-1] = 2 * draw.uniform(low=1, high=2)
    found = probe("back_substitution", r=r.astype(np.float32), c=c)["solution"]
    assert agree(found[-6:], c[-1] / 2 ** np.arange(6.0, 0, -1))


@exercise("1.6")
def test_double_precision_is_solved_in_double(check, draw):
    """Table and targets in float64, and the coefficients with them."""
    x, y = draw.normal(12, 3, dtype=WIDE), draw.normal(12, dtype=WIDE) + 5
    check("least_squares", x=x, y=y, terms=12, scale=30.0)


@exercise("1.6")
def test_dependence_has_no_unit(check, draw):
    """Micrometres are independent columns; kilometres that repeat each other are not."""
    x, y = draw.normal(12, 2), draw.normal(12) + 5
    check("fitted_values", x=x * np.float32(1e-9), y=y, terms=12, scale=10.0)
    twins = np.repeat(x[:, :1], 2, axis=1) * np.float32([1e6, 3e6])
    check.raises("least_squares", "ValueError", match="dependent", x=twins, y=y)


@exercise("1.6")
def test_no_step_of_the_solution_is_in_half_precision(check, draw):
    """Two columns that are nearly one, condition 1100: only inputs and answer are float16.

    Measured on 200 seeds, in units of this tolerance: float32 inside at most 0.03, a triangle that
    is solved in float16 1.6 or more.
    """
    a = np.arange(8.0)
    x = np.stack([a, a + np.where(np.arange(8) % 3 == 1, 1 / 64, 0)], axis=1)
    y = x[:, 0] * 2 + draw.integers(8, low=-2, high=3) / 64
    check("least_squares", x=x.astype(np.float16), y=y.astype(np.float16), terms=1)


@exercise("1.7")
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_the_score_keeps_its_digits(check, draw, dtype):
    """The dtype of the predictions and the targets."""
    t = draw.normal(8, dtype=dtype)
    p = (t + draw.uniform(8, low=0.1, high=0.5)).astype(dtype)
    check("r_squared", predictions=p, targets=t, terms=8, scale=4.0)


@exercise("1.7")
def test_a_score_does_not_depend_on_origin_and_unit(check, draw):
    """Years around 2000 with decimals, and lengths in micrometres: the variation is what it is.

    Measured on 200 seeds, in units of this tolerance: sums of squared deviations at most 0.001, the
    mean of the squares minus the square of the mean 67 or more.
    """
    noise = draw.integers(16, low=-8, high=9) / 16
    t = (2000 + (np.arange(16) - 8) / 4).astype(np.float32)
    check("r_squared", predictions=(t + noise).astype(np.float32), targets=t, terms=16, scale=4.0)
    t = draw.normal(16) * np.float32(1e-6)
    p = t + draw.uniform(16, low=1e-7, high=8e-7)
    check("r_squared", predictions=p, targets=t, terms=16, scale=4.0)


@exercise("1.8")
def test_powers_in_double_precision(check, draw):
    """float64 is floating already."""
    check("polynomial_features", x=draw.uniform(4, low=-2, high=2, dtype=WIDE), degree=4, terms=4)


@exercise("1.9")
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_statistics_keep_their_digits(check, draw, dtype):
    """Mean and scale in the dtype of the table."""
    check("column_statistics", x=draw.normal(8, 3, dtype=dtype), terms=8)


@exercise("1.9")
def test_columns_far_from_zero_and_very_small_ones(check, draw):
    """A spread of 1 around 4000, and one of 1e-6: neither is constant.

    The mean of the squares minus the square of the mean has lost the first: one unit in the last
    place of 4000**2 is 1. Measured on 200 seeds, in units of this tolerance: 5 or more, against 0.3
    from deviations.
    """
    x = np.stack([draw.normal(20) + 4000, draw.normal(20) * np.float32(1e-6)], axis=1)
    check("column_statistics", x=x, terms=20, scale=400.0)
    train = np.asarray(x[:, 1:], np.float32)
    check("standardize_by_training", train=train, test=train[:3], terms=20, scale=4.0)


@exercise("1.9")
def test_a_table_without_rows_has_no_statistics(check, draw):
    """No examples, no mean. No columns is no mistake: there is nothing to say of none."""
    check.raises("statistics_of_nothing", "ValueError", x=np.zeros((0, 3), np.float32))
    check.raises("statistics_of_nothing", "ValueError", x=np.zeros((0, 0), np.float32))
    check("column_statistics", x=np.zeros((3, 0), np.float32))
    check("column_statistics", x=draw.normal(3, 2) + 4, terms=3)


@exercise("1.9")
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_standardized_columns_keep_their_digits(check, draw, dtype):
    """Of all three arguments."""
    table = {"x": draw.normal(5, 3, dtype=dtype), "mean": draw.normal(3, dtype=dtype)}
    deviation = draw.uniform(3, low=0.5, high=2, dtype=dtype)
    check("standardize", **table, deviation=deviation, scale=10.0)


@exercise("1.13")
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_ridge_keeps_its_digits(check, draw, dtype):
    """Weights and bias in the dtype of the table, computed in float32 at least."""
    x, y = draw.normal(9, 2, dtype=dtype), (draw.normal(9) + 3).astype(dtype)
    check("ridge", x=x, y=y, penalty=0.3, terms=18, scale=4.0)


@exercise("1.13")
def test_the_weights_do_not_feel_where_zero_is(probe, draw):
    """Targets near 20,000: they are centred before anything is multiplied with them.

    Measured on 200 seeds, in units of this tolerance: centred at most 0.04, not centred 19 or more.
    """
    x, y = draw.normal(15, 3), draw.normal(15) + 20_000
    weights = probe("ridge", x=x, y=y, penalty=0.5)["weights"]
    wide, t = x - x.astype(np.float64).mean(0), y - y.astype(np.float64).mean()
    assert agree(weights, np.linalg.solve(wide.T @ wide + 0.5 * np.eye(3), wide.T @ t), terms=15)


@exercise("1.13")
def test_a_small_penalty_does_not_square_the_condition(check, draw):
    """Powers up to the seventh: the rows themselves are factored, not their products.

    Measured on 200 seeds, in units of this tolerance: QR of the rows at most 0.12, any way through
    the products of columns 4 or more.
    """
    t = np.linspace(0, 1, 60)
    x = np.stack([t**k for k in range(1, 8)], axis=1).astype(np.float32)
    truth = np.where(draw.booleans(7), 1, -1) * draw.uniform(7, low=0.5, high=1)
    y = (x.astype(np.float64) @ truth + 1).astype(np.float32)
    check("ridge_values", x=x, y=y, penalty=1e-10, scale=5.0)


@exercise("1.13")
def test_ridge_refuses_shapes_that_do_not_fit(check, draw):
    """A table without its second axis, a target too few, targets as a column."""
    x, y = draw.normal(5, 2), draw.normal(5)
    check.raises("ridge", "ValueError", x=x[:, 0], y=y, penalty=1.0)
    check.raises("ridge", "ValueError", x=x, y=y[:4], penalty=1.0)
    check.raises("ridge", "ValueError", x=x, y=y[:, None], penalty=1.0)
    check("ridge", x=x, y=y + 4, penalty=1.0, terms=10, scale=4.0)


@exercise("1.14")
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_distances_keep_their_digits(check, draw, dtype):
    """Of points and of centres."""
    x, centroids = draw.normal(5, 2, dtype=dtype), draw.normal(3, 2, dtype=dtype)
    check("squared_distances", x=x, centroids=centroids, terms=2, scale=10.0)


@exercise("1.14")
def test_centres_must_be_a_table(check, draw):
    """A centre without its axis; tables of centres."""
    x = draw.normal(5, 2)
    check.raises("squared_distances", "ValueError", x=x, centroids=draw.normal(2))
    check.raises("squared_distances", "ValueError", x=x, centroids=draw.normal(4, 2, 2))
    check("squared_distances", x=x, centroids=draw.normal(1, 2) + 3, terms=2)


@exercise("1.15")
def test_a_step_keeps_its_digits(check, draw):
    """float64 points and centres; float16 centres of float16 points."""
    check("kmeans_step", x=draw.normal(9, 2, dtype=WIDE), centroids=draw.normal(3, 2, dtype=WIDE))
    x, centroids = draw.normal(9, 2, dtype="float16"), draw.normal(1, 2, dtype="float16")
    check("kmeans_step", x=x, centroids=centroids, terms=9)


@exercise("1.15")
def test_five_thousand_points_in_half_precision(check, draw):
    """Their sum is beyond float16, and float16 cannot count them one by one."""
    x = draw.uniform(5001, 1, low=20, high=40, dtype="float16")
    check("kmeans_step", x=x, centroids=np.float16([[25.0], [60.0]]), scale=40.0)


@exercise("1.15")
def test_the_centres_dtype_is_kept(check, draw):
    """Integer points move floating centres."""
    x = draw.integers(12, 2, low=-9, high=10)
    check("kmeans_step", x=x, centroids=draw.normal(2, 2, dtype="float16"), terms=12, scale=10.0)


@exercise("1.16")
def test_small_units_change_nothing(check, draw):
    """Points a micrometre apart take as many steps: labels decide, and not how far centres move."""
    centres = np.float32([[0, 0], [4, 0], [0, 4]])
    noise = draw.normal(3, 15, 2, scale=0.3)
    x = ((centres[:, None] + noise).reshape(-1, 2) * 1e-6).astype(np.float32)
    check("kmeans_counted", x=x, centroids=x[[0, 1, 20]], max_steps=50)


@exercise("1.16")
def test_the_whole_search_keeps_its_digits(check, draw):
    """float64 from the distances to the inertia."""
    x = draw.normal(12, 2, dtype=WIDE) + 10 * (np.arange(12) % 2)[:, None]
    check("kmeans", x=x, centroids=x[:2], max_steps=20, terms=24, scale=300.0)
