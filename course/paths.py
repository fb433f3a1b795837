"""Where things live in a working copy of the course."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from course.errors import CourseError


@dataclass(frozen=True)
class Project:
    """A working copy of the course: the folders of the design and the student's private state."""

    root: Path

    @property
    def tinymlx(self) -> Path:
        """The student's package."""
        return self.root / "tinymlx"

    @property
    def solutions(self) -> Path:
        """The folder that holds the complete ``tinymlx`` package."""
        return self.root / "solutions"

    @property
    def exercises(self) -> Path:
        return self.root / "exercises"

    @property
    def tests(self) -> Path:
        return self.root / "tests"

    @property
    def reference(self) -> Path:
        return self.root / "reference"

    @property
    def state(self) -> Path:
        """Backups and caches; deleting it loses no progress."""
        return self.root / ".tinymlx"

    def relative(self, path: Path | str) -> str:
        """``path`` as a person would type it from the root, or in full when it lies outside."""
        try:
            return Path(path).relative_to(self.root).as_posix()
        except ValueError:
            return str(path)

    @cached_property
    def given(self) -> tuple[str, ...]:
        """Patterns, relative to ``tinymlx/``, of modules that live there and have no solution."""
        from course.toml import load_toml

        table = load_toml(self.root / "pyproject.toml")
        return tuple(table.get("tool", {}).get("tinymlx", {}).get("given", ()))


def find_project() -> Project:
    """The working copy in use: ``TINYMLX_ROOT`` if set, else the one this file belongs to."""
    named = os.environ.get("TINYMLX_ROOT")
    root = Path(named).resolve() if named else Path(__file__).resolve().parent.parent
    if not (root / "exercises").is_dir():
        raise CourseError(
            f"{root} is not a working copy of the course (it has no folder exercises/); "
            "run the command inside one, or set TINYMLX_ROOT to it."
        )
    return Project(root)
