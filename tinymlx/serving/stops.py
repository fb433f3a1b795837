"""Stop sequences in a text that arrives in pieces."""

from __future__ import annotations

from collections.abc import Sequence


class Stops:
    """Hands a text on until one of several sequences is complete in it.

    A sequence may begin in one piece and end in a later one. So what may still become one waits:
    the longest end of the text that is a beginning of a sequence.

    Args:
        sequences: texts of at least one character.

    Attributes:
        stopped: whether one is complete.
        waiting: what has been fed and not handed on.

    Raises:
        ValueError: one of them is empty.
    """

    def __init__(self, sequences: Sequence[str]) -> None:
        if "" in sequences:
            raise ValueError("A stop sequence should have at least one character.")
        self.sequences = tuple(sequences)
        self.stopped = False
        self.waiting = ""

    def feed(self, text: str) -> str:
        """What can be handed on, given a further piece.

        However a text is cut into pieces, the answers to all of them and to :meth:`finish` make up
        the text in front of the sequence that is complete first; of several that end at one
        character, the longest. What comes after it is dropped.

        Args:
            text: any number of characters, also none.
        """
        raise NotImplementedError(
            "15.17 feed - exercises/ch15_deployment/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def held(self, text: str) -> int:
        """How many characters at the end of a text are a beginning of a sequence, at most."""
        raise NotImplementedError(
            "15.17 held - exercises/ch15_deployment/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def finish(self) -> str:
        """The end of the text: what waits is no sequence any more."""
        text, self.waiting = self.waiting, ""
        return text
