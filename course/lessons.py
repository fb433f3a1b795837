"""Reading lessons as programs: their code blocks, their headings, their links."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course.registry import slug

FENCE = re.compile(r"^```(\w*)\s*$")
LINK = re.compile(r"(?<!\\)!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the line on which its text starts."""

    language: str
    text: str
    line: int


class LessonError(Exception):
    """A block that does not run, or prints something else than the lesson says."""


def blocks(text: str) -> list[Block]:
    """All fenced blocks in order."""
    found: list[Block] = []
    language, start, lines = "", 0, text.splitlines()
    inside = False
    for number, line in enumerate(lines, 1):
        match = FENCE.match(line)
        if match and not inside:
            language, start, inside = match[1], number + 1, True
        elif inside and line.strip() == "```":
            found.append(Block(language, "\n".join(lines[start - 1 : number - 1]) + "\n", start))
            inside = False
    if inside:
        raise LessonError(f"the fence of line {start - 1} is never closed")
    return found


def run_blocks(path: Path, found: list[Block]) -> None:
    """Run the ``python`` blocks in one namespace; what they print must equal the ``output`` blocks.

    Raises:
        LessonError: with the file, the line and what happened.
    """
    namespace: dict[str, Any] = {"__name__": "__lesson__"}
    checker = doctest.OutputChecker()
    printed, line = "", 0
    for block in found:
        if block.language == "python":
            stream = io.StringIO()
            code = compile("\n" * (block.line - 1) + block.text, str(path), "exec")
            try:
                with contextlib.redirect_stdout(stream):
                    exec(code, namespace)
            except Exception as error:
                kind = type(error).__name__
                raise LessonError(
                    f"{path}:{block.line}: the block raised {kind}: {error}"
                ) from error
            printed, line = stream.getvalue(), block.line
        elif block.language == "output" and not checker.check_output(block.text, printed, FLAGS):
            raise LessonError(
                f"{path}:{block.line}: the block of line {line} printed\n{printed}"
                f"\nnot\n{block.text}"
            )


def headings(text: str) -> list[str]:
    """The texts of all headings, outside of fenced blocks."""
    return [m[1] for line in _prose(text) if (m := re.match(r"#{1,6} (.+)", line))]


def anchors(text: str) -> set[str]:
    return {slug(heading) for heading in headings(text)}


def links(text: str) -> list[str]:
    """The targets of all links and pictures, outside of code."""
    prose = "\n".join(re.sub(r"`[^`]*`", "", line) for line in _prose(text))
    return LINK.findall(prose)


def _prose(text: str) -> list[str]:
    lines, inside = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            lines.append(line)
    return lines
