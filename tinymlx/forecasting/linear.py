"""Linear forecasts: every step from the window at once, or one step again and again."""

from __future__ import annotations

from typing import NamedTuple

from tinymlx import core
from tinymlx.core import array


class Linear(NamedTuple):
    """A linear model with several outputs."""

    weights: array  # (D, K)
    bias: array  # (K,)

    def __call__(self, x: array) -> array:
        """``(..., D)`` to ``(..., K)``."""
        return x @ self.weights + self.bias


def ridge(x: array, y: array, penalty: float, rows: int = 4096) -> Linear:
    r"""The linear model that minimizes :math:`\|X W + b - Y\|^2 + \lambda \|W\|^2`.

    The bias costs nothing. With :math:`\bar x, \bar y` the means of the columns,

    .. math:: (\tilde X^\top \tilde X + \lambda I)\, W = \tilde X^\top \tilde Y, \qquad
              b = \bar y - \bar x W, \qquad \tilde X = X - \bar x,\ \tilde Y = Y - \bar y .

    Products of columns square the condition number, so they are summed in float64, on the CPU
    (``with core.stream(core.cpu):``), and solved by a Cholesky factorization. ``x`` may be a view
    of windows that overlap, a hundred times as large as its memory: only ``rows`` rows of it are
    made float64 at a time, and each such sum is evaluated before the next one begins.

    Args:
        x: ``(N, D)``.
        y: ``(N, K)``.
        penalty: :math:`\lambda`, greater than 0.
        rows: how many rows are taken at a time.

    Returns:
        The model, float32.

    Raises:
        ValueError: the shapes do not fit, there is no row, or ``penalty`` is not positive. The
            message says what is expected of all three and names the penalty.
    """
    raise NotImplementedError(
        "17.5 ridge - exercises/ch17_forecasting/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def mean_of_rows(x: array, rows: int) -> array:
    """The mean of all rows in float64, some rows at a time: ``(N, D)`` to ``(D,)``."""
    total = core.zeros((x.shape[1],), core.float64)
    for i in range(0, len(x), rows):
        total = total + core.sum(x[i : i + rows].astype(core.float64), axis=0)
        core.eval(total)
    return total / len(x)


def recursive(model: Linear, past: array, horizon: int) -> array:
    """Many steps from a model of one step, which reads its own forecasts.

    The model has ``L`` inputs, oldest first, and one output, the value that comes next. Each
    forecast is put behind the window, and the oldest value leaves it.

    Args:
        model: from ``(..., L)`` to ``(..., 1)``.
        past: ``(O, M)``, ``M`` at least ``L``; only the last ``L`` values are read.
        horizon: how many steps, at least 1.

    Returns:
        ``(O, horizon)``.

    Raises:
        ValueError: there are fewer than ``L`` values, or the model has not one output. The message
            says how many inputs and outputs there are.
    """
    raise NotImplementedError(
        "17.5 recursive - exercises/ch17_forecasting/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
