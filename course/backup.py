"""Keeping a student's work: atomic writes, and a copy before anything is replaced."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from course.errors import CourseError
from course.paths import Project


def write_atomic(path: Path, text: str) -> None:
    """`write_bytes` for a text in UTF-8, its line ends as they are."""
    write_bytes(path, text.encode("utf-8", "surrogatepass"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` so that ``path`` holds the old bytes or the new ones and nothing between.

    A symbolic link stays one: what it points to is written. Permissions stay.

    Raises:
        CourseError: the folder is read-only or the disk is full; ``path`` is unchanged.
    """
    try:
        target = Path(os.path.realpath(path))
        draft = target.with_name(f".{target.name}.{os.getpid()}.new")
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(draft, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            if target.exists():
                shutil.copymode(target, draft)
            os.replace(draft, target)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise
    except OSError as error:
        raise CourseError(
            f"{path} cannot be written ({error.strerror}); nothing was changed. "
            "Make the folder writable or free some space, then run the command again."
        ) from error


def backup(project: Project, files: Iterable[Path], reason: str) -> Path:
    """Copy ``files`` into a new folder under ``.tinymlx/backups/`` and return that folder."""
    stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
    base = project.state / "backups"
    try:
        for attempt in range(1000):
            folder = base / (f"{stamp}_{reason}" + (f"_{attempt}" if attempt else ""))
            try:
                folder.mkdir(parents=True)
                break
            except FileExistsError:
                continue
        for file in files:
            target = folder / project.relative(file).lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)
    except OSError as error:
        raise CourseError(
            f"No backup could be written under {base} ({error.strerror}), so nothing was changed."
        ) from error
    return folder
