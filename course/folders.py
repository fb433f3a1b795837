"""The Python files of a package on disk, links to folders followed."""

from __future__ import annotations

import os
from pathlib import Path


def python_files(base: Path) -> list[Path]:
    """All ``*.py`` in ``base`` and the folders below whose names an import could say, in order.

    Python imports through a link to a folder, so what is graded follows it, too: each folder once,
    under its own name if it has one in here, and none that leads above ``base``, where everything
    else on the disk would be found.
    """
    seen = {_place(folder) for folder in base.resolve().parents}
    folders, links, found = [base], list[Path](), list[Path]()
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        if (place := _place(folder)) is None or place in seen:
            continue
        seen.add(place)
        for entry in _entries(folder):
            path = folder / entry.name
            if entry.name.endswith(".py"):
                found.append(path)
            elif entry.name.isidentifier() and entry.is_dir():
                (links if entry.is_symlink() else folders).append(path)
    return sorted(found)


def _place(folder: Path) -> tuple[int, int] | None:
    """What tells a folder from every other one, by whatever path it is reached."""
    try:
        stat = folder.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        return sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return []
