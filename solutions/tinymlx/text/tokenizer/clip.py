"""The tokenizer of CLIP: byte-pair encoding in lower case, with the end of each word marked.

Source: A. Radford et al. (2021), https://github.com/openai/CLIP
"""

from __future__ import annotations

import gzip
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from tinymlx import core
from tinymlx.core import array

from .alphabet import to_bytes, to_letters
from .learning import alphabet
from .merging import apply_merges, ranks_of
from .pairs import Pair
from .patterns import pieces

BEGIN, END = "<|startoftext|>", "<|endoftext|>"
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"
WORD_END = "</w>"
COUNT = 48_894  # of the merges in the published file, which lists more


class ClipTokenizer:
    """Sentences to numbers, between one that begins and one that ends them.

    The numbers are those of the 256 letters of bytes, the same at the end of a word, the merged
    tokens in their order, and the two special ones.

    Args:
        merges: the pairs that may be merged, the first one first.
        length: how many numbers a sentence has at most.

    Attributes:
        begin, end: the numbers of the special tokens.
    """

    def __init__(self, merges: Sequence[Pair], length: int = 77) -> None:
        letters = alphabet()
        words = [*letters, *(a + WORD_END for a in letters), *(a + b for a, b in merges)]
        self.words = [*words, BEGIN, END]
        self.vocabulary = {word: n for n, word in enumerate(self.words)}
        self.ranks = ranks_of(merges)
        self.begin, self.end = len(words), len(words) + 1
        self.length = length

    @staticmethod
    def load(file: str | Path) -> ClipTokenizer:
        """The published tokenizer, from ``bpe_simple_vocab_16e6.txt.gz``.

        Raises:
            ValueError: the file cannot be read, or is not that one.
        """
        path = Path(file)
        try:
            with gzip.open(path, "rt", encoding="utf-8") as opened:
                lines = opened.read().split("\n")
        except (OSError, EOFError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} cannot be read as compressed text: {error}.") from None
        pairs = [tuple(line.split()) for line in lines[1 : COUNT + 1]]
        if len(pairs) < COUNT or any(len(pair) != 2 for pair in pairs):
            raise ValueError(f"{path} has not the {COUNT} merges of CLIP; fetch it again.")
        return ClipTokenizer([(pair[0], pair[1]) for pair in pairs])

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return len(self.words)

    def encode(self, text: str) -> list[int]:
        """The numbers of a sentence, with those that begin and end it.

        The text is normalized (NFC), put in lower case, and cut by ``PATTERN``; white space between
        the pieces gives no tokens, whatever it is. The last letter of each piece carries
        ``WORD_END``, then merges are applied. What that costs grows with the text, not with the
        vocabulary.
        """
        numbers = [self.begin]
        for piece in pieces(unicodedata.normalize("NFC", text).lower(), PATTERN):
            if piece.isspace():
                continue
            letters = to_letters(piece)
            tokens = apply_merges([*letters[:-1], letters[-1] + WORD_END], self.ranks)
            numbers += [self.vocabulary[token] for token in tokens]
        return [*numbers, self.end]

    def batch(self, texts: Sequence[str], cut: bool = False, pad: int | None = None) -> array:
        """Several sentences as one array, each encoded once.

        Args:
            texts: the sentences.
            cut: whether those that are too long lose what is too much; their end stays.
            pad: what fills up short ones; by default the end once more.

        Returns:
            ``(N, length)`` integers.

        Raises:
            ValueError: a sentence is too long, and ``cut`` is false; or there are no texts.
        """
        if not texts:
            raise ValueError("[ClipTokenizer] There are no texts to read.")
        rows = []
        for text in texts:
            numbers = self.encode(text)
            if len(numbers) > self.length and not cut:
                raise ValueError(
                    f"[ClipTokenizer] {text[:40]!r}... has {len(numbers)} tokens; the model reads "
                    f"{self.length}. Shorten it, or cut it."
                )
            if len(numbers) > self.length:
                numbers = [*numbers[: self.length - 1], self.end]
            rows.append(numbers + [self.end if pad is None else pad] * (self.length - len(numbers)))
        return core.array(rows, core.int32)

    def decode(self, numbers: Sequence[int]) -> str:
        """The text of some numbers, a space behind each word; special tokens are left out."""
        words = (self.words[n] for n in numbers if n not in (self.begin, self.end))
        parts = (
            to_bytes(word.removesuffix(WORD_END)) + b" " * word.endswith(WORD_END) for word in words
        )
        return b"".join(parts).decode("utf-8", errors="replace").strip()
