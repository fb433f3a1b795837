"""Characters as numbers."""

from __future__ import annotations

from collections.abc import Iterable

#: What an unknown character is read back as (Unicode's replacement character).
UNKNOWN = "\ufffd"


class Vocabulary:
    """The characters of a text, numbered.

    Number 0 stands for every character that is not in the table; the others are numbered from 1 in
    the order of their code points, so that the same text gives the same table on every machine.

    Args:
        text: what the characters are taken from.
        least: a character is in the table if it occurs at least so often.

    Attributes:
        characters: ``characters[i]`` is the character of number ``i``; the first is
            :data:`UNKNOWN`, which never has another number.
        numbers: the number of each character in the table.
    """

    def __init__(self, text: str, least: int = 1) -> None:
        """Make the table: ``characters`` and ``numbers``, as described above."""
        counts: dict[str, int] = {}
        for character in text:
            counts[character] = counts.get(character, 0) + 1
        known = sorted(c for c, count in counts.items() if count >= least and c != UNKNOWN)
        self.characters = [UNKNOWN, *known]
        self.numbers = {c: i for i, c in enumerate(self.characters)}

    def __len__(self) -> int:
        """How many numbers there are, with that of the unknown."""
        return len(self.characters)

    def encode(self, text: str) -> list[int]:
        """The number of each character; 0 for one that is not in the table."""
        return [self.numbers.get(c, 0) for c in text]

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of some numbers.

        Raises:
            ValueError: a number is below 0 or not in the table; the message names it.
        """
        text = []
        for i in numbers:
            if not 0 <= i < len(self.characters):
                raise ValueError(
                    f"[Vocabulary] {i} is the number of no character; there are "
                    f"{len(self.characters)}, from 0."
                )
            text.append(self.characters[i])
        return "".join(text)
