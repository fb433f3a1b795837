"""The sentences of misconceptions in another language: `misconceptions.zh-TW.toml` of a chapter.

What is recorded stays English, so that the verdicts of a class compare; a verdict is put into the
reader's language when it is shown. A table records the hash of the sentence that it translates, and
a sentence without a table of its hash is shown in English.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from course.errors import CourseError
from course.languages.chosen import ENGLISH
from course.languages.parity import CODE, Difference
from course.languages.sections import hashed
from course.languages.usage import mainland
from course.misconceptions import declared
from course.paths import Project
from course.registry import Chapter, Registry
from course.toml import load_toml

ONE, SEVERAL = "Likely:", "Likely one of:"
#: What stands before one sentence, and above several.
LIKELY = {"en": (f"{ONE} ", SEVERAL), "zh-TW": ("可能是：", "可能是其中之一：")}
Table = dict[str, str]


def path_of(project: Project, chapter: Chapter, language: str) -> Path:
    """Where a chapter's sentences in a language are."""
    return project.exercises / chapter.folder / f"misconceptions.{language}.toml"


def translated(project: Project) -> list[Path]:
    """All files of sentences in other languages."""
    return sorted(project.exercises.glob("*/misconceptions.*.toml"))


def sentences_of(registry: Registry, path: Path) -> dict[str, dict[str, str]]:
    """Exercise to the hashes of its English sentences, in the order of declaration.

    A sentence that is declared for several symbols counts once.
    """
    found: dict[str, dict[str, str]] = {}
    for one in declared(registry, path):
        found.setdefault(one.exercise, {})[hashed(one.sentence)] = one.sentence
    return found


def load_tables(path: Path) -> list[Table]:
    """The tables of a file, ``exercise``, ``of`` and ``text``.

    Raises:
        CourseError: it is no TOML, or a table lacks its exercise or its text.
    """
    return _tables(load_toml(path), path)


def _tables(content: dict[str, Any], path: Path) -> list[Table]:
    tables = content.get("sentence", [])
    if not isinstance(tables, list):
        raise CourseError(f"{path}: write each sentence below [[sentence]], with two brackets.")
    for number, table in enumerate(tables, 1):
        values = (table.get("exercise"), table.get("text"), table.get("of", ""))
        if not all(isinstance(value, str) for value in values) or not table["text"].strip():
            raise CourseError(f"{path}: sentence {number} needs exercise, of and text, as strings.")
        if "\n" in table["text"]:
            raise CourseError(f"{path}: sentence {number} has more than one line.")
    return tables


