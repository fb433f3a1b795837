"""Adafactor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinymlx import core
from tinymlx.core import array
from tinymlx.optimizers.optimizer import Optimizer, Rate


class Adafactor(Optimizer):
    r"""Adam's mean squares with little memory: for a matrix, those of its rows and columns only.

    In a step :math:`t = 1, 2, \dots` with :math:`\beta_2 = 1 - t^{\text{decay\_rate}}`:

    1. the mean squares are updated with :math:`g^2 + \epsilon_1` (:meth:`scaled`), and the update
       :math:`u` is the gradient divided by their root;
    2. :math:`u` is divided by :math:`\max(1, \text{RMS}(u) / \text{clip\_threshold})`;
    3. it is multiplied by a learning rate that fits the parameter (:meth:`rate`);
    4. with ``beta_1`` a running mean takes its place;
    5. weight decay shrinks the parameter, and :math:`u` is subtracted.

    Args:
        learning_rate: a number or a schedule; without ``relative_step`` it is needed.
        eps: :math:`\epsilon_1`, added to squared gradients, and :math:`\epsilon_2`, the least
            scale of a parameter.
        clip_threshold: the greatest root mean square of an update before scaling.
        decay_rate: the exponent in :math:`\beta_2`.
        beta_1: the share of the past in a running mean of updates; ``None`` for no such mean.
        weight_decay: by how much the parameter shrinks, times the learning rate.
        scale_parameter: whether to multiply the learning rate by
            :math:`\max(\epsilon_2, \text{RMS}(w))`.
        relative_step: whether to use :math:`\min(10^{-2}, 1/\sqrt t)` as the learning rate.
        warmup_init: whether :math:`10^{-6} \, t` takes the place of :math:`10^{-2}` there.

    Source: N. Shazeer and M. Stern (2018), https://arxiv.org/abs/1804.04235

    Shape: of a parameter ``(..., R, C)`` the state is ``(..., R)`` and ``(..., C)``.
    """

    def __init__(
        self,
        learning_rate: Rate | None = None,
        eps: Sequence[float] = (1e-30, 1e-3),
        clip_threshold: float = 1.0,
        decay_rate: float = -0.8,
        beta_1: float | None = None,
        weight_decay: float = 0.0,
        scale_parameter: bool = True,
        relative_step: bool = True,
        warmup_init: bool = False,
    ) -> None:
        super().__init__()
        if learning_rate is not None:
            self._maybe_schedule("learning_rate", learning_rate)
        self.eps = eps
        self.clip_threshold = clip_threshold
        self.decay_rate = decay_rate
        self.beta_1 = beta_1
        self.weight_decay = weight_decay
        self.scale_parameter = scale_parameter
        self.relative_step = relative_step
        self.warmup_init = warmup_init

    def init_single(self, parameter: array, state: dict[str, Any]) -> None:
        """All means start at 0; a matrix (the last two axes) has one for each row and column."""
        if parameter.ndim >= 2:
            shape, dtype = parameter.shape, parameter.dtype
            state["exp_avg_sq_row"] = core.zeros(shape[:-1], dtype=dtype)
            state["exp_avg_sq_col"] = core.zeros(shape[:-2] + shape[-1:], dtype=dtype)
        else:
            state["exp_avg_sq"] = core.zeros_like(parameter)
        if self.beta_1 is not None:
            state["exp_avg"] = core.zeros_like(parameter)

    def apply_single(self, gradient: array, parameter: array, state: dict[str, Any]) -> array:
        """One step for one parameter, as the class describes it."""
        size = rms(parameter)
        lr = self.rate(size)
        beta_2 = 1.0 - (self.step**self.decay_rate).astype(size.dtype)
        update = self.scaled(gradient, beta_2, state)
        update = update / core.maximum(1.0, rms(update) / self.clip_threshold)
        update = lr * update
        if self.beta_1 is not None:
            update = self.beta_1 * state["exp_avg"] + (1 - self.beta_1) * update
            state["exp_avg"] = update
        if self.weight_decay != 0:
            parameter = parameter + parameter * (-self.weight_decay * lr)
        return parameter - update

    def scaled(self, gradient: array, beta_2: array, state: dict[str, Any]) -> array:
        r"""The gradient divided by the root of a running mean of its square.

        With :math:`s = g^2 + \epsilon_1` a vector (or number) has the running mean
        ``state["exp_avg_sq"]``, :math:`v \leftarrow \beta_2 v + (1 - \beta_2) s`.

        For a matrix that would take as much memory as the matrix. There are only the means of
        :math:`s` along each row (``state["exp_avg_sq_row"]``) and each column
        (``state["exp_avg_sq_col"]``), which are updated in the same way, and :math:`v` is the
        estimate of rank 1 that the lesson makes of them. Gradients of any size are scaled alike,
        also where the product of two mean squares is no float32 any more.

        Args:
            gradient: :math:`g`; of more than two axes the last two are a matrix.
            beta_2: :math:`\beta_2`, the share of the past.
            state: the means, which are updated.

        Returns:
            :math:`g / \sqrt v`, of the shape of the gradient.
        """
        raise NotImplementedError(
            "4.14 scaled - exercises/ch04_neural_networks/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def _approximate_exp_moving_avg(self, row: array, column: array) -> array:
        """One over the root of the estimate in :meth:`scaled`. Programs for MLX call it."""
        by_row = core.rsqrt(row / core.mean(row, axis=-1, keepdims=True))
        return by_row[..., :, None] * core.rsqrt(column)[..., None, :]

    def rate(self, size: array) -> array:
        """The learning rate for a parameter, given the root of the mean of its squares."""
        if self.relative_step:
            greatest = 1e-6 * self.step if self.warmup_init else 1e-2
            lr = core.minimum(greatest, core.rsqrt(self.step))
        else:
            lr = self.learning_rate
        lr = lr.astype(size.dtype)
        return core.maximum(self.eps[1], size) * lr if self.scale_parameter else lr


def rms(x: array) -> array:
    """The root of the mean of the squares of all elements."""
    return core.sqrt(core.mean(core.square(x)))
