"""chrF: runs of characters in common, for languages whose words have many forms.

Source: M. Popovic, chrF: character n-gram F-score for automatic MT evaluation (2015).
"""

from __future__ import annotations

from collections.abc import Sequence

from .bleu import runs

#: The longest runs that count.
LONGEST = 6
#: By which factor what is missing weighs more than what is too much.
BETA = 2


def chrf(translations: Sequence[str], references: Sequence[str]) -> float:
    """chrF of a whole corpus, from 0 to 100: with runs of 1 to 6 characters, spaces left out.

    Counts are summed over all sentences. For each length of runs there is a precision (of those in
    the translations how many match) and a recall (of those in the references); the means of both
    over all lengths that both sides have are joined, with recall counted ``BETA`` times.

    Raises:
        ValueError: there are none, or there is not one reference for each.
    """
    if not translations or len(translations) != len(references):
        raise ValueError(
            f"[chrf] {len(translations)} translations need one reference each; there are "
            f"{len(references)}."
        )
    pairs = [("".join(t.split()), "".join(r.split())) for t, r in zip(translations, references)]
    found = [shares(pairs, n) for n in range(1, LONGEST + 1)]
    counted = [pair for pair in found if pair is not None]
    if not counted:
        return 0.0
    precision, recall = (sum(side) / len(counted) for side in zip(*counted))
    if precision + recall == 0:
        return 0.0
    return 100 * (1 + BETA**2) * precision * recall / (BETA**2 * precision + recall)


def shares(pairs: Sequence[tuple[str, str]], n: int) -> tuple[float, float] | None:
    """Precision and recall of runs of ``n`` characters; None if a side has none at all."""
    right, ours, theirs = 0, 0, 0
    for translation, reference in pairs:
        a, b = runs(list(translation), n), runs(list(reference), n)
        right += sum(min(count, b[run]) for run, count in a.items())
        ours += sum(a.values()) if b else 0
        theirs += sum(b.values())
    return (right / ours, right / theirs) if ours and theirs else None
