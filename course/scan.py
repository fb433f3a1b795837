"""What the student's files say without being run: which exercises are starters, and their hashes.

Parsing is remembered by content, so that the map stays instant; the memory is only a cache.
"""

from __future__ import annotations

import ast
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from course.backup import write_atomic
from course.errors import CourseError
from course.paths import Project
from course.registry import Exercise, Registry
from course.syntax import find, first_line, is_starter


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
        self._chapter_hashes: dict[str, str] = {}
        self._memory_path = project.state / "cache" / "scan.json"
        self._verdict_path = project.state / "cache" / "verdicts.json"
        self._memory: dict[str, dict[str, Any]] = _load(self._memory_path)
        self._fresh = False

    def statuses(self) -> list[Status]:
        result = [self.status(exercise) for exercise in self.registry.exercises]
        self.remember()
        return result

    def status(self, exercise: Exercise) -> Status:
        for symbol in exercise.symbols:
            scan = self._file(symbol.file)
            if scan["error"]:
                return Status(exercise, "broken", scan["error"])
            state = scan["symbols"].get(symbol.qualname, ["absent"])[0]
            if state == "starter":
                return Status(exercise, "to do")
            if state == "absent":
                return Status(exercise, "broken", f"tinymlx/{symbol.file}: no {symbol.qualname}")
        verdict = self._verdicts.get(exercise.id, {})
        if verdict.get("key") == self.key(exercise):
            return Status(exercise, verdict["outcome"])
        return Status(exercise, "changed")

    def key(self, exercise: Exercise) -> str:
        """A hash of all that the verdict follows from: the code, what it requires, the tests."""
        digest = hashlib.sha256(self._chapter_hash(exercise).encode())
        for member in self.registry.closure(exercise):
            for symbol in member.symbols:
                scan = self._file(symbol.file)
                digest.update(scan["symbols"].get(symbol.qualname, ["absent", ""])[1].encode())
                if member is exercise:
                    digest.update(scan["rest"].encode())
        return digest.hexdigest()[:32]

    def record(self, outcomes: dict[str, str]) -> None:
        """Keep verdicts (exercise id to ``"passed"`` or ``"failed"``) for the code as it is now."""
        for number, outcome in outcomes.items():
            if outcome in ("passed", "failed"):
                key = self.key(self.registry[number])
                self._verdicts[number] = {"key": key, "outcome": outcome}
            else:
                self._verdicts.pop(number, None)
        _save(self._verdict_path, self._verdicts)

    def remember(self) -> None:
        if self._fresh:
            _save(self._memory_path, {scan["sha"]: scan for scan in self._scans.values()})
            self._fresh = False

    @cached_property
    def _verdicts(self) -> dict[str, dict[str, str]]:
        return _load(self._verdict_path)

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        """File to the qualified names of its exercises."""
        names: dict[str, list[str]] = {}
        for exercise in self.registry.exercises:
            for symbol in exercise.symbols:
                names.setdefault(symbol.file, []).append(symbol.qualname)
        return names

    def _file(self, name: str) -> dict[str, Any]:
        if name not in self._scans:
            path = self.project.tinymlx / name
            shown = self.project.relative(path)
            try:
                content = path.read_bytes()
            except OSError as error:
                self._scans[name] = _unusable("", f"{shown}: {error.strerror}")
                return self._scans[name]
            asked = "\0".join([shown, *self._names[name]]).encode()
            sha = hashlib.sha256(asked + b"\0" + content).hexdigest()
            if sha not in self._memory:
                self._memory[sha] = _scan(content, sha, shown, self._names[name])
                self._fresh = True
            self._scans[name] = self._memory[sha]
        return self._scans[name]

    def _chapter_hash(self, exercise: Exercise) -> str:
        """The tests and the reference of the exercise's chapter, by their content."""
        if exercise.folder not in self._chapter_hashes:
            digest = hashlib.sha256()
            files = sorted((self.project.tests / exercise.folder).glob("*.py"))
            for path in [*files, self.project.reference / f"{exercise.folder}.py"]:
                digest.update(path.read_bytes() if path.is_file() else b"")
            self._chapter_hashes[exercise.folder] = digest.hexdigest()
        return self._chapter_hashes[exercise.folder]


def _scan(content: bytes, sha: str, shown: str, names: list[str]) -> dict[str, Any]:
    try:
        text = content.decode("utf-8")
        tree = ast.parse(text)
    except SyntaxError as error:
        return _unusable(sha, f"{shown}:{error.lineno}: {error.msg}")
    except (ValueError, RecursionError, MemoryError) as error:
        return _unusable(sha, f"{shown}: {error}")
    lines = text.splitlines()
    symbols: dict[str, list[str]] = {}
    for name in names:
        found = find(tree, name)
        if not found:
            continue
        body: list[str] = []
        for item in found:
            start, end = first_line(item.node) - 1, item.node.end_lineno or 0
            body += lines[start:end]
            lines[start:end] = [""] * (end - start)
        state = "starter" if any(is_starter(item) for item in found) else "written"
        symbols[name] = [state, _sha("\n".join(body))]
    return {"sha": sha, "error": "", "symbols": symbols, "rest": _sha("\n".join(lines))}


def _unusable(sha: str, error: str) -> dict[str, Any]:
    return {"sha": sha, "error": error, "symbols": {}, "rest": ""}


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _load(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # absent or damaged: it is only a cache, and is made again
    return table if isinstance(table, dict) else {}


def _save(path: Path, table: dict[str, Any]) -> None:
    try:
        write_atomic(path, json.dumps(table))
    except CourseError:
        return  # a read-only folder only costs speed
