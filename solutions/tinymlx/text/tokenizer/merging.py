"""Merges, applied to a word: the one that was learned first comes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush

from .pairs import Pair


def ranks_of(merges: Iterable[Pair]) -> dict[Pair, int]:
    """The place of each pair in a list of merges; of a pair that is listed twice, the first one."""
    ranks: dict[Pair, int] = {}
    for i, pair in enumerate(merges):
        ranks.setdefault(pair, i)
    return ranks


def apply_merges(letters: Sequence[str], ranks: Mapping[Pair, int]) -> list[str]:
    """A word as tokens.

    As long as two neighbours are a pair that was learned, the pair of the lowest rank is merged; of
    several occurrences of it, the one furthest to the left. How often, how long or how probable the
    result is does not matter.

    A word may be a whole page without a space. So no step may look at the whole word again: each
    merge makes at most two new pairs, and only these are looked up. A queue of pairs, and for each
    place the places before and after, are enough for a cost in proportion to n log n.

    Args:
        letters: the word, letter by letter.
        ranks: for each pair that may be merged, its rank.

    Returns:
        The tokens.
    """
    tokens = list(letters)
    n = len(tokens)
    before, after = list(range(-1, n - 1)), list(range(1, n + 1))
    queue: list[tuple[int, int, Pair]] = []

    def look(i: int, j: int) -> None:
        """Put the pair of places i and j into the queue, if it may be merged."""
        if i < 0 or j >= n:
            return
        pair = (tokens[i], tokens[j])
        rank = ranks.get(pair)
        if rank is not None:
            heappush(queue, (rank, i, pair))

    for i in range(n - 1):
        look(i, i + 1)
    while queue:
        _, i, pair = heappop(queue)
        j = after[i]
        if j >= n or (tokens[i], tokens[j]) != pair:
            continue  # one of the two has become part of another token
        tokens[i], tokens[j] = pair[0] + pair[1], ""
        after[i] = after[j]
        if after[j] < n:
            before[after[j]] = i
        look(before[i], i)
        look(i, after[i])
    return [token for token in tokens if token]
