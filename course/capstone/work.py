"""The reader's own part of a capstone: a folder that the course writes into only once."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from course.backup import write_bytes
from course.cli.project import load_script
from course.errors import CourseError
from course.paths import Project
from course.registry import Chapter

PIPELINE = "pipeline.py"
T = TypeVar("T")


def part(project: Project, chapter: Chapter, name: str) -> Path:
    """A file of a chapter's capstone.

    Raises:
        CourseError: the chapter has none.
    """
    path = project.exercises / chapter.folder / name
    if not path.is_file():
        raise CourseError(
            f"Chapter {chapter.number} has no capstone ({name} is missing); those of part VI, "
            "from chapter 16 on, have one."
        )
    return path


def folder(project: Project, chapter: Chapter) -> Path:
    """Where the reader works on it, unless they say otherwise."""
    return project.root / "capstones" / chapter.folder


def start(project: Project, chapter: Chapter, where: Path | None) -> Path:
    """Put the skeleton there, unless there is a pipeline already; return its path.

    Raises:
        CourseError: the chapter has no capstone, or the folder cannot be written.
    """
    skeleton = part(project, chapter, PIPELINE)
    target = (where or folder(project, chapter)) / PIPELINE
    if not target.exists():
        write_bytes(target, skeleton.read_bytes())
    return target


def load(path: Path, chapter: int) -> ModuleType:
    """The reader's pipeline, imported anew.

    Raises:
        CourseError: there is none, or it cannot be imported; the sentence names the line.
    """
    if not path.is_file():
        raise CourseError(
            f"There is no pipeline at {path}; `tinymlx run {chapter} --start` puts one there."
        )
    try:
        return load_script(path)
    except SyntaxError as error:
        raise CourseError(f"{path}, line {error.lineno}: {error.msg}.") from error
    except Exception as error:  # whatever the reader's module does on import
        raise CourseError(told(error, path)) from error


def told(error: BaseException, path: Path) -> str:
    """What happened and in which line of the reader's file, in one sentence."""
    lines = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path]
    words = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ").rstrip(".")
    if lines:
        return f"{path.name}, line {lines[-1].lineno}, in {lines[-1].name}: {words}."
    return f"What {path.name} gave back is not what the brief asks for ({words})."


def called(function: Callable[[], T], path: Path) -> T:
    """The result of the reader's code, or of a judge that works with what it gave back.

    Raises:
        CourseError: it raised; the sentence names the line of the reader's file, if it was there.
        NotImplementedError: it is still to be written.
    """
    try:
        return function()
    except NotImplementedError:
        raise
    except Exception as error:  # whatever the reader's code does
        raise CourseError(told(error, path)) from error
