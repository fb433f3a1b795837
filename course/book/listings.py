"""The starters as pages: each module that the reader writes in; a definition has its place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from course.source import bare_lines
from course.syntax import find, functions


def page_of(file: str) -> str:
    """The name of the page that shows a module (``nn/linear.py``), within the book."""
    return f"starters/{file.removesuffix('.py')}"


def highlighted(code: str) -> str:
    """Python in colours, as HTML for a ``pre``."""
    return str(highlight(code, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)))


def function_of(text: str, tree: ast.Module, qualname: str) -> list[str]:
    """The texts of a definition (a property has two), without the indentation of its class."""
    lines, shown = bare_lines(text), []
    for item in find(tree, qualname):
        for node in functions(item):
            start = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            cut = lines[start - 1 : node.end_lineno]
            shown.append("\n".join(line[node.col_offset :] for line in cut))
    return shown


def definitions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and qualified name of each function and class, methods within their class."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.lineno, node.name
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield inner.lineno, f"{node.name}.{inner.name}"


def listing(text: str) -> str:
    """A whole module as HTML; each definition's line has its name as an id."""
    seen: dict[str, int] = {}
    for line, name in definitions(ast.parse(text)):
        seen.setdefault(name, line)
    names = {line: name for name, line in seen.items()}
    lines = highlighted(text).rstrip("\n").split("\n")
    shown = [
        f'<span id="{names[number]}" class="place">{line}</span>' if number in names else line
        for number, line in enumerate(lines, 1)
    ]
    return '<div class="highlight listing"><pre>' + "\n".join(shown) + "</pre></div>"


def listings(
    starters: dict[str, str], files: list[str]
) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Pages for Sphinx: name, context, template."""
    for file in files:
        yield (
            page_of(file),
            {"title": f"tinymlx/{file}", "body": listing(starters[file])},
            "listing.html",
        )
