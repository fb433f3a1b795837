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
        raise NotImplementedError(
            "8.1 __init__ - exercises/ch08_rnn/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def __len__(self) -> int:
        """How many numbers there are, with that of the unknown."""
        return len(self.characters)

    def encode(self, text: str) -> list[int]:
        """The number of each character; 0 for one that is not in the table."""
        raise NotImplementedError(
            "8.1 encode - exercises/ch08_rnn/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of some numbers.

        Raises:
            ValueError: a number is below 0 or not in the table; the message names it.
        """
        raise NotImplementedError(
            "8.1 decode - exercises/ch08_rnn/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )
