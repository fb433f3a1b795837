"""Pairs of works that are more alike than this class is in general.

A mark counts by how rare it is: what everybody writes says nothing, and what stands in the starter
or in the solution is nobody's own. How much is too much follows from the class itself.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from course.likeness.works import Mark, Part, Work

Key = tuple[str, Mark]  # an exercise and a mark in it
SPREADS = 6.0  # robust standard deviations above the usual
LEAST_SHARE = 0.35  # of the smaller work's own weight
LEAST_WEIGHT = 30.0  # nats: in at least three exercises, because
MOST_WEIGHT = 12.0  # one counts no more: two may hit upon the same long mistake


@dataclass(frozen=True)
class Pair:
    """Two works that stand out.

    Attributes:
        first, second: their names; the second may be of an earlier class.
        share: weight in common over the weight of the smaller work, 0 to 1.
        weight: weight in common, in nats.
        usual: the median share in this class.
        exercises: those with something in common, by how much, the most first.
    """

    first: str
    second: str
    share: float
    weight: float
    usual: float
    exercises: tuple[tuple[str, float], ...]


class Weights:
    """How much each mark of some works says.

    Args:
        works: all works, past ones too.
        base: the solutions' parts: their marks count nothing.
    """

    def __init__(self, works: Sequence[Work], base: Mapping[str, Part]) -> None:
        known = {(number, mark) for number, part in base.items() for mark in part.marks}
        self.keys = {
            work.name: frozenset(
                (number, mark) for number, part in work.parts.items() for mark in part.marks
            )
            - known
            for work in works
        }
        spread = Counter(key for keys in self.keys.values() for key in keys)
        total = len(works)
        self.of = {key: math.log((total + 1) / count) for key, count in spread.items()}

    def by_exercise(self, keys: frozenset[Key]) -> dict[str, float]:
        """How much some marks say of each exercise."""
        sums: dict[str, float] = {}
        for key in keys:
            sums[key[0]] = sums.get(key[0], 0.0) + self.of[key]
        return {number: min(weight, MOST_WEIGHT) for number, weight in sums.items()}

    def sum(self, keys: frozenset[Key]) -> float:
        """How much some marks say, over all exercises."""
        return math.fsum(self.by_exercise(keys).values())


def outstanding(works: Sequence[Work], base: Mapping[str, Part]) -> list[Pair]:
    """The pairs that stand out, the most alike first. Two past works are not compared."""
    weights = Weights(works, base)
    totals = {name: weights.sum(keys) for name, keys in weights.keys.items()}
    shares: dict[tuple[str, str], tuple[float, float]] = {}
    for i, first in enumerate(works):
        for second in works[i + 1 :]:
            if first.past and second.past:
                continue
            a, b = (second, first) if first.past else (first, second)
            common = weights.sum(weights.keys[a.name] & weights.keys[b.name])
            smaller = min(totals[a.name], totals[b.name])
            shares[a.name, b.name] = (common / smaller if smaller else 0.0, common)
    limit, usual = _limit([share for share, _ in shares.values()])
    found = []
    for (a_name, b_name), (share, common) in shares.items():
        if share > limit and common >= LEAST_WEIGHT:
            sums = weights.by_exercise(weights.keys[a_name] & weights.keys[b_name])
            exercises = sorted(sums.items(), key=lambda item: (-item[1], _place(item[0])))
            found.append(Pair(a_name, b_name, share, common, usual, tuple(exercises)))
    return sorted(found, key=lambda pair: (-pair.share, -pair.weight, pair.first, pair.second))


def _place(number: str) -> tuple[int, ...]:
    """Where an exercise stands in the course."""
    return tuple(int(part) for part in number.split("."))


def _limit(shares: list[float]) -> tuple[float, float]:
    """The share above which a pair stands out, and what is usual."""
    if len(shares) < 3:
        return LEAST_SHARE, 0.0
    usual = statistics.median(shares)
    spread = 1.4826 * statistics.median(abs(share - usual) for share in shares)
    return max(LEAST_SHARE, usual + SPREADS * max(spread, 0.02)), usual


def marked(part: Part, other: Part, base: Part | None = None) -> set[int]:
    """The lines of ``part`` whose statements have most of their marks in ``other``, too.

    What ``base`` has is nobody's own.
    """
    theirs = other.marks - (base.marks if base is not None else frozenset())
    lines: set[int] = set()
    for line in part.lines:
        if 2 * len(line.marks & theirs) > len(line.marks):
            lines.update(range(line.first, line.last + 1))
    return lines
