"""The graders prove themselves on every chapter: isolation, starters, zeros, mistakes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from order import LONG, dealt, seconds_of

from course.mutants.touched import touched
from course.paths import Project, find_project
from course.registry import Registry, load_registry

FOLDERS = [chapter.folder for chapter in load_registry(find_project()).chapters]
# Generated mutants in every gate: of what a change touches, at most so many exercises, spread
# evenly; where there is no history to compare with, of these. `--prove generated` takes all.
MOST = 8
SAMPLE = ["1.11", "4.13", "5.16"]


def prove(project: Project, *options: str) -> str:
    command = [sys.executable, "-m", "pytest", "-q", *options]
    result = subprocess.run(command, cwd=project.root, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    return result.stdout


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_graders_of_a_chapter(project: Project, folder: str) -> None:
    prove(project, f"tests/{folder}", "--prove", "all")


def test_mutants_of_what_a_change_touches(project: Project, registry: Registry) -> None:
    found = touched(project, registry)
    numbers = SAMPLE if found is None else found
    step = max(1, -(-len(numbers) // MOST))
    options = [part for number in numbers[::step] for part in ("--exercise", number)]
    if options:
        prove(project, "--prove", "generated", *options)


WRONGS = """
@misconception("4.3", "right after all")
def softmax(x, axis=-1):
    e = core.exp(x - core.stop_gradient(core.max(x, axis=axis, keepdims=True)))
    return e / core.sum(e, axis=axis, keepdims=True)


@misconception("4.3", "over the first axis")
def softmax(x, axis=-1):
    e = core.exp(x - core.max(x, axis=0, keepdims=True))
    return e / core.sum(e, axis=0, keepdims=True)
"""


def test_wrong_solutions_of_a_file_are_judged(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "typed.py"
    file.write_text(WRONGS, encoding="utf-8")
    command = [sys.executable, "-m", "course.cli.entry", "dev", "wrongs", str(file)]
    result = subprocess.run(command, cwd=project.root, capture_output=True, text=True)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "SURVIVES  4.3 typed.py line 3: right after all" in result.stdout
    assert "rejected  4.3 typed.py line 9: over the first axis" in result.stdout
    assert "named: You normalise over the first axis." in result.stdout
    assert "2 wrong solutions, 1 survive" in result.stdout
    file.write_text("x = 1\n", encoding="utf-8")
    result = subprocess.run(command, cwd=project.root, capture_output=True, text=True)
    assert "no wrong solution;" in result.stderr


def test_long_tests_come_first_and_files_stay_together() -> None:
    short = [f"tests/a.py::test_{i}" for i in range(50)] + [f"b.py::test_{i}" for i in range(48)]
    long = sorted(LONG)
    names = [*short, *long]
    order = dealt(names, 2)
    assert sorted(order) == list(range(len(names)))
    seconds = [seconds_of(names[i]) for i in order]
    (middle,) = (i for i in range(1, len(order)) if seconds[i] and not seconds[i - 1])
    for part in (seconds[:middle], seconds[middle:]):
        assert part == sorted(part, reverse=True)
    assert abs(sum(seconds[:middle]) - sum(seconds[middle:])) <= max(seconds)
    assert abs(len(order) - 2 * middle) <= 4
