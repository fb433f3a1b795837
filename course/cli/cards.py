"""``hint``, ``lesson``, ``diff`` and ``reset``."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import re
import sys
from pathlib import Path

import typer
from rich.markdown import Markdown
from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text

from course.backup import backup, write_atomic
from course.book.words import load_words
from course.cli.open import Course
from course.cli.terminal import console
from course.cutter import cut_package
from course.definitions import definitions, replace_definition
from course.errors import CourseError
from course.languages.chosen import ENGLISH
from course.languages.sections import STAMP
from course.paths import Project
from course.registry import Exercise
from course.scan import Scan
from course.source import Source, bare_lines, read_source, read_text, write_source
from course.state import read_table
from course.syntax import complaint

HEADING = re.compile(r"#+ \S+ (\d+\.\d+)\s*[:：]")  # "### Exercise 3.1: ..." in any language


def next_hint(project: Project, exercise: Exercise, level: int = 0) -> tuple[int, str]:
    """The hint of ``level`` (0: one further than the last one shown), remembered as shown."""
    path = project.state / "hints.json"
    shown = {n: known for n, known in read_table(path).items() if known in (1, 2, 3)}
    before = int(shown.get(exercise.id, 0))
    level = level or min(3, before + 1)
    shown[exercise.id] = max(level, before)
    with contextlib.suppress(CourseError):  # a read-only folder: hints then start from the first
        write_atomic(path, json.dumps(shown))
    return level, exercise.hints[level - 1]


def hint(which: str | None, level: int) -> None:
    course = Course()
    exercise = course.exercise(which)
    number, text = next_hint(course.project, exercise, level)
    words = load_words(course.language).table["card"]
    title = f"{exercise.id} {exercise.title}: {words['hint'][number - 1]}"
    out = console()
    out.print(Panel(Text(text), title=title, title_align="left", width=min(out.width, 96)))
    if number < 3:
        out.print(words["again"], style="bright_black")


def lesson(which: str | None) -> None:
    """The part of the lesson that leads to the exercise, or the whole lesson of a chapter."""
    course = Course()
    out = console()
    if which is not None and re.fullmatch(r"\d+", which):
        chapter = course.registry.chapter(int(which))
        path = course.project.exercises / chapter.folder / "lesson.md"
        text = in_words(path, course.language)
    else:
        exercise = course.exercise(which)
        path = course.project.root / exercise.lesson
        text = section(in_words(path, course.language), exercise)
    if out.is_terminal:
        # Without -R, less shows the codes of colours as text; F and X as git sets them.
        os.environ["LESS"] = f"{os.environ['LESS']} -R" if os.environ.get("LESS") else "-FRX"
        with out.pager(styles=True):
            out.print(Markdown(text), width=min(out.width, 100))
    else:
        print(text)


def in_words(path: Path, language: str) -> str:
    """A page in a language, the English one where it is not translated; what it records of that
    one is not for readers."""
    other = path.with_name(f"{path.stem}.{language}{path.suffix}")
    if language == ENGLISH or not other.is_file():
        return read_text(path)
    return re.sub(rf"(?m)^{STAMP.pattern}\n+", "", read_text(other))


def section(text: str, exercise: Exercise) -> str:
    """What stands between the previous exercise and the end of this one's own section."""
    lines = bare_lines(text)
    headings = [i for i, line in enumerate(lines) if re.match(r"#{1,6} ", line)]
    numbers = {i: found[1] for i in headings if (found := HEADING.match(lines[i]))}
    mine = [i for i, number in numbers.items() if number == exercise.id]
    if not mine:
        raise CourseError(f"{exercise.lesson} has no heading for exercise {exercise.id}.")
    start = 0
    for i in headings:
        if i < mine[0] and i in numbers:
            start = next((j for j in headings if j > i), mine[0])
    end = next((j for j in headings if j > mine[0]), len(lines))
    return "\n".join(lines[start:end])


def diff(which: str | None, reveal: bool) -> None:
    course = Course()
    exercise = course.registry[which] if which else _last_passed(course)
    status = course.scan.status(exercise)
    if status.state != "passed" and not reveal:
        raise CourseError(
            f"{exercise.id} has not passed yet (`tinymlx check {exercise.id}`); "
            "the solution shows itself then, or with --reveal."
        )
    out = console()
    text = difference(course.project, exercise)
    if text:
        out.print(Syntax(text, "diff", background_color="default", word_wrap=True))
    else:
        out.print("Yours equals the solution to the letter.")


def difference(project: Project, exercise: Exercise) -> str:
    """The student's definitions against the solution's, as a unified diff; empty if equal."""
    lines: list[str] = []
    for symbol in exercise.symbols:
        mine = _lines(project, project.tinymlx / symbol.file, symbol.qualname)
        theirs = _lines(project, project.solutions / "tinymlx" / symbol.file, symbol.qualname)
        lines += difflib.unified_diff(mine, theirs, "yours", "solution", lineterm="", n=99)
    return "\n".join(lines)


def _last_passed(course: Course) -> Exercise:
    passed = [s.exercise for s in course.scan.statuses() if s.state == "passed"]
    if not passed:
        raise CourseError("No exercise has passed yet; name one: `tinymlx diff 1.1 --reveal`.")
    return passed[-1]


def _lines(project: Project, path: Path, qualname: str) -> list[str]:
    shown = project.relative(path)
    try:
        return [line for part in definitions(read_text(path, shown), qualname) for line in part]
    except SyntaxError as error:
        raise CourseError(f"{complaint(shown, error)}; mend it first.") from error


def reset(which: str, yes: bool, whole_file: bool = False) -> None:
    course = Course()
    exercise = course.registry[which]
    what = (
        " and ".join(exercise.files) if whole_file else ", ".join(s.name for s in exercise.symbols)
    )
    if not yes:
        if not sys.stdin.isatty():
            raise CourseError(f"This puts the starter of {what} back; add --yes to do it.")
        typer.confirm(f"Put the starter of {what} back (your file is backed up first)?", abort=True)
    folder = put_back(course.project, course.scan, exercise, whole_file)
    out = console()
    out.print(f"The starter of {exercise.id} is back: {', '.join(exercise.files)}.")
    if folder is not None:
        out.print(f"Your work is kept in {course.project.relative(folder)}.")


def put_back(
    project: Project, scan: Scan, exercise: Exercise, whole_file: bool = False
) -> Path | None:
    """Write the starter's definitions into the student's files; returns the backup's folder."""
    starters = cut_package(project, scan.registry)
    sources: dict[Path, Source] = {}
    for symbol in exercise.symbols:
        path = project.tinymlx / symbol.file
        if path.is_dir():
            raise CourseError(
                f"{project.relative(path)} is a folder where a file should be; give it another "
                "name, then run this again."
            )
        if whole_file or not path.exists():
            sources[path] = Source(starters[symbol.file])
            continue
        source = sources.get(path) or read_source(path, project.relative(path))
        try:
            text = replace_definition(source.text, symbol.qualname, starters[symbol.file])
            sources[path] = source.with_text(text)
        except SyntaxError as error:
            raise CourseError(
                f"{complaint(project.relative(path), error)}. The file does not parse, so "
                f"{symbol.name} cannot be told from the rest; mend it, or `tinymlx reset "
                f"{exercise.id} --file` puts the whole file back after a backup."
            ) from error
    present = [path for path in sources if path.exists()]
    folder = backup(project, present, f"reset_{exercise.id}") if present else None
    for path, source in sources.items():
        write_source(path, source)
    return folder
