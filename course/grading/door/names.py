"""Names: of students as their source gives them, and forms of them that are safe to use."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata

TARS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tar.lzma")
ARCHIVES = (".zip", *TARS, ".bundle")
LOOSE = (".py", ".py.txt", ".ipynb")
# What people hand in although nothing here opens it: it gets a sentence, not silence.
CLOSED = (".7z", ".rar", ".tar.zst", ".zst", ".tar.z", ".lz4", ".gz", ".xz", ".bz2", ".dmg", ".iso")
ENDINGS = tuple(sorted((*ARCHIVES, *LOOSE, *CLOSED, ".git"), key=len, reverse=True))
NUMBERED = re.compile(r"-[0-9a-f]{10}$")


def ending_of(name: str) -> str:
    """The longest ending of ``name`` that the door knows, in lower case, or nothing."""
    lower = name.lower()
    return next((e for e in ENDINGS if lower.endswith(e) and len(lower) > len(e)), "")


def exact(name: str) -> str:
    """A name of the file system as text: what is no text is escaped, accents are composed."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return unicodedata.normalize("NFC", text)


def safe_name(name: str) -> str:
    """``name`` without anything that a path, a terminal, markup or a spreadsheet could act on."""
    cleaned = re.sub(r"[^\w.@ -]", "_", name, flags=re.ASCII).strip(" .-@") or "unnamed"
    return cleaned[:80]


def stem_of(student: str) -> str:
    """The name of a student's files: safe, and never that of another student.

    A name that is safe and in lower case stands for itself; any other, and one that looks like
    what follows, gets a hash. (On some disks ``Ada`` and ``ada`` are one file.)
    """
    safe = safe_name(student)
    if safe == student == student.lower() and not NUMBERED.search(student):
        return student
    return f"{safe}-{hashlib.sha256(student.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"


def shown(text: str) -> str:
    """A name for a note: control characters as escapes, and not endless."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:200])[:120]
