"""Which implementations are alike beyond what the exercise makes everybody write.

Two texts are compared by the runs of five tokens of their normalised syntax trees. What nearly
everybody writes is expected; a pair is reported only if it stands out from the similarities that
are usual for this exercise.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

RUN = 5
LEAST_TOKENS = 25  # below this, everybody's code is alike
SPREADS = 4.0  # how many robust standard deviations stand out
LEAST = 0.6  # a pair less alike than this is never reported
COMMON = 0.5  # runs that more than this share of all texts have say nothing about a pair


@dataclass(frozen=True)
class Pair:
    first: str
    second: str
    similarity: float
    usual: float


def runs(tokens: Sequence[str]) -> Counter[tuple[str, ...]]:
    """How often each run of tokens occurs."""
    return Counter(tuple(tokens[i : i + RUN]) for i in range(len(tokens) - RUN + 1))


def alike(a: Counter[tuple[str, ...]], b: Counter[tuple[str, ...]]) -> float:
    """The share of runs in common, 0 to 1 (Jaccard's index of multisets)."""
    union = (a | b).total()
    return (a & b).total() / union if union else 0.0


def matrix(tokens: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], float]:
    """The similarity of every pair, with runs that most texts share left out."""
    counted = {name: runs(sequence) for name, sequence in tokens.items()}
    presence = Counter(run for counts in counted.values() for run in counts)
    limit = max(2, COMMON * len(counted))
    rare = {
        name: Counter({run: n for run, n in counts.items() if presence[run] <= limit})
        for name, counts in counted.items()
    }
    names = sorted(tokens)
    return {
        (first, second): alike(rare[first], rare[second])
        for i, first in enumerate(names)
        for second in names[i + 1 :]
    }


def outstanding(
    tokens: Mapping[str, Sequence[str]], similarities: Mapping[tuple[str, str], float]
) -> list[Pair]:
    """The pairs that stand out, the most alike first.

    Args:
        tokens: for each implementation the tokens of its syntax tree.
        similarities: what `matrix` returned.
    """
    values = list(similarities.values())
    if len(values) < 3:
        return []
    usual = statistics.median(values)
    spread = 1.4826 * statistics.median(abs(value - usual) for value in values)
    limit = max(LEAST, usual + SPREADS * max(spread, 0.02))
    found = [
        Pair(first, second, value, usual)
        for (first, second), value in similarities.items()
        if value > limit and min(len(tokens[first]), len(tokens[second])) >= LEAST_TOKENS
    ]
    return sorted(found, key=lambda pair: -pair.similarity)
