"""A tokenizer over bytes: every text has tokens, and they give it back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from .alphabet import to_bytes, to_letters
from .learning import alphabet, count_words, learn_merges
from .merging import apply_merges, ranks_of
from .pairs import Pair
from .patterns import GPT2, pieces

#: The normal forms of Unicode.
Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
#: How many words are remembered with their tokens.
REMEMBERED = 50_000


class ByteLevelTokenizer:
    """Byte-pair encoding over the letters of bytes, with special tokens.

    Args:
        vocabulary: the number of each token, which is written with the letters of bytes.
        merges: the pairs that may be merged, the first one first.
        special: tokens that stand for themselves, such as the end of a text, with their numbers.
        pattern: how a text is cut; each pattern of several cuts what the one before left.
        eos: the special token that ends a text, if there is one.
        whole_first: whether a piece that is a token as a whole is not looked at any further.
        normal: a normal form of Unicode that a text is brought into first, such as ``"NFC"``.

    Attributes:
        eos: the number of the token that ends a text, or None.

    Raises:
        ValueError: two tokens have one number, or ``eos`` is no special token.
    """

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        merges: Iterable[Pair],
        special: Mapping[str, int] | None = None,
        pattern: str | Sequence[str] = GPT2,
        eos: str | None = None,
        whole_first: bool = False,
        normal: Form | None = None,
    ) -> None:
        self.vocabulary = dict(vocabulary)
        self.special = dict(special or {})
        self.ranks = ranks_of(merges)
        self.patterns = [pattern] if isinstance(pattern, str) else list(pattern)
        self.whole_first, self.normal = whole_first, normal
        if eos is not None and eos not in self.special:
            raise ValueError(f"[ByteLevelTokenizer] {eos!r} is no special token.")
        self.eos = None if eos is None else self.special[eos]
        self.tokens = {number: token for token, number in self.vocabulary.items()}
        if len(self.tokens) < len(self.vocabulary):
            raise ValueError("[ByteLevelTokenizer] Two tokens have the same number.")
        self.named = {number: token for token, number in self.special.items()}
        longest = sorted(self.special, key=len, reverse=True)
        self.specials = re.compile("(" + "|".join(map(re.escape, longest)) + ")")
        self.known: dict[str, list[int]] = {}

    @classmethod
    def learned(
        cls,
        texts: Iterable[str],
        size: int,
        special: Sequence[str] = (),
        eos: str | None = None,
        pattern: str = GPT2,
    ) -> ByteLevelTokenizer:
        """A tokenizer learned from some texts.

        Special tokens have the first numbers, then the 256 letters, then the merged ones, until
        there are ``size`` tokens, or nothing occurs twice any more.

        Raises:
            ValueError: ``size`` leaves no room for the special tokens and the 256 letters.
        """
        letters = alphabet()
        first = len(special) + len(letters)
        if size < first:
            raise ValueError(
                f"[ByteLevelTokenizer] {size} tokens are too few: {len(special)} special ones and "
                f"{len(letters)} letters are always there."
            )
        merges = learn_merges(count_words(texts, pattern), size - first, letters, least=2)
        names = dict.fromkeys([*letters, *(a + b for a, b in merges)])
        vocabulary = {token: len(special) + i for i, token in enumerate(names)}
        return cls(vocabulary, merges, {t: i for i, t in enumerate(special)}, pattern, eos)

    @property
    def size(self) -> int:
        """How many numbers there are: one more than the greatest."""
        return 1 + max([*self.vocabulary.values(), *self.special.values()], default=-1)

    def encode(self, text: str) -> list[int]:
        """The numbers of a text's tokens.

        Where a special token stands in the text it becomes its number (of two that begin at one
        place the longer one). What stands between is cut by :meth:`cut`, and each piece is written
        with the letters of its bytes and merged. Pieces come again and again; :attr:`known`
        remembers the numbers of up to :data:`REMEMBERED` of them.

        A text of twice the length costs twice as much, however many special tokens are in it.

        Raises:
            ValueError: the vocabulary lacks a token that came out; the message shows it.
        """
        numbers: list[int] = []
        for part in self.specials.split(text) if self.special else [text]:
            if part in self.special:
                numbers.append(self.special[part])
                continue
            for piece in self.cut(part):
                if piece not in self.known:
                    found = self.numbers_of(to_letters(piece))
                    if len(self.known) >= REMEMBERED:
                        self.known.clear()
                    self.known[piece] = found
                numbers += self.known[piece]
        return numbers

    def cut(self, text: str) -> list[str]:
        """A text without special tokens in pieces, over whose borders nothing is merged."""
        if self.normal is not None:
            from unicodedata import normalize

            text = normalize(self.normal, text)
        found = [text] if text else []
        for pattern in self.patterns:
            found = [piece for part in found for piece in pieces(part, pattern)]
        return found

    def numbers_of(self, letters: str) -> list[int]:
        """The numbers of one piece, written with the letters of its bytes."""
        if self.whole_first and letters in self.vocabulary:
            return [self.vocabulary[letters]]
        tokens = apply_merges(letters, self.ranks)
        for token in tokens:
            if token not in self.vocabulary:
                raise ValueError(f"[encode] The vocabulary has no token {token!r}.")
        return [self.vocabulary[token] for token in tokens]

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of some numbers.

        A character may be divided among several tokens, so their bytes are joined first and read as
        UTF-8 then. What is no character becomes Unicode's replacement character, as
        ``errors="replace"`` does it. A special token is written as it is.

        What that costs grows with how many numbers there are, not with the vocabulary: text is
        shown while it is generated, one number at a time.

        Raises:
            ValueError: a number belongs to no token; the message names it.
        """
        parts = [self.bytes_of(number) for number in numbers]
        return b"".join(parts).decode("utf-8", errors="replace")

    def bytes_of(self, number: int) -> bytes:
        """The bytes of one token.

        Raises:
            ValueError: the number belongs to no token.
        """
        if number in self.named:
            return self.named[number].encode("utf-8")
        if number not in self.tokens:
            raise ValueError(f"[decode] {number} is the number of no token; there are {self.size}.")
        return to_bytes(self.tokens[number])
