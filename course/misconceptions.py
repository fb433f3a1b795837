"""Misconceptions: wrong solutions that people write, each with the sentence that explains it.

``exercises/chNN_*/misconceptions.py`` is parsed and never imported; the functions are put in the
place of the exercise's by `course.overlay`. ``agrees`` and ``differs`` of a declaration name tests,
by a part of their names, on whose inputs a student's results must, or must not, be the mutant's
(`course.grading.diagnosis`).
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from course.errors import CourseError
from course.paths import Project
from course.registry import Exercise, Registry, Symbol


@dataclass(frozen=True)
class Misconception:
    """One wrong way to write one symbol of an exercise."""

    exercise: str
    sentence: str
    symbol: str  # the dotted name of what it replaces
    file: str
    line: int
    read: str  # the anchor in the lesson that explains it
    agrees: tuple[str, ...] = ()  # tests on whose inputs the results must be the same
    differs: tuple[str, ...] = ()  # tests on whose inputs they must not be

    @property
    def replacement(self) -> tuple[str, str, int]:
        """In the form of `course.overlay.Choice.replaced`."""
        return (self.symbol, self.file, self.line)


def load_misconceptions(project: Project, registry: Registry) -> dict[str, list[Misconception]]:
    """Exercise id to its misconceptions, in the order of the files.

    Raises:
        CourseError: a declaration that names no exercise or no symbol of it, with file and line.
    """
    found: dict[str, list[Misconception]] = {}
    for chapter in registry.chapters:
        path = project.exercises / chapter.folder / "misconceptions.py"
        if path.is_file():
            for misconception in declared(registry, path):
                found.setdefault(misconception.exercise, []).append(misconception)
    return found


def declared(registry: Registry, path: Path) -> list[Misconception]:
    """Those of one file.

    Raises:
        CourseError: it cannot be read or parsed, or declares what is no exercise.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    except SyntaxError as error:
        raise CourseError(f"{path}:{error.lineno}: {error.msg}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"{path} cannot be read: {error}.") from error
    return [m for node in tree.body for m in _declared(registry, path, node)]


def _declared(registry: Registry, path: Path, node: ast.stmt) -> list[Misconception]:
    if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return []
    result = []
    for call in node.decorator_list:
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        if call.func.id != "misconception":
            continue
        try:
            number, sentence = (ast.literal_eval(argument) for argument in call.args)
            options = {k.arg: ast.literal_eval(k.value) for k in call.keywords}
        except ValueError as error:
            raise CourseError(
                f'{path}:{call.lineno}: write @misconception("4.3", "One sentence.").'
            ) from error
        if number not in registry.by_id:
            raise CourseError(f"{path}:{call.lineno}: there is no exercise {number!r}.")
        exercise = registry.by_id[number]
        symbol = _symbol(exercise, node.name, options.get("symbol"))
        if symbol is None:
            wanted = options.get("symbol", node.name)
            raise CourseError(f"{path}:{node.lineno}: {number} has no symbol {wanted!r}.")
        read = options.get("read", exercise.anchor)
        result.append(
            Misconception(
                number,
                sentence,
                symbol.dotted,
                str(path),
                node.lineno,
                read,
                *(_tests(path, call, options.get(key, ())) for key in ("agrees", "differs")),
            )
        )
    return result


def _tests(path: Path, call: ast.Call, given: object) -> tuple[str, ...]:
    """The value of ``agrees`` or ``differs``: one part of a test's name, or several."""
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, (tuple, list)) or not all(isinstance(n, str) for n in names):
        raise CourseError(f"{path}:{call.lineno}: agrees and differs take names of tests.")
    return tuple(names)


def _symbol(exercise: Exercise, name: str, wanted: str | None) -> Symbol | None:
    for symbol in exercise.symbols:
        if wanted is None and symbol.name == name:
            return symbol
        if wanted is not None and wanted in (symbol.qualname, symbol.dotted):
            return symbol
    return None
