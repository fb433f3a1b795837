"""What a student wrote, exercise by exercise, as marks that renaming and reordering do not change.

A mark is a run of tokens inside one statement. Names that the student chose are all alike, so
renaming changes nothing; a run never crosses a statement, so neither do another order and another
division into functions. What travels is what is read (`course.graft`): helpers are followed.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field

from course.graft.grafts import Grafts
from course.syntax import FunctionNode

RUN = 6
Mark = tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """One statement: its lines in the text of its part, and its marks."""

    first: int
    last: int
    marks: frozenset[Mark]


@dataclass(frozen=True)
class Part:
    """One student's work on one exercise."""

    text: str
    lines: tuple[Line, ...]

    @property
    def marks(self) -> frozenset[Mark]:
        return frozenset(mark for line in self.lines for mark in line.marks)


@dataclass(frozen=True)
class Work:
    """Everything that one student handed in.

    Attributes:
        owner: the student, as the class knows them.
        past: the folder of an earlier class; empty for this one.
        parts: exercise id to the work on it; exercises that are still starters are left out.
    """

    owner: str
    past: str = ""
    parts: dict[str, Part] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.owner} ({self.past})" if self.past else self.owner


def work_of(grafts: Grafts, owner: str, past: str = "") -> Work:
    """The work in a submission; what is nested too deeply to be read is left out."""
    parts = {}
    for exercise in grafts.registry.exercises:
        try:
            nodes = [piece.node for piece in grafts.reached(exercise).pieces]
            part = part_of([n for n in nodes if not isinstance(n, (ast.Import, ast.ImportFrom))])
        except RecursionError:
            continue
        if part.lines:
            parts[exercise.id] = part
    return Work(owner, past, parts)


def part_of(nodes: list[ast.stmt]) -> Part:
    """Text and marks of some statements, one below the other."""
    texts: list[str] = []
    lines: list[Line] = []
    at = 1
    for node in nodes:
        text = ast.unparse(_without_docstrings(node))
        texts.append(text)
        for statement in _simple(ast.parse(text).body):
            marks = _marks(list(_tokens(statement)))
            if marks:
                last = _last_line(statement)
                lines.append(Line(at + statement.lineno - 1, at + last - 1, marks))
        at += text.count("\n") + 3
    return Part("\n\n\n".join(texts), tuple(lines))


def _without_docstrings(node: ast.stmt) -> ast.stmt:
    copy = ast.parse(ast.unparse(node)).body[0]
    for part in ast.walk(copy):
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if ast.get_docstring(part, clean=False) is not None and len(part.body) > 1:
                part.body = part.body[1:]
    return copy


def _simple(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements at all depths, each once."""
    for statement in body:
        yield statement
        for name in ("body", "orelse", "finalbody"):
            yield from _simple(getattr(statement, name, []))
        for holder in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
            yield from _simple(holder.body)


def _last_line(statement: ast.stmt) -> int:
    """Of a compound statement the header alone counts."""
    body = getattr(statement, "body", None) or getattr(statement, "cases", None)
    if body:
        first = body[0]
        return max(statement.lineno, getattr(first, "lineno", statement.lineno + 1) - 1)
    return statement.end_lineno or statement.lineno


def _marks(tokens: list[str]) -> frozenset[Mark]:
    if len(tokens) < RUN:
        return frozenset([tuple(tokens)]) if len(tokens) > RUN // 2 else frozenset()
    return frozenset(tuple(tokens[i : i + RUN]) for i in range(len(tokens) - RUN + 1))


KEPT = ("mx", "core", "nn")  # names that nobody chooses
INNER = ("body", "orelse", "finalbody", "handlers", "cases", "decorator_list")
HINTS = ("annotation", "returns", "type_comment")


def _tokens(node: ast.AST) -> Iterator[str]:
    """The kinds of the nodes in order, with the names that nobody chooses."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield from ("def", f"{len(_arguments(node))} arguments")
        return
    if isinstance(node, ast.Name):
        yield node.id if node.id in KEPT or hasattr(builtins, node.id) else "name"
        return
    yield type(node).__name__
    if isinstance(node, ast.Constant):
        yield "text" if isinstance(node.value, str) else repr(node.value)
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.keyword):
        yield str(node.arg)
    left_out = (*HINTS, *(INNER if isinstance(node, ast.stmt) else ()))
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            is_part = isinstance(child, ast.AST) and not isinstance(child, ast.expr_context)
            if is_part and name not in left_out:
                yield from _tokens(child)


def _arguments(node: FunctionNode) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
