"""Neighbours: which pairs of tokens there are, and one token in the place of two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Pair = tuple[str, str]


def count_pairs(words: Iterable[tuple[Sequence[str], int]]) -> dict[Pair, int]:
    """How often each pair of neighbours occurs.

    Args:
        words: words as sequences of tokens, each with how often it occurs in the text.

    Returns:
        For each pair of tokens that stand next to each other in a word, in this order, the sum over
        all words of how often it is in the word times how often the word occurs. In ``a a a`` the
        pair ``(a, a)`` occurs twice.
    """
    counts: dict[Pair, int] = {}
    for tokens, times in words:
        for pair in zip(tokens, tokens[1:]):
            counts[pair] = counts.get(pair, 0) + times
    return counts


def merged(tokens: Sequence[str], pair: Pair) -> list[str]:
    """A word with one token in the place of each occurrence of a pair, from left to right.

    What has been merged is not part of another pair: ``a a a`` with ``(a, a)`` is ``aa a``.
    """
    found, i = [], 0
    while i < len(tokens):
        if tuple(tokens[i : i + 2]) == pair:
            found.append(pair[0] + pair[1])
            i += 2
        else:
            found.append(tokens[i])
            i += 1
    return found