class Sentences:
    """A chapter's sentences in the reader's language, read when one is to be shown."""

    def __init__(self, project: Project, registry: Registry, language: str) -> None:
        self.project, self.registry, self.language = project, registry, language
        self._read: dict[Path, dict[tuple[str, str], str]] = {}

    def __call__(self, number: str, sentence: str) -> str:
        """A sentence of an exercise: its translation, or itself where there is none that fits."""
        if self.language == ENGLISH:
            return sentence
        chapter = self.registry.chapter(self.registry[number].chapter)
        path = path_of(self.project, chapter, self.language)
        if path not in self._read:
            tables = load_tables(path) if path.is_file() else []
            self._read[path] = {(t["exercise"], t.get("of", "")): t["text"] for t in tables}
        return self._read[path].get((number, hashed(sentence)), sentence)

    def shown(self, number: str, plain: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """A verdict with its diagnosis in the reader's language.

        Where the translation cannot be read, it is in English, and the reason stands beside it.
        """
        failures = plain.get("failures", [])
        if self.language == ENGLISH or not any(f.get("candidates") for f in failures):
            return plain, ""
        try:
            said = [self._failure(number, failure) for failure in failures]
        except CourseError as error:
            return plain, str(error)
        return {**plain, "failures": said}, ""

    def _failure(self, number: str, failure: dict[str, Any]) -> dict[str, Any]:
        found = failure.get("candidates", [])
        ours = {sentence: self(number, sentence) for sentence in found}
        if not any(text != sentence for sentence, text in ours.items()):
            return failure
        one, several = LIKELY[self.language]
        lines = {f"  {SEVERAL}": f"  {several}"}
        for sentence, text in ours.items():
            lines[f"    {sentence}"] = f"    {text}"
            lines[f"  {ONE} {sentence}"] = f"  {one}{text}"
        return {**failure, "lines": [lines.get(line, line) for line in failure["lines"]]}


def differences(
    project: Project, registry: Registry, chapter: Chapter, language: str
) -> Iterator[Difference]:
    """Sentences that are missing, old, of no exercise, or that name other code than the English."""
    path = path_of(project, chapter, language)
    if not path.is_file():
        return
    shown = project.relative(path)
    english = sentences_of(registry, path.with_name("misconceptions.py"))
    missing = {(number, of) for number, known in english.items() for of in known}
    for table in load_tables(path):
        number, of = table["exercise"], table.get("of", "")
        short = f'{number} "{_short(table["text"])}"'
        if number not in english:
            yield Difference("sentence", shown, f"{short}: the exercise has none here.")
        elif of not in english[number]:
            yield Difference("stale", shown, f"{short} is of no sentence that there is now.")
        elif (number, of) not in missing:
            yield Difference("sentence", shown, f"{short}: its sentence is translated twice.")
        else:
            missing.remove((number, of))
            ours, theirs = (set(CODE.findall(s)) for s in (english[number][of], table["text"]))
            if ours != theirs:
                names = ", ".join(sorted(ours ^ theirs))
                yield Difference("names in code", shown, f"{short}: only one of both has {names}.")
    for number, known in english.items():
        for of, sentence in known.items():
            if (number, of) in missing:
                yield Difference("missing", shown, f'{number} "{_short(sentence)}"')
    if language == "zh-TW":
        for word, good in mainland(path.read_text(encoding="utf-8")):
            yield Difference("usage", shown, f"{word}: in Taiwan it is {good}.")


def _short(sentence: str) -> str:
    return sentence if len(sentence) <= 50 else f"{sentence[:47]}..."


NUMBER = re.compile(r"exercise\s*=")
OF = re.compile(r"of\s*=")


def stamped(path: Path, registry: Registry, english: Path) -> str:
    """The file with each table recording the hash of the sentence that it translates now.

    A table whose hash fits keeps it. The others are the sentences at their places among those of
    their exercise, if the two have as many and none that is known stands elsewhere.

    Args:
        path: the translation.
        registry: the course's exercises.
        english: the ``misconceptions.py`` that it translates.

    Raises:
        ValueError: which sentence a table translates cannot be told.
    """
    known = sentences_of(registry, english)
    tables = load_tables(path)
    found: list[str] = [""] * len(tables)
    for number in dict.fromkeys(table["exercise"] for table in tables):
        places = [i for i, table in enumerate(tables) if table["exercise"] == number]
        recorded = (tables[i].get("of", "") for i in places)
        for i, of in zip(places, _matched(number, list(recorded), list(known.get(number, {})))):
            found[i] = of
    lines: list[str] = []
    left = iter(found)
    for line in path.read_text(encoding="utf-8").splitlines():
        if not OF.match(line):
            lines.append(line)
        if NUMBER.match(line):
            lines.append(f'of = "{next(left)}"')
    return "\n".join(lines) + "\n"


def _matched(number: str, recorded: Iterable[str], hashes: list[str]) -> list[str]:
    """The hash of the sentence that each table of an exercise translates."""
    recorded = list(recorded)
    if all(of in hashes for of in recorded):
        return recorded
    if len(recorded) != len(hashes):
        raise ValueError(f"{number} has {len(hashes)} sentences and {len(recorded)} here")
    for of, now in zip(recorded, hashes, strict=True):
        if of in hashes and of != now:
            raise ValueError(f"the sentences of {number} are in another order than in English")
    return hashes
