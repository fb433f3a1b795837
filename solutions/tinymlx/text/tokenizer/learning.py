"""Byte-pair encoding, learned: the most frequent pair becomes a token, again and again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush

from .alphabet import tables, to_letters
from .pairs import Pair, count_pairs, merged
from .patterns import GPT2, pieces


def learn_merges(
    words: Mapping[str, int], count: int, letters: Sequence[str], least: int = 1
) -> list[Pair]:
    """The merges that a text suggests.

    At first the tokens of a word are its letters. Then, again and again, the most frequent pair of
    neighbours in all words is merged everywhere, until there are ``count`` merges, or no pair
    occurs ``least`` times any more.

    Of pairs that are equally frequent the one with the lowest numbers is taken: that of the first
    token decides, then that of the second. Letters are numbered in the order of ``letters``; behind
    them each new token gets the next number when it is made.

    What one merge costs depends on the words that have the pair, not on how large the text is:
    counts are kept up to date, not counted again, and the most frequent pair is found without a
    look at all the others.

    Args:
        words: how often each word occurs in the text.
        count: how many merges to learn.
        letters: all letters, numbered by their order.
        least: a pair that occurs less often is not merged; at least 1.

    Returns:
        The merges, the first one first.

    Raises:
        ValueError: a word has a letter that is not among ``letters``; the message shows it.

    Source: R. Sennrich, B. Haddow, A. Birch, Neural machine translation of rare words with subword
    units (2016), https://arxiv.org/abs/1508.07909
    """
    numbers = {letter: i for i, letter in enumerate(letters)}
    for word in words:
        for letter in word:
            if letter not in numbers:
                raise ValueError(f"[learn_merges] {letter!r} is none of the letters.")
    tokens, times = [list(word) for word in words], list(words.values())
    counts = count_pairs(zip(tokens, times))
    places: dict[Pair, set[int]] = {}
    for i, parts in enumerate(tokens):
        for pair in zip(parts, parts[1:]):
            places.setdefault(pair, set()).add(i)
    queue = [entry(pair, n, numbers) for pair, n in counts.items()]
    heapify(queue)
    merges: list[Pair] = []
    while queue and len(merges) < count:
        negative, _, _, pair = heappop(queue)
        if -negative != counts[pair]:
            continue  # the count has changed since; another entry has the new one
        if -negative < max(least, 1):
            break
        merges.append(pair)
        numbers[pair[0] + pair[1]] = len(numbers)
        changed: set[Pair] = set()
        for i in places.pop(pair):
            changed |= replace(i, pair, tokens, times[i], counts, places)
        for other in changed:
            heappush(queue, entry(other, counts[other], numbers))
    return merges


def entry(pair: Pair, count: int, numbers: Mapping[str, int]) -> tuple[int, int, int, Pair]:
    """A pair as the queue sorts it: the most frequent first, then the lowest numbers."""
    return -count, numbers[pair[0]], numbers[pair[1]], pair


def replace(
    i: int,
    pair: Pair,
    tokens: list[list[str]],
    times: int,
    counts: dict[Pair, int],
    places: dict[Pair, set[int]],
) -> set[Pair]:
    """Merge a pair in one word, and keep up to date what is known about all pairs.

    Args:
        i: the number of the word.
        pair: what is merged.
        tokens: the tokens of each word; those of word ``i`` become the merged ones.
        times: how often the word occurs in the text.
        counts: how often each pair occurs. The pairs of the word as it was are taken away, those of
            the word as it is now are added.
        places: for each pair the words that it may be in. The word is added to those of its pairs
            as it is now; where it is no longer, it may stay.

    Returns:
        The pairs whose counts have changed (others of this word may be among them).
    """
    before, after = tokens[i], merged(tokens[i], pair)
    old, new = list(zip(before, before[1:])), list(zip(after, after[1:]))
    for other in old:
        counts[other] -= times
    for other in new:
        counts[other] = counts.get(other, 0) + times
        places.setdefault(other, set()).add(i)
    tokens[i] = after
    return {*old, *new}


def count_words(texts: Iterable[str], pattern: str = GPT2) -> Counter[str]:
    """How often each piece of some texts occurs, written with the letters of bytes."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(pieces(text, pattern))
    return Counter({to_letters(piece): n for piece, n in counts.items()})


def alphabet() -> list[str]:
    """The letters of all bytes in the order of their code points, as published vocabularies begin:
    ``!`` is number 0."""
    return sorted(tables()[0])
