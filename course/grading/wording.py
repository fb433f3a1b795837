"""What a judge asks of an error's words must stand where a reader looks: read, never run.

Every ``match`` of a ``check.raises`` stands, as text or as a regular expression and in any case, in
the docstring of one of the exercise's symbols (or of the class around it), in the part of the
lesson that leads to the exercise, or as the name of a parameter; or it is a word of the input.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from course.paths import Project
from course.registry import Exercise, Registry
from course.syntax import find


@dataclass(frozen=True)
class Wording:
    """One ``match`` of a judge; ``text`` is ``None`` where it is not written out."""

    exercise: str
    path: Path
    line: int
    text: str | None


def complaints(project: Project, registry: Registry) -> list[str]:
    """A line for each demand on words that no text of the course makes."""
    lines = []
    for wording in wordings(project, registry):
        where = f"{wording.exercise} {project.relative(wording.path)}:{wording.line}"
        if wording.text is None:
            lines.append(f"{where}: write `match` as text, here or in parametrize")
        elif not _stands(wording.text, promises(project, registry, wording.exercise)):
            lines.append(f"{where}: no docstring and no lesson says {wording.text!r}")
    return lines


def wordings(project: Project, registry: Registry) -> Iterator[Wording]:
    for chapter in registry.chapters:
        for path in sorted((project.tests / chapter.folder).glob("test_*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef):
                    yield from _of_test(path, node)


def _of_test(path: Path, test: ast.FunctionDef) -> Iterator[Wording]:
    numbers = [
        argument.value
        for mark in test.decorator_list
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "exercise"
        for argument in mark.args
        if isinstance(argument, ast.Constant)
    ]
    given = _parameters(test)
    inputs = _inputs(test)
    for node in ast.walk(test) if numbers else ():
        if not isinstance(node, ast.Call) or ast.unparse(node.func) != "check.raises":
            continue
        for keyword in node.keywords:
            if keyword.arg == "match":
                for text in _texts(keyword.value, given):
                    if text is not None and text.strip("'\"") in inputs:
                        continue
                    yield Wording(str(numbers[0]), path, node.lineno, text)


def _texts(value: ast.expr, given: dict[str, list[ast.expr]]) -> list[str | None]:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return [value.value]
    if isinstance(value, ast.Name) and value.id in given:
        return [text for each in given[value.id] for text in _texts(each, {})]
    if isinstance(value, ast.IfExp):
        return [*_texts(value.body, given), *_texts(value.orelse, given)]
    return [None]


def _parameters(test: ast.FunctionDef) -> dict[str, list[ast.expr]]:
    """Name of a parameter to the values that parametrize or a loop in the test gives it."""
    found: dict[str, list[ast.expr]] = {}
    pairs: list[tuple[ast.expr, ast.expr]] = []
    for mark in test.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.parametrize":
            names = ast.literal_eval(mark.args[0])
            listed = re.split(r"\s*,\s*", names) if isinstance(names, str) else list(names)
            target: ast.expr = ast.Name(listed[0])
            if len(listed) > 1:
                target = ast.Tuple([ast.Name(name) for name in listed])
            pairs.append((target, mark.args[1]))
    pairs += _helpers(test)
    pairs += [(loop.target, loop.iter) for loop in ast.walk(test) if isinstance(loop, ast.For)]
    for target, values in pairs:
        for row in getattr(values, "elts", ()):
            if isinstance(row, ast.Call) and ast.unparse(row.func) == "pytest.param":
                row = ast.Tuple(row.args) if isinstance(target, ast.Tuple) else row.args[0]
            if isinstance(target, ast.Name):
                found.setdefault(target.id, []).append(row)
            elif isinstance(target, ast.Tuple) and isinstance(row, (ast.Tuple, ast.List)):
                for name, value in zip(target.elts, row.elts, strict=False):
                    if isinstance(name, ast.Name):
                        found.setdefault(name.id, []).append(value)
    return found


def _helpers(test: ast.FunctionDef) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The first parameter of each function inside the test, and what it is called with."""
    for inner in ast.walk(test):
        if not isinstance(inner, ast.FunctionDef) or inner is test or not inner.args.args:
            continue
        for call in ast.walk(test):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == inner.name and call.args:
                yield ast.Name(inner.args.args[0].arg), ast.List([call.args[0]])


def _inputs(test: ast.FunctionDef) -> set[str]:
    """Texts in the test's body that are no ``match``: a name that was misspelt, a key."""
    matches = {
        id(keyword.value)
        for call in ast.walk(test)
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "match"
    }
    loops = [loop.iter for loop in ast.walk(test) if isinstance(loop, ast.For)]
    for values in [*loops, *(values for _, values in _helpers(test))]:
        matches |= {id(node) for node in ast.walk(values)}
    return {
        node.value
        for statement in test.body
        for node in ast.walk(statement)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if id(node) not in matches
    }


def promises(project: Project, registry: Registry, number: str) -> list[str]:
    """The texts that promise something about an exercise."""
    exercise = registry[number]
    texts = [_lesson(project, registry, exercise)]
    for symbol in exercise.symbols:
        tree = ast.parse((project.solutions / "tinymlx" / symbol.file).read_text(encoding="utf-8"))
        outer = symbol.qualname.rpartition(".")[0]
        for name in (symbol.qualname, outer) if outer else (symbol.qualname,):
            for found in find(tree, name):
                texts.append(ast.get_docstring(found.node) or "")
                if not isinstance(found.node, ast.ClassDef):
                    arguments = found.node.args
                    names = [*arguments.args, *arguments.kwonlyargs]
                    texts.append(" ".join(argument.arg for argument in names))
    return texts


def _lesson(project: Project, registry: Registry, exercise: Exercise) -> str:
    """From the exercise before this one to the heading after this one's."""
    text = (project.root / exercise.lesson).read_text(encoding="utf-8")
    own = text.find(f"### Exercise {exercise.id}:")
    start = text.rfind("### Exercise ", 0, own)
    end = re.search(r"^#{1,3} ", text[own + 4 :], re.MULTILINE)
    return text[max(start, 0) : own + 4 + end.start() if end else len(text)] if own >= 0 else ""


def _stands(words: str, texts: list[str]) -> bool:
    for text in texts:
        flat = " ".join(text.split())
        if words.lower() in flat.lower():
            return True
        try:
            if re.search(words, flat, re.IGNORECASE):
                return True
        except re.error:
            continue
    return False
