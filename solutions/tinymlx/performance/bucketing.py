"""Lengths to which sequences are padded.

A compiled function is traced anew for each shape, and a kernel may be compiled anew. If every batch
has the length of its longest sequence, there are as many shapes as lengths. If every batch has the
length of the longest sequence of all, there is one shape, and most of the work is padding. Between
the two lie a few *bounds*: a sequence is padded to the least bound that is not below its length.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence


def bounds(lengths: Sequence[int], count: int) -> list[int]:
    """The bounds with the least padding.

    Args:
        lengths: of all sequences, in any order.
        count: how many bounds there may be.

    Returns:
        At most ``count`` bounds, ascending; the last one is the greatest length. No other choice
        has less padding in total.

    Raises:
        ValueError: there is no length, or ``count`` is below 1; the message starts with
            ``[bounds]``.
    """
    if not lengths or count < 1:
        raise ValueError(
            f"[bounds] needs at least one length and one bound; there are {len(lengths)} lengths "
            f"and {count} bounds."
        )
    counts = Counter(lengths)
    found = sorted(counts)
    padded = [0] * (len(found) + 1)  # of the best choice for the first lengths
    before: list[list[int]] = []
    for row in range(min(count, len(found))):
        new, places = [0] * len(padded), [0] * len(padded)
        for end in range(1, len(padded)):
            options = starts_and_padding(found, counts, end, first_only=row == 0)
            cost, start = min((padded[start] + more, start) for start, more in options)
            new[end], places[end] = cost, start
        padded = new
        before.append(places)
    chosen, end = [], len(found)
    for places in reversed(before):
        chosen.append(found[end - 1])
        end = places[end]
    return chosen[::-1]


def starts_and_padding(
    found: list[int], counts: Counter[int], end: int, first_only: bool
) -> list[tuple[int, int]]:
    """For each place where the last bucket may begin: that place, and the padding in the bucket.

    Args:
        found: all lengths that occur, ascending.
        counts: how often each of them does.
        end: the bucket ends before this place in ``found``.
        first_only: whether it is the only bucket, and begins at 0.
    """
    options, more = [], 0
    for start in range(end - 1, -1, -1):
        more += (found[end - 1] - found[start]) * counts[found[start]]
        if start == 0 or not first_only:
            options.append((start, more))
    return options


def bucket_of(length: int, bounds: Sequence[int]) -> int:
    """Which bound a sequence of this length is padded to: its place in ``bounds``.

    Raises:
        ValueError: it is longer than the last bound.
    """
    place = bisect_left(bounds, length)
    if place == len(bounds):
        raise ValueError(f"[bucket_of] {length} is above the last bound, {bounds[-1]}.")
    return place


def batches(
    lengths: Sequence[int], bounds: Sequence[int], size: int
) -> list[tuple[int, list[int]]]:
    """Sequences in batches, so that all of a batch are padded to one bound.

    Args:
        lengths: of the sequences.
        bounds: ascending.
        size: how many sequences are in a batch; the last of a bound may have fewer.

    Returns:
        The bound and the indices of the sequences, for each batch.
    """
    buckets: dict[int, list[int]] = {}
    for i, length in enumerate(lengths):
        buckets.setdefault(bucket_of(length, bounds), []).append(i)
    return [
        (bounds[place], buckets[place][start : start + size])
        for place in sorted(buckets)
        for start in range(0, len(buckets[place]), size)
    ]


def waste(lengths: Sequence[int], bounds: Sequence[int]) -> float:
    """The share of padding in everything that is computed."""
    computed = sum(bounds[bucket_of(length, bounds)] for length in lengths)
    return 1 - sum(lengths) / computed
