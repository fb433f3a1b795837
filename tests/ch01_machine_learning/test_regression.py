"""Judges of the exercises in ``tinymlx/basics/regression.py``."""

import numpy as np
import pytest

from course.grading.marks import exercise

SHAPES = [(7, 3), (3, 7), (1, 4), (5, 1), (1, 1)]  # (examples, columns)


@exercise("1.1")
@pytest.mark.parametrize("n, d", SHAPES)
def test_one_prediction_for_each_row(check, draw, n, d):
    """Several columns, one column, a single example."""
    check(
        "predict",
        x=draw.normal(n, d),
        weights=draw.normal(d),
        bias=draw.uniform(low=1, high=2),
        terms=d,
    )


@exercise("1.1")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_predictions_keep_a_short_dtype(check, draw, dtype):
    """Nothing on the way may turn half precision into float32."""
    check(
        "predict",
        x=draw.normal(6, 3, dtype=dtype),
        weights=draw.normal(3, dtype=dtype),
        bias=draw.uniform(low=1, high=2, dtype=dtype),
        terms=3,
    )


@exercise("1.1")
def test_integer_examples(check, draw):
    """Counts are examples too."""
    check(
        "predict",
        x=draw.integers(6, 3, low=-5, high=6),
        weights=draw.normal(3),
        bias=draw.uniform(low=1, high=2),
        terms=3,
    )


@exercise("1.1")
def test_wrong_shapes_are_refused(check, draw):
    """A weight too many, weights as a column, a single example without its axis."""
    check.raises(
        "predict", "ValueError", x=draw.normal(4, 3), weights=draw.normal(4), bias=draw.normal()
    )
    check.raises(
        "predict", "ValueError", x=draw.normal(4, 3), weights=draw.normal(3, 1), bias=draw.normal()
    )
    check.raises(
        "predict", "ValueError", x=draw.normal(3), weights=draw.normal(3), bias=draw.normal()
    )


@exercise("1.3")
@pytest.mark.parametrize("n, d", SHAPES)
def test_gradient_agrees_with_autograd(check, draw, n, d):
    """Every weight's slope and the bias's, at a point far from the optimum."""
    check(
        "mean_squared_error_gradient",
        x=draw.normal(n, d),
        y=draw.normal(n),
        weights=draw.normal(d),
        bias=draw.uniform(low=1, high=2),
        terms=n * d,
        scale=10.0,
    )


@exercise("1.3")
def test_gradient_with_integer_examples(check, draw):
    """Integer columns and targets, floating-point weights."""
    check(
        "mean_squared_error_gradient",
        x=draw.integers(9, 2, low=-4, high=5),
        y=draw.integers(9, low=1, high=9),
        weights=draw.normal(2),
        bias=draw.uniform(low=1, high=2),
        terms=18,
        scale=20.0,
    )


@exercise("1.3")
def test_gradient_refuses_targets_as_a_column(check, draw):
    """(N, 1) would broadcast against (N,) without a word."""
    wrong = {"x": draw.normal(5, 2), "weights": draw.normal(2), "bias": draw.normal()}
    check.raises("mean_squared_error_gradient", "ValueError", y=draw.normal(5, 1), **wrong)
    check.raises("mean_squared_error_gradient", "ValueError", y=draw.normal(4), **wrong)


@exercise("1.4")
@pytest.mark.parametrize("n, d, steps", [(12, 3, 1), (12, 3, 7), (5, 1, 4), (3, 6, 4)])
def test_explicit_steps_from_zero(check, draw, n, d, steps):
    """The same places and the same losses as the formula, step by step."""
    check(
        "gradient_descent",
        x=draw.normal(n, d),
        y=draw.normal(n) + 3,
        learning_rate=0.05,
        steps=steps,
        terms=n * d * steps,
    )


@exercise("1.4")
def test_integers_are_learned_from_too(check, draw):
    """Nothing is rounded to integers on the way."""
    check(
        "gradient_descent",
        x=draw.integers(8, 2, low=-2, high=3),
        y=draw.integers(8, low=2, high=9),
        learning_rate=0.03,
        steps=3,
        terms=48,
    )


