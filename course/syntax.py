"""Finding functions in source text and telling starters from work that somebody did."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from course.source import bare_lines

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
STARTER = re.compile(r"(\d+\.\d+) (\S+) - exercises/")


def parse(text: str) -> ast.Module:
    """The syntax tree of a text.

    Raises:
        SyntaxError: Python cannot parse it, for whatever reason; without a line where no line of
            it is to blame (what is nested too deeply for Python's own parser).
    """
    try:
        return ast.parse(text)
    except ValueError as error:
        raise SyntaxError(str(error)) from error
    except (RecursionError, MemoryError) as error:
        raise SyntaxError("nested too deeply for Python to parse") from error


def complaint(shown: str, error: SyntaxError) -> str:
    """Where and why a file does not parse: ``tinymlx/nn/linear.py:12: invalid syntax``."""
    return f"{shown}:{error.lineno}: {error.msg}" if error.lineno else f"{shown}: {error.msg}"


@dataclass
class Found:
    """A definition and the list of statements that holds it, so that it can be replaced."""

    node: FunctionNode | ast.ClassDef
    siblings: list[ast.stmt]


def find(tree: ast.Module, qualname: str) -> list[Found]:
    """All definitions of ``qualname`` (several for a property with its setter)."""
    holders: list[list[ast.stmt]] = [tree.body]
    *outer, name = qualname.split(".")
    for part in outer:
        holders = [f.node.body for body in holders for f in _named(body, part)]
    return [found for body in holders for found in _named(body, name)]


def _named(body: list[ast.stmt], name: str) -> Iterator[Found]:
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if statement.name == name:
                yield Found(statement, body)
        elif isinstance(statement, (ast.If, ast.Try, ast.With)):
            yield from _named(statement.body, name)
            yield from _named(getattr(statement, "orelse", []), name)


def functions(found: Found) -> list[FunctionNode]:
    """The function itself, or the methods of a class: what an exercise's symbol asks to write."""
    if isinstance(found.node, ast.ClassDef):
        return [
            n for n in found.node.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
        ]
    return [found.node]


def body_after_docstring(node: FunctionNode) -> list[ast.stmt]:
    """The statements of ``node`` without its docstring."""
    return node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body


def starter_id(node: FunctionNode) -> str | None:
    """The exercise's id if the body is nothing but its starter error, else ``None``."""
    body = body_after_docstring(node)
    if len(body) != 1 or not isinstance(body[0], ast.Raise):
        return None
    error = body[0].exc
    if not isinstance(error, ast.Call) or not isinstance(error.func, ast.Name):
        return None
    if error.func.id != "NotImplementedError" or len(error.args) != 1:
        return None
    message = error.args[0]
    if not isinstance(message, ast.Constant) or not isinstance(message.value, str):
        return None
    match = STARTER.match(message.value)
    return match[1] if match else None


def is_starter(found: Found) -> bool:
    """Whether nothing has been written yet: for a class, whether any method is still a starter."""
    return any(starter_id(node) is not None for node in functions(found))


def first_line(node: FunctionNode | ast.ClassDef) -> int:
    """The line of the first decorator, or of ``def``: where a code object starts for Python."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def source_lines(text: str, node: FunctionNode | ast.ClassDef) -> list[str]:
    """The lines of ``node`` with its decorators."""
    return bare_lines(text)[first_line(node) - 1 : node.end_lineno]
