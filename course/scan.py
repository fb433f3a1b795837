"""What the student's files say without being run: which exercises are starters, and their hashes.

Parsing is remembered by content, so that the map stays instant; the memory is only a cache.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from course.backup import write_atomic
from course.cutter import is_given
from course.errors import CourseError
from course.graft.grafts import files, module_name
from course.graft.package import Module
from course.judges import Judges
from course.paths import Project
from course.reach import reach
from course.registry import Exercise, Registry, Symbol
from course.source import decode, read_text
from course.state import read_table
from course.syntax import find, is_starter

FORMAT = "3"  # of a file's scan: another number forgets those that were remembered
MOST_VERDICTS = 64  # kept for each exercise, by the hash of the code


@dataclass(frozen=True)
class Status:
    """Where an exercise stands.

    ``state`` is ``"to do"`` (a starter), ``"passed"`` or ``"failed"`` (the verdict on exactly this
    code and these tests), ``"changed"`` (written, not graded since) or ``"broken"`` (the file does
    not parse, or the function is gone).
    """

    exercise: Exercise
    state: str
    detail: str = ""


class Scan:
    """The state of every exercise in the student's package."""

    def __init__(self, project: Project, registry: Registry) -> None:
        self.project, self.registry = project, registry
        self._scans: dict[str, dict[str, Any]] = {}
        self._judges = Judges(project)
        self._memory_path = project.state / "cache" / "scan.json"
        self._verdict_path = project.state / "cache" / "verdicts.json"
        self._last_path = project.state / "cache" / "last.json"
        self._memory: dict[str, dict[str, Any]] = read_table(self._memory_path)
        self._fresh = False

    def statuses(self) -> list[Status]:
        result = [self.status(exercise) for exercise in self.registry.exercises]
        self.remember()
        return result

    def status(self, exercise: Exercise) -> Status:
        missing = []
        for symbol in exercise.symbols:
            scan = self._file(symbol.file)
            if scan["error"]:
                return Status(exercise, "broken", scan["error"])
            state = scan["symbols"].get(symbol.qualname, ["absent"])[0]
            if state == "starter":
                missing.append(symbol.name)
            if state == "absent":
                return Status(exercise, "broken", f"tinymlx/{symbol.file}: no {symbol.qualname}")
        if missing:
            begun = len(missing) < len(exercise.symbols)
            return Status(exercise, "to do", f"still to write: {', '.join(missing)}" * begun)
        outcome = self._verdicts.get(exercise.id, {}).get(self.key(exercise), "changed")
        return Status(exercise, outcome)

    def key(self, exercise: Exercise) -> str:
        """A hash of all that the verdict follows from: the code, what it requires, the tests."""
        digest = hashlib.sha256(self._judges.hash(exercise).encode())
        for member in self.registry.closure(exercise):
            for symbol in member.symbols:
                scan = self._file(symbol.file)
                digest.update(scan["symbols"].get(symbol.qualname, ("absent", ""))[1].encode())
        return digest.hexdigest()[:32]

    def record(self, outcomes: dict[str, str]) -> None:
        """Keep verdicts (exercise id to ``"passed"`` or ``"failed"``) for the code as it is now.

        Older verdicts are kept by the hash of their code: who restores a text has its pass again.
        What another window has recorded since is kept, too.
        """
        self.__dict__.pop("_verdicts", None)
        for number, outcome in outcomes.items():
            if outcome in ("passed", "failed"):
                known = self._verdicts.setdefault(number, {})
                key = self.key(self.registry[number])
                known.pop(key, None)
                known[key] = outcome  # the newest stands last
                for old in list(known)[:-MOST_VERDICTS]:
                    del known[old]
        if outcomes:
            graded = [e.id for e in self.registry.exercises if e.id in outcomes]
            self.last = next((n for n in graded if outcomes[n] != "passed"), graded[-1])
            _save(self._last_path, {"exercise": self.last})
        _save(self._verdict_path, self._verdicts)

    @cached_property
    def last(self) -> str:
        """The exercise that was graded last: where the reader is; empty at the beginning."""
        return str(read_table(self._last_path).get("exercise", ""))

    def remember(self) -> None:
        if self._fresh:
            _save(self._memory_path, {scan["sha"]: scan for scan in self._scans.values()})
            self._fresh = False

    @cached_property
    def _verdicts(self) -> dict[str, dict[str, str]]:
        """Exercise id to the verdicts on its texts: hash to outcome, the newest last."""
        known = read_table(self._verdict_path)
        return {n: v for n, v in known.items() if isinstance(v, dict) and "key" not in v}

    @cached_property
    def _symbols(self) -> dict[str, list[Symbol]]:
        """File to the symbols of its exercises."""
        found: dict[str, list[Symbol]] = {}
        for exercise in self.registry.exercises:
            for symbol in exercise.symbols:
                found.setdefault(symbol.file, []).append(symbol)
        return found

    @cached_property
    def _added(self) -> dict[str, Module]:
        """The modules that the student has added, by name."""
        course, found = self.project.solutions / "tinymlx", {}
        for name, path in files(self.project.tinymlx):
            if not is_given(self.project, name) and not (course / name).exists():
                with contextlib.suppress(CourseError):  # what is no text cannot be reached
                    found[module_name(name)] = _module(name, read_text(path))
        return found

    @cached_property
    def _added_hash(self) -> str:
        texts = [[module.file, module.text] for module in self._added.values()]
        return hashlib.sha256(json.dumps(texts).encode()).hexdigest() if texts else ""

    def _file(self, name: str) -> dict[str, Any]:
        if name not in self._scans:
            path = self.project.tinymlx / name
            shown = self.project.relative(path)
            try:
                content = path.read_bytes()
            except OSError as error:
                self._scans[name] = _unusable("", f"{shown}: {error.strerror}")
                return self._scans[name]
            symbols = self._symbols[name]
            names = [symbol.qualname for symbol in symbols]
            asked = "\0".join([FORMAT, shown, self._added_hash, *names]).encode()
            sha = hashlib.sha256(asked + b"\0" + content).hexdigest()
            if sha not in self._memory:
                self._memory[sha] = _scan(content, sha, shown, name, symbols, self._added)
                self._fresh = True
            self._scans[name] = self._memory[sha]
        return self._scans[name]


