"""WordPiece: the longest piece that is known, from left to right."""

from __future__ import annotations

from collections.abc import Container


def longest_pieces(
    word: str,
    vocabulary: Container[str],
    inside: str = "##",
    unknown: str = "[UNK]",
    longest: int = 100,
) -> list[str]:
    """A word in pieces: at each place the longest one that the vocabulary has.

    A piece that does not begin the word is written with ``inside`` in front of it. If no piece fits
    at some place, the whole word is unknown, also what had been found of it.

    Args:
        word: the word.
        vocabulary: the pieces.
        inside: the mark of a piece inside a word.
        unknown: what stands for a word that cannot be divided.
        longest: a word of more characters is unknown without being tried.

    Source: M. Schuster and K. Nakajima, Japanese and Korean voice search (2012).
    """
    if len(word) > longest:
        return [unknown]
    found: list[str] = []
    start = 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = (inside if start else "") + word[start:end]
            if piece in vocabulary:
                break
        else:
            return [unknown]
        found.append(piece)
        start = end
    return found
