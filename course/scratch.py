"""Temporary folders that are removed even if the process that made them is killed.

Beside each folder lies a file that its owner holds locked; the system lets go of the lock when the
owner ends, however it ends. Whoever makes a folder next removes those whose owners are gone. A
running neighbour's is never touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIGN = "tinymlx-"
LOCK = ".owner"

_held: dict[str, int] = {}  # folder to the descriptor of its lock
_swept: set[str] = set()


def make(kind: str) -> str:
    """A fresh folder ``tinymlx-KIND-...`` that belongs to this process."""
    base = tempfile.gettempdir()
    if base not in _swept:
        _swept.add(base)
        sweep(base)
    while True:
        # The lock first: a folder without one would look like nobody's.
        descriptor, lock = tempfile.mkstemp(prefix=f"{SIGN}{kind}-", suffix=LOCK, dir=base)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        folder = lock.removesuffix(LOCK)
        if _is_there(descriptor, lock):  # nobody swept it away before it was locked
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder, 0o700)
                _held[folder] = descriptor
                return folder
        os.close(descriptor)


def remove(folder: str | Path) -> None:
    """Remove a folder that `make` made, with all that is in it."""
    shutil.rmtree(folder, ignore_errors=True)
    descriptor = _held.pop(str(folder), None)
    if descriptor is not None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{folder}{LOCK}")
        os.close(descriptor)


@contextmanager
def temporary(kind: str) -> Iterator[Path]:
    """A folder for as long as the block runs."""
    folder = make(kind)
    try:
        yield Path(folder)
    finally:
        remove(folder)


def sweep(base: str) -> None:
    """Remove the folders of this user whose owners are gone."""
    for lock in Path(base).glob(f"{SIGN}*{LOCK}"):
        try:
            if lock.stat().st_uid != os.getuid():
                continue
            descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue  # another process was faster
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            continue  # its owner lives
        if _is_there(descriptor, str(lock)):
            shutil.rmtree(str(lock).removesuffix(LOCK), ignore_errors=True)
            with contextlib.suppress(FileNotFoundError):
                lock.unlink()
        os.close(descriptor)


def _is_there(descriptor: int, path: str) -> bool:
    """Whether ``path`` is still the file that the descriptor has open."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
