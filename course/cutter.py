"""Cutting starters from solutions: the bodies of the exercises go, everything else stays."""

from __future__ import annotations

import ast
from fnmatch import fnmatch
from pathlib import Path

from course.errors import CourseError
from course.paths import Project
from course.registry import Exercise, Registry, Symbol
from course.source import bare_lines, read_text
from course.syntax import FunctionNode, body_after_docstring, find, functions

# What a starter says to a script of the reader's own, after the exercise and the lesson.
GO_ON = "until it is written, `import course.fill` before tinymlx lends you the solution"


def cut_text(text: str, cuts: list[tuple[Exercise, Symbol]], path: str) -> str:
    """``text`` with the body of each symbol replaced by its starter error."""
    tree = ast.parse(text, path)
    edits: list[tuple[FunctionNode, str]] = []
    for exercise, symbol in cuts:
        found = find(tree, symbol.qualname)
        if not found:
            raise CourseError(f"{path} has no {symbol.qualname}, which card {exercise.id} names.")
        for item in found:
            edits += [(node, exercise.message(symbol)) for node in functions(item)]
    lines = bare_lines(text)
    for node, message in sorted(edits, key=lambda edit: -edit[0].lineno):
        lines[_first_body_line(node, path) - 1 : node.end_lineno] = _starter(node, message)
    return "\n".join(lines) + "\n"


def _first_body_line(node: FunctionNode, path: str) -> int:
    """The line after the docstring: a comment between it and the first statement goes too."""
    if len(body_after_docstring(node)) == len(node.body):
        raise CourseError(f"{path}:{node.lineno}: {node.name} needs a docstring: it is the task.")
    if len(node.body) == 1:
        raise CourseError(f"{path}:{node.lineno}: {node.name} has no body to cut.")
    end = node.body[0].end_lineno
    assert end is not None
    return end + 1


def _starter(node: FunctionNode, message: str) -> list[str]:
    indent = " " * node.body[0].col_offset
    return [
        f"{indent}raise NotImplementedError(",
        f'{indent}    "{message}; "',
        f'{indent}    "{GO_ON}"',
        f"{indent})",
    ]


def cut_package(project: Project, registry: Registry) -> dict[str, str]:
    """The starters: file name, relative to ``tinymlx/``, to text."""
    base = project.solutions / "tinymlx"
    cuts: dict[str, list[tuple[Exercise, Symbol]]] = {}
    for exercise in registry.exercises:
        for symbol in exercise.symbols:
            cuts.setdefault(symbol.file, []).append((exercise, symbol))
    starters: dict[str, str] = {}
    for path in sorted(base.rglob("*.py")):
        name = path.relative_to(base).as_posix()
        text = read_text(path)
        shown = project.relative(path)
        starters[name] = cut_text(text, cuts[name], shown) if name in cuts else text
    return starters


def is_given(project: Project, name: str) -> bool:
    """Whether ``name``, relative to ``tinymlx/``, is a module that has no solution."""
    return any(fnmatch(name, pattern) for pattern in project.given)


def differences(project: Project, registry: Registry) -> list[str]:
    """What makes ``tinymlx/`` differ from a fresh cut, one sentence each."""
    starters = cut_package(project, registry)
    found: list[str] = []
    for name, text in starters.items():
        path = project.tinymlx / name
        if is_given(project, name):
            found.append(f"solutions/tinymlx/{name} is declared given and must not exist.")
        elif not path.is_file():
            found.append(f"tinymlx/{name} is missing.")
        elif read_text(path) != text:
            found.append(f"tinymlx/{name} differs from the cut of its solution.")
    for path in sorted(project.tinymlx.rglob("*.py")):
        name = path.relative_to(project.tinymlx).as_posix()
        if name not in starters and not is_given(project, name):
            found.append(f"tinymlx/{name} has no solution and is not declared given.")
    return found


def write_starters(project: Project, registry: Registry) -> list[Path]:
    """Write the cut into ``tinymlx/``; return what changed, after a backup of it."""
    from course.backup import backup, write_atomic

    changed: list[Path] = []
    for name, text in cut_package(project, registry).items():
        path = project.tinymlx / name
        if path.is_file() and read_text(path) == text:
            continue
        if path.is_file():
            backup(project, [path], reason="cut")
        write_atomic(path, text)
        changed.append(path)
    return changed
