"""What can be read off an implementation's text: its size, its branches, the operations it uses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from course.errors import CourseError
from course.registry import Exercise
from course.source import read_text
from course.syntax import FunctionNode, body_after_docstring, find, functions, parse

BRANCHES: tuple[type[ast.AST], ...] = (
    ast.If,
    ast.IfExp,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.ExceptHandler,
    ast.Assert,
    ast.comprehension,
)


@dataclass(frozen=True)
class Code:
    """One implementation's exercise functions.

    Attributes:
        text: their source, decorators and docstrings included.
        lines: lines of code, without docstrings, comments and blank lines.
        complexity: McCabe's number: one, and one more for each branch.
        operations: names called on ``mx``, ``core`` or arrays, sorted.
        tokens: the normalised syntax tree of the bodies, as a sequence, for similarity.
    """

    text: str
    lines: int
    complexity: int
    operations: tuple[str, ...]
    tokens: tuple[str, ...]


def read(folder: Path, exercise: Exercise) -> Code | None:
    """The exercise's functions in ``folder/tinymlx``; ``None`` if they are not to be found."""
    texts: list[str] = []
    nodes: list[FunctionNode] = []
    for symbol in exercise.symbols:
        path = folder / "tinymlx" / symbol.file
        try:
            source = read_text(path)
            found = find(parse(source), symbol.qualname)
        except (CourseError, SyntaxError):
            return None
        for item in found:
            texts.append(ast.get_source_segment(source, item.node) or "")
            nodes += functions(item)
    if not nodes:
        return None
    return Code(
        "\n\n\n".join(texts),
        sum(_lines(node) for node in nodes),
        sum(_complexity(node) for node in nodes),
        tuple(sorted({name for node in nodes for name in _operations(node)})),
        tuple(token for node in nodes for token in _tokens(node)),
    )


def _lines(node: FunctionNode) -> int:
    """Lines that hold code of the body, as `ast` would write it: layout does not count."""
    return sum(len(ast.unparse(statement).splitlines()) for statement in body_after_docstring(node))


def _complexity(node: FunctionNode) -> int:
    total = 1
    for part in ast.walk(node):
        if isinstance(part, BRANCHES):
            total += 1
        elif isinstance(part, ast.BoolOp):
            total += len(part.values) - 1
    return total


def _operations(node: FunctionNode) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            if isinstance(part.func, ast.Attribute):
                yield part.func.attr
            elif isinstance(part.func, ast.Name):
                yield part.func.id
        elif isinstance(part, ast.BinOp) and isinstance(part.op, ast.MatMult):
            yield "@"


def _tokens(node: FunctionNode) -> Iterator[str]:
    """Node kinds in order; names become numbers in the order of their first use.

    So renaming, layout, comments, docstrings and type hints make no difference.
    """
    names: dict[str, str] = {}
    for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
        names[argument.arg] = f"v{len(names)}"
    for statement in body_after_docstring(node):
        yield from _walk(statement, names)


def _walk(node: ast.AST, names: dict[str, str]) -> Iterator[str]:
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Store):
            names.setdefault(node.id, f"v{len(names)}")
        yield names.get(node.id, node.id)
        return
    yield type(node).__name__
    if isinstance(node, ast.Constant):
        yield repr(node.value)
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.keyword):
        yield str(node.arg)
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, (ast.expr_context,)):
                yield from _walk(child, names)
