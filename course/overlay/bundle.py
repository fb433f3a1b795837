"""A bundle: every module of one implementation as text, with the patches that fill it.

It is plain data, so that it can cross into a worker process and be hashed.
"""

from __future__ import annotations

import ast
import hashlib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from course.cutter import is_given
from course.errors import CourseError
from course.paths import Project
from course.registry import Exercise, Registry, Symbol
from course.source import read_text
from course.syntax import find, is_starter


@dataclass(frozen=True)
class Patch:
    """Replace the definition ``qualname`` of a module by the one at ``line`` of ``source``.

    ``source`` is a key of `Bundle.texts` and the file name that tracebacks show. ``zeros`` asks for
    the sabotage of `course.overlay.sabotage` instead of a replacement.
    """

    qualname: str
    source: str = ""
    line: int = 0
    zeros: bool = False


@dataclass(frozen=True)
class Unit:
    """One module: its file, whether it is a package, and what to patch."""

    file: str
    package: bool
    patches: tuple[Patch, ...] = ()


@dataclass(frozen=True)
class Bundle:
    """An implementation of ``tinymlx``, ready to be imported or sent to a worker."""

    units: dict[str, Unit]
    texts: dict[str, str]
    filled: tuple[str, ...] = ()  # ids of the exercises whose starters were filled
    notes: tuple[str, ...] = ()  # sentences about modules that could not be used as they are

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_plain(data: dict[str, Any]) -> Bundle:
        units = {
            name: Unit(u["file"], u["package"], tuple(Patch(**p) for p in u["patches"]))
            for name, u in data["units"].items()
        }
        return Bundle(units, data["texts"], tuple(data["filled"]), tuple(data["notes"]))


@dataclass(frozen=True)
class Choice:
    """Which implementation to grade and how to complete it.

    Attributes:
        folder: the folder that holds a ``tinymlx`` package.
        fill: whether starters get the solution's body.
        keep: if given, only these exercises keep the implementation's own code; all others are
            replaced by the solution, right or wrong (one early mistake then costs one exercise).
        unfilled: ids that stay starters all the same, to see them fail.
        cut: ids whose work is ignored and replaced by the starter (continuous integration's proof).
        replaced: (qualified symbol, file, line): a misconception put in a function's place.
        zeros: ids whose functions return zeros of the right shape (continuous integration's proof).
        texts: (path, text): what a file holds instead of what is on disk (a mutant).
    """

    folder: Path
    fill: bool = True
    keep: frozenset[str] | None = None
    unfilled: frozenset[str] = field(default_factory=frozenset)
    cut: frozenset[str] = field(default_factory=frozenset)
    replaced: tuple[tuple[str, str, int], ...] = ()
    zeros: frozenset[str] = field(default_factory=frozenset)
    texts: tuple[tuple[str, str], ...] = ()


def make_bundle(project: Project, registry: Registry, choice: Choice) -> Bundle:
    """Collect the modules of ``choice`` with everything that completes them."""
    return _Maker(project, registry, choice).make()


def changed_bundle(bundle: Bundle, project: Project, registry: Registry, choice: Choice) -> Bundle:
    """``bundle``, that of the complete solutions, with only what a choice puts in places of it.

    The same as `make_bundle` of it, without looking at a hundred files again.
    """
    maker = _Maker(project, registry, choice)
    maker.texts = {**bundle.texts, **maker.instead}
    units = dict(bundle.units)
    dotted = {name for name, _, _ in choice.replaced}
    for exercise in registry.exercises:
        for symbol in exercise.symbols:
            if exercise.id in choice.cut | choice.zeros or symbol.dotted in dotted:
                unit = units[symbol.module]
                tree = _parse(maker.texts[unit.file], Path(unit.file))
                if tree is not None:
                    patches = maker.patches(tree, symbol.file, exercise, symbol)
                    units[symbol.module] = replace(unit, patches=(*unit.patches, *patches))
    return Bundle(units, maker.texts, bundle.filled, bundle.notes)


