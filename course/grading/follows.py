"""What a verdict follows from, as hashes by exercise: where they are as before, so is the verdict.

Each exercise has five parts. The course's are made once a campaign, the submission's by the process
that grades it. Where it is open whether something matters, it does: a verdict too many costs time.

* ``tests``: the tests, probes and reference of the exercise, the chapter's misconceptions;
* ``card``: what the card says, without its title and hints, which a language may change;
* ``library``: the course's own modules, without the exercises of later chapters;
* ``course``: the machinery, and the versions of what it stands on;
* ``submission``: the student's files of the exercise, and all that travels with those of its
  chapter and earlier ones.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from course.cutter import cut_text, is_given
from course.graft.grafts import Grafts
from course.graft.package import dump
from course.graft.reach import Piece
from course.judges import Judges
from course.paths import Project
from course.registry import Exercise, Registry, Symbol
from course.source import read_text
from course.syntax import find

Function = (ast.FunctionDef, ast.AsyncFunctionDef)
Parts = dict[str, str]  # a part's name to its hash
# Of the machinery, what no verdict follows from: it comes before or after the grading.
ASIDE = {
    *("appendix", "bench", "book", "cli", "compare", "gradebook", "languages", "likeness"),
    *("mutants", "notebook", "watch"),
}
ASIDE_FILES = {
    f"grading/{name}.py"
    for name in ("campaign", "exports", "feedback", "gradescope", "points", "proofs", "roster")
}
ASIDE_OF_CARDS = {"title", "heading", "hints", "minutes"}
WITHIN = {"cli/project.py"}  # tests of projects load them with it
STANDS_ON = ("ml_dtypes", "mlx", "numpy", "pytest", "scikit-learn", "torch")


def digest(parts: Iterable[str | bytes]) -> str:
    """A short hash of several texts, in their order."""
    total = hashlib.sha256()
    for part in parts:
        content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        total.update(len(content).to_bytes(8, "little") + content)
    return total.hexdigest()[:16]


def course_parts(
    project: Project, registry: Registry, exercises: Iterable[Exercise]
) -> dict[str, Parts]:
    """Exercise to the hashes of the four parts that are the course's."""
    judges, machinery = Judges(project), _machinery(project)
    libraries: dict[int, str] = {}
    shared = digest(_contents(project.reference, ["kit.py"]))
    found: dict[str, Parts] = {}
    for exercise in exercises:
        if exercise.chapter not in libraries:
            libraries[exercise.chapter] = _library(project, registry, exercise.chapter)
        wrong = digest(_contents(project.exercises / exercise.folder, ["misconceptions.py"]))
        card = {k: v for k, v in asdict(exercise).items() if k not in ASIDE_OF_CARDS}
        found[exercise.id] = {
            "tests": digest([judges.hash(exercise), shared, wrong]),
            "card": digest([json.dumps(card)]),
            "library": libraries[exercise.chapter],
            "course": machinery,
        }
    return found


def _machinery(project: Project) -> str:
    here = Path(__file__).resolve().parents[1]
    names = (path.relative_to(here).as_posix() for path in sorted(here.rglob("*.py")))
    kept = [n for n in names if n in WITHIN or not is_aside(n)]
    versions = []
    for name in STANDS_ON:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{name} absent")
    given = json.dumps(sorted(project.given))
    return digest([*kept, *_contents(here, kept), *versions, given])


def is_aside(name: str) -> bool:
    """Whether no verdict follows from a file of the machinery; ``name`` from ``course/``."""
    return name.partition("/")[0] in ASIDE or name in ASIDE_FILES


def _contents(base: Path, names: Iterable[str]) -> list[bytes]:
    paths = [base / name for name in names]
    return [path.read_bytes() if path.is_file() else b"" for path in paths]


def _library(project: Project, registry: Registry, chapter: int) -> str:
    """The course's own modules, with later chapters' exercises as starters."""
    cuts: dict[str, list[tuple[Exercise, Symbol]]] = {}
    for exercise in registry.exercises:
        for symbol in exercise.symbols if exercise.chapter > chapter else ():
            cuts.setdefault(symbol.file, []).append((exercise, symbol))
    texts: list[str] = []
    for base, given in ((project.solutions / "tinymlx", False), (project.tinymlx, True)):
        for path in sorted(base.rglob("*.py")):
            name = path.relative_to(base).as_posix()
            if is_given(project, name) == given:
                text = read_text(path)
                texts += [name, cut_text(text, cuts[name], name) if name in cuts else text]
    return digest(texts)


def all_parts(course: dict[str, Parts], registry: Registry, grafts: Grafts) -> dict[str, Parts]:
    """Exercise to all five parts; nothing where a submission is nested too deeply to be read."""
    submitted = Submitted(registry, grafts)
    try:
        return {n: {**course[n], "submission": submitted.part(registry[n])} for n in course}
    except RecursionError:
        return {}


class Submitted:
    """The fifth part, of one submission."""

    def __init__(self, registry: Registry, grafts: Grafts) -> None:
        self.registry, self.grafts = registry, grafts
        self.owner = {(s.module, s.qualname): e for e in registry.exercises for s in e.symbols}
        self.late = [e for e in registry.exercises if self._runs_at_import(e)]
        self._digests: dict[str, str] = {}

    def part(self, exercise: Exercise) -> str:
        """The hash of what an exercise's verdict can follow from."""
        pending = [e for e in self.registry.exercises if e.chapter <= exercise.chapter] + self.late
        seen: dict[str, Exercise] = {}
        while pending:
            one = pending.pop()
            if one.id not in seen:
                seen[one.id] = one
                pending += [self.owner[key] for key in self.grafts.reached(one).calls]
        own = [self._text(symbol) for symbol in exercise.symbols]
        return digest([*own, *(self._digest(seen[number]) for number in sorted(seen))])

    def _text(self, symbol: Symbol) -> str:
        module = self.grafts.student.modules.get(symbol.module)
        return module.text if module is not None else ""

    def _digest(self, exercise: Exercise) -> str:
        """All that travels for one exercise, and what the student has in its place."""
        if exercise.id not in self._digests:
            texts = [part for p in self.grafts.reached(exercise).pieces for part in _written(p)]
            for symbol in exercise.symbols:
                module = self.grafts.student.modules.get(symbol.module)
                texts.append("absent" if module is None else f"broken {module.broken}")
            texts += [violation.sentence for violation in self.grafts.violations(exercise)]
            self._digests[exercise.id] = digest(texts)
        return self._digests[exercise.id]

    def _runs_at_import(self, exercise: Exercise) -> bool:
        """Whether something of it runs when a module is imported, whoever imports it."""
        return not all(self._is_plain(piece) for piece in self.grafts.reached(exercise).pieces)

    def _is_plain(self, piece: Piece) -> bool:
        """Whether it is a function whose definition runs nothing, or what the course's runs."""
        node = piece.node
        if not isinstance(node, Function):
            return False
        if not node.decorator_list and not node.args.defaults and not any(node.args.kw_defaults):
            return True
        course = self.grafts.course.modules.get(piece.module)
        theirs = find(course.tree, piece.qualname) if course is not None else []
        return any(isinstance(f.node, Function) and _head(f.node) == _head(node) for f in theirs)


def _head(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    return [*map(dump, node.decorator_list), dump(node.args)]


def _written(piece: Piece) -> list[str]:
    place = [piece.module, piece.qualname, piece.after, str(piece.replaces), *piece.names]
    return [json.dumps(place), dump(piece.node)]
