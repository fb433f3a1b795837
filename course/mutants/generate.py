"""All mutants of an exercise, each as the whole text of a changed module.

Only the smallest statement around a change is written anew, so that everything else in the text,
and every line number before it, stays what it was.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import ndiff
from pathlib import Path
from textwrap import indent

from course.mutants import expressions, statements
from course.mutants.equivalent import NOTHING
from course.paths import Project
from course.registry import Exercise
from course.syntax import Found, FunctionNode, body_after_docstring, find, first_line, functions

ARRAYS = ("array", "mx.array", "core.array", "array | None")
SHAPES = ("shape", "ndim", "size")  # what a cast leaves as it is


@dataclass(frozen=True)
class Mutant:
    """One change of a solution.

    Attributes:
        exercise: the id.
        kind: the kind of mistake, ``"sign"``.
        path: the solution's file, and the line of it that changed.
        before, after: the lines that differ, as `ast.unparse` writes them; with exercise and kind
            they are a mutant's name, and stay the same when a file is laid out anew.
        text: the changed module, whole.
    """

    exercise: str
    kind: str
    path: Path
    line: int
    before: str
    after: str
    text: str

    @property
    def name(self) -> tuple[str, str, str, str]:
        return (self.exercise, self.kind, self.before, self.after)

    def shown(self, project: Project) -> str:
        """A one-line difference with its place."""
        after = self.after or NOTHING
        place = f"{project.relative(self.path)}:{self.line}"
        return f"{self.exercise} {place} [{self.kind}]  - {self.before}  + {after}"


def mutants_of(project: Project, exercise: Exercise) -> list[Mutant]:
    """The mutants of all symbols of an exercise, without repeats, in the order of the text."""
    found: dict[str, Mutant] = {}
    for symbol in exercise.symbols:
        path = project.solutions / "tinymlx" / symbol.file
        text = path.read_text(encoding="utf-8")
        for place in find(ast.parse(text), symbol.qualname):
            for mutant in _Module(exercise.id, path, text, place).mutants():
                found.setdefault(mutant.text, mutant)
    return list(found.values())


class _Module:
    """The text of one module and a symbol of it to change."""

    def __init__(self, exercise: str, path: Path, text: str, found: Found) -> None:
        self.exercise, self.path, self.text = exercise, path, text
        self.lines = text.split("\n")
        self.found = found
        self.original = ast.dump(ast.parse(text))
        self.seen = {self.original}

    def mutants(self) -> Iterator[Mutant]:
        for function in functions(self.found):
            body = body_after_docstring(function)
            yield from self._casts(function, body)
            yield from self._block(body, body, None, function)

    def _block(
        self,
        block: list[ast.stmt],
        visited: list[ast.stmt],
        anchor: ast.stmt | None,
        owner: FunctionNode | None,
    ) -> Iterator[Mutant]:
        """Changes in ``visited`` statements of a block; ``anchor``: the `if` before an `elif`."""
        for statement in visited:
            outer = anchor or statement
            is_last = owner is not None and statement is visited[-1]
            for kind, instead in statements.changes_of(statement, is_last):
                yield from self._written(kind, outer, statement, instead)
            if not isinstance(statement, ast.Raise):  # words of a message are nobody's mistake
                yield from self._expressions(statement, outer)
            yield from self._inner(statement, outer)

    def _inner(self, statement: ast.stmt, outer: ast.stmt) -> Iterator[Mutant]:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = body_after_docstring(statement)
            yield from self._block(statement.body, body, None, statement)
            return
        for field in ("body", "orelse", "finalbody"):
            inner = getattr(statement, field, [])
            if inner:
                is_elif = field == "orelse" and self._is_elif(inner)
                yield from self._block(inner, inner, outer if is_elif else None, None)
        for handler in getattr(statement, "handlers", []):
            yield from self._block(handler.body, handler.body, None, None)

    def _is_elif(self, block: list[ast.stmt]) -> bool:
        first = block[0]
        return self.lines[first.lineno - 1][first.col_offset :].startswith("elif")

    def _expressions(self, statement: ast.stmt, outer: ast.stmt) -> Iterator[Mutant]:
        """Changes of the expressions that belong to the statement itself, not to its blocks."""
        pending: list[tuple[ast.AST, str, int | None, ast.AST]] = list(_children(statement))
        while pending:
            parent, field, index, node = pending.pop()
            if isinstance(node, ast.stmt) or field in ("annotation", "returns", "decorator_list"):
                continue
            pending.extend(_children(node))
            if not isinstance(node, ast.expr) or field in ("targets", "target"):
                continue
            for kind, instead in expressions.changes_of(node):
                if isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)):
                    continue
                _put(parent, field, index, instead)
                try:
                    changed = ast.unparse(ast.fix_missing_locations(_copy(outer)))
                finally:
                    _put(parent, field, index, node)
                yield from self._mutant(kind, outer, changed)

    def _written(
        self, kind: str, outer: ast.stmt, statement: ast.stmt, instead: list[ast.stmt]
    ) -> Iterator[Mutant]:
        """A statement in whose place others stand."""
        if outer is statement:
            tree = ast.Module(instead, [])
            changed = ast.unparse(ast.fix_missing_locations(_copy(tree)))
            yield from self._mutant(kind, outer, changed)
            return
        ifs = (n for n in ast.walk(outer) if isinstance(n, ast.If))
        holder = next(n for n in ifs if statement in n.orelse)
        holder.orelse = instead
        try:
            changed = ast.unparse(ast.fix_missing_locations(_copy(outer)))
        finally:
            holder.orelse = [statement]
        yield from self._mutant(kind, outer, changed)

    def _casts(self, function: FunctionNode, body: list[ast.stmt]) -> Iterator[Mutant]:
        """Every array that comes in is cast to float32, whatever it was."""
        names = [n for n in ("mx", "core") if f"import {n}" in self.text or f" as {n}" in self.text]
        for argument in [*function.args.args, *function.args.kwonlyargs]:
            kind = ast.unparse(argument.annotation) if argument.annotation else ""
            if kind not in ARRAYS or not names or not _reads_values(argument.arg, body):
                continue
            cast = ast.parse(f"{argument.arg} = {argument.arg}.astype({names[0]}.float32)").body[0]
            first = body[0]
            changed = f"{ast.unparse(cast)}\n{ast.unparse(first)}"
            yield from self._mutant("dtype", first, changed)

    def _mutant(self, kind: str, outer: ast.stmt, changed: str) -> Iterator[Mutant]:
        start, end = outer.lineno, outer.end_lineno or outer.lineno
        if isinstance(outer, (ast.FunctionDef, ast.ClassDef)):
            start = first_line(outer)
        block = indent(changed or "pass", " " * outer.col_offset).split("\n")
        text = "\n".join([*self.lines[: start - 1], *block, *self.lines[end:]])
        try:
            dumped = ast.dump(ast.parse(text))
        except (SyntaxError, ValueError):
            return  # such a change is not Python
        if dumped in self.seen:
            return
        self.seen.add(dumped)
        before, after = _difference(ast.unparse(outer), changed)
        line = self._line(outer, before)
        yield Mutant(self.exercise, kind, self.path, line, before, after, text)

    def _line(self, outer: ast.stmt, before: str) -> int:
        """The line of the first changed statement inside ``outer``."""
        first = before.partition(" | ")[0]
        for node in ast.walk(outer):
            if isinstance(node, ast.stmt) and ast.unparse(node).split("\n")[0].strip() == first:
                return node.lineno
        return outer.lineno


def _reads_values(name: str, body: list[ast.stmt]) -> bool:
    """Whether the body looks at more of an array than its shape."""
    nodes = [node for statement in body for node in ast.walk(statement)]
    shapes = [n.value for n in nodes if isinstance(n, ast.Attribute) and n.attr in SHAPES]
    return any(isinstance(n, ast.Name) and n.id == name and n not in shapes for n in nodes)


def _difference(old: str, new: str) -> tuple[str, str]:
    """The lines that were taken out and those that came in, each on one line."""
    marks = list(ndiff(old.split("\n"), new.split("\n")))
    before = [line[2:].strip() for line in marks if line.startswith("- ")]
    after = [line[2:].strip() for line in marks if line.startswith("+ ")]
    return " | ".join(before), " | ".join(after)


def _children(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    for field, value in ast.iter_fields(node):
        if isinstance(value, list):
            for i, item in enumerate(value):
                if isinstance(item, ast.AST):
                    yield node, field, i, item
        elif isinstance(value, ast.AST):
            yield node, field, None, value


def _put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def _copy(node: ast.AST) -> ast.AST:
    """A tree of its own: the nodes of a replacement may stand in two places."""
    import copy

    return copy.deepcopy(node)
