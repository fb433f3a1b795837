"""Text that can be shown, from the bytes of tokens as they come."""

from __future__ import annotations

from collections.abc import Sequence

from tinymlx.text.utf8 import Utf8Decoder

from .stops import Stops


class TextStream:
    """The text of one answer, handed on while it is written.

    A token is some bytes: several characters, or a third of one. And what is a character may be the
    beginning of a stop sequence.

    Args:
        stops: texts that end the answer, each of at least one character.

    Attributes:
        letters: makes characters of bytes.
        stops: holds back what may become a stop sequence.

    Raises:
        ValueError: a stop sequence is empty.
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self.letters = Utf8Decoder()
        self.stops = Stops(stops)

    @property
    def stopped(self) -> bool:
        """Whether a stop sequence is complete."""
        return self.stops.stopped

    def feed(self, new: bytes) -> str:
        """What can be shown, given the bytes of a further token.

        It is never half of a character, nor a part of a stop sequence; and nothing is held back
        that cannot become either. Once a sequence is complete, nothing comes any more.

        Args:
            new: any number of bytes, also none.
        """
        return self.stops.feed(self.letters.feed(new))

    def finish(self) -> str:
        """The rest, when no more tokens come.

        All that was fed and this together are what the bytes decode to with
        ``errors="replace"``, up to the stop sequence that is complete first. Bytes that wait are a
        character then, too: the one that stands for what is broken.
        """
        return self.stops.feed(self.letters.finish()) + self.stops.finish()
