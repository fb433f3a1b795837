"""What of a submission travels: an exercise's symbols, and all that they reach by name.

From the student's version of a symbol's module, and from modules that the student added, the
functions, classes and constants that are reached and that the course does not have in the same
words. Every other line stays behind.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from course.graft.package import Definition, Module, Package, bound_by, dump, statements
from course.graft.scopes import Imported, imports_of, outside, resolve
from course.registry import Symbol
from course.syntax import find, is_starter

Key = tuple[str, str]  # a module and a qualified name in it


@dataclass(frozen=True)
class Piece:
    """One statement that travels.

    Attributes:
        module: the module in which it stands, and into which it goes.
        qualname: the name that it defines or adds to, ``"Linear.__call__"``.
        node: the statement in the student's syntax tree.
        replaces: whether it takes the place of the course's definition of that name.
        after: otherwise, the name in the course's module after whose statement it goes; empty for
            the beginning.
        names: of an import, the names that are reached.
    """

    module: str
    qualname: str
    node: ast.stmt = field(compare=False)
    replaces: bool = False
    after: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reached:
    """What travels for one exercise.

    Attributes:
        pieces: in the order of the text.
        modules: the names of modules that the student added and from which something travels.
        calls: the symbols of other exercises that the pieces reach by name.
    """

    pieces: tuple[Piece, ...]
    modules: tuple[str, ...]
    calls: frozenset[Key]


def reached(
    student: Package, course: Package, symbols: Sequence[Symbol], stops: frozenset[Key]
) -> Reached:
    """What of ``student`` travels for an exercise.

    Args:
        student: the student's package.
        course: the course's package, complete.
        symbols: those of the exercise.
        stops: the symbols of all exercises: another one's code travels in its own right.
    """
    walk = _Walk(student, course, stops)
    for symbol in symbols:
        module = student.modules.get(symbol.module)
        for found in find(module.tree, symbol.qualname) if module else []:
            if not is_starter(found):
                walk.symbol(module, symbol.qualname, found.node)  # type: ignore[arg-type]
    walk.run()
    order = {name: i for i, name in enumerate(student.modules)}
    pieces = sorted(walk.pieces.values(), key=lambda p: (order[p.module], p.node.lineno))
    return Reached(tuple(pieces), tuple(sorted(walk.own)), frozenset(walk.calls))


class _Walk:
    """The statements that are reached, each looked at once."""

    def __init__(self, student: Package, course: Package, stops: frozenset[Key]) -> None:
        self.student, self.course, self.stops = student, course, stops
        self.pieces: dict[int, Piece] = {}
        self.own: set[str] = set()
        self.calls: set[Key] = set()
        self.pending: list[tuple[Module, ast.stmt]] = []
        self.done: set[Key] = set()
        self.visited: set[int] = set()
        self.classes: dict[Key, dict[str, list[ast.stmt]]] = {}  # to their members
        self.attributes: set[str] = set()

    def symbol(self, module: Module, qualname: str, node: ast.stmt) -> None:
        """The exercise's own definition, and what makes objects of its class."""
        self._take(Piece(module.name, qualname, node, replaces=True))
        self.pending.append((module, node))
        outer = qualname.rpartition(".")[0]
        if outer:
            self._class(module, outer)

    def run(self) -> None:
        while self.pending:
            module, node = self.pending.pop()
            if id(node) not in self.visited:
                self.visited.add(id(node))
                self._visit(module, node)

    def _visit(self, module: Module, node: ast.stmt) -> None:
        names = resolve(node)
        for name in outside(node):
            self._name(module, name.id)
        for part in ast.walk(node):
            if isinstance(part, (ast.Import, ast.ImportFrom)) and part is not node:
                for _, imported in imports_of(part):
                    self._follow(module.absolute(imported))
            if isinstance(part, ast.Attribute):
                if isinstance(part.value, ast.Name):
                    self._of_module(module, names[part.value], part.value.id, part.attr)
                self._attribute(part.attr)

    def _name(self, module: Module, name: str) -> None:
        key = (module.name, name)
        if key in self.done:
            return
        self.done.add(key)
        if key in self.stops:
            self.calls.add(key)
            return
        for statement in dict.fromkeys(module.bindings.get(name, [])):
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                self._import(module, statement, name)
            elif self._is_class_of_course(module, statement):
                self._class(module, name)
            else:
                self._statement(module, name, statement)

    def _statement(self, module: Module, name: str, statement: ast.stmt) -> None:
        self.pending.append((module, statement))
        course = self.course.modules.get(module.name)
        if course is not None and dump(statement) in course.dumps:
            return
        there = course.bindings.get(name, []) if course is not None else []
        mine = getattr(statement, "name", None) == name
        replaces = mine and any(getattr(other, "name", None) == name for other in there)
        # A constant that the course has, too, takes on its new value right after the old one.
        after = name if there and not replaces else self._before(module, statement)
        self._take(Piece(module.name, name, statement, replaces, after))

    def _before(self, module: Module, statement: ast.stmt) -> str:
        """The nearest name above ``statement`` that the course's module binds, too."""
        course = self.course.modules.get(module.name)
        after = ""
        for above in statements(module.tree.body):
            if above is statement or course is None:
                break
            if not isinstance(above, (ast.Import, ast.ImportFrom)):
                after = next((n for n in bound_by(above) if n in course.bindings), after)
        return after

    def _import(self, module: Module, statement: ast.Import | ast.ImportFrom, name: str) -> None:
        imported = module.absolute(dict(imports_of(statement))[name])
        self._follow(imported)
        course = self.course.modules.get(module.name)
        if course is None or course.imported(name) != imported:
            before = self.pieces.get(id(statement))
            names = (*(before.names if before else ()), name)
            self._take(Piece(module.name, name, statement, names=names))

    def _follow(self, imported: Imported) -> None:
        """Go on where an import leads, if that is a module which the student added."""
        inner = f"{imported.module}.{imported.name}" if imported.name else imported.module
        if self._is_own(inner):
            self.own.add(inner)
        elif imported.name and self._is_own(imported.module):
            self.own.add(imported.module)
            self._name(self.student.modules[imported.module], imported.name)
        else:
            self._call(imported)

    def _call(self, imported: Imported) -> None:
        """Note an exercise's symbol at which an import leads."""
        target = self.course.follow(imported)
        if target.kind == "definition" and (target.module, target.name) in self.stops:
            self.calls.add((target.module, target.name))

    def _of_module(
        self, module: Module, bindings: Iterable[object], name: str, attribute: str
    ) -> None:
        """``name.attribute`` where ``name`` is a module that the student added."""
        found = [module.absolute(b) for b in bindings if isinstance(b, Imported)]
        if not found and not list(bindings):
            again = module.imported(name)
            found = [again] if again is not None else []
        for imported in found:
            inner = f"{imported.module}.{imported.name}" if imported.name else imported.module
            if self._is_own(inner):
                self._name(self.student.modules[inner], attribute)
            else:
                self._call(Imported(inner, attribute))

    def _is_own(self, name: str) -> bool:
        return name in self.student.modules and name not in self.course.modules

    def _is_class_of_course(self, module: Module, statement: ast.stmt) -> bool:
        course = self.course.modules.get(module.name)
        return (
            isinstance(statement, ast.ClassDef)
            and course is not None
            and any(isinstance(s, ast.ClassDef) for s in course.bindings.get(statement.name, []))
        )

    def _class(self, module: Module, name: str) -> None:
        """A class that the course has, too, stays; its members travel one by one."""
        key = (module.name, name)
        if key in self.classes:
            return
        self.classes[key] = members = members_of(module.tree, name)
        for member in members:
            special = member.startswith("__") and member.endswith("__")  # nobody calls it by name
            if special or member in self.attributes:
                self._member(key, member)

    def _attribute(self, name: str) -> None:
        if name not in self.attributes:
            self.attributes.add(name)
            for key, members in list(self.classes.items()):
                if name in members:
                    self._member(key, name)

    def _member(self, holder: Key, name: str) -> None:
        qualname = f"{holder[1]}.{name}"
        key = (holder[0], qualname)
        if key in self.done or key in self.stops:
            return
        self.done.add(key)
        course = self.course.modules[holder[0]]
        theirs = members_of(course.tree, holder[1])
        known = {dump(statement) for statement in theirs.get(name, [])}
        for statement in dict.fromkeys(self.classes[holder][name]):
            self.pending.append((self.student.modules[holder[0]], statement))
            if dump(statement) not in known:
                replaces = bool(known) and isinstance(statement, Definition)
                self._take(Piece(holder[0], qualname, statement, replaces))

    def _take(self, piece: Piece) -> None:
        self.pieces[id(piece.node)] = piece


def members_of(tree: ast.Module, qualname: str) -> dict[str, list[ast.stmt]]:
    """The members of a class by name: methods, and names that its body binds."""
    found: dict[str, list[ast.stmt]] = {}
    for holder in find(tree, qualname):
        for statement in statements(holder.node.body):
            for name in _members(statement):
                found.setdefault(name, []).append(statement)
    return found


def _members(statement: ast.stmt) -> Iterator[str]:
    if not isinstance(statement, ast.Expr):
        yield from bound_by(statement)
