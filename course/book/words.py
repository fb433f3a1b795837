"""What the book says around the lessons, in one language: ``words/LANGUAGE.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from course.paths import Project
from course.registry import Chapter, Registry
from course.toml import load_toml

NUMERALS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")


@dataclass(frozen=True)
class Part:
    """A part of the course: its number from 1, its title, its chapters as far as they exist."""

    number: int
    title: str
    chapters: tuple[Chapter, ...]

    @property
    def numeral(self) -> str:
        """The number as the course writes it."""
        return NUMERALS[self.number - 1]


@dataclass(frozen=True)
class Words:
    """The table of a language."""

    table: dict[str, Any]

    @property
    def language(self) -> str:
        return str(self.table["language"])

    def ui(self, key: str, **values: object) -> str:
        """A short text of the page."""
        return str(self.table["ui"][key]).format(**values)

    def card(self, key: str, **values: object) -> str:
        """A short text of an exercise's card."""
        return str(self.table["card"][key]).format(**values)

    def bench(self, key: str, **values: object) -> str:
        """A short text of the page of benchmarks."""
        return str(self.table["bench"][key]).format(**values)

    def parts(self, registry: Registry) -> list[Part]:
        """The parts that have chapters. A chapter that no part names stands in the last one."""
        tables = self.table["part"]
        named = {number for part in tables for number in part["chapters"]}
        found = []
        for number, part in enumerate(tables, 1):
            last = number == len(tables)
            chapters = tuple(
                chapter
                for chapter in registry.chapters
                if chapter.number in part["chapters"] or (last and chapter.number not in named)
            )
            if chapters:
                found.append(Part(number, part["title"], chapters))
        return found


def load_words(language: str) -> Words:
    """The words of a language; one that is missing is an error that names its file."""
    path = Path(str(resources.files("course.book"))) / "words" / f"{language}.toml"
    return Words(load_toml(path))


def languages(project: Project) -> list[str]:
    """English, and the languages that have words here and a lesson."""
    folder = Path(str(resources.files("course.book"))) / "words"
    others = sorted(path.stem for path in folder.glob("*.toml") if path.stem != "en")
    return ["en", *(code for code in others if any(project.exercises.glob(f"*/lesson.{code}.md")))]
