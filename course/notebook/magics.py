"""What ``%load_ext course.notebook`` adds to a notebook."""

from __future__ import annotations

import importlib
import io
import os
import sys
import types
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.syntax import Syntax
from rich.text import Text

from course import blas
from course.bench.command import measure, parts
from course.book.words import load_words
from course.checker import Checker
from course.checker.parent import Options
from course.cli.cards import difference, next_hint
from course.cli.open import Course
from course.cli.verdicts import verdict
from course.errors import CourseError
from course.notebook.plots import plot
from course.notebook.writing import write
from course.overlay import Choice, Overlay, make_bundle

WIDTH = 96
PAGE = '<pre style="white-space:pre-wrap;line-height:1.45">{code}</pre>'


class Card:
    """Something for a person to read, in a notebook and where there are no colours."""

    def __init__(self, *parts: RenderableType, picture: str = "") -> None:
        self.parts, self.picture = parts, picture

    def _repr_html_(self) -> str:
        text = self._recorded().export_html(inline_styles=True, code_format=PAGE)
        return text + self.picture

    def __repr__(self) -> str:
        return self._recorded().export_text().rstrip()

    def _recorded(self) -> Console:
        console = Console(record=True, file=io.StringIO(), width=WIDTH, highlight=False)
        console.print(Group(*self.parts))
        return console


class Session:
    """The course as a notebook sees it: one grading process, kept, and the notebook's names."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names
        course = Course()
        self.project, self.registry = course.project, course.registry
        self.language = course.language
        self.checker = Checker(self.project, self.registry)

    def exercise(self, line: str, cell: str) -> Card:
        """Write a cell to its place, grade it, and use it from here on."""
        try:
            exercise = self.registry[line.strip()]
            written = write(self.project, self.registry, exercise, cell)
        except CourseError as error:
            return Card(Text(str(error), style="bold red"))
        parts: list[RenderableType] = []
        if written.changed and written.kept is not None:
            kept = self.project.relative(written.kept)
            parts.append(Text(f"The file had been changed since; that version is in {kept}:"))
            parts.append(Syntax(written.changed, "diff", background_color="default"))
        result = self.checker.check((exercise,), Options())
        course = Course()
        course.scan.record(result.outcomes())
        course.scan.remember()
        self.refresh()
        said, trouble = course.sentences.shown(exercise.id, result.verdicts[exercise.id])
        parts.append(verdict(exercise, said))
        if trouble:
            parts.append(Text(trouble, style="yellow"))
        parts.append(Text(f"Written to {', '.join(written.files)}.", style="bright_black"))
        return Card(*parts, picture=self.picture(said))

    def picture(self, said: dict[str, Any]) -> str:
        """The first failure of a verdict as SVG, if it has numbers that can be drawn."""
        drawing = next((f.get("drawing") for f in said.get("failures", [])), None)
        return plot(drawing, load_words(self.language).table["plot"]) if drawing else ""

    def hint(self, line: str) -> Card:
        """The next hint of an exercise, or the one whose level is named: ``%hint 4.3 2``."""
        number, _, level = line.strip().partition(" ")
        try:
            exercise = self.registry[number]
            given = int(level) if level.strip() in {"1", "2", "3"} else 0
            shown, text = next_hint(self.project, exercise, given)
        except CourseError as error:
            return Card(Text(str(error), style="bold red"))
        said = load_words(self.language).table["card"]["hint"][shown - 1]
        return Card(Text(f"{exercise.id} {exercise.title}: {said}", style="bold"), Text(text))

    def diff(self, line: str) -> Card:
        """Yours against the solution, once it has passed."""
        try:
            exercise = self.registry[line.strip()]
        except CourseError as error:
            return Card(Text(str(error), style="bold red"))
        if Course().scan.status(exercise).state != "passed":
            return Card(Text(f"{exercise.id} has not passed yet; the solution shows itself then."))
        text = difference(self.project, exercise)
        if not text:
            return Card(Text("Yours equals the solution to the letter."))
        return Card(Syntax(text, "diff", background_color="default", word_wrap=True))

    def bench(self, line: str) -> Card:
        """How fast: yours, the solution, MLX, PyTorch; of an exercise or a chapter."""
        try:
            rows = measure(self.project, self.registry, line.strip() or None, True, show=False)
        except (CourseError, ValueError) as error:
            return Card(Text(str(error), style="bold red"))
        return Card(*parts(rows))

    def map(self, line: str) -> Card:
        """The chapters with what has passed."""
        course = Course()
        states = {status.exercise.id: status.state for status in course.scan.statuses()}
        lines = []
        for chapter in course.registry.chapters:
            passed = sum(states[e.id] == "passed" for e in chapter.exercises)
            lines.append(
                f"{chapter.number:3}  {passed:3} of {len(chapter.exercises):2}  {chapter.title}"
            )
        return Card(Text("\n".join(lines)))

    def refresh(self) -> None:
        """From here on ``tinymlx`` is what the files say now, also under the names in use."""
        blas.load()
        bundle = make_bundle(self.project, self.registry, Choice(self.project.root, whole=True))
        Overlay(bundle, self.project.state / "cache" / "code").install()
        for name, value in list(self.names.items()):
            self.names[name] = again(value)


def again(value: Any) -> Any:
    """A module, function or class of ``tinymlx`` as it is now; anything else as it is."""
    if isinstance(value, types.ModuleType):
        ours = value.__name__.split(".")[0] == "tinymlx"
        return importlib.import_module(value.__name__) if ours else value
    module = getattr(value, "__module__", None) or ""
    named = isinstance(value, (type, types.FunctionType)) and module.split(".")[0] == "tinymlx"
    if not named or "." in value.__qualname__:
        return value
    return getattr(importlib.import_module(module), value.__qualname__, value)


def install(shell: Any) -> None:
    """Add the magics to a shell of IPython, and complete what is not written yet."""
    session = Session(shell.user_ns)
    os.chdir(session.project.root)
    if "tinymlx" in sys.modules:
        session.refresh()
    else:
        importlib.import_module("course.fill")
    shell.register_magic_function(session.exercise, "cell", "exercise")
    for name in ("hint", "diff", "bench", "map"):
        shell.register_magic_function(getattr(session, name), "line", name)
