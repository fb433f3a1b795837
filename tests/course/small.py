"""A copy of the small course in a temporary folder, and the commands run on it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from course.paths import Project
from course.registry import Registry, load_registry

ROOT = Path(__file__).resolve().parents[2]
MINI = Path(__file__).with_name("mini")


class Mini:
    """A copy of the small course in a temporary folder, and the commands run on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.project = Project(root)

    @property
    def registry(self) -> Registry:
        return load_registry(self.project)

    def environment(self, **extra: str) -> dict[str, str]:
        fixed = {"TINYMLX_ROOT": str(self.root), "COLUMNS": "200", "TINYMLX_LANG": "en"}
        return {**os.environ, **fixed, **extra}

    def run(self, *command: str, timeout: float = 120, **extra: str) -> subprocess.CompletedProcess:
        """Run a program on the copy and return its exit code and output."""
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment(**extra),
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def tinymlx(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess:
        return self.run(sys.executable, "-m", "course.cli.entry", *arguments, **extra)

    def pytest(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess:
        return self.run(sys.executable, "-m", "pytest", "-q", *arguments, **extra)

    def solve(self, name: str = "softmax.py") -> Path:
        """Put the solution's file into the student's package."""
        target = self.root / "tinymlx" / "rows" / name
        shutil.copyfile(self.root / "solutions" / "tinymlx" / "rows" / name, target)
        return target

    def write(self, name: str, body: str, file: str = "softmax.py") -> Path:
        """Put ``body`` in the place of the starter error of ``name`` (``"1.2 pick"``)."""
        path = self.root / "tinymlx" / "rows" / file
        starter = re.compile(rf'raise NotImplementedError\(\s*"{re.escape(name)} [^)]*\)')
        text, count = starter.subn(lambda match: body, path.read_text())
        assert count == 1
        path.write_text(text)
        return path

    def replace(self, old: str, new: str, name: str = "softmax.py") -> Path:
        """Edit the student's file; the text must be there."""
        path = self.root / "tinymlx" / "rows" / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        return path
