"""How good a translator is: what it says by itself, against what a human said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinymlx import core
from tinymlx.core import array

from .bleu import Bleu, bleu
from .search import beams, greedy


def translated(
    model: Any,
    tokenizer: Any,
    sources: Sequence[str],
    begin: int,
    length: int = 64,
    width: int = 1,
    penalty: float = 1.0,
    batch: int = 100,
) -> list[str]:
    """Translations of some texts, in their order.

    Texts of like length are translated together, ``batch`` at a time.

    Args:
        model: a :class:`tinymlx.models.translation.Translator`, in evaluation mode.
        tokenizer: with ``encode``, ``decode`` and ``eos``, the token that ends a sentence.
        sources: texts in the language that the model reads.
        begin: the token that begins a translation.
        length: how many tokens one may have at most.
        width: with 1 the most probable token is taken each time; otherwise how many beams.
        penalty: of the beams.
        batch: how many sentences at a time.
    """
    tokens = [[*tokenizer.encode(text), tokenizer.eos] for text in sources]
    order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
    found = [""] * len(tokens)
    for first in range(0, len(order), batch):
        part = order[first : first + batch]
        state = model.start(filled([tokens[i] for i in part], model.pad))
        common = (model.step, state, len(part), begin, tokenizer.eos, length)
        if width == 1:
            texts = greedy(*common)
        else:
            texts = [best.tokens for best in beams(*common, width, penalty)]
        for i, text in zip(part, texts):
            found[i] = tokenizer.decode(text)
    return found


def filled(sentences: Sequence[Sequence[int]], pad: int) -> array:
    """Sentences as rows of one length."""
    longest = max(map(len, sentences))
    return core.array([[*s, *[pad] * (longest - len(s))] for s in sentences])


def evaluated(
    model: Any,
    tokenizer: Any,
    sources: Sequence[str],
    references: Sequence[str],
    begin: int,
    **options: Any,
) -> Bleu:
    """BLEU of a model: of texts that it wrote without having seen a word of the references.

    Args:
        model, tokenizer, sources, begin, options: as for :func:`translated`.
        references: what humans made of the sources, as they wrote it: texts, not tokens.
    """
    return bleu(translated(model, tokenizer, sources, begin, **options), references)
