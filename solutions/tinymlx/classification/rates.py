"""Which learning rate, and which weights decay."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tinymlx import core, optimizers
from tinymlx.core import array
from tinymlx.core.tree import rebuild
from tinymlx.nn import Module
from tinymlx.training.checkpoints import random_state, set_random_state


class Sweep(NamedTuple):
    """Learning rates that were tried, in ascending order, and the smoothed loss at each."""

    rates: list[float]
    losses: list[float]


def sweep(
    step: Callable[[float], float],
    low: float = 1e-6,
    high: float = 10.0,
    count: int = 100,
    decay: float = 0.9,
) -> Sweep:
    r"""Train with a rate that grows from step to step until the loss leaves.

    The rates go from ``low`` to ``high``, each the same factor above the one before. Losses are
    smoothed: with :math:`m_0 = 0` and :math:`m_i = \beta m_{i-1} + (1 - \beta) \ell_i` the smoothed
    loss of step :math:`i = 1, 2, \dots` is :math:`m_i / (1 - \beta^i)`, which is a weighted mean
    of the losses so far.

    It ends early when a loss is not finite (that step is left out), and behind a step whose
    smoothed loss is more than 4 times the smallest one so far (that step is the last).

    Args:
        step: makes one training step with a rate and returns its loss, which is positive.
        low: the first rate, above 0.
        high: the last one, above ``low`` and finite.
        count: how many rates, at least 2.
        decay: :math:`\beta`, at least 0 and below 1.

    Raises:
        ValueError: numbers outside of what is said above, or no numbers (nan), before any step is
            made; the message has the word "rates" for ``low``, ``high`` and ``count``, and "decay"
            for the last.

    Source: L. Smith (2015), https://arxiv.org/abs/1506.01186
    """
    if not 0 < low < high < math.inf or count < 2:
        raise ValueError(
            f"[sweep] There should be two or more rates, from above 0 upwards; there are {count} "
            f"from {low} to {high}."
        )
    if not 0 <= decay < 1:
        raise ValueError(f"[sweep] decay should be in [0, 1); it is {decay}.")
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0
    for i in range(count):
        rate = low * (high / low) ** (i / (count - 1))
        loss = step(rate)
        if not math.isfinite(loss):
            break
        mean = decay * mean + (1 - decay) * loss
        rates.append(rate)
        losses.append(mean / (1 - decay ** (i + 1)))
        if losses[-1] > 4 * min(losses):
            break
    return Sweep(rates, losses)


def steepest(found: Sweep) -> float:
    """The rate at which the loss falls fastest, per factor of the rate.

    Of all rates but the first and the last the one whose neighbours differ most: the loss of the
    next less the loss of the one before is smallest. Of equals the smallest rate.

    Raises:
        ValueError: there are fewer than three rates, or the loss falls nowhere; the message has the
            word "falls".
    """
    losses = found.losses
    falls = [losses[i + 1] - losses[i - 1] for i in range(1, len(losses) - 1)]
    if not falls or min(falls) >= 0:
        raise ValueError(
            f"[steepest] The loss falls nowhere in a sweep of {len(losses)} rates; begin lower, or "
            f"make more steps."
        )
    return found.rates[1 + falls.index(min(falls))]


def decays(path: str, weight: array) -> bool:
    """Whether weight decay should pull at a parameter.

    It should at the matrices and kernels of layers: arrays of two or more axes whose name, the last
    part of the path, is ``weight``. It should not at gains, biases and class tokens (one axis), nor
    at positions, whatever their shape.

    Args:
        path: as ``tree_flatten`` gives it, ``"blocks.0.linear1.weight"``.
        weight: the parameter, or its gradient.
    """
    return weight.ndim >= 2 and path.split(".")[-1] == "weight"


def adamw(
    learning_rate: float | Callable[[array], array], weight_decay: float
) -> optimizers.MultiOptimizer:
    """AdamW that decays what :func:`decays` says and nothing else."""
    without = optimizers.AdamW(learning_rate, weight_decay=0.0)
    decayed = optimizers.AdamW(learning_rate, weight_decay=weight_decay)
    return optimizers.MultiOptimizer([without, decayed], [lambda path, g: not decays(path, g)])


@contextmanager
def untouched(model: Module) -> Iterator[Module]:
    """While the context lasts a model may be trained; afterwards it is as before, and so is the
    global random state, also when something was raised."""
    before, drawn = rebuild(lambda w: w, model.parameters()), random_state()
    training = model.training
    core.eval(drawn)
    try:
        yield model
    finally:
        model.update(before)
        model.train(training)
        set_random_state(drawn)
