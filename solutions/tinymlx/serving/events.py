"""Server-sent events: an answer in pieces, over one HTTP response.

Source: the HTML standard, https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations


def event(data: str) -> bytes:
    r"""One event as it is sent: lines ``data: ...``, then an empty line, in UTF-8.

    A line break ends a field. So each line of the data gets a ``data: `` of its own; the reader
    puts them together with ``"\n"``. Line breaks are ``"\n"``, ``"\r\n"`` and ``"\r"``, and no
    other character is.

    Args:
        data: any text, also none.
    """
    lines = data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "".join(f"data: {line}\n" for line in lines).encode() + b"\n"


class EventReader:
    r"""The data of events that arrive in pieces, as the network cuts them.

    Attributes:
        rest: the beginning of a line that has not ended yet.
        lines: the data of the event that has not ended yet, line by line.
    """

    def __init__(self) -> None:
        self.rest = b""
        self.lines: list[str] = []

    def feed(self, new: bytes) -> list[str]:
        r"""The data of all events that are complete with some more bytes.

        A line ends with ``"\n"`` or ``"\r\n"``, wherever a piece may end. It is a field and its
        value, divided by the first colon; one space behind the colon is not part of the value. A
        line without a colon is a field with an empty value. Only ``data`` matters here; other
        fields, and lines that begin with a colon, are for others. An empty line ends the event: its
        lines of data, with ``"\n"`` between them. An event without any ``data`` is none.

        Args:
            new: any number of bytes, also none. What is no UTF-8 is replaced, as by
                ``errors="replace"``.
        """
        *lines, self.rest = (self.rest + new).split(b"\n")
        found = []
        for line in lines:
            text = line.removesuffix(b"\r").decode("utf-8", "replace")
            name, _, value = text.partition(":")
            if not text and self.lines:
                found.append("\n".join(self.lines))
                self.lines = []
            elif name == "data":
                self.lines.append(value.removeprefix(" "))
        return found
