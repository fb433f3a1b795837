"""The graders prove themselves on every chapter: starters, misconceptions, zeros, isolation."""

from __future__ import annotations

import subprocess
import sys

import pytest

from course.grading.proofs import KINDS
from course.paths import Project, find_project
from course.registry import load_registry

FOLDERS = [chapter.folder for chapter in load_registry(find_project()).chapters]


def grade(project: Project, folder: str, *options: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", f"tests/{folder}", *options]
    command += ["--deselect", f"tests/{folder}/test_project.py"]
    result = subprocess.run(command, cwd=project.root, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_graders_of_a_chapter(project: Project, folder: str, kind: str) -> None:
    grade(project, folder, "--prove", kind)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_solutions_pass_in_isolation(project: Project, folder: str) -> None:
    grade(project, folder, "--impl", "solutions", "--isolated")
