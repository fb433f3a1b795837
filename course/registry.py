"""The list of exercises: ``exercises/chNN_*/exercises.toml``, loaded and validated.

It is the only list; what a starter says, what a test is marked with and what the map shows all
follow from it. Every complaint names the file and the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

from course.errors import CourseError
from course.paths import Project
from course.toml import load_toml

FIELDS: dict[str, type] = {
    "id": str,
    "title": str,
    "symbols": list,
    "requires": list,
    "difficulty": int,
    "minutes": int,
    "points": int,
    "hints": list,
    "closed": list,
    "opened": list,
}
OPTIONAL: dict[str, list[str]] = {"requires": [], "closed": [], "opened": []}
FOLDER = re.compile(r"ch(\d\d)_[a-z0-9_]+")


@dataclass(frozen=True)
class Symbol:
    """A function, method, property or class that an exercise asks for."""

    dotted: str  # tinymlx.nn.linear.Linear.__call__
    module: str  # tinymlx.nn.linear
    qualname: str  # Linear.__call__
    file: str  # nn/linear.py, relative to the package

    @property
    def name(self) -> str:
        return self.qualname.rpartition(".")[2]


@dataclass(frozen=True)
class Exercise:
    """One card of ``exercises.toml``."""

    id: str
    title: str
    symbols: tuple[Symbol, ...]
    requires: tuple[str, ...]
    difficulty: int
    minutes: int
    points: int
    hints: tuple[str, str, str]
    closed: tuple[str, ...]
    opened: tuple[str, ...]
    folder: str  # ch04_neural_networks
    heading: str = ""  # the English title, where `title` is in another language

    @property
    def chapter(self) -> int:
        return int(self.id.partition(".")[0])

    @property
    def lesson(self) -> str:
        """The lesson's path from the project's root."""
        return f"exercises/{self.folder}/lesson.md"

    @property
    def anchor(self) -> str:
        """The anchor of the exercise's heading in its lesson, the English one."""
        return slug(f"Exercise {self.id}: {self.heading or self.title}")

    @property
    def files(self) -> tuple[str, ...]:
        """The files of the exercise, from the project's root, without repeats."""
        return tuple(dict.fromkeys(f"tinymlx/{symbol.file}" for symbol in self.symbols))

    def message(self, symbol: Symbol) -> str:
        """What the starter of ``symbol`` says when it is called."""
        return f"{self.id} {symbol.name} - {self.lesson}"


@dataclass(frozen=True)
class Chapter:
    number: int
    title: str
    summary: str
    folder: str
    exercises: tuple[Exercise, ...]


@dataclass(frozen=True)
class Registry:
    chapters: tuple[Chapter, ...]
    by_id: dict[str, Exercise] = field(repr=False)

    @property
    def exercises(self) -> tuple[Exercise, ...]:
        """All exercises, in the order of the course."""
        return tuple(self.by_id.values())

    @cached_property
    def owners(self) -> dict[str, str]:
        """The dotted name of a symbol to the id of its exercise."""
        return {symbol.dotted: e.id for e in self.exercises for symbol in e.symbols}

    def __getitem__(self, wanted: str) -> Exercise:
        if wanted in self.by_id:
            return self.by_id[wanted]
        near = self._near(wanted)
        hint = f"; did you mean {near}?" if near else "."
        shown = wanted if wanted[-1:].isalnum() else repr(wanted)
        raise CourseError(f"There is no exercise {shown}{hint} `tinymlx` lists them all.")

    def _near(self, wanted: str) -> str:
        """What a mistyped id, or a function's name in its place, may have meant; or nothing."""
        number = re.fullmatch(r"(\d+)\.(\d+)", wanted)
        if number:
            mine = [e.id for e in self.exercises if e.chapter == int(number[1])]
            return min(
                mine,
                key=lambda known: abs(int(known.partition(".")[2]) - int(number[2])),
                default="",
            )
        word = wanted.lower()
        for exercise in self.exercises:
            if len(word) > 1 and word in {symbol.name.lower() for symbol in exercise.symbols}:
                return f"{exercise.id} ({exercise.title})"
        return ""

    def chapter(self, number: int) -> Chapter:
        for chapter in self.chapters:
            if chapter.number == number:
                return chapter
        known = ", ".join(str(chapter.number) for chapter in self.chapters)
        raise CourseError(f"There is no chapter {number} yet; there are {known}.")

    def select_all(self, wanted: Iterable[str]) -> tuple[Exercise, ...]:
        """The exercises that several words stand for, in the order of the course; all for none."""
        chosen = {exercise.id for word in wanted for exercise in self.select(word)}
        return tuple(e for e in self.exercises if e.id in chosen) if chosen else self.exercises

    def select(self, wanted: str | None) -> tuple[Exercise, ...]:
        """The exercises that ``4.3`` (one), ``4`` (a chapter) or ``None`` (all) stands for."""
        if wanted is None:
            return self.exercises
        if re.fullmatch(r"\d+", wanted):
            return self.chapter(int(wanted)).exercises
        return (self[wanted],)

    def closure(self, exercise: Exercise) -> tuple[Exercise, ...]:
        """``exercise`` and everything it requires, directly or not."""
        seen: dict[str, Exercise] = {}
        pending = [exercise]
        while pending:
            current = pending.pop()
            if current.id not in seen:
                seen[current.id] = current
                pending.extend(self.by_id[needed] for needed in current.requires)
        return tuple(seen.values())


