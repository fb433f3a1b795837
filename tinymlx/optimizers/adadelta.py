"""AdaDelta."""

from __future__ import annotations

from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.optimizers.optimizer import Optimizer, Rate


class AdaDelta(Optimizer):
    r"""Steps in the units of the parameters: scaled by the size of the steps before.

    .. math::
        v_{t+1} &= \rho v_t + (1 - \rho) g_t^2 \\
        d_{t+1} &= \frac{\sqrt{u_t + \epsilon}}{\sqrt{v_{t+1} + \epsilon}} g_t \\
        u_{t+1} &= \rho u_t + (1 - \rho) d_{t+1}^2 \\
        w_{t+1} &= w_t - \eta d_{t+1}

    Args:
        learning_rate: :math:`\eta`, a number or a schedule; 1 in the paper.
        rho: :math:`\rho`, the share of the past in both running means.
        eps: :math:`\epsilon`, which lets the first step be greater than 0.

    Raises:
        ValueError: ``rho`` is negative or ``eps`` is not positive.

    Source: M. Zeiler (2012), https://arxiv.org/abs/1212.5701

    Shape: state has that of each parameter.
    """

    def __init__(self, learning_rate: Rate, rho: float = 0.9, eps: float = 1e-6) -> None:
        super().__init__()
        self._maybe_schedule("learning_rate", learning_rate)
        self.rho = rho
        self.eps = eps
        if rho < 0.0:
            raise ValueError(f"AdaDelta rho should be >=0, {rho} was provided instead")
        if eps <= 0.0:
            raise ValueError(f"AdaDelta epsilon should be >0, {eps} was provided instead")

    def init_single(self, parameter: array, state: dict[str, Any]) -> None:
        """The mean squares ``"v"`` of gradients and ``"u"`` of steps start at 0."""
        state["v"] = core.zeros_like(parameter)
        state["u"] = core.zeros_like(parameter)

    def apply_single(self, gradient: array, parameter: array, state: dict[str, Any]) -> array:
        r"""One step for one parameter, as the class describes it.

        Args:
            gradient: :math:`g_t`.
            parameter: :math:`w_t`.
            state: ``"v"`` and ``"u"`` are :math:`v_t` and :math:`u_t`, and become those of
                :math:`t + 1`.

        Returns:
            :math:`w_{t+1}`.
        """
        lr = self.learning_rate.astype(gradient.dtype)
        rho, eps, u = self.rho, self.eps, state["u"]
        v = rho * state["v"] + (1 - rho) * core.square(gradient)
        d = core.sqrt(u + eps) / core.sqrt(v + eps) * gradient
        state["v"] = v
        state["u"] = rho * u + (1 - rho) * core.square(d)
        return parameter - lr * d
