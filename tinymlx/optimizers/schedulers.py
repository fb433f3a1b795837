"""Schedules: rates that change with the step.

Each function here returns a schedule, a function of the step (an array of one integer, or a number)
that returns the rate. An optimizer takes one in the place of its learning rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tinymlx import core

Schedule = Callable[[Any], Any]


def exponential_decay(init: float, decay_rate: float) -> Schedule:
    r"""A constant factor in every step, :math:`\text{init} \cdot \text{decay\_rate}^t`.

    Shape: a scalar step to a scalar rate.
    """

    def schedule(step: Any) -> Any:
        return init * decay_rate**step

    return schedule


def step_decay(init: float, decay_rate: float, step_size: int) -> Schedule:
    r"""A constant factor every ``step_size`` steps.

    :math:`\text{init} \cdot \text{decay\_rate}^{\lfloor t / \text{step\_size} \rfloor}`

    Raises:
        ValueError: ``step_size`` is below 1.

    Shape: a scalar step to a scalar rate.
    """
    if step_size < 1:
        raise ValueError(f"step_size must be greater than 0, but got {step_size}.")

    def schedule(step: Any) -> Any:
        return init * (decay_rate ** (step // step_size))

    return schedule


def cosine_decay(init: float, decay_steps: int, end: float = 0.0) -> Schedule:
    r"""Half a period of a cosine, from ``init`` down to ``end``.

    .. math::
        \text{end} + \frac{1}{2} \left( 1 + \cos \frac{\pi s}{\text{decay\_steps}} \right)
        (\text{init} - \text{end}), \qquad s = \min(t, \text{decay\_steps})

    The schedule is called with an array inside a compiled step: use ``core.minimum`` and
    ``core.cos``.

    Args:
        init: the first value.
        decay_steps: the number of steps; after them the value stays ``end``.
        end: the last value.

    Returns:
        The schedule.

    Raises:
        ValueError: ``decay_steps`` is below 1.

    Source: I. Loshchilov and F. Hutter, SGDR (2016), https://arxiv.org/abs/1608.03983

    Shape: a scalar step to a scalar rate.
    """
    raise NotImplementedError(
        "4.17 cosine_decay - exercises/ch04_neural_networks/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def join_schedules(schedules: Sequence[Schedule], boundaries: Sequence[int]) -> Schedule:
    """Several schedules, one after the other.

    From a boundary on the next schedule holds; it counts the steps since that boundary. Which one
    that is must not be decided by ``if``, because a compiled step has no number to look at, but by
    ``core.where``: compute all of them, and choose.

    Args:
        schedules: the schedules.
        boundaries: the steps at which the second begins, the third, and so on.

    Returns:
        The joined schedule.

    Raises:
        ValueError: there is no schedule, or not one boundary less than schedules.

    Shape: a scalar step to a scalar rate.
    """
    raise NotImplementedError(
        "4.17 join_schedules - exercises/ch04_neural_networks/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def linear_schedule(init: float, end: float, steps: int) -> Schedule:
    """A straight line from ``init`` to ``end``, in ``steps`` steps; then it stays ``end``.

    Raises:
        ValueError: ``steps`` is below 1.

    Shape: a scalar step to a scalar rate.
    """
    if steps < 1:
        raise ValueError(f"steps must be greater than 0, but got {steps}.")

    def schedule(step: Any) -> Any:
        return core.minimum(step, steps) * ((end - init) / steps) + init

    return schedule
