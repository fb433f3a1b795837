"""Merges, applied to a word: the one that was learned first comes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush

from .pairs import Pair


def ranks_of(merges: Iterable[Pair]) -> dict[Pair, int]:
    """The place of each pair in a list of merges; of a pair that is listed twice, the first one."""
    raise NotImplementedError(
        "12.5 ranks_of - exercises/ch12_text_generation/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


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
    raise NotImplementedError(
        "12.5 apply_merges - exercises/ch12_text_generation/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
