"""A generated class: solutions with starters and misconceptions, and the grades it earns."""

from __future__ import annotations

import ast
import random
from pathlib import Path

from course.cutter import cut_package
from course.misconceptions import Misconception, load_misconceptions
from course.overlay import Patch
from course.overlay.fill import _apply, _Sources
from course.paths import Project
from course.registry import Exercise, Registry, Symbol


def generate(
    project: Project, registry: Registry, exercises: tuple[Exercise, ...], count: int, target: Path
) -> dict[str, dict[str, str]]:
    """Write ``count`` submissions; returns student to exercise to expected outcome."""
    chance = random.Random(count)
    wrong = load_misconceptions(project, registry)
    starters = cut_package(project, registry)
    expected: dict[str, dict[str, str]] = {}
    for number in range(count):
        student = f"s{number:03d}"
        kinds = {e.id: chance.choices(["right", "to do", "wrong"], [6, 1, 1])[0] for e in exercises}
        kinds = {n: "right" if k == "wrong" and not wrong.get(n) else k for n, k in kinds.items()}
        chosen = {n: chance.choice(wrong[n]) for n, k in kinds.items() if k == "wrong"}
        _write(project, exercises, kinds, chosen, starters, target / student / "tinymlx")
        names = {"right": "passed", "wrong": "failed", "to do": "to do"}
        expected[student] = {n: names[k] for n, k in kinds.items()}
    return expected


def _write(
    project: Project,
    exercises: tuple[Exercise, ...],
    kinds: dict[str, str],
    chosen: dict[str, Misconception],
    starters: dict[str, str],
    target: Path,
) -> None:
    files: dict[str, list[tuple[Exercise, Symbol]]] = {}
    for exercise in exercises:
        for symbol in exercise.symbols:
            files.setdefault(symbol.file, []).append((exercise, symbol))
    for file, owners in files.items():
        path = project.solutions / "tinymlx" / file
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        texts = {"solution": text, "starter": starters[file]}
        sources = _Sources(texts)
        for exercise, symbol in owners:
            if kinds[exercise.id] == "to do":
                for node in ast.walk(ast.parse(starters[file])):
                    if getattr(node, "name", None) == symbol.name:
                        _apply(tree, Patch(symbol.qualname, "starter", node.lineno), sources, {})
            found = chosen.get(exercise.id)
            if found is not None and found.symbol == symbol.dotted:
                texts[found.file] = Path(found.file).read_text(encoding="utf-8")
                _apply(tree, Patch(symbol.qualname, found.file, found.line), sources, {})
        out = target / file
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(ast.unparse(tree) + "\n", encoding="utf-8")
