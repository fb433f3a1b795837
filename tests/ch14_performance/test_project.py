"""The project of chapter 14 in its smallest size."""

import pytest

from course.cli.project import after_chapter, load_script
from course.paths import find_project
from course.registry import load_registry

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch14_performance"


@pytest.fixture
def script():
    with after_chapter(PROJECT, load_registry(PROJECT), 14):
        yield load_script(FOLDER / "project.py")


def test_three_ways(script, tmp_path):
    """Each way is measured, and fusion saves most of the bytes."""
    numbers = script.main(tmp_path / "out", quick=True)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"speed.png", "speed.svg"}
    assert all(numbers[f"{name}: milliseconds"] > 0 for name in ("eager", "mx.compile", "ours"))
    assert numbers["bytes, op by op"] > 5 * numbers["bytes, one kernel"]
