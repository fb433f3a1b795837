"""A rate that rises, and falls to nothing."""

from __future__ import annotations

from typing import Any

from tinymlx import core
from tinymlx.optimizers.schedulers import Schedule


def one_cycle(peak: float, steps: int, warm_up: float = 0.25) -> Schedule:
    """A schedule for a run whose length is known: up to ``peak``, then down to zero.

    What it has to fulfil; how it goes up and down in between is free:

    * The rate is ``peak`` in step ``round(warm_up * steps)``, and nowhere higher.
    * Before, it never falls; step 0 has at most a quarter of ``peak``, but not nothing (the first
      batch would be wasted), unless the peak is in step 0 itself.
    * Afterwards it never rises, and it falls without a jump: in the last tenth of the run there is
      less than a fifth of ``peak`` left. From step ``steps`` on it is 0.
    * A compiled step calls it with an array: nothing may be decided by ``if``.

    Args:
        peak: the highest rate, more than 0.
        steps: the number of steps of the run, at least 1.
        warm_up: the share of the steps in which it rises, at least 0 and below 1.

    Returns:
        The schedule, a function of the step.

    Raises:
        ValueError: ``steps`` is below 1, or ``warm_up`` outside of [0, 1).

    Source: L. Smith and N. Topin, Super-Convergence (2017), https://arxiv.org/abs/1708.07120
    """
    raise NotImplementedError(
        "7.17 one_cycle - exercises/ch07_cnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
