"""Linear regression: a prediction, its error's slope, and three ways to fit.

Throughout, ``x`` holds one example in each row, shape ``(N, D)``, and ``y`` one target for each
example, shape ``(N,)``. Where nothing else is said the digits of the inputs are kept: float16 stays
float16, and float64 stays float64.
"""

import math
from typing import NamedTuple

import mlx.core as mx

from ._arrays import as_floating, at_least_float32
from .metrics import mean_squared_error


class Coefficients(NamedTuple):
    """What a linear model has learned; ``predict(x, *coefficients)`` uses it."""

    weights: mx.array  # (D,)
    bias: mx.array  # ()


def check_examples(name: str, x: mx.array, y: mx.array) -> None:
    """Raise ValueError unless ``x`` is ``(N, D)`` and ``y`` is ``(N,)`` with ``N`` at least 1."""
    if x.ndim != 2 or y.ndim != 1 or x.shape[0] != y.shape[0] or x.shape[0] == 0:
        raise ValueError(
            f"{name}: expected x of shape (N, D) and y of shape (N,), got {x.shape} and {y.shape}"
        )


def predict(x: mx.array, weights: mx.array, bias: mx.array | float) -> mx.array:
    r"""A linear model, :math:`\hat y = X w + b`: one number for each row of ``x``.

    Args:
        x: the examples, one in each row.
        weights: one weight for each column of ``x``, floating point.
        bias: the prediction for a row of zeros.

    Shape:
        ``(N, D)``, ``(D,)`` and ``()`` to ``(N,)``.

    Raises:
        ValueError: when ``x`` has no two axes or ``weights`` is not ``(D,)``.
    """
    if x.ndim != 2 or weights.shape != (x.shape[1],):
        raise ValueError(
            f"predict: expected x of shape (N, D) and weights of shape (D,), "
            f"got {x.shape} and {weights.shape}"
        )
    return x @ weights + bias


def mean_squared_error_gradient(
    x: mx.array, y: mx.array, weights: mx.array, bias: mx.array | float
) -> Coefficients:
    """The slope of the mean squared error of ``predict(x, weights, bias)`` against ``y``.

    How fast the error grows with each weight and with the bias: two
    partial derivatives, worked out by hand. The lesson leads to them.

    Shape:
        ``(N, D)``, ``(N,)``, ``(D,)`` and ``()`` to ``Coefficients`` of ``(D,)`` and ``()``:
        the slope in each weight, and the slope in the bias.

    Raises:
        ValueError: when ``x`` and ``y`` do not have shapes ``(N, D)`` and ``(N,)``
            (``check_examples`` tells).
    """
    check_examples("mean_squared_error_gradient", x, y)
    residual = predict(x, weights, bias) - y  # (N,)
    return Coefficients(2 / len(y) * (x.T @ residual), 2 * mx.mean(residual))


def gradient_descent(
    x: mx.array, y: mx.array, *, learning_rate: float = 0.1, steps: int = 100
) -> tuple[Coefficients, mx.array]:
    r"""Fit a linear model by walking downhill from zero.

    Starts at :math:`w = 0`, :math:`b = 0` and repeats ``steps`` times

    .. math:: w \leftarrow w - \eta \frac{\partial L}{\partial w}, \qquad
              b \leftarrow b - \eta \frac{\partial L}{\partial b} ,

    with the learning rate :math:`\eta`. Both slopes of a step are taken at the same point.
    Each step is evaluated, so that the lazy graph stays one step long.

    Shape:
        ``(N, D)`` and ``(N,)`` to ``Coefficients`` of ``(D,)`` and ``()``, and the losses
        ``(steps,)``: the mean squared error that each step found before it moved.

    Raises:
        ValueError: when ``x`` and ``y`` do not have shapes ``(N, D)`` and ``(N,)``, or ``steps``
            is less than 1.
    """
    check_examples("gradient_descent", x, y)
    if steps < 1:
        raise ValueError(f"gradient_descent: steps must be at least 1, got {steps}")
    x, y = as_floating(x), as_floating(y)
    weights, bias = mx.zeros((x.shape[1],), x.dtype), mx.zeros((), x.dtype)
    losses = []
    for _ in range(steps):
        losses.append(mean_squared_error(predict(x, weights, bias), y))
        slope = mean_squared_error_gradient(x, y, weights, bias)
        weights = weights - learning_rate * slope.weights
        bias = bias - learning_rate * slope.bias
        mx.eval(weights, bias, losses[-1])
    return Coefficients(weights, bias), mx.stack(losses)


