"""Collecting a bundle: which text each module has, and what completes it."""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from course.cutter import cut_text, is_given
from course.errors import CourseError
from course.graft.grafts import Grafts, files, module_name
from course.graft.package import parse
from course.overlay.bundle import Addition, Bundle, Choice, Patch, Unit
from course.paths import Project
from course.registry import Exercise, Registry, Symbol
from course.source import bare_lines, read_text
from course.syntax import find, functions, is_starter

EMPTY = "<empty>"
STARTER = " (starter)"  # ends the name of a text that was cut


def make_bundle(
    project: Project, registry: Registry, choice: Choice, grafts: Grafts | None = None
) -> Bundle:
    """Collect the modules of ``choice`` with everything that completes them.

    Args:
        grafts: those of the choice's folder, where somebody has them already.

    Raises:
        CourseError: the folder holds no package.
    """
    if not (choice.folder / "tinymlx").is_dir():
        raise CourseError(f"{choice.folder} holds no folder tinymlx/ to grade.")
    if choice.whole or choice.folder == project.solutions:
        return _Whole(project, registry, choice).make()
    grafts = grafts or Grafts(project, registry, choice.folder)
    return _Grafted(project, registry, choice, grafts).make()


def changed_bundle(bundle: Bundle, project: Project, registry: Registry, choice: Choice) -> Bundle:
    """``bundle``, that of the complete solutions, with only what a choice puts in places of it.

    The same as `make_bundle` of it, without looking at a hundred files again.
    """
    maker = _Whole(project, registry, choice)
    maker.texts = {**bundle.texts, **maker.instead}
    units = dict(bundle.units)
    dotted = {name for name, _, _ in choice.replaced}
    touched = choice.cut | choice.zeros | {registry.owners[name] for name in dotted}
    for exercise in (registry.by_id[number] for number in sorted(touched)):
        for symbol in exercise.symbols:
            if exercise.id in choice.cut | choice.zeros or symbol.dotted in dotted:
                unit = units[symbol.module]
                tree = parse(maker.texts[unit.file], unit.file)
                if tree is not None:
                    patches = maker.patches(tree, symbol.file, exercise, symbol)
                    units[symbol.module] = replace(unit, patches=(*unit.patches, *patches))
    return maker.bundle(units)


class _Maker:
    """What both ways of making a bundle need."""

    def __init__(self, project: Project, registry: Registry, choice: Choice) -> None:
        self.project, self.registry, self.choice = project, registry, choice
        self.complete = project.solutions / "tinymlx"
        self.texts: dict[str, str] = {}
        self.instead = dict(choice.texts)
        self.filled: set[str] = set()
        self.notes: list[str] = []

    @cached_property
    def by_file(self) -> dict[str, list[tuple[Exercise, Symbol]]]:
        found: dict[str, list[tuple[Exercise, Symbol]]] = {}
        for exercise in self.registry.exercises:
            for symbol in exercise.symbols:
                found.setdefault(symbol.file, []).append((exercise, symbol))
        return found

    def bundle(self, units: dict[str, Unit]) -> Bundle:
        return Bundle(units, self.texts, tuple(sorted(self.filled)), tuple(self.notes))

    def given(self) -> dict[str, Path]:
        """The modules that the course gives complete: file name to path."""
        return {n: p for n, p in files(self.project.tinymlx) if is_given(self.project, n)}

    def solved(self) -> dict[str, Path]:
        """The modules of the solutions: file name to path."""
        return {n: p for n, p in files(self.complete) if not is_given(self.project, n)}

    def may_fill(self, exercise: Exercise) -> bool:
        return self.choice.fill and exercise.id not in self.choice.unfilled

    def changes(self, exercise: Exercise, symbol: Symbol) -> list[Patch]:
        """What the choice puts in a symbol's place, wherever the symbol comes from."""
        patches = []
        for dotted, source, line in self.choice.replaced:
            if dotted == symbol.dotted:
                self.text(Path(source))
                patches.append(Patch(symbol.qualname, source, line))
        if exercise.id in self.choice.zeros:
            patches.append(Patch(symbol.qualname, zeros=True))
        return patches

    def from_solution(self, name: str, qualname: str) -> list[Patch]:
        path = self.complete / name
        return self.patches_from(self.text(path), str(path), qualname)

    def from_starter(self, name: str, qualname: str) -> list[Patch]:
        """Patches with the starter, as it is cut from the solution."""
        key = f"{self.project.tinymlx / name}{STARTER}"
        if key not in self.texts:
            whole = read_text(self.complete / name)
            self.texts[key] = cut_text(whole, self.by_file[name], f"solutions/tinymlx/{name}")
        return self.patches_from(self.texts[key], key, qualname)

    def patches_from(self, text: str, source: str, qualname: str) -> list[Patch]:
        tree = parse(text, source)
        if tree is None:
            raise CourseError(f"{source} cannot be parsed.")
        return [Patch(qualname, source, item.node.lineno) for item in find(tree, qualname)]

    def text(self, path: Path) -> str:
        key = str(path)
        if key not in self.texts:
            self.texts[key] = self.instead.get(key) or read_text(path)
        return self.texts[key]


