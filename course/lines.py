"""Lines that a student's code made, for people to read."""

from __future__ import annotations

MOST = 400  # characters of a line that anybody reads


def readable(line: str) -> str:
    """``line`` without what a terminal would obey (colours, a cleared screen, a bell), and not
    longer than can be read: a whole array in one line, say."""
    shown = "".join(c if c.isprintable() or c == "\t" else _spelled(c) for c in line[:MOST])
    rest = len(line) - MOST
    return f"{shown} ... ({rest:,} more characters)" if rest > 0 else shown


def _spelled(character: str) -> str:
    """A control character as a string of Python's spells it; other signs as they are."""
    return repr(character)[1:-1] if character < " " or "\x7f" <= character < "\xa0" else character
