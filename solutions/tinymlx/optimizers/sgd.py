"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.optimizers.optimizer import Optimizer, Rate


class SGD(Optimizer):
    r"""Stochastic gradient descent, with momentum if it is asked for.

    .. math::
        v_{t+1} &= \mu v_t + (1 - \tau) g_t \\
        w_{t+1} &= w_t - \eta v_{t+1}

    Args:
        learning_rate: :math:`\eta`, a number or a schedule.
        momentum: :math:`\mu`, the share of the last direction that is kept.
        weight_decay: :math:`\omega`; the gradient becomes :math:`g_t + \omega w_t`, as if half the
            squared norm of the weights, times :math:`\omega`, were part of the loss.
        dampening: :math:`\tau`, by which new gradients count less.
        nesterov: whether to look ahead: the step is then :math:`\eta (g_t + \mu v_{t+1})`.

    Raises:
        ValueError: ``nesterov`` without momentum or with dampening.

    Source: B. Polyak (1964) and Y. Nesterov (1983), in the form of I. Sutskever et al., On the
    importance of initialization and momentum in deep learning (2013).

    Shape: state has that of each parameter.
    """

    def __init__(
        self,
        learning_rate: Rate,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening.")
        super().__init__()
        self._maybe_schedule("learning_rate", learning_rate)
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.dampening = dampening
        self.nesterov = nesterov

    def init_single(self, parameter: array, state: dict[str, Any]) -> None:
        """The velocity ``"v"`` starts at 0."""
        state["v"] = core.zeros_like(parameter)

    def apply_single(self, gradient: array, parameter: array, state: dict[str, Any]) -> array:
        r"""One step for one parameter, as the class describes it.

        Weight decay comes first, and so takes part in the momentum. Without momentum the velocity
        is neither read nor written. The learning rate (``self.learning_rate``) is multiplied in the
        dtype of the gradient, so that a parameter in half precision stays in it.

        Args:
            gradient: :math:`g_t`.
            parameter: :math:`w_t`.
            state: ``state["v"]`` is :math:`v_t`, and becomes :math:`v_{t+1}`.

        Returns:
            :math:`w_{t+1}`.
        """
        if self.weight_decay != 0:
            gradient = gradient + self.weight_decay * parameter
        step = gradient
        if self.momentum > 0:
            new = (1 - self.dampening) * gradient if self.dampening > 0 else gradient
            state["v"] = step = self.momentum * state["v"] + new
            if self.nesterov:
                step = gradient + self.momentum * step
        return parameter - self.learning_rate.astype(gradient.dtype) * step
