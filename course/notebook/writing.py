"""From a cell into the student's files: one definition is replaced, everything else stays."""

from __future__ import annotations

import ast
import contextlib
import difflib
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from course.backup import backup, write_atomic
from course.cutter import cut_package
from course.definitions import definitions, replace_definition
from course.errors import CourseError
from course.paths import Project
from course.registry import Exercise, Registry
from course.source import Source, read_source, write_source
from course.state import read_table
from course.syntax import complaint, find, parse


@dataclass
class Written:
    """What came of writing a cell.

    Attributes:
        files: what was written, as a person types it.
        kept: the folder of the backup; None where nothing was there.
        changed: how the file had been changed outside of the notebook since it last wrote, as a
            unified diff; that version is in the backup.
    """

    files: list[str] = field(default_factory=list)
    kept: Path | None = None
    changed: str = ""


def write(project: Project, registry: Registry, exercise: Exercise, code: str) -> Written:
    """Put the definitions of a cell into the places of the exercise's.

    Raises:
        CourseError: the cell does not parse or lacks a definition, or the file does not parse;
            nothing was written then.
    """
    check(exercise, code)
    memory = Memory(project)
    starters = cut_package(project, registry)
    sources: dict[Path, Source] = {}
    before: list[str] = []
    for symbol in exercise.symbols:
        path = project.tinymlx / symbol.file
        source = sources.get(path)
        if source is None:
            present = path.exists()
            shown = project.relative(path)
            source = read_source(path, shown) if present else Source(starters[symbol.file])
        before += _definition(source.text, symbol.qualname)
        try:
            text = replace_definition(source.text, symbol.qualname, code)
        except SyntaxError as error:
            raise CourseError(
                f"{complaint(project.relative(path), error)}. The file does not parse, so nothing "
                "was written; mend that first."
            ) from None
        parse(text)
        sources[path] = source.with_text(text)
    written = Written([project.relative(path) for path in sources])
    fresh = [line for s in exercise.symbols for line in _definition(starters[s.file], s.qualname)]
    now = [line for s in exercise.symbols for line in _definition(code, s.qualname)]
    if before not in (fresh, now) and memory.differs(exercise, before):
        lines = difflib.unified_diff(before, now, "the file", "this cell", lineterm="", n=2)
        written.changed = "\n".join(lines)
    present_files = [path for path in sources if path.exists()]
    if before != now:
        if present_files:
            written.kept = backup(project, present_files, f"notebook_{exercise.id}")
        for path, source in sources.items():
            write_source(path, source)
    memory.remember(exercise, now)
    return written


def check(exercise: Exercise, code: str) -> None:
    """Whether a cell holds what the exercise asks for, and nothing that would be lost.

    Raises:
        CourseError: one sentence on what is wrong.
    """
    try:
        tree = parse(code)
    except SyntaxError as error:
        where = f"Line {error.lineno} of the cell" if error.lineno else "The cell"
        raise CourseError(f"{where}: {error.msg}; nothing was written.") from None
    lacking = [s.qualname for s in exercise.symbols if not find(tree, s.qualname)]
    if lacking:
        raise CourseError(
            f"The cell has no {' and no '.join(lacking)}, which {exercise.id} asks for; nothing "
            "was written."
        )
    wanted = {symbol.qualname.partition(".")[0] for symbol in exercise.symbols}
    for statement in tree.body:
        name = getattr(statement, "name", "")
        if name not in wanted and not isinstance(statement, (ast.Import, ast.ImportFrom)):
            raise CourseError(
                f"Line {statement.lineno} of the cell is outside of {', '.join(sorted(wanted))}: "
                "only what the exercise names is written to the file; put it inside, or in another "
                "cell. Nothing was written."
            )


class Memory:
    """What the notebook wrote last, so that it knows what somebody else wrote since."""

    def __init__(self, project: Project) -> None:
        self.path = project.state / "notebook.json"
        self.known = read_table(self.path)

    def differs(self, exercise: Exercise, lines: list[str]) -> bool:
        """Whether the definitions are not those that were written last."""
        return self.known.get(exercise.id) != _hash(lines)

    def remember(self, exercise: Exercise, lines: list[str]) -> None:
        self.known[exercise.id] = _hash(lines)
        with contextlib.suppress(CourseError):  # a read-only folder: then nothing is remembered
            write_atomic(self.path, json.dumps(self.known))


def _definition(text: str, qualname: str) -> list[str]:
    try:
        return [line for part in definitions(text, qualname) for line in part]
    except SyntaxError:
        return []


def _hash(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest()[:16]
