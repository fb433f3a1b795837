"""What the reader has taken of one submission so far, and the limits of all of it together."""

from __future__ import annotations

import lzma
import re
import struct
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from course.errors import CourseError
from course.grading.door.names import ARCHIVES, CLOSED, LOOSE, ending_of, shown

MOST_FILES = 2000
MOST_BYTES = 1 << 20  # of one file
MOST_NOTEBOOK = 16 << 20  # with its pictures
MOST_ARCHIVE = 64 << 20  # of an archive inside of another, or in a folder
MOST_TOTAL = 32 << 20  # of all texts
MOST_SCANNED = 300_000  # entries that are looked at; an environment has tens of thousands
MOST_NOTES = 40
OTHERS = {"__pycache__", "__MACOSX", "node_modules", "site-packages", "venv"}  # nobody's work

# What Python's readers of archives raise when bytes are not what they should be.
DAMAGE = (
    OSError, EOFError, ValueError, RuntimeError, ArithmeticError, LookupError, TypeError,
    AttributeError, MemoryError, AssertionError, struct.error, zlib.error, lzma.LZMAError,
    tarfile.TarError, zipfile.BadZipFile, subprocess.SubprocessError,
)  # fmt: skip


class OutOfTime(Exception):
    """The reader has had its time; what was taken until then is kept."""


class Refused(CourseError):
    """A part of a submission that is not read, and why; one sentence for its student."""


@dataclass
class Entry:
    """One file of a folder, an archive or a repository.

    Attributes:
        name: its path in there, with ``/``.
        size: the bytes that it is said to have.
        read: gives at most that many of its bytes.
        reason: why it is left behind, if it is.
    """

    name: str
    size: int
    read: Callable[[int], bytes] | None
    reason: str = ""


@dataclass
class Haul:
    """What was taken.

    Attributes:
        files: path to bytes of Python files and notebooks.
        archives: path to bytes of archives among them.
        notes: what was left behind, and why.
        problems: sentences about whole parts that could not be read.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    archives: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    scanned: int = 0

    def note(self, sentence: str) -> None:
        if len(self.notes) == MOST_NOTES:
            self.notes.append("and more of this kind")
        elif len(self.notes) < MOST_NOTES:
            self.notes.append(sentence)

    def take(self, entries: Iterator[Entry], what: str, inside: str = "") -> None:
        """Take entries within the limits; damage costs what comes after it.

        Args:
            entries: of one folder, archive or repository.
            what: its name in sentences.
            inside: goes before the names of its entries.
        """
        before = len(self.files)
        try:
            for entry in entries:
                if not self._one(entry, inside):
                    return
        except Refused as error:
            self.problems.append(str(error))
        except OutOfTime:
            self.problems.append(f"{shown(what)} took too long to open; the rest was not read.")
        except DAMAGE as error:
            kept = len(self.files) - before
            some = f"; the {kept} files before the damage were taken" if kept else ""
            self.problems.append(f"{shown(what)} is damaged ({told(error)}){some}.")

    def _one(self, entry: Entry, inside: str) -> bool:
        """Take one entry; whether to go on."""
        self.scanned += 1
        if self.scanned > MOST_SCANNED:
            self.note(f"only the first {MOST_SCANNED} entries were looked at")
            return False
        name = entry.name.replace("\\", "/")
        ending = ending_of(name)
        parts = PurePosixPath(name).parts
        if ending not in (*LOOSE, *ARCHIVES, *CLOSED) or is_aside(parts):
            return True
        most = {".ipynb": MOST_NOTEBOOK, **dict.fromkeys(ARCHIVES, MOST_ARCHIVE)}
        reason = entry.reason or _wrong_name(name) or _closed(ending)
        limit = most.get(ending, MOST_BYTES)
        if not reason and entry.size > limit:
            reason = f"it has {entry.size} bytes, more than {limit}"
        if reason or entry.read is None:
            self.note(f"left behind: {shown(name)}: {reason}")
            return True
        return self._read(entry, inside + _plain_ending("/".join(parts), ending), limit)

    def _read(self, entry: Entry, name: str, limit: int) -> bool:
        assert entry.read is not None
        try:
            data = entry.read(limit + 1)
        except DAMAGE as error:  # this file alone
            self.note(f"left behind: {shown(name)}: it is damaged ({told(error)})")
            return True
        if len(data) > limit:
            self.note(f"left behind: {shown(name)}: more than {limit} bytes")
            return True
        packed = name.endswith(ARCHIVES)
        place, most = (self.archives, 2 * MOST_ARCHIVE) if packed else (self.files, MOST_TOTAL)
        if len(place) >= MOST_FILES or sum(map(len, place.values())) + len(data) > most:
            self.note(f"only the first {len(self.files)} files were taken: it is too large")
            return False
        if name in place:
            self.note(f"{shown(name)} is in there twice; the last one counts")
        place[name] = data
        return True


def is_aside(parts: tuple[str, ...]) -> bool:
    """Whether a path is of tools, not of a person: caches, environments, forks of macOS."""
    return any(part in OTHERS or (part.startswith(".") and part != "..") for part in parts)


def _plain_ending(name: str, ending: str) -> str:
    """``name`` with ``.py`` for ``.PY``, and for the ``.py.txt`` of some mail programs."""
    plain = ending.removesuffix(".txt")
    return name[: len(name) - len(ending)] + plain


def _wrong_name(name: str) -> str:
    path = PurePosixPath(name)
    drive = re.match("[A-Za-z]:", name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or drive:
        return "its path leaves the submission"
    return ""


def _closed(ending: str) -> str:
    if ending in CLOSED:
        return f"{ending} is not readable here; hand in a .zip or a .tar.gz"
    return ""


def told(error: BaseException) -> str:
    """An error in a few words."""
    text = error.strerror or "" if isinstance(error, OSError) else str(error)
    if isinstance(error, KeyError):
        text = ""
    return shown(text.split("\n")[0].strip() or type(error).__name__)
