"""Modules of an implementation that are the course's own text, compiled once for all workers.

Most files of a submission are untouched starters, and compiling a hundred of them in every worker
costs more than grading an exercise. What a student wrote is never compiled here, in the judge: its
text may be made to break a compiler.
"""

from __future__ import annotations

import functools
import marshal
from collections import ChainMap
from dataclasses import replace
from pathlib import Path

from course.errors import CourseError
from course.overlay.bundle import Bundle, Unit
from course.overlay.fill import compile_unit
from course.overlay.importer import unit_key
from course.paths import Project
from course.source import read_text

_marshalled: dict[str, bytes] = {}


def ready_modules(project: Project, bundle: Bundle) -> dict[str, bytes]:
    """Module name to marshalled code, for each module whose text is one of the course's own."""
    ready = {}
    for name, unit in bundle.units.items():
        twin = _twin(project, name, unit, bundle.texts[unit.file])
        if twin is None:
            continue
        texts = ChainMap({twin.file: bundle.texts[unit.file]}, bundle.texts)
        key = unit_key(twin, texts)
        if key not in _marshalled:
            _marshalled[key] = marshal.dumps(compile_unit(twin, texts))
        ready[name] = _marshalled[key]
    return ready


def _twin(project: Project, name: str, unit: Unit, text: str) -> Unit | None:
    """The same unit with the course's file that has the same text, if there is one."""
    parts = name.split(".")[1:]
    inside = Path(*parts, "__init__.py") if unit.package else Path(*parts).with_suffix(".py")
    for folder in (project.solutions / "tinymlx", project.tinymlx):
        if text == _text(folder / inside):
            return replace(unit, file=str(folder / inside))
    return None


@functools.cache
def _text(path: Path) -> str | None:
    try:
        return read_text(path)
    except CourseError:
        return None
