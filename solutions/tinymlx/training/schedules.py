"""A rate that rises, and falls to nothing."""

from __future__ import annotations

from typing import Any

from tinymlx import core
from tinymlx.optimizers.schedulers import Schedule


def one_cycle(peak: float, steps: int, warm_up: float = 0.25) -> Schedule:
    """A schedule for a run whose length is known: up to ``peak``, then down to zero.

    What it has to fulfil; how it goes up and down in between is free:

    * The rate is ``peak`` in step ``round(warm_up * steps)``, and nowhere higher.
    * Before, it never falls; step 0 has something (its batch would be wasted otherwise), and with
      three steps or more in front of the peak at most a quarter of ``peak``.
    * Afterwards it never rises, and each step before ``steps`` has something; from ``steps`` on it
      is 0. With eight steps or more behind the peak it falls without a jump, by less than a quarter
      of ``peak`` at a time, and in the last tenth of these there is less than a fifth left.
    * A compiled step calls it with an array: nothing may be decided by ``if``.

    Args:
        peak: the highest rate, more than 0.
        steps: the number of steps of the run, at least 1.
        warm_up: the share of the steps in which it rises, at least 0 and below 1.

    Returns:
        The schedule, a function of the step.

    Raises:
        ValueError: ``steps`` is below 1, ``warm_up`` outside of [0, 1), or the peak would come in
            step ``steps``, when the run is over.

    Source: L. Smith and N. Topin, Super-Convergence (2017), https://arxiv.org/abs/1708.07120
    """
    top = round(warm_up * steps)
    if warm_up < 0 or not 0 <= top < steps:
        raise ValueError(
            f"[one_cycle] steps should be at least 1, warm_up in [0, 1), and the peak in one of "
            f"the steps; they are {steps} and {warm_up}."
        )

    def schedule(step: Any) -> Any:
        up = (step + 1) / (top + 1)
        down = (steps - step) / (steps - top)
        return peak * core.maximum(core.minimum(up, down), 0.0)

    return schedule


def inverse_square_root(peak: float, warm_up: int) -> Schedule:
    """A rate that rises in a straight line, and then falls more and more slowly, for ever.

    * In step ``s`` below ``warm_up`` it is ``(s + 1) / warm_up`` of ``peak``: the first step is
      already one, and the last one of the rise has ``peak``.
    * From then on it falls with the root of the number of steps made, ``s + 1``, and without a
      jump. The lesson derives the formula.
    * A compiled step calls it with an array: nothing may be decided by ``if``.

    Args:
        peak: the highest rate.
        warm_up: the number of steps of the rise, at least 1.

    Returns:
        The schedule, a function of the step (from 0), an array or a number.

    Raises:
        ValueError: ``warm_up`` is below 1.

    Source: A. Vaswani et al., Attention Is All You Need (2017), https://arxiv.org/abs/1706.03762
    """
    if warm_up < 1:
        raise ValueError(f"[inverse_square_root] warm_up should be at least 1; it is {warm_up}.")

    def schedule(step: Any) -> Any:
        made = core.array(step + 1.0)
        return peak * core.minimum(made / warm_up, (warm_up / made) ** 0.5)

    return schedule
