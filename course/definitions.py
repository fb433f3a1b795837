"""Replacing one definition in a file's text, and nothing else."""

from __future__ import annotations

import ast

from course.errors import CourseError
from course.syntax import Found, find, first_line


def definitions(text: str, qualname: str) -> list[list[str]]:
    """The source lines of all definitions of ``qualname``, decorators included."""
    lines = text.splitlines()
    found = find(ast.parse(text), qualname)
    return [lines[first_line(f.node) - 1 : f.node.end_lineno] for f in found]


def replace_definition(text: str, qualname: str, other: str) -> str:
    """``text`` with its ``qualname`` replaced by the one of ``other``; added where it is missing.

    Raises:
        CourseError: ``other`` has no such definition, or its class is missing in ``text``.
    """
    new = definitions(other, qualname)
    if not new:
        raise CourseError(f"The starter has no {qualname}.")
    found = find(ast.parse(text), qualname)
    lines = text.splitlines()
    if len(found) == len(new):
        for item, replacement in reversed(list(zip(found, new, strict=True))):
            lines[first_line(item.node) - 1 : item.node.end_lineno] = replacement
        return "\n".join(lines) + "\n"
    for item in reversed(found):
        del lines[first_line(item.node) - 1 : item.node.end_lineno]
    return _insert("\n".join(lines) + "\n", qualname, other, new)


def _insert(text: str, qualname: str, other: str, new: list[list[str]]) -> str:
    """Put definitions after the one that precedes them in ``other``, or at the end."""
    outer, _, name = qualname.rpartition(".")
    tree, model = ast.parse(text), ast.parse(other)
    siblings = _body(model, outer)
    here = _body(tree, outer)
    if here is None or siblings is None:
        raise CourseError(f"The class {outer} is gone too; reset the whole file with --file.")
    after = here[-1].end_lineno if here else len(text.splitlines())
    for statement in siblings:
        if getattr(statement, "name", None) == name:
            break
        named = [n for n in here if getattr(n, "name", None) == getattr(statement, "name", "")]
        if named:
            after = named[-1].end_lineno
    lines = text.splitlines()
    gap = [""] if outer else ["", ""]
    added = [line for definition in new for line in [*gap, *definition]]
    at = after or len(lines)
    lines[at:at] = added
    return "\n".join(lines) + "\n"


def _body(tree: ast.Module, outer: str) -> list[ast.stmt] | None:
    if not outer:
        return tree.body
    found: list[Found] = find(tree, outer)
    return found[0].node.body if found else None
