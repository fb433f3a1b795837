"""Replacing one definition in a file's text, and nothing else."""

from __future__ import annotations

import ast

from course.errors import CourseError
from course.source import Source, bare_lines, split_lines, with_ends
from course.syntax import Found, find, first_line, parse


def definitions(text: str, qualname: str) -> list[list[str]]:
    """The source lines of all definitions of ``qualname``, decorators included, without ends."""
    lines = bare_lines(text)
    return [lines[start:end] for start, end in _spans(find(parse(text), qualname))]


def replace_definition(text: str, qualname: str, other: str) -> str:
    """``text`` with its ``qualname`` replaced by the one of ``other``; added where it is missing.

    All other lines stay as they are, to the byte; new ones get the line ends of ``text``.

    Raises:
        CourseError: ``other`` has no such definition, or its class is missing in ``text``.
    """
    newline = Source(text).newline
    new = [with_ends(lines, newline) for lines in definitions(other, qualname)]
    if not new:
        raise CourseError(f"The starter has no {qualname}.")
    spans = _spans(find(parse(text), qualname))
    lines = split_lines(text)
    if len(spans) != len(new):
        for start, end in reversed(spans):
            del lines[start:end]
        return _insert("".join(lines), qualname, other, new)
    for (start, end), replacement in reversed(list(zip(spans, new, strict=True))):
        if not lines[end - 1].endswith(("\n", "\r")):  # the file's end, without a line end
            replacement = [*replacement[:-1], replacement[-1].rstrip("\r\n")]
        lines[start:end] = replacement
    return "".join(lines)


def _spans(found: list[Found]) -> list[tuple[int, int]]:
    """First and last line of each definition, as the bounds of a slice of the text's lines."""
    return [(first_line(item.node) - 1, item.node.end_lineno or 0) for item in found]


def _insert(text: str, qualname: str, other: str, new: list[list[str]]) -> str:
    """Put definitions after the one that precedes them in ``other``, or at the end."""
    outer, _, name = qualname.rpartition(".")
    tree, model = parse(text), parse(other)
    siblings = _body(model, outer)
    here = _body(tree, outer)
    if here is None or siblings is None:
        raise CourseError(f"The class {outer} is gone too; reset the whole file with --file.")
    lines, newline = split_lines(text), Source(text).newline
    after = here[-1].end_lineno if here else len(lines)
    for statement in siblings:
        if getattr(statement, "name", None) == name:
            break
        named = [n for n in here if getattr(n, "name", None) == getattr(statement, "name", "")]
        if named:
            after = named[-1].end_lineno
    at = after or len(lines)
    if at == len(lines) and lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += newline
    gap = [newline] if outer else [newline, newline]
    lines[at:at] = [line for definition in new for line in [*gap, *definition]]
    return "".join(lines)


def _body(tree: ast.Module, outer: str) -> list[ast.stmt] | None:
    if not outer:
        return tree.body
    found: list[Found] = find(tree, outer)
    return found[0].node.body if found else None
