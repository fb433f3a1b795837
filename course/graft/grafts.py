"""The grafts of one implementation: for each exercise what travels, and what forbids it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from course.cutter import is_given
from course.errors import CourseError
from course.folders import python_files
from course.graft.package import Module, Package
from course.graft.reach import Reached, reached
from course.paths import Project
from course.policy import Violation, read
from course.registry import Exercise, Registry
from course.source import read_text
from course.syntax import find


class Grafts:
    """What a folder's ``tinymlx`` contributes, exercise by exercise; nothing of it has run.

    Attributes:
        course: the course's own package, complete.
        student: the folder's, without given modules.
        notes: sentences about files that could not be read.
    """

    def __init__(self, project: Project, registry: Registry, folder: Path) -> None:
        self.project, self.registry = project, registry
        self.course = course_package(project)
        self.notes: list[str] = []
        self.student = Package(dict(self._modules(folder / "tinymlx")))
        self.stops = frozenset(
            (s.module, s.qualname) for e in registry.exercises for s in e.symbols
        )
        self._reached: dict[str, Reached] = {}
        self._violations: dict[str, tuple[Violation, ...]] = {}

    def _modules(self, base: Path) -> Iterator[tuple[str, Module]]:
        for name, path in files(base):
            if is_given(self.project, name):
                continue
            try:
                text = read_text(path)
            except CourseError as error:
                self.notes.append(str(error))
                continue
            module = module_name(name)
            yield module, Module(module, str(path), name.endswith("__init__.py"), text)

    def reached(self, exercise: Exercise) -> Reached:
        """What travels for an exercise."""
        if exercise.id not in self._reached:
            try:
                found = reached(self.student, self.course, exercise.symbols, self.stops)
            except RecursionError:
                found = Reached((), (), frozenset())
                self._violations[exercise.id] = (self._too_deep(exercise),)
            self._reached[exercise.id] = found
        return self._reached[exercise.id]

    def violations(self, exercise: Exercise) -> tuple[Violation, ...]:
        """What the exercise's pieces use although it is closed, in the order of lines."""
        pieces = self.reached(exercise)
        if exercise.id not in self._violations:
            try:
                found = tuple(read(self.student, self.course, exercise, pieces))
            except RecursionError:
                found = (self._too_deep(exercise),)
            self._violations[exercise.id] = found
        return self._violations[exercise.id]

    def _too_deep(self, exercise: Exercise) -> Violation:
        symbol = exercise.symbols[0]
        module = self.student.modules.get(symbol.module)
        places = find(module.tree, symbol.qualname) if module is not None else []
        line = places[0].node.lineno if places else 1
        where = f"tinymlx/{symbol.file}:{line}"
        return Violation(line, f"{where} is nested too deeply to be read; write it flat.")


def course_package(project: Project) -> Package:
    """The course's own package: the solutions, and the given modules."""
    modules: dict[str, Module] = {}
    for base, given in ((project.tinymlx, True), (project.solutions / "tinymlx", False)):
        for name, path in files(base):
            if is_given(project, name) == given:
                module = module_name(name)
                is_package = name.endswith("__init__.py")
                modules[module] = Module(module, str(path), is_package, read_text(path))
    return Package(modules)


def files(base: Path) -> Iterator[tuple[str, Path]]:
    """The modules below ``base``: path from there, and whole path.

    A name that no import statement could say (``x.y.py``) is no module.
    """
    for path in python_files(base):
        name = path.relative_to(base).as_posix()
        if all(part.isidentifier() for part in name.removesuffix(".py").split("/")):
            yield name, path


def module_name(file: str) -> str:
    """The dotted name of a module by its path inside ``tinymlx/``."""
    parts = ["tinymlx", *file.removesuffix(".py").split("/")]
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)
