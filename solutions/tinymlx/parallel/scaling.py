r"""How long a step takes on more devices than there are: a model of two numbers.

A message of :math:`b` bytes takes :math:`\lambda + b / \beta`: a latency, and bytes over the
bandwidth. A ring (:mod:`.ring`) with :math:`n` processes sends :math:`2 (n - 1)` messages of
:math:`B / n` bytes, one after another:

.. math:: T_\text{sum}(B, n) = 2 (n - 1) \left( \lambda + \frac{B}{n \beta} \right).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """A connection between neighbours.

    Attributes:
        latency: seconds for a message of nothing.
        bandwidth: bytes in a second.
    """

    latency: float
    bandwidth: float


def sum_time(size: float, processes: int, link: Link) -> float:
    """Seconds for a sum of ``size`` bytes over all processes, on a ring."""
    rounds = 2 * (processes - 1)
    return rounds * (link.latency + size / processes / link.bandwidth)


def step_time(
    compute: float, size: float, processes: int, link: Link, overlap: float = 0.0
) -> float:
    """Seconds for a data-parallel step.

    Args:
        compute: seconds that one process takes for the gradient of its own examples.
        size: bytes of all gradients.
        processes: how many there are.
        link: between them.
        overlap: during which share of ``compute`` gradients can travel already.
    """
    return compute + max(0.0, sum_time(size, processes, link) - overlap * compute)


def efficiency(
    compute: float, size: float, processes: int, link: Link, overlap: float = 0.0
) -> float:
    """Examples in a second on each device, over those on a single one; 1 is perfect."""
    return compute / step_time(compute, size, processes, link, overlap)


def fitted(sizes: Sequence[float], seconds: Sequence[float], processes: int) -> Link:
    """The link that explains measured sums best.

    The time is linear in the size. Relative errors count, so that small messages, where the latency
    shows, weigh as much as large ones.

    Args:
        sizes: bytes of each sum; at least two different ones.
        seconds: how long each took.
        processes: how many took part.

    Raises:
        ValueError: fewer than two sizes, or the times do not grow with the sizes.
    """
    if len(set(sizes)) < 2:
        raise ValueError("[fitted] A line needs sums of at least two sizes.")
    weights = [1 / t**2 for t in seconds]
    total = sum(weights)
    size_mean = sum(w * b for w, b in zip(weights, sizes)) / total
    time_mean = sum(w * t for w, t in zip(weights, seconds)) / total
    spread = sum(w * (b - size_mean) ** 2 for w, b in zip(weights, sizes))
    moments = zip(weights, sizes, seconds)
    slope = sum(w * (b - size_mean) * (t - time_mean) for w, b, t in moments) / spread
    if slope <= 0:
        raise ValueError("[fitted] Larger sums took no longer; measure larger ones.")
    rounds = 2 * (processes - 1)
    start = max(0.0, time_mean - slope * size_mean)
    return Link(latency=start / rounds, bandwidth=rounds / processes / slope)