def _module(file: str, text: str) -> Module:
    return Module(module_name(file), file, file.endswith("__init__.py"), text)


def _scan(
    content: bytes,
    sha: str,
    shown: str,
    file: str,
    symbols: list[Symbol],
    added: dict[str, Module],
) -> dict[str, Any]:
    try:
        text = decode(content, shown).text
        tree = ast.parse(text)
        scanned = dict(_symbols(tree, _module(file, text), symbols, added))
    except CourseError as error:
        return _unusable(sha, str(error))
    except SyntaxError as error:
        return _unusable(sha, f"{shown}:{error.lineno}: {error.msg}")
    except (ValueError, RecursionError, MemoryError) as error:
        return _unusable(sha, f"{shown}: {error}")
    return {"sha": sha, "error": "", "symbols": scanned}


def _symbols(
    tree: ast.Module, module: Module, symbols: list[Symbol], added: dict[str, Module]
) -> Iterator[tuple[str, tuple[str, str]]]:
    """The symbols that are there: qualified name to state and hash."""
    for symbol in symbols:
        found = find(tree, symbol.qualname)
        if found:
            state = "starter" if any(is_starter(item) for item in found) else "written"
            yield symbol.qualname, (state, reach(module, symbol, added))


def _unusable(sha: str, error: str) -> dict[str, Any]:
    return {"sha": sha, "error": error, "symbols": {}}


def _save(path: Path, table: dict[str, Any]) -> None:
    try:
        write_atomic(path, json.dumps(table))
    except CourseError:
        return  # a read-only folder only costs speed
