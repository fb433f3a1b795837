"""Merges over whole sentences, as in the first Llama: a mark for the space, bytes for the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .merging import apply_merges, ranks_of
from .pairs import Pair

#: What stands for a space (a low block).
MARK = "\u2581"
BYTE = re.compile(r"<0x([0-9A-F]{2})>")


class SentenceTokenizer:
    """Byte-pair encoding over characters, not cut into words first.

    Each space becomes :data:`MARK`, so that pieces know whether they begin a word. A character that
    the vocabulary lacks becomes the tokens of its bytes, ``<0x00>`` to ``<0xFF>``.

    Args:
        vocabulary: the number of each token.
        merges: the pairs that may be merged, the first one first.
        special: tokens that stand for themselves, with their numbers.
        eos: the special token that ends a text, if there is one.
        prefix: which parts of a text (special tokens divide it) get a space in front: ``"always"``
            every one, ``"missing"`` every one that has none, ``"first"`` one that begins the text
            and has none, ``"never"`` none.

    Attributes:
        eos: the number of the token that ends a text, or None.
    """

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        merges: Iterable[Pair],
        special: Mapping[str, int],
        eos: str | None,
        prefix: str = "always",
    ) -> None:
        self.vocabulary, self.special = dict(vocabulary), dict(special)
        self.ranks = ranks_of(merges)
        self.prefix = prefix
        self.eos = None if eos is None else self.special[eos]
        self.tokens = {n: t for t, n in [*self.vocabulary.items(), *self.special.items()]}
        longest = sorted(self.special, key=len, reverse=True)
        self.specials = re.compile("(" + "|".join(map(re.escape, longest)) + ")")

    @property
    def size(self) -> int:
        """How many numbers there are: one more than the greatest."""
        return 1 + max(self.tokens, default=-1)

    def encode(self, text: str) -> list[int]:
        """The numbers of a text's tokens.

        Raises:
            ValueError: the vocabulary lacks a token that came out.
        """
        numbers: list[int] = []
        for i, part in enumerate(self.specials.split(text) if self.special else [text]):
            if part in self.special:
                numbers.append(self.special[part])
            elif part:
                wanted = self.prefix == "missing" or (self.prefix == "first" and i == 0)
                if self.prefix == "always" or (wanted and not part.startswith((" ", MARK))):
                    part = MARK + part
                numbers += self.numbers_of(part.replace(" ", MARK))
        return numbers

    def numbers_of(self, text: str) -> list[int]:
        """The numbers of a part without special tokens, whose spaces are marks."""
        letters: list[str] = []
        for character in text:
            if character in self.vocabulary:
                letters.append(character)
            else:
                letters += [f"<0x{byte:02X}>" for byte in character.encode("utf-8")]
        tokens = apply_merges(letters, self.ranks)
        for token in tokens:
            if token not in self.vocabulary:
                raise ValueError(f"[encode] The vocabulary has no token {token!r}.")
        return [self.vocabulary[token] for token in tokens]

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of some numbers, without the space in front that :meth:`encode` adds.

        Raises:
            ValueError: a number belongs to no token; the message names it.
        """
        parts = []
        for number in numbers:
            if number not in self.tokens:
                raise ValueError(
                    f"[decode] {number} is the number of no token; there are {self.size}."
                )
            token = self.tokens[number]
            byte = BYTE.fullmatch(token)
            parts.append(
                bytes([int(byte[1], 16)]) if byte else token.replace(MARK, " ").encode("utf-8")
            )
        text = b"".join(parts).decode("utf-8", errors="replace")
        return text if self.prefix == "never" else text.removeprefix(" ")
