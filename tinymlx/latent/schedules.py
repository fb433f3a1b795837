"""How much the divergence counts: less at the beginning, and not below a few nats."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def warm_up(step: int | array, steps: int, beta: float = 1.0) -> array:
    """The weight of the divergence: 0 at step 0, ``beta`` from step ``steps`` on, in between in
    proportion to the step.

    Args:
        step: the number of steps made, also as an array inside of a compiled function.
        steps: how long it rises; with 0 it is ``beta`` from the start.
        beta: the final weight.

    Returns:
        A number, float32, without axes.

    Source: S. Bowman et al., Generating sentences from a continuous space (2015).
    """
    raise NotImplementedError(
        "10.13 warm_up - exercises/ch10_autoencoder/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def free_bits(kl: array, least: float) -> array:
    r"""The divergence as it is charged when the first nats of every number of the code are free.

    .. math:: \sum_d \max\Big(\lambda, \frac1N \sum_n \text{KL}_{nd}\Big)

    A number of the code whose mean divergence over the batch is below :math:`\lambda` costs
    :math:`\lambda` whatever it does: it has no reason to become smaller still.

    Args:
        kl: of each number of each code, ``(N, D)``.
        least: :math:`\lambda`, in nats.

    Returns:
        The charge for an example, a number without axes.

    Source: D. Kingma et al., Improved variational inference with inverse autoregressive flow
    (2016), https://arxiv.org/abs/1606.04934
    """
    raise NotImplementedError(
        "10.13 free_bits - exercises/ch10_autoencoder/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
