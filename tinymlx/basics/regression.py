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
    raise NotImplementedError(
        "1.1 predict - exercises/ch01_machine_learning/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


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
    raise NotImplementedError(
        "1.3 mean_squared_error_gradient - exercises/ch01_machine_learning/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


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
    raise NotImplementedError(
        "1.4 gradient_descent - exercises/ch01_machine_learning/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


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
    raise NotImplementedError(
        "1.5 back_substitution - exercises/ch01_machine_learning/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


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
    raise NotImplementedError(
        "1.6 least_squares - exercises/ch01_machine_learning/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


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
    raise NotImplementedError(
        "1.13 ridge - exercises/ch01_machine_learning/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
