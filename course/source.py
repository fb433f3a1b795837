"""Python files of a student: read, cut and written back in one place, as they were.

What Python accepts is accepted: a byte order mark, a declared encoding, every kind of line end. A
file that is written back keeps all of it, its permissions and its place behind a symbolic link.
Lines are those of the syntax tree: `str.splitlines` also splits at form feeds and at U+2028, where
Python's own line numbers do not.
"""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass, replace
from pathlib import Path

from course.errors import CourseError

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Source:
    """The text of a Python file, and what its bytes said beyond the text.

    Attributes:
        text: the text with its own line ends, without a byte order mark.
        encoding: the name under which Python reads it; ``utf-8-sig`` has a byte order mark.
    """

    text: str
    encoding: str = "utf-8"

    @property
    def newline(self) -> str:
        """The line end that the file uses most."""
        ends = END.findall(self.text)
        return max(("\n", "\r\n", "\r"), key=ends.count)

    def encode(self) -> bytes:
        """The bytes of the file.

        Raises:
            UnicodeEncodeError: the declared encoding has no such character.
        """
        return self.text.encode(self.encoding)

    def with_text(self, text: str) -> Source:
        """Another text in the same encoding."""
        return replace(self, text=text)


def decode(content: bytes, shown: str) -> Source:
    """The text of a Python file's bytes; ``shown`` is the file's name in complaints.

    Raises:
        CourseError: it is not text in UTF-8 or in the encoding that its first lines declare.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        source = Source(content.decode(encoding), encoding)
        if "\0" in source.text:  # UTF-16 without a mark, or a file that a crash left half written
            line = len(split_lines(source.text.partition("\0")[0] + "."))
            raise CourseError(
                f"{shown}:{line} has a null byte, so it is no text of Python's; "
                "delete it, and save the file as UTF-8."
            )
        return source
    except UnicodeDecodeError as error:
        raise CourseError(
            f"{shown} is not {error.encoding.upper()} text (byte {error.start}); save it as UTF-8."
        ) from error
    except (LookupError, UnicodeError) as error:  # rot13 and its kind
        raise CourseError(
            f"{shown} declares an encoding that is none of text; save it as UTF-8."
        ) from error
    except SyntaxError as error:  # no UTF-8, or an encoding that nobody knows
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as wrong:
            raise CourseError(
                f"{shown} is not UTF-8 text (byte {wrong.start}); save it as UTF-8."
            ) from error
        raise CourseError(f"{shown} declares an {error.msg}; save it as UTF-8.") from error


def read_source(path: Path, shown: str = "") -> Source:
    """The text of a Python file.

    Raises:
        CourseError: it cannot be read, or is not text.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CourseError(f"{shown or path} cannot be read: {error.strerror}.") from error
    return decode(content, shown or str(path))


def read_text(path: Path, shown: str = "") -> str:
    """The text of a file without what its bytes said beyond it, see `read_source`."""
    return read_source(path, shown).text


def write_source(path: Path, source: Source) -> None:
    """Write a file back as it was read: encoding, mark, line ends, permissions and links.

    Raises:
        CourseError: it cannot be written, or its encoding lacks a character; it is unchanged.
    """
    from course.backup import write_bytes

    try:
        content = source.encode()
    except UnicodeEncodeError as error:
        raise CourseError(
            f"{path} is written in {source.encoding}, which has no "
            f"{source.text[error.start : error.end]!r}; save it as UTF-8, and run this again."
        ) from error
    write_bytes(path, content)


def split_lines(text: str) -> list[str]:
    """The lines of ``text`` as the syntax tree counts them, with their ends."""
    return LINE.findall(text)


def bare_lines(text: str) -> list[str]:
    """The lines of ``text`` as the syntax tree counts them, without their ends."""
    return [line.rstrip("\r\n") for line in split_lines(text)]


def with_ends(lines: list[str], newline: str) -> list[str]:
    """Lines without ends, each with ``newline``."""
    return [line + newline for line in lines]