def slug(heading: str) -> str:
    """The anchor that web pages of repositories give to a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def load_registry(project: Project) -> Registry:
    """Read and check all cards.

    Raises:
        CourseError: the first thing that is wrong, with file and line.
    """
    folders = sorted(p for p in project.exercises.iterdir() if FOLDER.fullmatch(p.name))
    chapters = tuple(_load_chapter(project, folder) for folder in folders)
    by_id: dict[str, Exercise] = {}
    owners: dict[str, str] = {}
    for chapter in chapters:
        for exercise in chapter.exercises:
            _check_against_earlier(exercise, by_id, owners, project)
            by_id[exercise.id] = exercise
    return Registry(chapters, by_id)


class _Card:
    """One ``[[exercise]]`` table with the lines of its file, so that complaints can point."""

    def __init__(self, path: Path, index: int, table: dict[str, Any]) -> None:
        self.path, self.index, self.table = path, index, table

    def complain(self, key: str | None, what: str) -> CourseError:
        return CourseError(f"{self.path}:{self._line(key)}: {what}")

    def _line(self, key: str | None) -> int:
        lines = self.path.read_text(encoding="utf-8").splitlines()
        starts = [i for i, line in enumerate(lines, 1) if line.strip() == "[[exercise]]"]
        if self.index >= len(starts):
            return 1
        start = starts[self.index]
        for number, line in enumerate(lines[start:], start + 1):
            if line.strip() == "[[exercise]]":
                break
            if key is not None and re.match(rf"\s*{re.escape(key)}\s*=", line):
                return number
        return start


def _load_chapter(project: Project, folder: Path) -> Chapter:
    path = folder / "exercises.toml"
    table = load_toml(path)
    head = table.get("chapter")
    if not isinstance(head, dict) or not {"number", "title", "summary"} <= set(head):
        raise CourseError(f"{path}:1: [chapter] needs number, title and summary.")
    if int(folder.name[2:4]) != head["number"]:
        raise CourseError(f"{path}:1: the folder is {folder.name}, the number {head['number']}.")
    cards = [_Card(path, i, card) for i, card in enumerate(table.get("exercise", []))]
    exercises = tuple(_load_exercise(project, folder.name, card) for card in cards)
    for position, (card, exercise) in enumerate(zip(cards, exercises, strict=True), 1):
        if exercise.id != f"{head['number']}.{position}":
            raise card.complain("id", f"id {exercise.id!r} should be {head['number']}.{position}.")
    return Chapter(head["number"], head["title"], head["summary"], folder.name, exercises)


def _load_exercise(project: Project, folder: str, card: _Card) -> Exercise:
    table = {**OPTIONAL, **card.table}
    for key in table:
        if key not in FIELDS:
            near = get_close_matches(key, FIELDS, n=1)
            raise card.complain(key, f"unknown key {key!r}" + (f"; {near[0]}?" if near else "."))
    for key, kind in FIELDS.items():
        if key not in table:
            raise card.complain(None, f"the card has no {key!r}.")
        if type(table[key]) is not kind:
            raise card.complain(key, f"{key} must be a {kind.__name__}.")
        if kind is list and not all(isinstance(item, str) for item in table[key]):
            raise card.complain(key, f"{key} must be a list of strings.")
    if not 1 <= table["difficulty"] <= 5:
        raise card.complain("difficulty", "difficulty goes from 1 to 5.")
    for key in ("minutes", "points"):
        if table[key] < 1:
            raise card.complain(key, f"{key} must be positive.")
    if len(table["hints"]) != 3 or not all(hint.strip() for hint in table["hints"]):
        raise card.complain(
            "hints", "hints must be three sentences: a question, the idea, the way."
        )
    if not table["symbols"]:
        raise card.complain("symbols", "an exercise names at least one symbol.")
    symbols = tuple(_resolve(project, card, dotted) for dotted in table["symbols"])
    first, second, third = table["hints"]
    return Exercise(
        id=table["id"],
        title=table["title"],
        symbols=symbols,
        requires=tuple(table["requires"]),
        difficulty=table["difficulty"],
        minutes=table["minutes"],
        points=table["points"],
        hints=(first, second, third),
        closed=tuple(table["closed"]),
        opened=tuple(table["opened"]),
        folder=folder,
    )


def _resolve(project: Project, card: _Card, dotted: str) -> Symbol:
    """Split a dotted name where the module ends, looking at the solution's files."""
    parts = dotted.split(".")
    if parts[0] != "tinymlx" or len(parts) < 3:
        raise card.complain("symbols", f"{dotted!r} should read tinymlx.module.function.")
    base = project.solutions / "tinymlx"
    for length in range(len(parts) - 1, 1, -1):
        inner = Path(*parts[1:length])
        for file in (inner.with_suffix(".py"), inner / "__init__.py"):
            if (base / file).is_file():
                module, qualname = ".".join(parts[:length]), ".".join(parts[length:])
                return Symbol(dotted, module, qualname, file.as_posix())
    raise card.complain("symbols", f"solutions/ has no module for {dotted!r}.")


def _check_against_earlier(
    exercise: Exercise, by_id: dict[str, Exercise], owners: dict[str, str], project: Project
) -> None:
    path = project.exercises / exercise.folder / "exercises.toml"
    card = _Card(path, int(exercise.id.partition(".")[2]) - 1, {})
    for needed in exercise.requires:
        if needed not in by_id:
            raise card.complain("requires", f"{exercise.id} requires {needed!r}, no earlier id.")
    for symbol in exercise.symbols:
        if symbol.dotted in owners:
            other = owners[symbol.dotted]
            raise card.complain("symbols", f"{symbol.dotted} already belongs to {other}.")
        owners[symbol.dotted] = exercise.id
