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
    raise NotImplementedError(
        "12.14 translated - exercises/ch12_text_generation/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


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
    raise NotImplementedError(
        "12.14 evaluated - exercises/ch12_text_generation/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
