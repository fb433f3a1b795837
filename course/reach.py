"""What a definition's behaviour follows from in its own file: itself, and all it reaches by name.

An exercise's verdict belongs to its symbols and what they call. So its hash covers these lines and
no others, and editing a neighbour in the same file revokes nothing.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from course.source import bare_lines
from course.syntax import find, first_line

Definition = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Reach:
    """The parts of a file that a symbol reaches.

    Attributes:
        sha: a hash of their lines.
        modules: what reached import statements name, as written (``.helpers``, ``mlx.core``).
    """

    sha: str
    modules: tuple[str, ...]


def reach(text: str, tree: ast.Module, qualname: str) -> Reach:
    """What ``qualname`` reaches in the file with ``text``, whose syntax tree is ``tree``."""
    names = _Names(tree, qualname)
    reached: dict[int, ast.AST] = {}
    pending: list[ast.AST] = [*names.beginning]
    while pending:
        part = pending.pop()
        if id(part) not in reached:
            reached[id(part)] = part
            pending += names.used_by(part)
    lines = bare_lines(text)
    digest = hashlib.sha256()
    for part in sorted(reached.values(), key=lambda part: _span(part)[0]):
        start, end = _span(part)
        for line in lines[start - 1 : end]:
            digest.update(line.rstrip().encode("utf-8", "surrogatepass") + b"\n")
    modules = sorted({m for part in reached.values() for m in _modules(part)})
    return Reach(digest.hexdigest(), tuple(modules))


class _Names:
    """Which statements a name stands for: those of the module, and of the symbol's own class."""

    def __init__(self, tree: ast.Module, qualname: str) -> None:
        self.globals: dict[str, list[ast.AST]] = {}
        self.members: dict[str, list[ast.AST]] = {}
        self.beginning: list[ast.AST] = [item.node for item in find(tree, qualname)]
        _collect(tree.body, self.globals)
        outer = qualname.rpartition(".")[0]
        for holder in find(tree, outer) if outer else []:
            _collect(holder.node.body, self.members)
            assert isinstance(holder.node, ast.ClassDef)
            self.beginning += holder.node.bases
        if outer:  # whoever calls a method has called this before
            self.beginning += self.members.get("__init__", [])

    def used_by(self, part: ast.AST) -> Iterator[ast.AST]:
        for node in ast.walk(part):
            if isinstance(node, ast.Name):
                yield from self.globals.get(node.id, ())
            elif isinstance(node, ast.Attribute):
                yield from self.members.get(node.attr, ())


def _collect(body: list[ast.stmt], names: dict[str, list[ast.AST]]) -> None:
    for statement in body:
        for name in _bound(statement):
            names.setdefault(name, []).append(statement)


def _bound(statement: ast.AST) -> Iterator[str]:
    """The names that a statement binds, or that it adds something to."""
    if isinstance(statement, Definition):
        yield statement.name
        for decorator in statement.decorator_list:  # `@tanh.defvjp` adds to tanh
            if isinstance(decorator, ast.Attribute) and isinstance(decorator.value, ast.Name):
                yield decorator.value.id
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        for alias in statement.names:
            yield alias.asname or alias.name.partition(".")[0]
    elif isinstance(statement, ast.Name):
        if isinstance(statement.ctx, ast.Store):
            yield statement.id
    else:
        for child in ast.iter_child_nodes(statement):
            yield from _bound(child)


def _modules(part: ast.AST) -> Iterator[str]:
    for node in ast.walk(part):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield base
            yield from (f"{base.rstrip('.') or '.'}.{alias.name}" for alias in node.names)


def _span(part: ast.AST) -> tuple[int, int]:
    if isinstance(part, Definition):
        return first_line(part), part.end_lineno or 0
    return part.lineno, part.end_lineno or 0  # type: ignore[attr-defined]
