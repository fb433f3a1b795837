r"""BLEU: how many runs of words a translation has in common with that of a human.

Source: K. Papineni et al., BLEU: a method for automatic evaluation of machine translation (2002);
M. Post, A call for clarity in reporting BLEU scores (2018), https://arxiv.org/abs/1804.08771
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

#: The longest runs that count.
LONGEST = 4
ENTITIES = {"&quot;": '"', "&amp;": "&", "&lt;": "<", "&gt;": ">"}
CUTS = (
    (re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),  # signs, but not ' , - and .
    (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),  # a full stop or comma that no digit precedes
    (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),  # or that none follows
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),  # a dash behind a digit
)


@dataclass(frozen=True)
class Bleu:
    """What was measured.

    Attributes:
        score: BLEU, from 0 to 100.
        precisions: for runs of 1 to 4 words the share that the references have, in percent.
        brevity: the factor for translations that are too short.
        length: how many words the translations have.
        wanted: how many the references have.
    """

    score: float
    precisions: tuple[float, ...]
    brevity: float
    length: int
    wanted: int


def words_13a(text: str) -> list[str]:
    """A text in words and signs, as the tokenizer ``13a`` of the evaluations of WMT cuts it."""
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for name, sign in ENTITIES.items():
        text = text.replace(name, sign)
    text = f" {text} "
    for pattern, apart in CUTS:
        text = pattern.sub(apart, text)
    return text.split()


def runs(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    """How often each run of ``n`` neighbouring words occurs."""
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def matches(words: Sequence[str], reference: Sequence[str], n: int) -> tuple[int, int]:
    """How many runs of ``n`` words the reference has, too, and how many there are.

    A run counts at most as often as the reference has it: "the the the" is no translation.
    """
    ours, theirs = runs(words, n), runs(reference, n)
    return sum(min(count, theirs[run]) for run, count in ours.items()), sum(ours.values())


def bleu(translations: Sequence[str], references: Sequence[str]) -> Bleu:
    r"""BLEU of a whole corpus, one reference for each translation, in words of :func:`words_13a`.

    For runs of :math:`n = 1` to 4 words let :math:`m_n` be how many match (:func:`matches`) and
    :math:`t_n` how many there are, each summed over *all* sentences, before anything is divided.
    With the lengths :math:`c` of all translations together and :math:`r` of all references,

    .. math::
        p_n = 100 \, m_n / t_n, \qquad
        b = \begin{cases} 1 & c \ge r \\ e^{1 - r / c} & c < r \end{cases}, \qquad
        \text{BLEU} = b \; \sqrt[4]{p_1 p_2 p_3 p_4} .

    If for some :math:`n` nothing matches though there are runs, :math:`p_n` is
    :math:`100 / (2^k t_n)` instead, where it is the :math:`k`-th such :math:`n`. But if no word
    matches at all, every :math:`p_n` is 0, and so is BLEU; and if no translation is as long as
    :math:`n` words, that :math:`p_n` is 0, and so is BLEU. Without any word in the translations
    :math:`b` is 0.

    Raises:
        ValueError: there is no sentence, or not one reference for each.
    """
    if not translations or len(translations) != len(references):
        raise ValueError(
            f"[bleu] {len(translations)} translations need one reference each; there are "
            f"{len(references)}."
        )
    pairs = [(words_13a(t), words_13a(r)) for t, r in zip(translations, references)]
    length, wanted = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    precisions, halvings = [], 1.0
    for n in range(1, LONGEST + 1):
        counts = [matches(*pair, n) for pair in pairs]
        right, total = (sum(side) for side in zip(*counts))
        if n == 1 and right == 0:
            precisions = [0.0] * LONGEST
            break
        if right == 0 and total > 0:
            halvings *= 2
            right = 1 / halvings
        precisions.append(100 * right / total if total else 0.0)
    brevity = 1.0 if length >= wanted else math.exp(1 - wanted / length) if length else 0.0
    score = 0.0
    if min(precisions) > 0:
        score = brevity * math.exp(sum(map(math.log, precisions)) / LONGEST)
    return Bleu(score, tuple(precisions), brevity, length, wanted)
