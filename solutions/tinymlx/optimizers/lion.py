"""Lion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.optimizers.adam import check_betas
from tinymlx.optimizers.optimizer import Optimizer, Rate


class Lion(Optimizer):
    r"""Steps of one size: only the sign of an averaged gradient counts.

    .. math::
        c_{t+1} &= \beta_1 m_t + (1 - \beta_1) g_t \\
        m_{t+1} &= \beta_2 m_t + (1 - \beta_2) g_t \\
        w_{t+1} &= w_t - \eta \left( \text{sign}(c_{t+1}) + \omega w_t \right)

    Every number moves by :math:`\eta` in each step, which is much: take a learning rate three to
    ten times smaller than for AdamW, and a weight decay as many times greater.

    Args:
        learning_rate: :math:`\eta`, a number or a schedule.
        betas: :math:`\beta_1`, for the direction, and :math:`\beta_2`, for the running mean.
        weight_decay: :math:`\omega`.

    Raises:
        ValueError: a beta is outside of [0, 1).

    Source: X. Chen et al., Symbolic Discovery of Optimization Algorithms (2023),
    https://arxiv.org/abs/2302.06675

    Shape: state has that of each parameter.
    """

    def __init__(
        self,
        learning_rate: Rate,
        betas: Sequence[float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__()
        check_betas(betas, "Lion")
        self._maybe_schedule("learning_rate", learning_rate)
        self.betas = betas
        self.weight_decay = weight_decay

    def init_single(self, parameter: array, state: dict[str, Any]) -> None:
        """The mean ``"m"`` starts at 0."""
        state["m"] = core.zeros_like(parameter)

    def apply_single(self, gradient: array, parameter: array, state: dict[str, Any]) -> array:
        r"""One step for one parameter, as the class describes it.

        The learning rate (``self.learning_rate``) is multiplied in the dtype of the gradient.

        Args:
            gradient: :math:`g_t`.
            parameter: :math:`w_t`.
            state: ``state["m"]`` is :math:`m_t`, and becomes :math:`m_{t+1}`.

        Returns:
            :math:`w_{t+1}`.
        """
        lr = self.learning_rate.astype(gradient.dtype)
        b1, b2 = self.betas
        m = state["m"]
        c = b1 * m + (1 - b1) * gradient
        state["m"] = b2 * m + (1 - b2) * gradient
        if self.weight_decay > 0:
            parameter = (1 - lr * self.weight_decay) * parameter
        return parameter - lr * core.sign(c)
