"""From scratch means from scratch: names that the student's code may not use.

The check reads the syntax tree and runs nothing. It looks at what the student wrote: the bodies of
exercises, helpers that the course did not give, statements that were added. What equals the
course's own code is left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from course.errors import CourseError
from course.paths import Project
from course.registry import Exercise
from course.source import read_text
from course.syntax import find

TRANSFORMS = ("grad", "value_and_grad", "vjp", "jvp", "vmap", "checkpoint", "custom_function")
CLOSED = frozenset(
    {
        *(f"mlx.core.{name}" for name in TRANSFORMS),
        *("mlx.core.fast", "mlx.nn", "mlx.optimizers", "mlx.utils"),
    }
)
DYNAMIC = frozenset(
    "__import__ eval exec compile globals locals vars open input setattr delattr "
    "__builtins__ __loader__ __spec__".split()
)
HIDDEN = frozenset(
    "__dict__ __getattribute__ __getattr__ __globals__ __builtins__ __subclasses__ __bases__ "
    "__mro__ __base__ __code__ __closure__ __loader__ __spec__ __wrapped__ __reduce__ "
    "f_back f_globals f_locals f_builtins tb_frame gi_frame cr_frame".split()
)
OF_SYS = frozenset(
    "modules _getframe _current_frames settrace setprofile path meta_path path_hooks stdin".split()
)
# What an exercise may add to the imports that the course gives; more is not needed for arithmetic.
PLAIN_PYTHON = frozenset(
    "__future__ abc bisect breakpoint cmath collections contextlib copy dataclasses decimal enum "
    "fractions functools heapq itertools logging math numbers operator pdb pprint random re "
    "statistics string struct sys textwrap time traceback types typing typing_extensions "
    "unicodedata warnings".split()
)


@dataclass(frozen=True)
class Violation:
    line: int
    sentence: str


def violations(project: Project, exercise: Exercise, folder: Path) -> list[Violation]:
    """What the exercise's code in ``folder`` uses although it is closed, in the order of lines."""
    found: dict[tuple[str, int], Violation] = {}
    for file in dict.fromkeys(symbol.file for symbol in exercise.symbols):
        mine = _tree(folder / "tinymlx" / file)
        given = _tree(project.solutions / "tinymlx" / file)
        if mine is None:
            continue
        names = [s.qualname for s in exercise.symbols if s.file == file]
        reader = _Reader(exercise, _aliases(mine), f"tinymlx/{file}")
        for node in _written(mine, given, names):
            for violation in reader.read(node):
                found.setdefault((file, violation.line), violation)
    return sorted(found.values(), key=lambda violation: violation.line)


def _tree(path: Path) -> ast.Module | None:
    try:
        return ast.parse(read_text(path))
    except (CourseError, ValueError, SyntaxError, RecursionError, MemoryError):
        return None  # `inspection` says what is wrong with the file


def _written(mine: ast.Module, given: ast.Module | None, names: list[str]) -> Iterator[ast.AST]:
    """The exercise's own definitions, new helpers that they reach, statements that were added."""
    known = {ast.dump(node) for node in (given.body if given else [])}
    known_names = {n.name for n in (given.body if given else []) if isinstance(n, _DEFINITIONS)}
    helpers: dict[str, ast.AST] = {}
    for statement in mine.body:
        if isinstance(statement, _DEFINITIONS):
            if statement.name not in known_names:
                helpers[statement.name] = statement
        elif ast.dump(statement) not in known:
            yield statement
    pending: list[ast.AST] = [item.node for name in names for item in find(mine, name)]
    while pending:
        node = pending.pop()
        yield node
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id in helpers:
                pending.append(helpers.pop(part.id))


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Local name to dotted name, for everything that any import of the file binds."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


