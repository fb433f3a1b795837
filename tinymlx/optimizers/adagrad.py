"""Adagrad."""

from __future__ import annotations

from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.optimizers.optimizer import Optimizer, Rate


class Adagrad(Optimizer):
    r"""Steps divided by the root of the sum of all squared gradients so far.

    .. math::
        v_{t+1} &= v_t + g_t^2 \\
        w_{t+1} &= w_t - \eta \frac{g_t}{\sqrt{v_{t+1}} + \epsilon}

    Args:
        learning_rate: :math:`\eta`, a number or a schedule.
        eps: :math:`\epsilon`, which keeps the quotient finite.

    Raises:
        ValueError: ``eps`` is not positive.

    Source: J. Duchi et al., Adaptive Subgradient Methods (2011),
    https://jmlr.org/papers/v12/duchi11a.html

    Shape: state has that of each parameter.
    """

    def __init__(self, learning_rate: Rate, eps: float = 1e-8) -> None:
        super().__init__()
        self._maybe_schedule("learning_rate", learning_rate)
        self.eps = eps
        if eps <= 0.0:
            raise ValueError(f"Adagrad epsilon should be >0, {eps} was provided instead")

    def init_single(self, parameter: array, state: dict[str, Any]) -> None:
        """The sum of squares ``"v"`` starts at 0."""
        state["v"] = core.zeros_like(parameter)

    def apply_single(self, gradient: array, parameter: array, state: dict[str, Any]) -> array:
        r"""One step for one parameter, as the class describes it.

        The learning rate (``self.learning_rate``) is multiplied in the dtype of the gradient.

        Args:
            gradient: :math:`g_t`.
            parameter: :math:`w_t`.
            state: ``state["v"]`` is :math:`v_t`, and becomes :math:`v_{t+1}`.

        Returns:
            :math:`w_{t+1}`.
        """
        lr = self.learning_rate.astype(gradient.dtype)
        v = state["v"] + core.square(gradient)
        state["v"] = v
        return parameter - lr * gradient / (core.sqrt(v) + self.eps)