@exercise("1.4")
def test_the_walk_ends_at_the_bottom(probe, draw):
    """After many steps the slope is gone: the exact line through targets without noise."""
    x = draw.uniform(40, 2, low=-1, high=1)
    found = probe(
        "gradient_descent", x=x, y=x @ np.float32([2, -3]) + 5, learning_rate=0.3, steps=400
    )
    # Measured over 200 seeds: the largest error is 2e-6 with the solution; 1 or more where the bias
    # is never moved or the walk goes uphill.
    assert np.allclose(found["weights"], [2, -3], atol=1e-3) and abs(found["bias"] - 5) < 1e-3
    assert found["losses"].shape == (400,) and found["losses"][0] > 1 > 1e-6 > found["losses"][-1]


@exercise("1.4")
def test_descent_refuses_what_it_cannot_fit(check, draw):
    """No steps; targets that are not one for each row."""
    x, y = draw.normal(6, 2), draw.normal(6)
    check.raises(
        "gradient_descent", "ValueError", match="steps", x=x, y=y, learning_rate=0.1, steps=0
    )
    check.raises("gradient_descent", "ValueError", x=x, y=y[:5], learning_rate=0.1, steps=2)


@exercise("1.5")
@pytest.mark.parametrize("m", [1, 2, 3, 8])
def test_the_triangle_is_solved(check, draw, m):
    """One unknown to eight; what stands below the diagonal does not matter."""
    r = draw.normal(m, m) / m + np.diag(draw.uniform(m, low=2, high=4))
    check("back_substitution", r=r, c=draw.uniform(m, low=1, high=5), terms=m, scale=5.0)


@exercise("1.5")
def test_equations_hold_in_a_nearly_singular_triangle(check, draw):
    """Ones on the diagonal, -1 above it, condition 8e7: inverting does not keep the equations.

    Measured on 100 seeds, in units of this tolerance: substituting at most 0.2, the inverse 140
    or more.
    """
    r = np.eye(24, dtype=np.float32) - np.triu(np.ones((24, 24), dtype=np.float32), 1)
    c = r @ (draw.uniform(24, low=0.5, high=1) * np.where(draw.booleans(24), 1, -1))
    check("equations", r=r, c=c.astype(np.float32), terms=24)


def tall(draw, n, d):
    """Columns that are far from dependent on any seed: an orthogonal frame, stretched."""
    q, _ = np.linalg.qr(draw.random.standard_normal((n, d + 1)))
    return (q[:, :d] * np.sqrt(n)).astype(np.float32)


@exercise("1.6")
@pytest.mark.parametrize("n, d", [(12, 3), (9, 1), (40, 8)])
def test_least_squares_agrees_with_lapack(check, draw, n, d):
    """Weights and bias of noisy targets far from zero."""
    check("least_squares", x=tall(draw, n, d), y=draw.normal(n) + 5, terms=n, scale=10.0)


@exercise("1.6")
def test_as_many_examples_as_coefficients(check):
    """Three points and three coefficients: the plane goes through all of them."""
    x = np.float32([[0, 0], [1, 0], [0, 2]])
    check("least_squares", x=x, y=np.float32([1, 3, -3]), terms=3, scale=3.0)


@exercise("1.6")
def test_integer_examples_give_floating_coefficients(check, draw):
    """Years and counts, as they come out of a file."""
    x = np.int32([[0, 5], [1, -3], [2, 4], [3, -2], [4, 1], [5, -5]])
    check("least_squares", x=x, y=draw.integers(6, low=10, high=90), terms=6, scale=200.0)


@exercise("1.6")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_comes_back_as_half_precision(check, draw, dtype):
    """Factored in float32, since MLX factors nothing shorter, and cast back."""
    x = np.float32([[1, 1], [1, -1], [-1, 1], [-1, -1], [2, 0], [0, 2]])
    y = x @ np.float32([8, -6]) + 20 + draw.integers(6, low=-1, high=2)
    check("least_squares", x=x.astype(_numpy(dtype)), y=y.astype(_numpy(dtype)), terms=6, scale=4.0)


def _numpy(dtype):
    import ml_dtypes

    return {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}[dtype]


