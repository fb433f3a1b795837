"""The exercises that a change touches: those whose definitions or tests are not what they were."""

from __future__ import annotations

import ast
import os
import subprocess
from pathlib import Path

from course.paths import Project
from course.registry import Registry
from course.syntax import find

BASES = ("origin/main", "main")


def touched(project: Project, registry: Registry) -> list[str] | None:
    """Ids of the exercises that differ from where the branch began, or ``None`` without history.

    The beginning is the commit in ``TINYMLX_BASE``, or else where this branch left ``main``.
    """
    base = os.environ.get("TINYMLX_BASE") or _fork_point(project)
    if base is None:
        return None
    changed = _git(project, "diff", "--name-only", base, "--")
    if changed is None:
        return None
    files = set(changed.split("\n"))
    found = set()
    for exercise in registry.exercises:
        for symbol in exercise.symbols:
            path = project.solutions / "tinymlx" / symbol.file
            if project.relative(path) in files:
                old, new = _before(project, base, path), path.read_text(encoding="utf-8")
                if _definitions(old, symbol.qualname) != _definitions(new, symbol.qualname):
                    found.add(exercise.id)
    for name in files:
        path = project.root / name
        if path.name.startswith("test_") and path.is_relative_to(project.tests) and path.is_file():
            were, are = _tests(_before(project, base, path)), _tests(path.read_text())
            for test in were.keys() | are.keys():
                if were.get(test) != are.get(test):
                    found |= _marks(are.get(test, "")) | _marks(were.get(test, ""))
    return [exercise.id for exercise in registry.exercises if exercise.id in found]


def _fork_point(project: Project) -> str | None:
    head = _git(project, "rev-parse", "HEAD")
    for name in BASES:
        base = _git(project, "merge-base", "HEAD", name)
        if base and base != head:
            return base
    return None


def _git(project: Project, *arguments: str) -> str | None:
    try:
        result = subprocess.run(
            ["git", *arguments], cwd=project.root, capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def _before(project: Project, base: str, path: Path) -> str:
    return _git(project, "show", f"{base}:{project.relative(path)}") or ""


def _definitions(text: str, qualname: str) -> list[str]:
    try:
        return [ast.dump(found.node) for found in find(ast.parse(text), qualname)]
    except SyntaxError:
        return []


def _tests(text: str) -> dict[str, str]:
    """Name of a test to its text without layout."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return {}
    return {n.name: ast.unparse(n) for n in tree.body if isinstance(n, ast.FunctionDef)}


def _marks(test: str) -> set[str]:
    """The ids in the mark ``@exercise(...)`` of a test."""
    found = set()
    for node in ast.walk(ast.parse(test)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "exercise":
                found |= {a.value for a in node.args if isinstance(a, ast.Constant)}
    return {number for number in found if isinstance(number, str)}