class _Whole(_Maker):
    """The folder's modules as they are, with starters filled: for programs, and the solutions."""

    def make(self) -> Bundle:
        self.base = self.choice.folder / "tinymlx"
        found = {**self.given(), **(self.solved() if self.choice.fill else {})}
        found |= {n: p for n, p in files(self.base) if not is_given(self.project, n)}
        return self.bundle(
            {module_name(name): self._unit(name, path) for name, path in found.items()}
        )

    def _unit(self, name: str, path: Path) -> Unit:
        text = self.text(path)
        if path.is_relative_to(self.complete) and self.base != self.complete:
            self.notes.append(f"tinymlx/{name} is missing; the course's own version was used.")
        cards = self.by_file.get(name, [])
        tree = parse(text, str(path)) if cards else None
        if cards and tree is None and self.choice.fill and path.is_relative_to(self.base):
            # A file that cannot be parsed must not stop the exercises of other files.
            self.notes.append(f"tinymlx/{name} does not parse; the course's version was used.")
            path = self.complete / name
            tree = parse(self.text(path), str(path))
        patches = [p for c in cards if tree is not None for p in self.patches(tree, name, *c)]
        return Unit(str(path), name.endswith("__init__.py"), tuple(patches))

    def patches(
        self, tree: ast.Module, name: str, exercise: Exercise, symbol: Symbol
    ) -> list[Patch]:
        """What completes or changes one symbol of a module."""
        found = find(tree, symbol.qualname)
        patches = []
        if exercise.id in self.choice.cut:
            patches += self.from_starter(name, symbol.qualname)
        elif not found or any(is_starter(item) for item in found):
            if self.may_fill(exercise):
                patches += self.from_solution(name, symbol.qualname)
                self.filled.add(exercise.id)
        return [*patches, *self.changes(exercise, symbol)]


