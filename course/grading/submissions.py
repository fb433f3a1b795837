"""Taking in what students hand in: folders, archives, git repositories; files only, nothing run.

Only regular ``.py`` files are taken, of limited number and size, into a fresh folder, over fresh
starters. Links, devices, absolute paths and paths that climb out are left behind with a note.
Nothing of a submission is imported, unpickled or put on any path of the judge.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from course.backup import write_atomic
from course.cutter import is_given
from course.errors import CourseError
from course.paths import Project

MOST_FILES = 2000
MOST_BYTES = 1 << 20  # of one file
MOST_TOTAL = 32 << 20
MOST_SCANNED = 50_000  # entries of an archive or folder that are looked at
GIT_SECONDS = 60
ARCHIVES = (".zip", ".tar.gz", ".tgz", ".tar", ".bundle")


@dataclass
class Submission:
    """One student's files.

    Attributes:
        student: a name that is safe in paths, terminals and spreadsheets.
        source: where it came from.
        files: path inside ``tinymlx/`` to content.
        notes: what was left behind, and why.
    """

    student: str
    source: Path
    files: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def hashes(self) -> dict[str, str]:
        """Path to SHA-256."""
        return {name: hashlib.sha256(data).hexdigest() for name, data in sorted(self.files.items())}


def safe_name(name: str) -> str:
    """``name`` without anything that a path, a terminal, markup or a spreadsheet could act on."""
    cleaned = re.sub(r"[^\w.@ -]", "_", name, flags=re.ASCII).strip(" .-@") or "unnamed"
    return cleaned[:80]


def shown(text: str) -> str:
    """A file name for a note: control characters as escapes, and not endless."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)[:120]


def find_submissions(folder: Path) -> list[Path]:
    """The entries of ``folder`` that are submissions, sorted by name.

    Raises:
        CourseError: it is no folder, or holds none.
    """
    if not folder.is_dir():
        raise CourseError(f"{folder} is no folder of submissions.")
    found = [
        path
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
        and not path.is_symlink()
        and (path.is_dir() or (path.is_file() and path.name.endswith(ARCHIVES)))
    ]
    if not found:
        kinds = "folders, .zip, .tar.gz, git bundles or bare repositories"
        raise CourseError(f"{folder} holds no submissions ({kinds}).")
    return found


def student_of(path: Path) -> str:
    name = path.name
    for ending in (*ARCHIVES, ".git"):
        if name.endswith(ending):
            name = name[: -len(ending)]
            break
    return safe_name(name)


def read_submission(path: Path, known: set[str]) -> Submission:
    """All Python files of a submission.

    Args:
        path: a folder, an archive, a bare git repository or a bundle.
        known: the paths inside ``tinymlx/`` that the course has; a file that is handed in without
            the package around it is recognised by them.

    Returns:
        The submission; whatever is wrong with it is among its notes.
    """
    submission = Submission(student_of(path), path)
    try:
        raw = dict(_bounded(submission, _entries(path)))
    except (OSError, tarfile.TarError, zipfile.BadZipFile, EOFError, ValueError, RuntimeError) as e:
        submission.notes.append(f"it cannot be read ({type(e).__name__}: {shown(str(e))})")
        return submission
    except subprocess.SubprocessError as error:
        submission.notes.append(f"git cannot read it ({type(error).__name__})")
        return submission
    _place(submission, raw, known)
    if not submission.files:
        submission.notes.append("it holds no file of tinymlx/")
    return submission


Entry = tuple[str, int, "IO[bytes] | None", str]  # name, size, content, why it is left behind


def _entries(path: Path) -> Iterator[Entry]:
    if path.is_dir():
        if (path / "HEAD").is_file() and (path / "objects").is_dir():
            yield from _git_entries(path)
        else:
            yield from _folder_entries(path)
    elif path.name.endswith(".bundle"):
        yield from _git_entries(path)
    elif path.name.endswith(".zip"):
        yield from _zip_entries(path)
    else:
        with tarfile.open(path, "r:*") as archive:
            yield from _tar_entries(archive)


def _folder_entries(folder: Path) -> Iterator[Entry]:
    for base, folders, files in os.walk(folder, followlinks=False):
        folders[:] = sorted(f for f in folders if f not in (".git", "__pycache__", ".venv"))
        for name in sorted(files):
            full = Path(base) / name
            relative = full.relative_to(folder).as_posix()
            try:
                status = full.lstat()
                if not stat.S_ISREG(status.st_mode):
                    yield relative, 0, None, "it is a link or a device, no file"
                    continue
                with open(full, "rb", opener=_no_follow) as stream:
                    yield relative, status.st_size, stream, ""
            except OSError as error:
                yield relative, 0, None, f"it cannot be read ({error.strerror})"


