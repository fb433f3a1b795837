"""``tinymlx notebook 4``: a chapter as a notebook, and JupyterLab where it is installed."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import subprocess
from pathlib import Path

from course.backup import write_atomic
from course.cli.terminal import console
from course.errors import CourseError
from course.interpreter import module_command
from course.notebook.cells import notebook
from course.paths import Project, find_project
from course.registry import Chapter, Registry, load_registry

MISSING = (
    "JupyterLab is not installed; open the notebook with what you have, or install it with: "
    "pip install -e '.[docs]'"
)


def run(number: int, out: Path | None, fresh: bool, opened: bool) -> None:
    """Make the notebook of a chapter where there is none, and open it.

    Args:
        out: the folder; ``notebooks`` in the course if left out.
        fresh: make another one beside a notebook that is there.
        opened: whether to start JupyterLab.
    """
    project = find_project()
    registry = load_registry(project)
    chapter = registry.chapter(number)
    folder = (out or project.root / "notebooks").resolve()
    path, made = make(project, registry, chapter, folder, fresh)
    say, shown = console(), project.relative(path)
    if made:
        say.print(f"Wrote {shown}.")
    else:
        say.print(f"{shown} is there already and stays as it is; --fresh makes another one.")
    if not opened:
        return
    if importlib.util.find_spec("jupyterlab") is None:
        raise CourseError(MISSING)
    with contextlib.suppress(KeyboardInterrupt):
        subprocess.run(module_command("jupyterlab", str(path)), cwd=project.root)


def make(
    project: Project, registry: Registry, chapter: Chapter, folder: Path, fresh: bool
) -> tuple[Path, bool]:
    """The chapter's notebook in a folder, and whether it was written now; work stays as it is."""
    path, number = folder / f"{chapter.folder[:4]}.ipynb", 1
    while fresh and path.exists():
        number += 1
        path = folder / f"{chapter.folder[:4]}-{number}.ipynb"
    if path.exists():
        return path, False
    table = notebook(project, registry, chapter, folder)
    write_atomic(path, json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    return path, True
