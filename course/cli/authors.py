"""``tinymlx dev``: what authors of chapters need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from course.cli.project import implementation, load_script
from course.cli.terminal import console
from course.cutter import differences, write_starters
from course.errors import CourseError
from course.misconceptions import declared
from course.paths import find_project
from course.registry import load_registry


def cut(check: bool) -> int:
    """Write the starters, or say how ``tinymlx/`` differs from them."""
    project = find_project()
    registry = load_registry(project)
    out = console()
    if not check:
        changed = write_starters(project, registry)
        for path in changed:
            out.print(f"wrote {project.relative(path)}")
        out.print(f"{len(changed)} files written; the rest was up to date.")
    found = differences(project, registry)
    for sentence in found:
        out.print(sentence, style="red")
    if found:
        out.print("`tinymlx dev cut` writes the starters again.")
    elif check:
        out.print("The starters equal a fresh cut.")
    return 1 if found else 0


def wrongs(file: Path, jobs: int) -> int:
    """Judge the wrong solutions of a file by the tests of their exercises; 1 if one passes.

    Raises:
        CourseError: the file cannot be parsed, or declares nothing that is an exercise's.
    """
    project = find_project()
    registry = load_registry(project)
    numbers = sorted({m.exercise for m in declared(registry, file.resolve())})
    if not numbers:
        raise CourseError(
            f'{file} declares no wrong solution; write @misconception("4.3", "words") above each.'
        )
    folders = {registry.chapter(registry[number].chapter).folder for number in numbers}
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "--prove", "misconceptions"]
    command += ["--wrongs", str(file.resolve()), "--prove-jobs", str(jobs)]
    command += [option for number in numbers for option in ("--exercise", number)]
    command += [str(project.tests / folder) for folder in sorted(folders)]
    return subprocess.run(command, cwd=project.root).returncode


def figures(chapter: int | None) -> None:
    """Draw the figures of one lesson or of all, in place, on the solutions."""
    project = find_project()
    registry = load_registry(project)
    for entry in registry.chapters:
        script = project.exercises / entry.folder / "figures" / "make.py"
        if script.is_file() and chapter in (None, entry.number):
            with implementation(project, registry, "solutions"):
                load_script(script).main(script.parent)
            console().print(f"drew {project.relative(script.parent)}")