class _Maker:
    def __init__(self, project: Project, registry: Registry, choice: Choice) -> None:
        self.project, self.choice = project, choice
        self.base = choice.folder / "tinymlx"
        self.complete = project.solutions / "tinymlx"
        if not self.base.is_dir():
            raise CourseError(f"{choice.folder} holds no folder tinymlx/ to grade.")
        self.by_file: dict[str, list[tuple[Exercise, Symbol]]] = {}
        for exercise in registry.exercises:
            for symbol in exercise.symbols:
                self.by_file.setdefault(symbol.file, []).append((exercise, symbol))
        self.texts: dict[str, str] = {}
        self.instead = dict(choice.texts)
        self.filled: set[str] = set()
        self.notes: list[str] = []

    def make(self) -> Bundle:
        units = {}
        for name, path in self._files().items():
            module = _module_name(name)
            units[module] = self._unit(name, path)
        return Bundle(units, self.texts, tuple(sorted(self.filled)), tuple(self.notes))

    def _files(self) -> dict[str, Path]:
        """File name to path: given modules, then solutions where filling, then the student's."""
        files: dict[str, Path] = {}
        for path in sorted(self.project.tinymlx.rglob("*.py")):
            name = path.relative_to(self.project.tinymlx).as_posix()
            if is_given(self.project, name):
                files[name] = path
        bases = [self.complete, self.base] if self.choice.fill else [self.base]
        for base in bases:
            for path in sorted(base.rglob("*.py")):
                name = path.relative_to(base).as_posix()
                if not is_given(self.project, name):
                    files[name] = path
        return files

    def _unit(self, name: str, path: Path) -> Unit:
        text = self._text(path)
        if path.is_relative_to(self.complete) and self.base != self.complete:
            self.notes.append(f"tinymlx/{name} is missing; the course's own version was used.")
        cards = self.by_file.get(name, [])
        tree = None
        if cards:
            tree = _parse(text, path)
            if tree is None and self.choice.fill and path.is_relative_to(self.base):
                # A file that cannot be parsed must not stop the exercises of other files.
                self.notes.append(f"tinymlx/{name} does not parse; the course's version was used.")
                path = self.complete / name
                text = self._text(path)
                tree = _parse(text, path)
        patches = [p for c in cards if tree is not None for p in self.patches(tree, name, *c)]
        return Unit(str(path), name.endswith("__init__.py"), tuple(patches))

    def patches(
        self, tree: ast.Module, name: str, exercise: Exercise, symbol: Symbol
    ) -> list[Patch]:
        """What completes or changes one symbol of a module."""
        patches = []
        found = find(tree, symbol.qualname)
        starter = not found or any(is_starter(item) for item in found)
        if exercise.id in self.choice.cut:
            patches += self._from(self.project.tinymlx / name, symbol.qualname)
        elif (starter or self._is_replaced(exercise)) and self._may_fill(exercise):
            patches += self._from(self.complete / name, symbol.qualname)
            self.filled.add(exercise.id)
        for dotted, source, line in self.choice.replaced:
            if dotted == symbol.dotted:
                self._text(Path(source))
                patches.append(Patch(symbol.qualname, source, line))
        if exercise.id in self.choice.zeros:
            patches.append(Patch(symbol.qualname, zeros=True))
        return patches

    def _is_replaced(self, exercise: Exercise) -> bool:
        return self.choice.keep is not None and exercise.id not in self.choice.keep

    def _may_fill(self, exercise: Exercise) -> bool:
        return self.choice.fill and exercise.id not in self.choice.unfilled

    def _from(self, path: Path, qualname: str) -> list[Patch]:
        text = self._text(path)
        tree = _parse(text, path)
        if tree is None:
            raise CourseError(f"{path} cannot be parsed.")
        return [Patch(qualname, str(path), item.node.lineno) for item in find(tree, qualname)]

    def _text(self, path: Path) -> str:
        key = str(path)
        if key not in self.texts:
            self.texts[key] = self.instead.get(key) or read_text(path)
        return self.texts[key]


_trees: dict[str, ast.Module | None] = {}


def _parse(text: str, path: Path) -> ast.Module | None:
    """The syntax tree, kept by content (it is only looked at, never changed)."""
    key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    if key not in _trees:
        try:
            _trees[key] = ast.parse(text, str(path))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            _trees[key] = None
    return _trees[key]


def _module_name(file: str) -> str:
    parts = ["tinymlx", *file.removesuffix(".py").split("/")]
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)
