"""What can be said about an exercise without running it: is it there, is it still a starter."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from course.errors import CourseError
from course.paths import Project
from course.registry import Exercise, Symbol
from course.source import read_text
from course.syntax import find, is_starter


@dataclass(frozen=True)
class Inspection:
    """What was found.

    Attributes:
        state: ``"starter"``, ``"partial"`` (some of several symbols are written), ``"written"``, or
            ``"broken"``, and then ``problem`` says why.
        missing: the names of symbols that are still starters.
    """

    state: str
    problem: str = ""
    line: int = 0
    missing: tuple[str, ...] = ()


def inspect_exercise(project: Project, exercise: Exercise, folder: Path) -> Inspection:
    """Look at the exercise's symbols in the implementation ``folder``."""
    missing: list[str] = []
    for symbol in exercise.symbols:
        path = folder / "tinymlx" / symbol.file
        shown = f"tinymlx/{symbol.file}"  # students read it: where a class is unpacked is not said
        back = f"`tinymlx reset {exercise.id}` puts the starter back"
        if not path.exists():
            return Inspection("broken", f"{shown} is gone; {back}.")
        tree, problem, line = parse_file(path, shown)
        if tree is None:
            return Inspection("broken", problem, line)
        found = find(tree, symbol.qualname)
        if not found:
            return Inspection(
                "broken",
                f"{shown} has no {symbol.qualname} any more; {back}, after a backup of the file.",
            )
        if any(is_starter(item) for item in found):
            missing.append(symbol.name)
            continue
        problem = _changed(project, exercise, symbol, found[0].node)
        if problem:
            return Inspection("broken", problem, found[0].node.lineno)
    if not missing:
        return Inspection("written")
    state = "starter" if len(missing) == len(exercise.symbols) else "partial"
    return Inspection(state, missing=tuple(missing))


def parse_file(path: Path, shown: str) -> tuple[ast.Module | None, str, int]:
    """The syntax tree, or what is wrong with the file, which messages call ``shown``, and where."""
    try:
        text = read_text(path, shown)
    except CourseError as error:
        return None, str(error), 0
    try:
        return ast.parse(text, str(path)), "", 0
    except SyntaxError as error:
        line = (error.text or "").strip()
        number = error.lineno or 0
        return None, f"{shown}:{number}: {error.msg}" + (f": {line}" if line else "."), number
    except (ValueError, RecursionError, MemoryError) as error:
        return None, f"{shown} cannot be parsed ({type(error).__name__}: {error}).", 0


def _changed(project: Project, exercise: Exercise, symbol: Symbol, node: ast.stmt) -> str:
    """A sentence if the definition is of another kind or takes other arguments than the starter."""
    path = project.solutions / "tinymlx" / symbol.file
    tree, _, _ = parse_file(path, str(path))
    original = find(tree, symbol.qualname)[0].node if tree is not None else None
    if original is None:
        return ""
    shown = f"tinymlx/{symbol.file}:{getattr(node, 'lineno', 0)}"
    if isinstance(node, ast.ClassDef) != isinstance(original, ast.ClassDef):
        kinds = {True: "class", False: "function"}
        is_class = isinstance(node, ast.ClassDef)
        return (
            f"{shown}: {symbol.qualname} is a {kinds[is_class]} now; the exercise asks for "
            f"a {kinds[not is_class]}."
        )
    if isinstance(node, ast.ClassDef) or isinstance(original, ast.ClassDef):
        return ""
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    assert isinstance(original, ast.FunctionDef | ast.AsyncFunctionDef)
    if accepts(node.args, original.args):
        return ""
    return (
        f"{shown}: {symbol.name} takes ({ast.unparse(node.args)}) now; callers need "
        f"({ast.unparse(original.args)}). Put the signature back."
    )


def accepts(mine: ast.arguments, original: ast.arguments) -> bool:
    """Whether every call for ``original`` fits ``mine``: names kept, additions have defaults."""
    positional = [a.arg for a in [*mine.posonlyargs, *mine.args]]
    wanted = [a.arg for a in [*original.posonlyargs, *original.args]]
    if mine.vararg is None and positional[: len(wanted)] != wanted:
        return False
    required = len(positional) - len(mine.defaults)
    if required > len(wanted) - len(original.defaults):
        return False
    if original.vararg is not None and mine.vararg is None:
        return False
    if original.kwarg is not None and mine.kwarg is None:
        return False
    by_name = {a.arg for a in [*mine.kwonlyargs, *mine.args]}
    keywords = {a.arg for a in original.kwonlyargs}
    if mine.kwarg is None and not keywords <= by_name:
        return False
    return all(
        default is not None or argument.arg in keywords
        for argument, default in zip(mine.kwonlyargs, mine.kw_defaults, strict=True)
    )
