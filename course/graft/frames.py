"""Places in the course's own code, told as the student knows them.

Given functions run from the course's modules. Where the student's file holds the same function, in
the same words, a line of it is a line of the student's.
"""

from __future__ import annotations

import ast

from course.graft.grafts import Grafts
from course.graft.package import Definition, Module, dump
from course.syntax import find


def at_home(grafts: Grafts, file: str, line: int) -> tuple[str, int] | None:
    """The same place in the student's file; ``None`` where there is none."""
    course = next((m for m in grafts.course.modules.values() if m.file == file), None)
    mine = grafts.student.modules.get(course.name) if course is not None else None
    if course is None or mine is None:
        return None
    qualname, node = _around(course, line)
    for found in find(mine.tree, qualname) if node is not None else []:
        if node is not None and dump(found.node) == dump(node):
            return mine.file, line - node.lineno + found.node.lineno
    return None


def _around(module: Module, line: int) -> tuple[str, ast.stmt | None]:
    """The function or method of a module that holds a line: its qualified name, and itself."""
    names: list[str] = []
    found: ast.stmt | None = None
    body = module.tree.body
    while True:
        around = [n for n in body if isinstance(n, Definition) and _holds(n, line)]
        if not around:
            return ".".join(names), found
        found = around[0]
        names.append(found.name)
        if not isinstance(found, ast.ClassDef):
            return ".".join(names), found
        body = found.body


def _holds(node: ast.stmt, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or 0)
