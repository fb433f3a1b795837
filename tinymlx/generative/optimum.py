r"""The best discriminator there is, for densities that are known.

Let the real data have the density :math:`p` and what the generator makes the density :math:`q`. Of
all discriminators the one with the least loss is :math:`D(x) = p(x) / (p(x) + q(x))`. So on known
densities it can be said how far a trained one is from the optimum.

Source: I. Goodfellow et al. (2014), https://arxiv.org/abs/1406.2661, section 4.
"""

from __future__ import annotations

import math

from tinymlx import core
from tinymlx.core import array


def optimal_logits(log_p: array, log_q: array) -> array:
    r"""The logits of the best discriminator: :math:`\sigma(\text{logit}) = p / (p + q)`.

    Both densities arrive as logarithms, and neither is ever exponentiated: far away from the data
    they are smaller than any float32.

    Args:
        log_p: the log-density of the real data at some points.
        log_q: that of the generator at the same points.

    Returns:
        The logits, in the shape of the inputs.
    """
    raise NotImplementedError(
        "9.1 optimal_logits - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def jensen_shannon(p: array, q: array) -> array:
    r"""The Jensen-Shannon divergence of two distributions, in nats.

    .. math::
        \text{JS} = \tfrac12 \sum_i p_i \log \frac{p_i}{m_i}
        + \tfrac12 \sum_i q_i \log \frac{q_i}{m_i}, \qquad m_i = \frac{p_i + q_i}{2}

    A term with :math:`p_i = 0` is 0, and likewise one with :math:`q_i = 0`. It lies between 0, for
    equal distributions, and log 2, for two that never share a place.

    Args:
        p, q: probabilities of the same places, ``(N,)``; each sums to 1.

    Returns:
        A scalar.
    """
    raise NotImplementedError(
        "9.1 jensen_shannon - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def least_loss(p: array, q: array) -> array:
    r"""The loss of the best discriminator, :math:`\log 4 - 2 \, \text{JS}(p, q)`.

    It is the least possible value of :func:`.losses.discriminator_loss`: log 4 where the two are
    the same and nobody can tell them apart, 0 where they never meet.

    Args:
        p, q: as for :func:`jensen_shannon`.

    Returns:
        A scalar.
    """
    raise NotImplementedError(
        "9.1 least_loss - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