class _Reader:
    """Reads one piece of code for one exercise."""

    def __init__(self, exercise: Exercise, aliases: dict[str, str], file: str) -> None:
        self.exercise, self.aliases, self.file = exercise, aliases, file
        self.opened = {_full(name) for name in exercise.opened}
        self.closed = {_full(name) for name in exercise.closed}
        self.methods = {name.rpartition(".")[2] for name in self.closed}
        self.called: set[int] = set()

    def read(self, root: ast.AST) -> Iterator[Violation]:
        calls = [node for node in ast.walk(root) if isinstance(node, ast.Call)]
        self.called = {id(call.func) for call in calls}
        for node in ast.walk(root):
            sentence = self._sentence(node)
            if sentence:
                line = getattr(node, "lineno", 0)
                yield Violation(line, f"{self.file}:{line} {sentence}")

    def _sentence(self, node: ast.AST) -> str:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return self._import(node)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id == "getattr" and id(node) not in self.called:
                return "passes getattr on, which hides what the code does."
            if node.id in DYNAMIC and node.id not in self.aliases:
                return (
                    f"uses {node.id}, which hides what the code does; call things by their names."
                )
            return self._dotted(self.aliases.get(node.id, ""))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "getattr" and not self._is_plain_getattr(node):
                return "reaches for a name with getattr; write the name instead."
        if isinstance(node, ast.Attribute) and node.attr in HIDDEN:
            return f"uses {node.attr}, which hides what the code does; call things by their names."
        if isinstance(node, ast.Attribute):
            dotted = self._resolve(node)
            if dotted:
                return self._dotted(dotted)
            if node.attr in self.methods:
                return f"calls .{node.attr}, which this exercise asks you to write yourself."
        return ""

    def _import(self, node: ast.Import | ast.ImportFrom) -> str:
        if isinstance(node, ast.ImportFrom):
            if node.level:
                return ""
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            names = [alias.name for alias in node.names]
        for name in names:
            top = name.partition(".")[0]
            allowed = top == "tinymlx" or name.startswith("mlx.core") or name == "mlx"
            sentence = self._dotted(name)
            if sentence:
                return sentence
            if not (allowed or top in PLAIN_PYTHON):
                shown = name if top == "mlx" else top
                return f"imports {shown}; the library stands on mlx.core and plain Python alone."
        return ""

    def _dotted(self, dotted: str) -> str:
        top, _, rest = dotted.partition(".")
        hides = top == "sys" and rest.partition(".")[0] in OF_SYS
        hides = hides or dotted in (
            "operator.attrgetter",
            "operator.methodcaller",
            "types.CodeType",
        )
        if hides:
            return f"uses {dotted}, which hides what the code does; call things by their names."
        prefixes = {dotted[:i] for i, c in enumerate(dotted) if c == "."} | {dotted}
        mirrored = {"mlx.core" + p[len("tinymlx.core") :] for p in prefixes if _is_core(p)}
        if (prefixes | mirrored) & self.opened:
            return ""
        if (prefixes | mirrored) & self.closed:
            return f"uses {_short(dotted)}, which this exercise asks you to write yourself."
        if prefixes & CLOSED:
            return f"uses {_short(dotted)}; the course builds that itself, from mlx.core's arrays."
        return ""

    def _resolve(self, node: ast.Attribute) -> str:
        parts: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name) and inner.id in self.aliases:
            return ".".join([self.aliases[inner.id], *reversed(parts)])
        return ""

    def _is_plain_getattr(self, call: ast.Call) -> bool:
        """``getattr(x, "name", ...)`` with a written name that is harmless, of no module."""
        if len(call.args) < 2 or not isinstance(call.args[1], ast.Constant):
            return False
        thing, name = call.args[0], call.args[1].value
        if isinstance(thing, ast.Name) and thing.id in self.aliases:
            return False
        if isinstance(thing, ast.Attribute) and self._resolve(thing):
            return False
        return isinstance(name, str) and name not in HIDDEN | self.methods


def _is_core(dotted: str) -> bool:
    return dotted == "tinymlx.core" or dotted.startswith("tinymlx.core.")


def _full(name: str) -> str:
    """``mx.softmax`` of a card is ``mlx.core.softmax`` in full."""
    return "mlx.core." + name[3:] if name.startswith("mx.") else name


def _short(dotted: str) -> str:
    return "mx." + dotted[9:] if dotted.startswith("mlx.core.") else dotted