def back_substitution(r: mx.array, c: mx.array) -> mx.array:
    r"""The solution :math:`w` of :math:`R w = c` for an upper triangular :math:`R`.

    The last equation has one unknown. When it is known, the equation above has one unknown too,
    and so on upwards. What ``r`` holds below its diagonal is not looked at; no diagonal entry may
    be zero, but it may be tiny: it is divided by as it is. There may be thousands of unknowns.

    (``mx.linalg.solve_triangular`` multiplies by the inverse of the triangle, which loses digits
    as the condition number grows; the lesson measures it.)

    Shape:
        ``(M, M)`` and ``(M,)`` to ``(M,)``.
    """
    solution = []
    for i in reversed(range(len(c))):
        known = c[i] / r[i, i]
        c = c - r[:, i] * known  # the unknown is known now: take its part from every equation
        solution.append(known)
    return mx.stack(solution[::-1])


def least_squares(x: mx.array, y: mx.array) -> Coefficients:
    r"""The linear model with the smallest mean squared error, in one step, by QR.

    With a column of ones for the bias, :math:`A = [X \; 1]`, and :math:`A = Q R` where
    :math:`Q^\top Q = I` and :math:`R` is upper triangular, the best coefficients solve
    :math:`R \, [w; b] = Q^\top y`. The condition number of :math:`A^\top A` is the square of
    that of :math:`A`, so the normal equations :math:`A^\top A \, [w; b] = A^\top y` would lose
    twice as many digits.

    The work is done in float32 (float64 for float64 inputs), the factorisation on the CPU, where
    MLX keeps those; the results have the dtype of ``x``, float32 for integers.

    Shape:
        ``(N, D)`` and ``(N,)`` to ``Coefficients`` of ``(D,)`` and ``()``.

    Raises:
        ValueError: when the shapes do not fit, when there are fewer than ``D + 1`` examples, or
            when a column is a combination of the others and the ones
            (``check_independent`` tells from :math:`R`).
    """
    check_examples("least_squares", x, y)
    if x.shape[0] < x.shape[1] + 1:
        raise ValueError(
            f"least_squares: {x.shape[1]} columns and a bias need at least {x.shape[1] + 1} "
            f"examples, got {x.shape[0]}"
        )
    dtype = as_floating(x).dtype
    x, y = at_least_float32(x), at_least_float32(y)
    ones = mx.ones((x.shape[0], 1), x.dtype)
    q, r = mx.linalg.qr(mx.concatenate([x, ones], axis=1), stream=mx.cpu)
    check_independent("least_squares", r)
    solution = back_substitution(r, q.T @ y)  # (D + 1,)
    return Coefficients(solution[:-1].astype(dtype), solution[-1].astype(dtype))


def check_independent(name: str, r: mx.array) -> None:
    """Raise ValueError when the triangle ``r`` of a QR says that its columns are dependent.

    The diagonal entry of a column is the length of the part that earlier columns cannot make.
    Nothing but rounding is left of it when it is tiny against the whole length of the column.
    """
    own = mx.abs(mx.diagonal(r))
    whole = mx.linalg.norm(r, axis=0)
    if mx.any(own <= 4 * len(r) * mx.finfo(r.dtype).eps * whole):
        raise ValueError(f"{name}: the columns of x (and the ones) are linearly dependent")


def ridge(x: mx.array, y: mx.array, penalty: float) -> Coefficients:
    r"""Least squares that pays for large weights, but not for a large bias.

    .. math:: \min_{w, b} \; \sum_i (x_i \cdot w + b - y_i)^2 + \lambda \sum_j w_j^2

    The lesson turns this into a problem that ``back_substitution`` can finish. The columns must not
    be multiplied with each other on the way, since that squares the condition number. The dtypes
    are those of ``least_squares``.

    Args:
        x: the examples, one in each row. Columns should be standardized, since the penalty
            compares their weights.
        y: the targets.
        penalty: :math:`\lambda`, greater than 0.

    Shape:
        ``(N, D)`` and ``(N,)`` to ``Coefficients`` of ``(D,)`` and ``()``. ``N`` may be smaller
        than ``D``, and columns may be dependent.

    Raises:
        ValueError: when the shapes do not fit or ``penalty`` is not positive.
    """
    check_examples("ridge", x, y)
    if not penalty > 0:
        raise ValueError(f"ridge: penalty must be greater than 0, got {penalty}")
    dtype = as_floating(x).dtype
    x, y = at_least_float32(x), at_least_float32(y)
    x_mean, y_mean = mx.mean(x, axis=0), mx.mean(y)
    columns = x.shape[1]
    rows = mx.concatenate([x - x_mean, math.sqrt(penalty) * mx.eye(columns, dtype=x.dtype)])
    right = mx.concatenate([y - y_mean, mx.zeros((columns,), y.dtype)])
    q, r = mx.linalg.qr(rows, stream=mx.cpu)
    weights = back_substitution(r, q.T @ right)
    bias = y_mean - mx.sum(x_mean * weights)
    return Coefficients(weights.astype(dtype), bias.astype(dtype))
