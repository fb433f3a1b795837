"""What a symbol's behaviour follows from in the student's package: itself, and all it reaches.

An exercise's verdict belongs to its symbols and what they call. So its hash covers these lines and
no others, and editing a neighbour in the same file revokes nothing. What is reached, the graft
says, which decides what is graded: here with a course that is empty, so that all of the file that
is reached travels, what the course has in the same words included.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping

from course.graft.package import Definition, Module, Package
from course.graft.reach import reached
from course.registry import Symbol
from course.source import bare_lines
from course.syntax import first_line


def reach(module: Module, symbol: Symbol, added: Mapping[str, Module]) -> str:
    """A hash of the lines that ``symbol`` reaches, in its module and in modules of the student's.

    Args:
        module: the student's version of the symbol's module.
        symbol: of an exercise.
        added: the modules that the student has added, by name.
    """
    student = Package({**added, module.name: module})
    course = Package({module.name: Module(module.name, module.file, module.is_package, "")})
    pieces = reached(student, course, [symbol], frozenset()).pieces
    lines = {name: bare_lines(student.modules[name].text) for name in {p.module for p in pieces}}
    digest = hashlib.sha256()
    for piece in pieces:
        start, end = _span(piece.node)
        for line in lines[piece.module][start - 1 : end]:
            digest.update(line.rstrip().encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


def _span(part: ast.stmt) -> tuple[int, int]:
    start = first_line(part) if isinstance(part, Definition) else part.lineno
    return start, part.end_lineno or start
