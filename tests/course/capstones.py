"""The files of a capstone, for the tests of its milestones."""

from __future__ import annotations

import types
from collections.abc import Iterator
from contextlib import contextmanager

from course.cli.project import after_chapter, load_script
from course.paths import find_project
from course.registry import load_registry

NAMES = ("milestones", "pipeline", "pipeline_ours", "board")


@contextmanager
def capstone_of(number: int) -> Iterator[types.SimpleNamespace]:
    """Milestones, skeleton, our pipeline and board of a chapter, with nothing later solved."""
    project = find_project()
    registry = load_registry(project)
    folder = project.exercises / registry.chapter(number).folder
    with after_chapter(project, registry, number):
        found = {name: load_script(folder / f"{name}.py") for name in NAMES}
        yield types.SimpleNamespace(folder=folder, **found)
