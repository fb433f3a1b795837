"""What a load test says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


def percentile(values: Sequence[float], q: float) -> float:
    """The value that a share of all values does not exceed, with straight lines in between.

    Sorted, the first value stands at 0 %, the last at 100 %, the others at equal distances.

    Args:
        values: at least one, in any order.
        q: from 0 to 100.

    Raises:
        ValueError: there is no value, or ``q`` is outside.
    """
    if not values or not 0 <= q <= 100:
        raise ValueError(
            f"[percentile] There should be values, and q from 0 to 100; there are {len(values)} "
            f"values, and q is {q}."
        )
    ranked = sorted(values)
    place = q / 100 * (len(ranked) - 1)
    low = min(int(place), len(ranked) - 2) if len(ranked) > 1 else 0
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (place - low) * (ranked[high] - ranked[low])


@dataclass(frozen=True)
class Load:
    """Of requests that came and went.

    Attributes:
        throughput: requests in a second.
        median, p95, p99: seconds from coming to going.
        in_flight: how many were there at a time, on the mean.
    """

    throughput: float
    median: float
    p95: float
    p99: float
    in_flight: float


def load(starts: Sequence[float], ends: Sequence[float]) -> Load:
    """What happened from the first start to the last end.

    How many were there at a time follows from the other two (J. Little's law, 1961): the
    throughput times the mean latency.

    Args:
        starts, ends: of each request, in seconds of one clock.

    Raises:
        ValueError: no request, or one that ended before it began.
    """
    latencies = [end - start for start, end in zip(starts, ends, strict=True)]
    if not latencies or min(latencies) < 0:
        raise ValueError("[load] There should be requests, and none should end before it begins.")
    seconds = max(ends) - min(starts)
    throughput = len(latencies) / seconds if seconds else float("inf")
    mean = sum(latencies) / len(latencies)
    return Load(
        throughput,
        percentile(latencies, 50),
        percentile(latencies, 95),
        percentile(latencies, 99),
        throughput * mean if seconds else float(len(latencies)),
    )
