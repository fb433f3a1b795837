"""A lesson as a notebook: its text in cells, its blocks as code, a cell for each exercise."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from course.cutter import cut_package
from course.definitions import definitions
from course.lessons import FENCE, LINK
from course.paths import Project
from course.registry import Chapter, Exercise, Registry
from course.source import read_text

HEADING = re.compile(r"#{1,6} ")
NUMBER = re.compile(r"#+ [^:：]*?\b(\d+\.\d+)\s*[:：]")
BEGIN = "%load_ext course.notebook"
HOSTED = """# On a hosted notebook service the course is not there yet: take the signs away, put in
# where you have it from, and run this once. (Written without a network: not tried.)
# !git clone ADDRESS tinymlx
# %cd tinymlx
# !pip install -q -c constraints.txt -e '.[cpu]'"""


def notebook(
    project: Project, registry: Registry, chapter: Chapter, folder: Path
) -> dict[str, Any]:
    """A chapter in the format of Jupyter (4.5).

    Args:
        folder: where it will stand, for the links to figures.
    """
    lesson = project.exercises / chapter.folder / "lesson.md"
    writer = _Writer(project, registry, lesson.parent, folder)
    writer.code(HOSTED)
    writer.code(BEGIN)
    writer.read(read_text(lesson))
    for number, cell in enumerate(writer.cells):
        cell["id"] = f"{chapter.folder[:4]}-{number:03d}"
    return {
        "cells": writer.cells,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


class _Writer:
    """Collects cells while it reads a lesson."""

    def __init__(self, project: Project, registry: Registry, here: Path, folder: Path) -> None:
        self.project, self.registry = project, registry
        self.here, self.folder = here, folder
        self.cells: list[dict[str, Any]] = []
        self._text: list[str] = []
        self._exercise: Exercise | None = None  # its heading was read, its cell is not there yet
        self._starters = cut_package(project, registry)

    def read(self, text: str) -> None:
        language, block = "", list[str]()
        for line in text.splitlines():
            opened = FENCE.match(line)
            if block:
                block.append(line)
                if line.strip() == "```":
                    self._block(language, block)
                    block = []
            elif opened:
                language, block = opened[1], [line]
            else:
                if HEADING.match(line):
                    self._end_of_section(line)
                self._text.append(line)
        self._end_of_section("")

    def code(self, source: str, printed: str = "") -> None:
        """A cell of code, and what the lesson says that it prints."""
        outputs = []
        if printed:
            outputs = [{"output_type": "stream", "name": "stdout", "text": _lines(printed)}]
        cell: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}}
        self.cells.append({**cell, "source": _lines(source), "outputs": outputs})

    def _block(self, language: str, block: list[str]) -> None:
        if language == "python":
            self._flush()
            self._exercise_cell()
            self.code("\n".join(block[1:-1]))
        elif language == "output" and self.cells and not "".join(self._text).strip():
            printed = "\n".join(block[1:-1]) + "\n"
            stream = {"output_type": "stream", "name": "stdout", "text": _lines(printed)}
            self.cells[-1]["outputs"] = [stream]
        else:
            self._text += block

    def _end_of_section(self, heading: str) -> None:
        self._flush()
        self._exercise_cell()
        found = NUMBER.match(heading)
        self._exercise = self.registry.by_id.get(found[1]) if found else None

    def _exercise_cell(self) -> None:
        if self._exercise is not None:
            source = exercise_source(self.project, self._exercise, self._starters)
            self.code(f"%%exercise {self._exercise.id}\n{source}")
            self._exercise = None

    def _flush(self) -> None:
        text = "\n".join(self._text).strip()
        self._text = []
        if text:
            text = LINK.sub(self._moved, text)
            self.cells.append({"cell_type": "markdown", "metadata": {}, "source": _lines(text)})

    def _moved(self, link: re.Match[str]) -> str:
        """A link to a file beside the lesson, from where the notebook stands."""
        target = link[1]
        if target.startswith(("http:", "https:", "#", "mailto:")):
            return link[0]
        path = os.path.relpath(self.here / target.partition("#")[0], self.folder)
        return link[0].replace(f"({target}", f"({Path(path).as_posix()}")


def exercise_source(project: Project, exercise: Exercise, starters: dict[str, str]) -> str:
    """The definitions of an exercise as the student's files have them now, methods in their class.

    Where a file is gone or does not parse, the starter's.
    """
    parts: list[str] = []
    before = ""
    for symbol in exercise.symbols:
        outer = symbol.qualname.rpartition(".")[0]
        found = _present(project.tinymlx / symbol.file, symbol.qualname)
        found = found or definitions(starters[symbol.file], symbol.qualname)
        text = "\n\n".join("\n".join(lines) for lines in found)
        head = f"class {outer}:\n" if outer and outer != before else ""
        parts.append(head + text)
        before = outer
    return "\n\n".join(parts)


def _present(path: Path, qualname: str) -> list[list[str]]:
    try:
        return definitions(read_text(path), qualname)
    except Exception:  # noqa: BLE001 - whatever is wrong with the file, the starter stands in
        return []


def _lines(text: str) -> list[str]:
    """Text as Jupyter keeps it: lines with their ends."""
    return text.splitlines(keepends=True)
