"""How fast could it be? The roofline model (Williams, Waterman and Patterson, 2009)."""

from typing import NamedTuple

from .costs import Cost


class Machine(NamedTuple):
    """The two numbers that the roofline needs."""

    name: str
    peak: float  # arithmetic, FLOP/s
    bandwidth: float  # traffic with memory, bytes/s


class Rate(NamedTuple):
    """What a computation achieved."""

    flops: float  # FLOP/s
    bytes: float  # bytes/s


def achieved(cost: Cost, seconds: float) -> Rate:
    """The rates at which a computation of this cost ran, when it took so many seconds.

    Raises:
        ValueError: when ``seconds`` is not positive.
    """
    if not seconds > 0:
        raise ValueError(f"achieved: seconds must be positive, got {seconds}")
    return Rate(cost.flops / seconds, cost.bytes / seconds)


def arithmetic_intensity(cost: Cost) -> float:
    """Operations for each byte of traffic, in FLOP/byte."""
    return cost.flops / cost.bytes


def ridge_point(machine: Machine) -> float:
    """The intensity, in FLOP/byte, at which arithmetic takes exactly as long as traffic."""
    return machine.peak / machine.bandwidth


def attainable(intensity: float, machine: Machine) -> float:
    """The roofline: the most FLOP/s that a computation of this intensity can reach.

    The lesson derives it from the two times that a computation takes at the least.
    """
    return min(machine.peak, intensity * machine.bandwidth)


def least_seconds(cost: Cost, machine: Machine) -> float:
    """The shortest time in which the machine can do this, arithmetic and traffic overlapping.

    Also right for a cost without arithmetic (a copy), whose intensity is 0.
    """
    return max(cost.flops / machine.peak, cost.bytes / machine.bandwidth)
