"""``tinymlx dev``: what authors of chapters need."""

from __future__ import annotations

from course.cli.project import implementation, load_script
from course.cli.terminal import console
from course.cutter import differences, write_starters
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
