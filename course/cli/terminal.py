"""The terminal: colours and wrapping for a person, plain long lines for a program."""

from __future__ import annotations

import codecs
import io
import os
import sys
import warnings
from collections.abc import Iterable, Sequence

from rich.console import Console

# What stands for a sign that the output's encoding does not have.
NARROWEST = 10  # columns that anything can be laid out in
PLAIN = str.maketrans("●✗◐○›━─│╭╮╰╯…", "*x~o>--|++++.")


def _plainly(error: UnicodeError) -> tuple[str, int]:
    """An error handler of `codecs`: a plain sign for each that cannot be written."""
    assert isinstance(error, UnicodeEncodeError)
    signs = error.object[error.start : error.end].translate(PLAIN)
    return "".join(sign if sign.isascii() else "?" for sign in signs), error.end


codecs.register_error("tinymlx", _plainly)


def prepare() -> None:
    """From here on nothing that is printed fails for its encoding: not a mark of the map where
    the output is ASCII, not half a character in an error text of the student's code.

    An output that was closed before we began (``>&-``) is one that nobody reads, a width that is
    none (``COLUMNS=0``) is not asked for, and a warning about the student's text while it is only
    parsed is not part of a map.
    """
    warnings.simplefilter("ignore", SyntaxWarning)
    if not os.environ.get("COLUMNS", "").isdecimal() or int(os.environ["COLUMNS"]) < NARROWEST:
        os.environ.pop("COLUMNS", None)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - as long as the process
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="tinymlx")


def is_read_by_a_program() -> bool:
    """Whether the output goes into a file or a pipe, and nobody asked for a width."""
    return not sys.stdout.isatty() and not os.environ.get("COLUMNS")


def print_tabbed(lines: Iterable[Sequence[str]]) -> None:
    """A table for programs: cells between tabs, whole, without colours; an empty line is one."""
    for line in lines:
        sys.stdout.write("\t".join(" ".join(cell.split()) for cell in line) + "\n")


def console(stderr: bool = False) -> Console:
    """A console; without a terminal its lines are not wrapped at 80 columns."""
    stream = sys.stderr if stderr else sys.stdout
    if stream.isatty() or os.environ.get("COLUMNS"):
        return Console(stderr=stderr, highlight=False, markup=False)
    return Console(stderr=stderr, highlight=False, markup=False, width=240)
