"""The cards in another language: titles and hints, by the exercises' numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from course.errors import CourseError
from course.languages.parity import Difference
from course.languages.sections import hashed
from course.languages.usage import mainland
from course.paths import Project
from course.registry import Chapter, Exercise, Registry
from course.toml import load_toml


def path_of(project: Project, chapter: Chapter, language: str) -> Path:
    """Where a chapter's cards in a language are."""
    return project.exercises / chapter.folder / f"exercises.{language}.toml"


def translated(project: Project) -> list[Path]:
    """All files of cards in other languages."""
    return sorted(project.exercises.glob("*/exercises.*.toml"))


def card_hash(exercise: Exercise) -> str:
    """What a translated card records: the hash of the English title and hints."""
    return hashed("\n".join((exercise.title, *exercise.hints)))


def chapter_hash(chapter: Chapter) -> str:
    """The same for the chapter's title and summary."""
    return hashed(f"{chapter.title}\n{chapter.summary}")


def in_language(project: Project, registry: Registry, language: str) -> Registry:
    """The registry with titles, summaries and hints of a language where there are any.

    Anchors stay the English ones, which are the same in every language.
    """
    if language == "en":
        return registry
    chapters = tuple(_chapter(project, chapter, language) for chapter in registry.chapters)
    return Registry(chapters, {e.id: e for chapter in chapters for e in chapter.exercises})


def _chapter(project: Project, chapter: Chapter, language: str) -> Chapter:
    path = path_of(project, chapter, language)
    if not path.is_file():
        return chapter
    table = load_toml(path)
    cards = {card.get("id"): card for card in table.get("exercise", [])}
    head = table.get("chapter", {})
    return replace(
        chapter,
        title=head.get("title", chapter.title),
        summary=head.get("summary", chapter.summary),
        exercises=tuple(_exercise(path, e, cards.get(e.id, {})) for e in chapter.exercises),
    )


def _exercise(path: Path, exercise: Exercise, card: dict[str, Any]) -> Exercise:
    hints = card.get("hints", list(exercise.hints))
    if len(hints) != 3:
        raise CourseError(f"{path}: {exercise.id} needs three hints, as the English card has.")
    first, second, third = hints
    title = card.get("title", exercise.title)
    return replace(exercise, title=title, hints=(first, second, third), heading=exercise.title)


def differences(project: Project, chapter: Chapter, language: str) -> Iterator[Difference]:
    """Cards that are missing, old, or of no exercise."""
    path = path_of(project, chapter, language)
    if not path.is_file():
        return
    table, shown = load_toml(path), project.relative(path)
    if table.get("chapter", {}).get("of") != chapter_hash(chapter):
        yield Difference("stale", shown, f"title and summary are {chapter_hash(chapter)} now.")
    cards = {card.get("id"): card for card in table.get("exercise", [])}
    for exercise in chapter.exercises:
        card = cards.pop(exercise.id, None)
        if card is None:
            yield Difference("missing", shown, f"{exercise.id} has no card.")
        elif card.get("of") != card_hash(exercise):
            yield Difference("stale", shown, f"{exercise.id} is {card_hash(exercise)} now.")
    if language == "zh-TW":
        for word, good in mainland(path.read_text(encoding="utf-8")):
            yield Difference("usage", shown, f"{word}: in Taiwan it is {good}.")
    for number in cards:
        yield Difference("card", shown, f"{number} is no exercise of the chapter.")


ID = re.compile(r'id = "([^"]+)"\s*$')
OF = re.compile(r'of = "[0-9a-f]*"\s*$')


def stamped(text: str, chapter: Chapter) -> str:
    """A file of cards whose tables all record the hash of what they translate now.

    Args:
        text: the file.
        chapter: the English one.

    Raises:
        ValueError: a card is of no exercise of the chapter.
    """
    hashes = {exercise.id: card_hash(exercise) for exercise in chapter.exercises}
    lines: list[str] = []
    for line in text.splitlines():
        if OF.match(line):
            continue
        lines.append(line)
        if line.strip() == "[chapter]":
            lines.append(f'of = "{chapter_hash(chapter)}"')
        elif found := ID.match(line):
            if found[1] not in hashes:
                raise ValueError(f"{found[1]} is no exercise of the chapter")
            lines.append(f'of = "{hashes[found[1]]}"')
    return "\n".join(lines) + "\n"
