"""Every code block of a lesson runs, in order, and prints what the lesson says."""

from __future__ import annotations

from pathlib import Path

import pytest

from course.cli.project import after_chapter
from course.lessons import Block, LessonError, blocks, links, run_blocks
from course.paths import Project, find_project
from course.registry import Registry, load_registry

FOLDERS = {chapter.number: chapter.folder for chapter in load_registry(find_project()).chapters}


@pytest.mark.parametrize("number", FOLDERS)
def test_the_blocks_of_a_lesson_run(
    project: Project,
    registry: Registry,
    number: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For a reader who has solved the chapters so far; what comes later is a starter."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    path = project.exercises / FOLDERS[number] / "lesson.md"
    found = blocks(path.read_text())
    assert any(block.language == "python" for block in found)
    assert "`import course.fill`" in path.read_text()[:600]
    with after_chapter(project, registry, number):
        run_blocks(path, found)


def test_a_block_that_raises_is_reported_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(LessonError, match=r"lesson.md:7: the block raised ZeroDivisionError"):
        run_blocks(tmp_path / "lesson.md", [Block("python", "1 / 0\n", 7)])


def test_output_that_differs_is_reported(tmp_path: Path) -> None:
    text = "```python\nprint(1 + 1)\n```\n\n```output\n3\n```\n"
    with pytest.raises(LessonError, match="printed"):
        run_blocks(tmp_path / "lesson.md", blocks(text))
    run_blocks(tmp_path / "lesson.md", blocks(text.replace("3", "2")))


def test_an_open_fence_is_reported() -> None:
    with pytest.raises(LessonError, match="line 2 is never closed"):
        blocks("text\n```python\n1\n")


def test_links_in_code_are_no_links() -> None:
    assert links("[a](b.md) `[c](d.md)`\n```\n[e](f.md)\n```\n") == ["b.md"]
