"""The entries of folders and archives."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO

from course.grading.door.haul import OTHERS, Entry, Refused, told
from course.grading.door.names import TARS

MOST_UNPACKED = 6 << 30  # bytes of a tar archive: what is passed by is unpacked, too
LINK = "it is a link or a device, no file"
# The first bytes of a file say what it is, whatever its name says.
SIGNS = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"# v2 git bundle", "bundle"),
    (b"# v3 git bundle", "bundle"),
    (b"\x1f\x8b", "tar"),
    (b"BZh", "tar"),
    (b"\xfd7zXZ\x00", "tar"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard"),
)


def kind_of(head: bytes, name: str) -> str:
    """``"zip"``, ``"tar"`` or ``"bundle"``, by the first bytes, then by the name.

    Raises:
        Refused: it is an archive that nothing here opens, or no archive.
    """
    lower = name.lower()
    kind = next((kind for sign, kind in SIGNS if head.startswith(sign)), "")
    if not kind and (lower.endswith(TARS) or head[257:262] == b"ustar"):
        kind = "tar"
    if not kind and lower.endswith(".zip"):
        kind = "zip"
    if not kind and lower.endswith(".bundle"):
        kind = "bundle"
    if kind in ("zip", "tar", "bundle"):
        return kind
    said = kind or f"a {Path(lower).suffix} file"
    raise Refused(f"It is {said}, which cannot be read here; hand in a .zip or a .tar.gz.")


def folder_entries(folder: Path, repositories: list[Path]) -> Iterator[Entry]:
    """The files below ``folder``; bare repositories in it are only noted in ``repositories``."""
    unreadable: list[OSError] = []
    for base, folders, files in os.walk(folder, onerror=unreadable.append, followlinks=False):
        here = Path(base)
        for name in list(folders):
            path = here / name
            if path.is_symlink():
                folders.remove(name)
                yield Entry(f"{_relative(path, folder)}/*.py", 0, None, "its folder is a link")
            elif is_repository(path):
                folders.remove(name)
                if name != ".git":
                    repositories.append(path)
        folders[:] = sorted(f for f in folders if f not in OTHERS and not f.startswith("."))
        for name in sorted(files):
            yield from _file(here / name, _relative(here / name, folder))
        for error in unreadable:
            yield Entry(
                f"{_relative(Path(error.filename), folder)}/*.py",
                0,
                None,
                f"its folder: {told(error)}",
            )
        unreadable.clear()


def is_repository(path: Path) -> bool:
    """Whether a folder is a git repository without files beside it."""
    return (path / "HEAD").is_file() and (path / "objects").is_dir()


def _relative(path: Path, folder: Path) -> str:
    return os.path.relpath(path, folder)


def _file(path: Path, name: str) -> Iterator[Entry]:
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            yield Entry(name, 0, None, LINK)
        else:
            yield Entry(name, status.st_size, partial(_read, path))
    except OSError as error:
        yield Entry(name, 0, None, f"it cannot be read ({told(error)})")


def _read(path: Path, limit: int) -> bytes:
    with open(path, "rb", opener=_no_follow) as stream:
        return stream.read(limit)


def _no_follow(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def file_entry(path: Path) -> Entry:
    """A file that is handed in by itself."""
    return next(_file(path, path.name))


def zip_entries(stream: IO[bytes]) -> Iterator[Entry]:
    with zipfile.ZipFile(stream) as archive:
        for member in archive.infolist():
            if member.is_dir() or member.filename.endswith("\\"):
                continue
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                yield Entry(member.filename, 0, None, LINK)
            elif member.flag_bits & 1:
                yield Entry(member.filename, 0, None, "it is encrypted")
            else:
                yield Entry(member.filename, member.file_size, _member(archive, member))


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[int], bytes]:
    def read(limit: int) -> bytes:
        with archive.open(member) as stream:
            return stream.read(limit)

    return read


def tar_entries(stream: IO[bytes]) -> Iterator[Entry]:
    with tarfile.open(fileobj=stream, mode="r:*") as archive:
        for member in archive:
            if member.offset_data + member.size > MOST_UNPACKED:
                raise Refused("It unpacks to more than 6 GB; what comes after that was not read.")
            if member.isdir():
                continue
            if not member.isreg():
                yield Entry(member.name, 0, None, LINK)
            else:
                yield Entry(member.name, member.size, _extracted(archive, member))


def _extracted(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Callable[[int], bytes]:
    def read(limit: int) -> bytes:
        stream = archive.extractfile(member)
        data = stream.read(limit) if stream is not None else b""
        if len(data) < min(member.size, limit):
            raise EOFError("it is cut off")
        return data

    return read
