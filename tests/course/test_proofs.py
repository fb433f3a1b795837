"""The graders prove themselves on every chapter: isolation, starters, zeros, mistakes."""

from __future__ import annotations

import subprocess
import sys

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
