"""Modules of an implementation that hold nothing but the course's own code, compiled once for all.

To compile a hundred of them in every worker costs more than grading an exercise. What a student
wrote is never compiled here, in the judge: its text may be made to break a compiler.
"""

from __future__ import annotations

import marshal
from dataclasses import replace
from pathlib import Path

from course.cutter import is_given
from course.overlay.bundle import Bundle, Unit
from course.overlay.fill import compile_unit
from course.overlay.importer import unit_key
from course.overlay.making import STARTER
from course.overlay.sealed import Needs, needed_by
from course.paths import Project

_marshalled: dict[str, bytes] = {}


def ready_modules(project: Project, bundle: Bundle) -> dict[str, bytes]:
    """Module name to marshalled code, for each module that is the course's own alone."""
    ready = {}
    for name, unit in bundle.units.items():
        if not _is_own(project, unit):
            continue
        key = unit_key(unit, bundle.texts)
        if key not in _marshalled:
            _marshalled[key] = marshal.dumps(compile_unit(unit, bundle.texts))
        ready[name] = _marshalled[key]
    return ready


def rest(bundle: Bundle, ready: dict[str, bytes]) -> Bundle:
    """``bundle`` with those texts only that are still to be compiled."""
    needed = set()
    for name, unit in bundle.units.items():
        if name not in ready:
            needed |= {unit.file, *(p.source for p in unit.patches)}
            needed |= {a.source for a in unit.additions}
    texts = {source: text for source, text in bundle.texts.items() if source in needed}
    return replace(bundle, texts=texts)


def needs(project: Project, bundle: Bundle, ready: dict[str, bytes]) -> Needs:
    """For each module that is not ready: what the course's own text of it uses."""
    return {
        name: needed_by(bundle.texts[unit.file])
        if not unit.bare and _is_course(project, Path(unit.file))
        else []
        for name, unit in bundle.units.items()
        if name not in ready
    }


def _is_own(project: Project, unit: Unit) -> bool:
    if unit.additions or unit.bare:
        return False
    sources = [unit.file, *(patch.source for patch in unit.patches if not patch.zeros)]
    return all(source.endswith(STARTER) or _is_course(project, Path(source)) for source in sources)


def _is_course(project: Project, path: Path) -> bool:
    if path.is_relative_to(project.solutions):
        return True
    inside = path.relative_to(project.tinymlx) if path.is_relative_to(project.tinymlx) else None
    return inside is not None and is_given(project, inside.as_posix())
