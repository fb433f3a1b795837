"""The text of what was handed in: of Python files in any encoding, of a notebook's code cells."""

from __future__ import annotations

import ast
import codecs
import json
import re
from typing import Any

from course.errors import CourseError
from course.grading.door.haul import Refused
from course.source import bare_lines, decode

COOKIE = re.compile(r"^([ \t\f]*#.*?coding[:=][ \t]*)([-\w.]+)")
MARKS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
PARSING = (SyntaxError, ValueError, RecursionError, MemoryError)
# Magics of a whole cell whose body is Python all the same.
AROUND = ("%%exercise", "%%time", "%%timeit", "%%capture", "%%prun")


def parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except PARSING:
        return None


def text_of(data: bytes) -> tuple[str, str]:
    """The text of a Python file, to be kept as UTF-8, and a note on what was not as it should be.

    Python itself refuses a file in Latin-1 that does not say so; a student's points should not
    hang on an accent in a comment.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return _plain(data.decode(encoding, "replace")), "it is UTF-16; it was read as that"
    try:
        return _plain(decode(data, "it").text), ""
    except (CourseError, LookupError, UnicodeError):
        pass
    try:
        return _plain(data.decode("utf-8")), "it declares another encoding; it was read as UTF-8"
    except UnicodeDecodeError as error:
        said = f"it is not UTF-8 (byte {error.start}); it was read as Latin-1"
        return _plain(data.decode("latin-1")), said


def _plain(text: str) -> str:
    """``text`` such that its bytes in UTF-8 read the same: no mark, no other declaration."""
    text = text.encode("utf-8", "replace").decode("utf-8").removeprefix("\ufeff")
    lines = text.split("\n", 2)
    for i, line in enumerate(lines[:2]):
        lines[i] = COOKIE.sub(lambda match: f"{match[1]}utf-8", line)
    return "\n".join(lines)


def notebook_text(data: bytes) -> str:
    """The code cells of a notebook as one module; of two definitions of a name, the last.

    Raises:
        Refused: it is no notebook.
    """
    try:
        sources = list(_cells(json.loads(data)))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise Refused("it is no notebook in JSON") from error
    cells = [cell for cell in map(_without_magics, sources) if parsed(cell) is not None]
    return _last_definitions("\n\n".join(cells) + "\n")


def _cells(notebook: Any) -> list[str]:
    sheets = notebook.get("worksheets") or [notebook]
    found = []
    for cell in (cell for sheet in sheets for cell in sheet.get("cells", [])):
        if cell.get("cell_type") == "code":
            source = cell.get("source", cell.get("input", ""))
            found.append(_plain(source if isinstance(source, str) else "".join(source)))
    return found


def _without_magics(cell: str) -> str:
    """A cell without what IPython alone understands; each such line becomes ``pass``."""
    lines = bare_lines(cell)
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%"):
        if not first.split()[0].startswith(AROUND):
            return ""
        lines.remove(first)
    kept = []
    for line in lines:
        code = line.lstrip()
        if code.startswith(("%", "!", "?")) or line.rstrip().endswith("?"):
            line = line[: len(line) - len(code)] + "pass"
        kept.append(line)
    return "\n".join(kept)


def _last_definitions(text: str) -> str:
    """``text`` without definitions at its top that a later one replaces."""
    tree = parsed(text)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    last: dict[str, int] = {}
    found = [node for node in (tree.body if tree else []) if isinstance(node, kinds)]
    for node in found:
        last[node.name] = node.lineno
    lines = bare_lines(text)
    for node in found:
        if node.lineno != last[node.name] and node.name != "_":
            start = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            for i in range(start - 1, node.end_lineno or node.lineno):
                lines[i] = ""
    return "\n".join(lines) + "\n"


def joined(texts: list[str]) -> str:
    """Several modules as one; imports from the future go to its top."""
    future = re.compile(r"^from[ \t]+__future__[ \t]+import[^\n]*\n?", re.M)
    if len(texts) == 1:
        return texts[0]
    lines = [line.rstrip() + "\n" for text in texts for line in future.findall(text)]
    return "".join(dict.fromkeys(lines)) + "\n".join(future.sub("", text) for text in texts)