class _Grafted(_Maker):
    """The course's own modules, with the definitions of exercises from the folder."""

    def __init__(
        self, project: Project, registry: Registry, choice: Choice, grafts: Grafts
    ) -> None:
        super().__init__(project, registry, choice)
        self.grafts = grafts
        self.notes += grafts.notes
        self.additions: dict[str, dict[Addition, None]] = {}
        self.given_patches: dict[str, list[Patch]] = {}
        self.own: set[str] = set()
        self.allowed = self._allowed()

    def _allowed(self) -> set[str]:
        """What may stand beside exercises that are graded alone.

        The chapters up to theirs, whose code the probes use, but of what comes later and is not
        required nothing that the student's code calls: that would be somebody else's answer.
        """
        allowed: set[str] = set()
        for number in self.choice.keep or ():
            one = self.registry[number]
            required = {e.id for e in self.registry.closure(one)}
            calls = self.grafts.reached(one).calls
            later = False
            for exercise in self.registry.exercises:
                called = any((s.module, s.qualname) in calls for s in exercise.symbols)
                if exercise.chapter <= one.chapter and not (later and called):
                    allowed.add(exercise.id)
                later = later or exercise.id == number
            allowed |= required
        return allowed

    def make(self) -> Bundle:
        for exercise in self.registry.exercises:
            if self._is_kept(exercise):
                self._graft(exercise)
        found = {**self.given(), **self.solved()}
        units = {module_name(name): self._unit(name, path) for name, path in found.items()}
        for module in sorted(self.own):
            while module not in units:  # the packages around it, too
                units[module] = self._own_unit(module)
                module = module.rpartition(".")[0]
        return self.bundle(units)

    def _is_kept(self, exercise: Exercise) -> bool:
        """Whether the student's code of this exercise travels."""
        if exercise.id in self.choice.cut:
            return False
        if self.choice.keep is not None and exercise.id not in self.choice.keep:
            return False
        return not self.grafts.violations(exercise)

    def _graft(self, exercise: Exercise) -> None:
        """Note what an exercise brings besides its symbols."""
        symbols = {(symbol.module, symbol.qualname) for symbol in exercise.symbols}
        reached = self.grafts.reached(exercise)
        self.own |= set(reached.modules)
        for piece in reached.pieces:
            if (piece.module, piece.qualname) in symbols:
                continue
            source = self._source(piece.module)
            if piece.replaces:
                patch = Patch(piece.qualname, source, piece.node.lineno)
                patches = self.given_patches.setdefault(piece.module, [])
                patches += [patch] * (patch not in patches)
                continue
            holder, _, _ = piece.qualname.rpartition(".")
            place = (piece.node.lineno, piece.node.col_offset)
            addition = Addition(source, *place, holder, piece.after, piece.names)
            self.additions.setdefault(piece.module, {})[addition] = None

    def _source(self, module: str) -> str:
        found = self.grafts.student.modules[module]
        self.texts[found.file] = found.text
        return found.file

    def _unit(self, name: str, path: Path) -> Unit:
        module = module_name(name)
        patches: list[Patch] = []
        foreign: list[Symbol] = []
        for exercise, symbol in self.by_file.get(name, []):
            instead = self._instead(exercise, symbol, name)
            if instead:
                foreign.append(symbol)
            patches += [*instead, *self.changes(exercise, symbol)]
        patches += self.given_patches.get(module, [])
        text = self.text(path)
        # What is replaced shall not be in a worker at all, not even as text.
        self.texts[str(path)] = without(text, str(path), foreign)
        additions = tuple(sorted(self.additions.get(module, ()), key=_order))
        return Unit(str(path), name.endswith("__init__.py"), tuple(patches), additions)

    def _instead(self, exercise: Exercise, symbol: Symbol, name: str) -> list[Patch]:
        """What takes the place of a symbol's solution; nothing where the solution stays."""
        module = self.grafts.student.modules.get(symbol.module)
        written = False
        if module is not None and self._is_kept(exercise):
            found = find(module.tree, symbol.qualname)
            written = bool(found) and not any(is_starter(item) for item in found)
            if written:
                source = self._source(symbol.module)
                return [Patch(symbol.qualname, source, item.node.lineno) for item in found]
        if module is None or module.broken:
            why = "is missing" if module is None else "does not parse"
            note = f"tinymlx/{name} {why}; the course's own version was used."
            self.notes += [note] * (self.choice.fill and note not in self.notes)
        required = self.choice.keep is None or exercise.id in self.allowed
        if required and self.may_fill(exercise) and exercise.id not in self.choice.cut:
            self.filled.add(exercise.id)
            return []
        return self.from_starter(name, symbol.qualname)

    def _own_unit(self, module: str) -> Unit:
        """A module that the student added: nothing of it but what is reached."""
        found = self.grafts.student.modules.get(module)
        if found is None:  # a folder without __init__.py
            self.texts[EMPTY] = ""
            return Unit(EMPTY, True, bare=True)
        self.texts[found.file] = found.text
        additions = tuple(sorted(self.additions.get(module, ()), key=_order))
        return Unit(found.file, found.is_package, (), additions, bare=True)


def without(text: str, path: str, symbols: list[Symbol]) -> str:
    """``text`` with the bodies of ``symbols`` gone; every other line keeps its number."""
    tree = parse(text, path)
    if not symbols or tree is None:
        return text
    lines = bare_lines(text)
    for symbol in symbols:
        for found in find(tree, symbol.qualname):
            for node in functions(found):
                first, last = node.body[0], node.end_lineno or 0
                if first.lineno == node.lineno:
                    continue  # all on one line, which the patch replaces
                lines[first.lineno - 1] = " " * first.col_offset + "..."
                for i in range(first.lineno, last):
                    lines[i] = ""
    return "\n".join(lines) + "\n"


def _order(addition: Addition) -> tuple[str, int, int]:
    return (addition.source, addition.line, addition.column)
