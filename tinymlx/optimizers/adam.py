"""Adam, and two optimizers that are made of it: AdamW and Adamax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.optimizers.optimizer import Optimizer, Rate


def check_betas(betas: Sequence[float], name: str) -> None:
    """Whether both shares of the past are at least 0 and below 1.

    Raises:
        ValueError: one is not.
    """
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"{name} beta{i + 1} should be in [0, 1), {beta} was provided instead")


class Adam(Optimizer):
    r"""A running mean of gradients, divided by the root of a running mean of their squares.

    .. math::
        m_{t+1} &= \beta_1 m_t + (1 - \beta_1) g_t \\
        v_{t+1} &= \beta_2 v_t + (1 - \beta_2) g_t^2 \\
        w_{t+1} &= w_t - \eta \frac{m_{t+1}}{\sqrt{v_{t+1}} + \epsilon}

    Both means start at 0 and are too small at first: after :math:`t` steps their weights sum to
    :math:`1 - \beta^t`. Bias correction divides by that: :math:`m` by :math:`1 - \beta_1^t`,
    :math:`v` by :math:`1 - \beta_2^t`. The paper (and PyTorch) always do it; here, as in MLX, it is
    an option.

    Args:
        learning_rate: :math:`\eta`, a number or a schedule.
        betas: :math:`\beta_1` and :math:`\beta_2`, the shares of the past.
        eps: :math:`\epsilon`.
        bias_correction: whether to correct the means.

    Raises:
        ValueError: a beta is outside of [0, 1), or ``eps`` is negative.

    Source: D. Kingma and J. Ba (2014), https://arxiv.org/abs/1412.6980

    Shape: state has that of each parameter.
    """

    def __init__(
        self,
        learning_rate: Rate,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        bias_correction: bool = False,
    ) -> None:
        super().__init__()
        check_betas(betas, "Adam")
        if not eps >= 0.0:
            raise ValueError(f"Adam epsilon should be >=0, {eps} was provided instead")
        self._maybe_schedule("learning_rate", learning_rate)
        self.betas = betas
        self.eps = eps
        self.bias_correction = bias_correction

    def init_single(self, parameter: array, state: dict[str, Any]) -> None:
        """The means ``"m"`` and ``"v"`` start at 0."""
        state["m"] = core.zeros_like(parameter)
        state["v"] = core.zeros_like(parameter)

    def apply_single(self, gradient: array, parameter: array, state: dict[str, Any]) -> array:
        r"""One step for one parameter, as the class describes it.

        With bias correction the step is
        :math:`\frac{\eta}{1 - \beta_1^t} m_{t+1} \big/
        \left(\sqrt{v_{t+1}} / \sqrt{1 - \beta_2^t} + \epsilon\right)`, where :math:`t` is
        ``self.step``: it counts from 1 here. Both factors, and the learning rate
        (``self.learning_rate``), are numbers for the whole array: they are computed in float32 and
        multiplied in the dtype of the gradient.

        Args:
            gradient: :math:`g_t`.
            parameter: :math:`w_t`.
            state: ``"m"`` and ``"v"`` are :math:`m_t` and :math:`v_t`, and become those of
                :math:`t + 1`.

        Returns:
            :math:`w_{t+1}`.
        """
        raise NotImplementedError(
            "4.12 apply_single - exercises/ch04_neural_networks/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class AdamW(Adam):
    r"""Adam with a weight decay of its own, that the running means do not see.

    .. math::
        w_{t+1} = w_t - \eta \left( \frac{m_{t+1}}{\sqrt{v_{t+1}} + \epsilon} + \omega w_t
        \right)

    A penalty in the loss would be divided by :math:`\sqrt v` like the rest of the gradient, and
    weights with large gradients would decay least.

    Args:
        learning_rate: :math:`\eta`, a number or a schedule.
        betas: :math:`\beta_1` and :math:`\beta_2`, as for :class:`Adam`.
        eps: :math:`\epsilon`.
        weight_decay: :math:`\omega`.
        bias_correction: whether to correct the means.

    Raises:
        ValueError: a beta is outside of [0, 1), or ``eps`` is negative.

    Source: I. Loshchilov and F. Hutter, Decoupled Weight Decay Regularization (2017),
    https://arxiv.org/abs/1711.05101

    Shape: state has that of each parameter.
    """

    def __init__(
        self,
        learning_rate: Rate,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        bias_correction: bool = False,
    ) -> None:
        super().__init__(learning_rate, betas, eps, bias_correction)
        self.weight_decay = weight_decay

    def apply_single(self, gradient: array, parameter: array, state: dict[str, Any]) -> array:
        r"""One step for one parameter: the weights shrink, then :class:`Adam` takes its step.

        They shrink by the factor :math:`1 - \eta \omega`, with the learning rate in the dtype of
        the gradient.

        Args:
            gradient: :math:`g_t`.
            parameter: :math:`w_t`.
            state: as for :class:`Adam`.

        Returns:
            :math:`w_{t+1}`.
        """
        raise NotImplementedError(
            "4.13 apply_single - exercises/ch04_neural_networks/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class Adamax(Adam):
    r"""Adam with a running maximum in the place of the root of the mean square.

    .. math::
        m_{t+1} &= \beta_1 m_t + (1 - \beta_1) g_t \\
        v_{t+1} &= \max(\beta_2 v_t, |g_t|) \\
        w_{t+1} &= w_t - \eta \frac{m_{t+1}}{v_{t+1} + \epsilon}

    Args:
        learning_rate: :math:`\eta`, a number or a schedule.
        betas: :math:`\beta_1` and :math:`\beta_2`, the shares of the past.
        eps: :math:`\epsilon`.

    Raises:
        ValueError: a beta is outside of [0, 1), or ``eps`` is negative.

    Source: section 7.1 of the paper on :class:`Adam`; without its bias correction, as in MLX.

    Shape: state has that of each parameter.
    """

    def __init__(
        self, learning_rate: Rate, betas: Sequence[float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        super().__init__(learning_rate, betas, eps)

    def apply_single(self, gradient: array, parameter: array, state: dict[str, Any]) -> array:
        """One step for one parameter, as the class describes it."""
        lr = self.learning_rate.astype(gradient.dtype)
        b1, b2 = self.betas
        m = b1 * state["m"] + (1 - b1) * gradient
        v = core.maximum(b2 * state["v"], core.abs(gradient))
        state["m"], state["v"] = m, v
        return parameter - lr * m / (v + self.eps)
