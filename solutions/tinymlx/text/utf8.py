"""Characters from a stream of bytes."""

from __future__ import annotations

from .vocabulary import UNKNOWN


class Utf8Decoder:
    r"""UTF-8, decoded while it arrives.

    A character is one to four bytes, and a model that writes bytes writes them one at a time. What
    may still become a character waits; what cannot become one any more is replaced by
    :data:`.UNKNOWN`, in the same way as ``bytes.decode("utf-8", errors="replace")`` does.

    Attributes:
        waiting: the bytes at the end that are the beginning of a character, at most three.

    Source: The Unicode Standard, section 3.9, U+FFFD Substitution of Maximal Subparts.
    """

    def __init__(self) -> None:
        self.waiting = b""

    def feed(self, new: bytes) -> str:
        """The text that is complete with some more bytes.

        However a stream is cut into calls, the texts of all of them and of :meth:`finish` make up
        what the whole stream decodes to at once.

        ``bytes.decode("utf-8")`` raises ``UnicodeDecodeError`` at the first bytes that are no
        character. The error says where they are: from ``error.start`` up to ``error.end``. Its
        ``error.reason`` is ``"unexpected end of data"`` if more bytes could mend it.

        Args:
            new: any number of bytes, also none.
        """
        rest, text = self.waiting + new, ""
        self.waiting = b""
        while rest:
            try:
                return text + rest.decode("utf-8")
            except UnicodeDecodeError as error:
                text += rest[: error.start].decode("utf-8")
                if error.reason == "unexpected end of data":
                    self.waiting = rest[error.start :]
                    return text
                text += UNKNOWN
                rest = rest[error.end :]
        return text

    def finish(self) -> str:
        """The end of the stream: what waits will never be a character."""
        text = UNKNOWN if self.waiting else ""
        self.waiting = b""
        return text