def _no_follow(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _zip_entries(path: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                yield member.filename, 0, None, "it is a link or a device, no file"
            elif member.flag_bits & 1:
                yield member.filename, 0, None, "it is encrypted"
            elif not member.filename.endswith(".py"):
                yield member.filename, member.file_size, None, ""
            else:
                with archive.open(member) as stream:
                    yield member.filename, member.file_size, stream, ""


def _tar_entries(archive: tarfile.TarFile) -> Iterator[Entry]:
    for member in archive:
        if member.isdir():
            continue
        if not member.isreg():
            yield member.name, 0, None, "it is a link or a device, no file"
        elif not member.name.endswith(".py"):
            yield member.name, member.size, None, ""
        else:
            yield member.name, member.size, archive.extractfile(member), ""


def _git_entries(path: Path) -> Iterator[Entry]:
    """The files of a repository's HEAD, through ``git archive``; no hook and no filter runs."""
    import tempfile

    environment = {
        "PATH": os.environ.get("PATH", ""),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "file",
    }
    with tempfile.TemporaryDirectory(prefix="tinymlx-git-") as scratch:
        environment["HOME"] = scratch
        clone = Path(scratch) / "clone.git"
        options = ["-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null"]
        subprocess.run(
            [
                "git",
                *options,
                "clone",
                "-q",
                "--bare",
                "--no-hardlinks",
                "--",
                str(path),
                str(clone),
            ],
            env=environment,
            check=True,
            capture_output=True,
            timeout=GIT_SECONDS,
        )
        target = Path(scratch) / "head.tar"
        subprocess.run(
            ["git", *options, "--git-dir", str(clone), "archive", "-o", str(target), "HEAD"],
            env=environment,
            check=True,
            capture_output=True,
            timeout=GIT_SECONDS,
        )
        with tarfile.open(target, "r:") as archive:
            yield from _tar_entries(archive)


def _bounded(submission: Submission, entries: Iterator[Entry]) -> Iterator[tuple[str, bytes]]:
    """Read Python files within the limits; note what is left behind."""
    total = count = 0
    for scanned, (name, size, stream, reason) in enumerate(entries):
        if scanned >= MOST_SCANNED:
            submission.notes.append(f"only the first {MOST_SCANNED} entries were looked at")
            return
        if not reason and not name.endswith(".py"):
            continue
        if not reason and _climbs(name):
            reason = "its path leaves the submission"
        if not reason and size > MOST_BYTES:
            reason = f"it has {size} bytes, more than {MOST_BYTES}"
        if reason or stream is None:
            if name.endswith(".py"):
                submission.notes.append(f"left behind: {shown(name)}: {reason}")
            continue
        data = stream.read(MOST_BYTES + 1)
        count, total = count + 1, total + len(data)
        if len(data) > MOST_BYTES:
            submission.notes.append(f"left behind: {shown(name)}: more than {MOST_BYTES} bytes")
        elif count > MOST_FILES or total > MOST_TOTAL:
            submission.notes.append(f"only the first {count - 1} files were taken: it is too large")
            return
        else:
            yield name, data


def _climbs(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or "\0" in name or ":" in name


def _place(submission: Submission, raw: dict[str, bytes], known: set[str]) -> None:
    """Map the files' paths to paths inside ``tinymlx/``."""
    packages = [PurePosixPath(n).parts for n in raw if "tinymlx" in PurePosixPath(n).parts[:-1]]
    packages = [p for p in packages if "solutions" not in p]
    if packages:
        roots = {parts[: parts.index("tinymlx") + 1] for parts in packages}
        root = min(roots, key=len)  # the package nearest to the top, if there are several
        for name, data in raw.items():
            parts = PurePosixPath(name).parts
            if parts[: len(root)] == root and len(parts) > len(root):
                submission.files["/".join(parts[len(root) :])] = data
        return
    for name, data in raw.items():
        parts = PurePosixPath(name).parts
        endings = ["/".join(parts[i:]) for i in range(len(parts))]
        places = [e for e in endings if e in known]
        if not places:
            places = [k for k in known if PurePosixPath(k).name == parts[-1]]
            if len(places) != 1:
                continue
        submission.files[places[0]] = data


def unpack(
    project: Project, submission: Submission, starters: dict[str, str], target: Path
) -> None:
    """Write ``target/tinymlx``: fresh starters with the submission's files over them."""
    package = target / "tinymlx"
    for name, text in starters.items():
        write_atomic(package / name, text)
    for name, data in submission.files.items():
        if is_given(project, name):
            continue  # given modules come from the course
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
