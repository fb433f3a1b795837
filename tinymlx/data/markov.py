"""A text whose every secret is known: a Markov chain of order 2, and its entropy rate. Given.

No model can predict such a text with fewer bits a character than the entropy rate, and one that
has learned everything needs no more. So the gap to it says how much is left to learn.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class MarkovSource:
    """Letters, each drawn from probabilities that depend on the two before it.

    Attributes:
        letters: the alphabet.
        chances: ``chances[a][b][c]`` is the probability of letter ``c`` after ``a`` and ``b``.
    """

    letters: str
    chances: list[list[list[float]]]

    def text(self, length: int, seed: int) -> str:
        """That many letters; the same seed gives the same ones."""
        draw, numbers = random.Random(seed), range(len(self.letters))
        a, b, text = 0, 0, []
        for _ in range(length):
            a, b = b, draw.choices(numbers, self.chances[a][b])[0]
            text.append(self.letters[b])
        return "".join(text)

    def entropy_rate(self) -> float:
        """Bits a letter: the mean entropy over pairs, each as often as it comes in the long run."""
        pairs, total = self.pair_shares(), 0.0
        for row, chances in zip(pairs, self.chances, strict=True):
            for share, p in zip(row, chances, strict=True):
                total -= share * sum(q * math.log2(q) for q in p if q > 0)
        return total

    def pair_entropy(self) -> float:
        """Bits a letter for a reader that knows one letter back, not two: the gap to learn."""
        numbers, pairs, total = range(len(self.letters)), self.pair_shares(), 0.0
        for b in numbers:
            share = sum(pairs[a][b] for a in numbers)
            for c in numbers:
                joint = sum(pairs[a][b] * self.chances[a][b][c] for a in numbers)
                total -= joint * math.log2(joint / share) if joint else 0.0
        return total

    def pair_shares(self) -> list[list[float]]:
        """How often each pair of neighbours comes, by letting the chain run until it settles."""
        numbers = range(len(self.letters))
        now = [[1 / len(self.letters) ** 2 for _ in numbers] for _ in numbers]
        for _ in range(500):
            now = [
                [sum(now[a][b] * self.chances[a][b][c] for a in numbers) for c in numbers]
                for b in numbers
            ]
        return now


def drawn(letters: str = "abcdefgh", sharpness: float = 0.3, seed: int = 8) -> MarkovSource:
    """A source with probabilities drawn at random (from a Dirichlet distribution).

    Args:
        letters: the alphabet.
        sharpness: below 1 a few letters follow often and the others rarely.
        seed: the same one gives the same source.
    """
    draw = random.Random(seed)

    def distribution() -> list[float]:
        parts = [draw.gammavariate(sharpness, 1) + 1e-3 for _ in letters]
        return [part / sum(parts) for part in parts]

    return MarkovSource(letters, [[distribution() for _ in letters] for _ in letters])
