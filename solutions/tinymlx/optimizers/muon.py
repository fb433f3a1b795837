"""Muon."""

from __future__ import annotations

from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.optimizers.optimizer import Optimizer, Rate


class Muon(Optimizer):
    r"""Momentum, orthogonalized: the step for a matrix turns every direction by as much.

    .. math::
        v_{t+1} &= \mu v_t + (1 - \mu) g_t \\
        w_{t+1} &= w_t - \eta \, \sqrt{\max(1, m/n)} \; \text{orthogonalized}(v_{t+1})

    for a matrix of :math:`m` rows and :math:`n` columns. An array of more axes counts as a matrix
    with its first axis as the rows. A vector is updated without orthogonalization; for vectors,
    embeddings and the last layer another optimizer is better (``MultiOptimizer``).

    Args:
        learning_rate: :math:`\eta`, a number or a schedule.
        momentum: :math:`\mu`.
        weight_decay: :math:`\omega`; the gradient becomes :math:`g_t + \omega w_t`.
        nesterov: whether to look ahead: :math:`(1 - \mu) g_t + \mu v_{t+1}` is orthogonalized.
        ns_steps: the number of iterations of :func:`orthogonalized`.

    Source: K. Jordan (2024), https://kellerjordan.github.io/posts/muon/

    Shape: state has that of each parameter; one of more than two axes is seen as ``(R, ...)``.
    """

    def __init__(
        self,
        learning_rate: Rate,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
        nesterov: bool = True,
        ns_steps: int = 5,
    ) -> None:
        super().__init__()
        self._maybe_schedule("learning_rate", learning_rate)
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.nesterov = nesterov
        self.ns_steps = ns_steps

    def init_single(self, parameter: array, state: dict[str, Any]) -> None:
        """The momentum ``"v"`` starts at 0."""
        state["v"] = core.zeros_like(parameter)

    def apply_single(self, gradient: array, parameter: array, state: dict[str, Any]) -> array:
        """One step for one parameter, as the class describes it."""
        if self.weight_decay != 0:
            gradient = gradient + self.weight_decay * parameter
        mu = self.momentum
        v = mu * state["v"] + (1 - mu) * gradient
        state["v"] = v
        update = gradient * (1 - mu) + v * mu if self.nesterov else v
        lr = self.learning_rate.astype(gradient.dtype)
        if update.ndim >= 2:
            matrix = update if update.ndim == 2 else update.reshape(update.shape[0], -1)
            update = orthogonalized(matrix, self.ns_steps).reshape(update.shape)
            lr = lr * max(1, update.shape[-2] / update.shape[-1]) ** 0.5
        return parameter - lr * update


def orthogonalized(x: array, steps: int) -> array:
    r"""A matrix with the singular vectors of ``x`` and singular values near 1.

    For :math:`X = U \, \text{diag}(\sigma) \, V^\top` that would be :math:`U V^\top`. How you come
    near to it is yours to design; products of matrices are enough, and the lesson has a polynomial.
    What is judged is the result. The singular vectors stay. After five steps, or more, every
    singular value that was at least 0.005 of the norm of ``x`` (the root of the sum of squares) is
    between 0.6 and 1.3, for norms from 1e-7 on; of zeros nothing is made. And no product is
    larger than it needs to be: of a long matrix not the one with the square of the longer side.

    Args:
        x: a matrix, of shape ``(m, n)``.
        steps: the number of iterations; each one brings small values nearer to 1.

    Returns:
        The matrix, in the dtype of ``x``.

    Raises:
        AssertionError: ``x`` has not two axes.
    """
    assert x.ndim == 2, (
        f"Expected a 2D array for Newton-Schulz iteration, got shape {x.shape} instead."
    )
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (core.linalg.norm(x, keepdims=True) + 1e-7)
    for _ in range(steps):
        square = x @ x.T
        polynomial = core.addmm(b * square, square, square, alpha=c)
        x = core.addmm(a * x, polynomial, x)
    return x.T if tall else x