@exercise("1.6")
def test_nearly_dependent_columns_lose_no_more_than_they_must(check, draw):
    """Powers up to the seventh: QR still reaches reachable targets, the normal equations do not.

    Measured on 200 seeds, in units of this tolerance: QR with back substitution at most 0.15, QR
    with the triangle's inverse 4.5 to 112, the normal equations 11 to 570.
    """
    t = np.linspace(0, 1, 60)
    x = np.stack([t**k for k in range(1, 8)], axis=1).astype(np.float32)
    truth = np.where(draw.booleans(7), 1, -1) * draw.uniform(7, low=0.5, high=1)
    y = (x.astype(np.float64) @ truth + 1).astype(np.float32)
    check("fitted_values", x=x, y=y, terms=1, scale=5.0)


@exercise("1.6")
def test_columns_of_very_different_size_are_no_trouble(check, draw):
    """Independence is a matter of direction, not of units."""
    x = tall(draw, 20, 2) * np.float32([1e5, 1e-4])
    check("fitted_values", x=x, y=x @ np.float32([1e-5, 1e4]) + 2, terms=20, scale=5.0)


@exercise("1.6")
def test_what_has_no_unique_answer_is_refused(check, draw):
    """Too few examples; a constant column beside the ones; a column that is a sum of others."""
    x, y = tall(draw, 10, 3), draw.normal(10)
    check.raises("least_squares", "ValueError", match="examples", x=x[:3], y=y[:3])
    check.raises("least_squares", "ValueError", match="examples", x=x[:1], y=y[:1])
    check.raises(
        "least_squares", "ValueError", match="dependent", x=np.full_like(x[:, :1], 0.1), y=y
    )
    doubled = np.concatenate([x, x[:, :1] + x[:, 1:2]], axis=1)
    check.raises("least_squares", "ValueError", match="dependent", x=doubled, y=y)
    for wrong in ({"x": x, "y": y[:, None]}, {"x": x, "y": y[:9]}, {"x": x[:, 0], "y": y}):
        check.raises("least_squares", "ValueError", **wrong)
    check("least_squares", x=x, y=y + 5, terms=10, scale=10.0)


@exercise("1.13")
@pytest.mark.parametrize("n, d", [(12, 3), (9, 1), (3, 6), (1, 2)])
@pytest.mark.parametrize("penalty", [0.5, 20.0])
def test_ridge_agrees_with_its_formula(check, draw, n, d, penalty):
    """More rows than columns and the reverse, targets far from zero."""
    check(
        "ridge",
        x=draw.normal(n, d) + 1,
        y=draw.normal(n) + 7,
        penalty=penalty,
        terms=n * d,
        scale=30.0,
    )


@exercise("1.13")
def test_a_shift_of_the_targets_moves_only_the_bias(probe, draw):
    """The bias is free: 100 degrees more on all targets leave the weights alone."""
    x, y = draw.normal(15, 3), draw.normal(15)
    here, there = probe("ridge", x=x, y=y, penalty=4.0), probe("ridge", x=x, y=y + 100, penalty=4.0)
    # Measured on 200 seeds: rounding moves a weight by at most 2e-6, a penalized bias by 0.3.
    assert np.abs(here["weights"]).max() > 1e-3
    assert np.allclose(here["weights"], there["weights"], atol=1e-3)
    assert abs(there["bias"] - here["bias"] - 100) < 1e-2


@exercise("1.13")
def test_dependent_columns_share_the_weight(check, draw):
    """Where least squares has no unique answer, ridge has one: twins get equal weights."""
    column = draw.normal(10, 1)
    check("ridge", x=np.repeat(column, 2, axis=1), y=draw.normal(10) + 2, penalty=1.0, terms=20)


@exercise("1.13")
def test_ridge_takes_integers_and_refuses_a_penalty_of_nothing(check, draw):
    """Integer examples give floating-point coefficients; the penalty must be positive."""
    x, y = draw.integers(9, 2, low=-4, high=5), draw.integers(9, low=1, high=9)
    check("ridge", x=x, y=y, penalty=3.0, terms=18, scale=30.0)
    check.raises(
        "ridge", "ValueError", match="penalty", x=draw.normal(5, 2), y=draw.normal(5), penalty=0.0
    )
    check.raises(
        "ridge", "ValueError", match="penalty", x=draw.normal(5, 2), y=draw.normal(5), penalty=-1.0
    )
