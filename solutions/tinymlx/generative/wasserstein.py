r"""How far one heap of sand is from another.

The Wasserstein distance of two distributions is the least work that turns one into the other: mass
times the way that it is carried. It is also the greatest difference of means

.. math:: W(p, q) = \sup_f \; \text{E}_p[f] - \text{E}_q[f]

over all functions :math:`f` that nowhere rise faster than 1 (Kantorovich and Rubinstein). A
*critic* is a network that looks for that function.

Source: M. Arjovsky, S. Chintala and L. Bottou (2017), https://arxiv.org/abs/1701.07875
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def critic_loss(real: array, fake: array) -> array:
    r"""What the critic minimizes: :math:`\text{E}[\text{fake}] - \text{E}[\text{real}]`.

    Its negative is an estimate of the distance, if the critic is nowhere too steep.

    Args:
        real, fake: what the critic says of each example, ``(N,)`` and ``(M,)``; not probabilities.
    """
    return core.mean(fake) - core.mean(real)


def critic_generator_loss(fake: array) -> array:
    r"""What the generator minimizes: :math:`-\text{E}[\text{fake}]`."""
    return -core.mean(fake)


def wasserstein_distance(a: array, b: array) -> array:
    r"""The exact distance of two samples of numbers.

    On a line it is the area between the two cumulative distributions,

    .. math:: W = \int |F_a(x) - F_b(x)| \, dx,

    where :math:`F_a(x)` is the share of ``a`` that is at most :math:`x`. The memory for it grows
    with ``N + M``, not with ``N * M``: there is no table of each number with each.

    Args:
        a, b: ``(N,)`` and ``(M,)``: numbers in a row, at least one each, in any order.

    Returns:
        A scalar.

    Raises:
        ValueError: a sample is empty, or has more than one axis.
    """
    if a.ndim != 1 or b.ndim != 1 or a.size == 0 or b.size == 0:
        raise ValueError(
            f"[wasserstein_distance] The samples should be numbers in a row, at least one each; "
            f"their shapes are {a.shape} and {b.shape}."
        )
    places = core.sort(core.concatenate([a, b]))
    below_a = core.searchsorted(core.sort(a), places[:-1], side="right") / a.size
    below_b = core.searchsorted(core.sort(b), places[:-1], side="right") / b.size
    return core.sum(core.abs(below_a - below_b) * (places[1:] - places[:-1]))
