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
    raise NotImplementedError(
        "15.20 percentile - exercises/ch15_deployment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def in_flight(starts: Sequence[float], ends: Sequence[float], begin: float, end: float) -> float:
    """How many requests were there at a time, on the mean, between two moments.

    Between two events their number is constant; each number counts for as long as it lasts. The
    lesson draws it as an area, and an area can be added up in two ways. One of them needs no
    sorting.

    Args:
        starts, ends: of each request, in seconds of one clock, in any order; also of requests that
            came before ``begin`` or left after ``end``. There may be none.
        begin, end: the two moments.

    Raises:
        ValueError: a request ended before it began, there are not as many ends as starts, or
            ``end`` is not after ``begin``.
    """
    raise NotImplementedError(
        "15.20 in_flight - exercises/ch15_deployment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


@dataclass(frozen=True)
class Load:
    """Of requests that came and went.

    Attributes:
        throughput: requests in a second.
        mean, median, p95, p99: seconds from coming to going.
        in_flight: how many were there at a time, on the mean.
    """

    throughput: float
    mean: float
    median: float
    p95: float
    p99: float
    in_flight: float


def load(starts: Sequence[float], ends: Sequence[float]) -> Load:
    """What happened from the first start to the last end.

    Args:
        starts, ends: of each request, in seconds of one clock.

    Raises:
        ValueError: no request, one that ended before it began, or all in no time.
    """
    latencies = [end - start for start, end in zip(starts, ends, strict=True)]
    if not latencies:
        raise ValueError("[load] There should be requests.")
    first, last = min(starts), max(ends)
    there = in_flight(starts, ends, first, last)
    return Load(
        len(latencies) / (last - first),
        sum(latencies) / len(latencies),
        percentile(latencies, 50),
        percentile(latencies, 95),
        percentile(latencies, 99),
        there,
    )
