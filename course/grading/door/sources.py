"""What a folder of submissions holds, and whose it is."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from course.errors import CourseError
from course.grading.door.names import ARCHIVES, ENDINGS, LOOSE, ending_of, exact

# Canvas: lovelaceada_LATE_1234_567890_homework.zip, one for each file that was uploaded.
CANVAS = re.compile(r"^(?P<who>.+?)_(?:late_)?(?P<id>\d+)_(?P<file>\d+)_(?P<name>.+)$", re.I)


@dataclass(frozen=True)
class Source:
    """What one student handed in.

    Attributes:
        student: the exact name that the source gives.
        paths: the entries of the folder: one, or several files where the platform takes them
            apart.
    """

    student: str
    paths: tuple[Path, ...]


def source_of(path: Path) -> Source:
    """A single folder, archive or file, under its name without the ending."""
    name = exact(path.name)
    return Source(name[: len(name) - len(_ending(path))] or name, (path,))


def _ending(path: Path) -> str:
    return ending_of(path.name) if path.suffix == ".git" or not path.is_dir() else ""


def is_submission(path: Path) -> bool:
    """Whether an entry is handed in: a folder, or a file with an ending that says so."""
    if path.name.startswith("."):
        return False
    return path.is_symlink() or path.is_dir() or path.name.lower().endswith(ENDINGS)


def find_sources(folder: Path) -> list[Source]:
    """The submissions in ``folder``, sorted by student.

    Where two would have one name (``ada/`` and ``ada.zip``), both keep their endings.

    Raises:
        CourseError: it is no folder, or holds none.
    """
    if not folder.is_dir():
        raise CourseError(f"{folder} is no folder of submissions.")
    try:
        paths = [path for path in sorted(folder.iterdir()) if is_submission(path)]
    except OSError as error:
        raise CourseError(f"{folder} cannot be read: {error.strerror}.") from error
    if not paths:
        kinds = ", ".join((*ARCHIVES, *LOOSE[:1], *LOOSE[2:]))
        raise CourseError(f"{folder} holds no submissions (folders, repositories, {kinds}).")
    return _by_canvas(paths) or named(paths)


def named(paths: list[Path]) -> list[Source]:
    """One source for each entry, each under a name of its own."""
    found = [source_of(path) for path in paths]
    often = Counter(source.student for source in found)
    whole = [Source(exact(s.paths[0].name), s.paths) if often[s.student] > 1 else s for s in found]
    return sorted(whole, key=lambda source: source.student)


def left_aside(folder: Path) -> list[str]:
    """Names of visible entries that are no submission, for the instructor to see."""
    return [
        exact(path.name)
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".") and not is_submission(path)
    ]


def _by_canvas(paths: list[Path]) -> list[Source]:
    """Files that are all named as Canvas names them, a student's together."""
    matches = [None if path.is_dir() else CANVAS.match(exact(path.name)) for path in paths]
    students: dict[str, list[Path]] = {}
    for path, match in zip(paths, matches):
        if match is None:
            return []
        students.setdefault(f"{match['who']}_{match['id']}", []).append(path)
    return [Source(student, tuple(mine)) for student, mine in sorted(students.items())]
