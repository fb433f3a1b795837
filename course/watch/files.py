"""Noticing saves by looking: robust against editors that write a new file and rename it."""

from __future__ import annotations

import os
from pathlib import Path

Mark = tuple[int, int, int]


class Watched:
    """The Python files of the student's package; `changed` says whether anything was saved."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._marks = self._look()
        self._pending: dict[str, Mark] | None = None

    def changed(self) -> bool:
        """Whether the files differ from the last time, and have stopped changing.

        Called again and again, it answers true once for each save: at the second look that finds
        the same new state, so that a file is never read while an editor is half way through.
        """
        now = self._look()
        if now == self._marks:
            self._pending = None
            return False
        if now != self._pending:
            self._pending = now
            return False
        self._marks, self._pending = now, None
        return True

    def _look(self) -> dict[str, Mark]:
        marks: dict[str, Mark] = {}
        seen: set[tuple[int, int]] = set()  # a link to a folder above would be walked for ever
        pending = [str(self.folder)]
        while pending:
            folder = pending.pop()
            try:
                place = os.stat(folder)
                if (place.st_dev, place.st_ino) in seen:
                    continue
                seen.add((place.st_dev, place.st_ino))
                entries = list(os.scandir(folder))
            except OSError:
                continue  # a folder that is being renamed
            for entry in entries:
                try:
                    if entry.is_dir():
                        if not entry.name.startswith((".", "__pycache__")):
                            pending.append(entry.path)
                    elif entry.name.endswith(".py"):
                        stat = entry.stat()
                        marks[entry.path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
                except OSError:
                    continue  # gone between the listing and the look
        return marks
