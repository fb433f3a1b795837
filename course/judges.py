"""What judges an exercise, by content: its tests, the chapter's probes and reference.

`course.scan` keys the verdicts of a reader by it, `course.grading.follows` those of a class.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from course.paths import Project
from course.registry import Exercise


class Judges:
    """The hashes of the tests of one working copy; each file is read once."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._hashes: dict[str, str] = {}
        self._contents: dict[Path, bytes] = {}

    def hash(self, exercise: Exercise) -> str:
        """Of the test files that name the exercise, and all that the chapter's tests share."""
        if exercise.id not in self._hashes:
            folder = self.project.tests / exercise.folder
            digest = hashlib.sha256()
            for path in sorted(folder.glob("*.py")):
                content = self._content(path)
                if not path.name.startswith("test_") or f'"{exercise.id}"'.encode() in content:
                    digest.update(content)
            digest.update(self._content(self.project.reference / f"{exercise.folder}.py"))
            self._hashes[exercise.id] = digest.hexdigest()
        return self._hashes[exercise.id]

    def _content(self, path: Path) -> bytes:
        if path not in self._contents:
            self._contents[path] = path.read_bytes() if path.is_file() else b""
        return self._contents[path]
