"""The reader: a process that opens what one student handed in, within limits, and ends.

``python -m course.grading.door.reader`` with a request in JSON on its input; the record is JSON on
its output. Whatever happens to this process costs this student alone.

It opens what strangers made with decoders written in C. So before it opens anything it goes behind
the fence of the workers: it can read this submission and Python itself, write its scratch folder,
and reach no network and no other process. One thing it may that they may not: start programs, for
git reads repositories. They are behind the same fence.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from course.grading.door.entries import (
    file_entry,
    folder_entries,
    is_repository,
    kind_of,
    tar_entries,
    zip_entries,
)
from course.grading.door.haul import Entry, Haul, OutOfTime, Refused
from course.grading.door.names import LOOSE, ending_of
from course.grading.door.placing import Placed, Shelf, place
from course.grading.door.repository import bundle_entries, repository_entries
from course.grading.worker import die_with_parent
from course.sandbox import confine, python_itself

SECONDS = 120  # of processor time, which a large environment in a .tar.bz2 takes to pass by,
PATIENCE = 3  # and by the clock, in units of that
GRACE = 20  # seconds to end in once the time is over
LIMITS = {"RLIMIT_AS": 2 << 30, "RLIMIT_FSIZE": 256 << 20, "RLIMIT_CORE": 0}
HEAD = 512
COURSE = Path(__file__).resolve().parents[2]
DEPTH = 2  # an archive in an archive in a folder


def limit() -> None:
    """Bound this process and what it starts."""
    for name, value in LIMITS.items():
        with contextlib.suppress(ValueError, OSError):  # the parent's clock still holds
            resource.setrlimit(getattr(resource, name), (value, value))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + GRACE))
    for number in (signal.SIGXCPU, signal.SIGALRM):
        signal.signal(number, _over)
    signal.alarm(PATIENCE * SECONDS)


def fence(paths: list[Path], scratch: Path) -> None:
    """Go behind the fence, for good.

    Raises:
        OSError: the system refused a part of what it seems to offer.
    """
    own = [str(path) for path in paths if not path.is_symlink()]  # whose target it would open
    readable = [*python_itself(), str(COURSE), *own]
    git = shutil.which("git")
    if git is not None:  # it may be installed elsewhere
        place = Path(git).resolve()
        parts = ("libexec", "lib", "lib64", "share/git-core")
        readable += [str(place), *(str(place.parent.parent / part) for part in parts)]
    confine(readable, str(scratch), programs=True)


def _over(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise OutOfTime


def read(paths: list[Path], shelf: Shelf, scratch: Path) -> dict[str, Any]:
    """The record of what was handed in.

    Returns:
        ``files``, path inside ``tinymlx/`` to text; ``notes``; and ``problem``, the sentence for
        the student where there are no files.
    """
    haul = Haul()
    for path in paths:
        _take(haul, path, scratch, f"{path.name}/" if len(paths) > 1 else "")
    placed = _place(haul, shelf, scratch)
    notes = [*haul.problems, *haul.notes, *placed.notes]
    problem = ""
    if not placed.files:
        problem = haul.problems[0] if haul.problems else _nothing(haul, notes)
        notes = [note for note in notes if note not in problem]
    return {"files": placed.files, "notes": notes[:60], "problem": problem}


def _nothing(haul: Haul, notes: list[str]) -> str:
    said = "No file of it belongs to the course"
    if not haul.files:
        said = "It holds no Python file and no notebook"
    return f"{said}; {notes[0]}." if notes else f"{said}."


def _place(haul: Haul, shelf: Shelf, scratch: Path) -> Placed:
    """Place the files; archives among them are opened only where nothing lies beside them."""
    for _ in range(DEPTH):
        placed = place(haul.files, shelf)
        archives, haul.archives = haul.archives, {}
        if placed.files or not archives:
            for name in archives:
                haul.note(f"left behind: {name}: an archive beside the files")
            return placed
        for number, (name, data) in enumerate(archives.items()):
            where = scratch / f"inner-{number}"
            where.write_bytes(data)
            haul.take(_archive_entries(where, name, scratch), name, f"{name}/")
    return place(haul.files, shelf)


def _take(haul: Haul, path: Path, scratch: Path, inside: str) -> None:
    """Take one entry of the class's folder."""
    if path.is_symlink():
        haul.problems.append("It is a symbolic link, which is not followed; hand in the files.")
    elif not path.is_dir():
        loose = ending_of(path.name) in LOOSE
        entries = iter([file_entry(path)]) if loose else _archive_entries(path, path.name, scratch)
        haul.take(entries, path.name, inside)
    elif is_repository(path):
        haul.take(repository_entries(path, scratch), path.name, inside)
    else:
        repositories: list[Path] = []
        haul.take(folder_entries(path, repositories), path.name, inside)
        if not haul.files and is_repository(path / ".git"):
            repositories.append(path / ".git")  # nothing is checked out
        elif not haul.files and os.path.lexists(path / ".git"):
            haul.problems.append("Its repository lies elsewhere (.git is no folder of it).")
        if not haul.files:
            for found in repositories:
                haul.take(repository_entries(found, scratch), found.name, f"{found.name}/")


def _archive_entries(path: Path, name: str, scratch: Path) -> Iterator[Entry]:
    with open(path, "rb", opener=lambda p, flags: os.open(p, flags | os.O_NOFOLLOW)) as stream:
        head = stream.read(HEAD)
        if not head:
            raise Refused("It is empty.")
        kind = kind_of(head, name)
        stream.seek(0)
        if kind == "zip":
            yield from zip_entries(stream)
        elif kind == "tar":
            yield from tar_entries(stream)
        else:
            yield from bundle_entries(path, scratch)


def main() -> None:
    die_with_parent()
    request = json.loads(sys.stdin.read())
    limit()
    shelf = Shelf(frozenset(request["known"]), tuple(tuple(s) for s in request["symbols"]))
    paths = [Path(os.fsdecode(bytes.fromhex(path))) for path in request["paths"]]
    scratch = Path(request["scratch"])
    fence(paths, scratch)
    record = read(paths, shelf, scratch)
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="ascii")
    json.dump(record, out)
    out.flush()


if __name__ == "__main__":
    main()
