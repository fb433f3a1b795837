"""RMSprop."""

from __future__ import annotations

from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.optimizers.optimizer import Optimizer, Rate


class RMSprop(Optimizer):
    r"""Steps divided by the root of a running mean of squared gradients.

    .. math::
        v_{t+1} &= \alpha v_t + (1 - \alpha) g_t^2 \\
        w_{t+1} &= w_t - \eta \frac{g_t}{\sqrt{v_{t+1}} + \epsilon}

    Args:
        learning_rate: :math:`\eta`, a number or a schedule.
        alpha: :math:`\alpha`, the share of the past in the running mean.
        eps: :math:`\epsilon`, which limits the step where gradients are tiny.

    Raises:
        ValueError: ``alpha`` is negative or ``eps`` is not positive.

    Source: T. Tieleman and G. Hinton, Lecture 6.5 of Neural Networks for Machine Learning (2012).

    Shape: state has that of each parameter.
    """

    def __init__(self, learning_rate: Rate, alpha: float = 0.99, eps: float = 1e-8) -> None:
        super().__init__()
        self._maybe_schedule("learning_rate", learning_rate)
        self.alpha = alpha
        self.eps = eps
        if alpha < 0.0:
            raise ValueError(f"RMSprop alpha should be >=0, {alpha} was provided instead")
        if eps <= 0.0:
            raise ValueError(f"RMSprop epsilon should be >0, {eps} was provided instead")

    def init_single(self, parameter: array, state: dict[str, Any]) -> None:
        """The mean square ``"v"`` starts at 0."""
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
        v = self.alpha * state["v"] + (1 - self.alpha) * core.square(gradient)
        state["v"] = v
        return parameter - lr * gradient / (core.sqrt(v) + self.eps)
