"""Pairs of sentences in batches that hold little padding and have few shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tinymlx import core
from tinymlx.core import array

Tokens = Sequence[int]


class PairBatches:
    """Pairs of sentences, those of like length together; ``for x, y in batches`` is one epoch.

    A pair belongs to the least of ``lengths`` that neither of its sentences exceeds, and both are
    filled up to it with ``pad``, behind their tokens. Each length has batches of one shape, with
    ``tokens // length`` rows (at least 1), because a compiled step is compiled for each shape
    again. What is missing in the last batch of a length are rows of nothing but ``pad``.

    How is yours to design; this is what is judged: every pair comes once in an epoch; the batches
    are as few as their shape allows; their order and their pairs are others in every epoch, the
    long ones not last, and follow from ``seed`` and the number of the epoch alone; the global
    random state is left alone. With twice the pairs an epoch is planned in twice the time, a later
    one in no more than the first, and to fill a batch only its own sentences are looked at.

    Args:
        sources: for each pair the tokens of one sentence.
        targets: for each pair those of the other.
        lengths: the lengths that a batch may have.
        tokens: how many tokens one side of a batch may have, with padding.
        pad: the number that fills up.
        seed: what the orders follow from.

    Attributes:
        epoch: the number of the present epoch, from 0; after the last batch it grows by 1.

    Raises:
        ValueError: there is no pair, the sides have different numbers of sentences, or a sentence
            is longer than every length.
    """

    def __init__(
        self,
        sources: Sequence[Tokens],
        targets: Sequence[Tokens],
        lengths: Sequence[int],
        tokens: int,
        pad: int = 0,
        seed: int = 0,
    ) -> None:
        if len(sources) != len(targets) or not sources:
            raise ValueError(
                f"[PairBatches] Each sentence needs another: there are {len(sources)} and "
                f"{len(targets)}."
            )
        longest = max(max(map(len, sources)), max(map(len, targets)))
        if longest > max(lengths):
            raise ValueError(
                f"[PairBatches] A sentence has {longest} tokens; the longest batch has "
                f"{max(lengths)}."
            )
        self.sources, self.targets = sources, targets
        self.tokens, self.pad, self.seed = tokens, pad, seed
        self.epoch = 0
        self.buckets: dict[int, list[int]] = {length: [] for length in sorted(lengths)}
        for i, pair in enumerate(zip(sources, targets)):
            need = max(map(len, pair))
            self.buckets[next(n for n in self.buckets if n >= need)].append(i)

    def rows(self, length: int) -> int:
        """How many rows the batches of a length have."""
        return max(1, self.tokens // length)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        return sum(-(-len(pairs) // self.rows(n)) for n, pairs in self.buckets.items())

    def plan(self) -> list[tuple[int, list[int]]]:
        """The batches of the present epoch in their order: the length, and which pairs."""
        raise NotImplementedError(
            "12.7 plan - exercises/ch12_text_generation/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def __iter__(self) -> Iterator[tuple[array, array]]:
        """The batches of the present epoch.

        Yields:
            Sources and targets, ``(rows, length)`` integers each.
        """
        for length, pairs in self.plan():
            yield self.filled(self.sources, length, pairs), self.filled(self.targets, length, pairs)
        self.epoch += 1

    def filled(self, sentences: Sequence[Tokens], length: int, pairs: Sequence[int]) -> array:
        """Some sentences as rows of one length."""
        raise NotImplementedError(
            "12.7 filled - exercises/ch12_text_generation/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )
