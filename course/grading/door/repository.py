"""The files of a git repository or bundle, without trusting a line of its configuration.

The objects are copied into a fresh repository of ours, where git reads them: no hook, no filter, no
alternate and no setting of the student's is ever in force. What points outside is refused.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

from course.grading.door.haul import MOST_BYTES, MOST_SCANNED, Entry, Refused
from course.grading.door.names import ARCHIVES, LOOSE, ending_of, shown

GIT_SECONDS = 40
LAST_SECONDS = 2  # for a program whose pipes are closed
MOST_OBJECTS = 200 << 20  # bytes of a repository
COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
BRANCH = re.compile(r"refs/(?:heads|remotes|tags)/[\w./@+-]+\Z")
BORROWS = ("objects/info/alternates", "objects/info/http-alternates", "commondir", "gitdir")
CLONE = "hand in a whole clone (git clone --no-local), or a .zip of the files"
MODES = {"120000": "it is a link or a device, no file", "160000": "it is a submodule"}


def repository_entries(path: Path, scratch: Path) -> Iterator[Entry]:
    """The files of the last commit of the repository at ``path``.

    Raises:
        Refused: parts of it lie elsewhere, it has no commit, or git cannot read it.
    """
    for name in BORROWS:
        if os.path.lexists(path / name):
            raise Refused(f"The repository borrows from another one ({name}); {CLONE}.")
    own = _fresh(scratch)
    _copy_objects(path / "objects", own / "objects")
    yield from _files(own, _head(_refs(path)))


def bundle_entries(path: Path, scratch: Path) -> Iterator[Entry]:
    """The files of the last commit of a bundle.

    Raises:
        Refused: it is damaged, or made without its history.
    """
    own = _fresh(scratch)
    listed = _git(own, "bundle", "unbundle", str(path.resolve()))
    pairs = [line.split(" ", 1) for line in listed.splitlines()]
    refs = {p[1]: p[0] for p in pairs if len(p) == 2 and COMMIT.match(p[0])}
    yield from _files(own, _head(refs))


def _fresh(scratch: Path) -> Path:
    own = Path(tempfile.mkdtemp(dir=scratch, prefix="git-"))
    _git(own, "init", "-q", "--bare", str(own))
    return own


def _copy_objects(source: Path, target: Path) -> None:
    """Copy loose objects and packs, regular files only."""
    total = count = 0
    if source.is_symlink():
        raise Refused(f"The repository's objects are a symbolic link; {CLONE}.")
    for base, folders, files in os.walk(source, followlinks=False):
        for name in (*folders, *files):
            status = (Path(base) / name).lstat()
            if stat.S_ISLNK(status.st_mode):
                raise Refused(f"The repository holds a symbolic link ({shown(name)}); {CLONE}.")
        inner = Path(base).relative_to(source)
        if inner.parts[:1] == ("info",):
            continue
        (target / inner).mkdir(parents=True, exist_ok=True)
        for name in files:
            status = (Path(base) / name).lstat()
            if not stat.S_ISREG(status.st_mode):
                continue
            total, count = total + status.st_size, count + 1
            if total > MOST_OBJECTS or count > MOST_SCANNED:
                raise Refused(f"The repository is larger than {MOST_OBJECTS >> 20} MB.")
            shutil.copyfile(Path(base) / name, target / inner / name, follow_symlinks=False)


def _refs(path: Path) -> dict[str, str]:
    """Name to commit of every branch, and of ``HEAD``, read without git."""
    found: dict[str, str] = {}
    for line in _small(path / "packed-refs").splitlines():
        commit, _, name = line.partition(" ")
        if COMMIT.match(commit) and BRANCH.match(name):
            found[name] = commit
    for base, folders, files in os.walk(path / "refs", followlinks=False):
        for name in (*folders, *files):
            if (Path(base) / name).is_symlink():
                raise Refused(f"The repository holds a symbolic link ({shown(name)}); {CLONE}.")
        for name in files[:MOST_SCANNED]:
            ref = (Path(base) / name).relative_to(path).as_posix()
            commit = _small(Path(base) / name).strip()
            if COMMIT.match(commit) and BRANCH.match(ref):
                found[ref] = commit
    head = _small(path / "HEAD").strip()
    if COMMIT.match(head):
        found["HEAD"] = head
    elif head.startswith("ref: ") and head[5:].strip() in found:
        found["HEAD"] = found[head[5:].strip()]
    return found


def _small(path: Path) -> str:
    """The text of a small file of a repository; nothing where there is none.

    Raises:
        Refused: it is a link.
    """
    if path.is_symlink():
        raise Refused(f"The repository holds a symbolic link ({path.name}); {CLONE}.")
    if not path.is_file():
        return ""
    with open(path, "rb") as stream:
        return stream.read(4 * MOST_BYTES).decode("utf-8", "replace")


def _head(refs: dict[str, str]) -> str:
    """The commit that counts: that of ``HEAD``, of main or master, else of the first branch."""
    for name in ("HEAD", "refs/heads/main", "refs/heads/master", *sorted(refs)):
        if name in refs:
            return refs[name]
    raise Refused("The repository has no commit.")


def _files(own: Path, commit: str) -> Iterator[Entry]:
    """The files of a commit in our own repository."""
    listing = _start(own, "ls-tree", "-r", "-z", "-l", "--full-tree", commit)
    contents = _start(own, "cat-file", "--batch")
    assert listing.stdout is not None
    count = 0
    try:
        for count, line in enumerate(_records(listing.stdout)):
            what, _, name = line.decode("utf-8", "surrogateescape").partition("\t")
            mode, _, blob, size = what.split()
            if ending_of(name) in (*LOOSE, *ARCHIVES):
                if mode in MODES:
                    yield Entry(name, 0, None, MODES[mode])
                else:
                    yield Entry(name, int(size), partial(_blob, contents, blob))
            if count > MOST_SCANNED:
                raise Refused(f"The repository has more than {MOST_SCANNED} files.")
        if listing.wait(GIT_SECONDS):
            raise Refused(f"git cannot read it: {_complaint(listing.stderr)}.")
    finally:
        for process in (listing, contents):
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let a program end by closing what it reads from and writes to: the reader's fence allows no
    signals to others. One that stays is ended with its reader."""
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(LAST_SECONDS)


def _records(stream: IO[bytes]) -> Iterator[bytes]:
    """What is between zero bytes."""
    rest = b""
    while chunk := stream.read1(1 << 16):  # type: ignore[attr-defined]
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
        if len(rest) > MOST_BYTES:
            raise Refused("The repository has a name without an end.")


def _blob(process: subprocess.Popen[bytes], blob: str, limit: int) -> bytes:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(blob.encode() + b"\n")
    process.stdin.flush()
    head = process.stdout.readline().split()
    if len(head) != 3 or int(head[2]) > limit:
        raise Refused("git cannot read an object of it.")
    data = process.stdout.read(int(head[2]) + 1)
    if len(data) != int(head[2]) + 1:
        raise EOFError("git ended in the middle of an object")
    return data[:-1]


def _environment(own: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(own),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_TEMPLATE_DIR": "",
        "GIT_DIR": str(own),
    }


def _start(own: Path, *arguments: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        ["git", *arguments], cwd=own, env=_environment(own), stdin=pipe, stdout=pipe, stderr=pipe
    )


def _git(own: Path, *arguments: str) -> str:
    """The output of one command of git.

    Raises:
        Refused: git is missing, or refuses.
    """
    try:
        process = _start(own, *arguments)
    except FileNotFoundError:
        raise Refused("git is not installed here, so repositories cannot be read.") from None
    try:
        said, complaint = process.communicate(timeout=GIT_SECONDS)
    except subprocess.TimeoutExpired:
        raise Refused("git takes too long to read it.") from None
    finally:
        _end(process)
    if process.returncode:
        raise Refused(f"git cannot read it: {_first(complaint)}.")
    return said.decode("utf-8", "replace")


def _complaint(stream: IO[bytes] | None) -> str:
    return _first(stream.read(2000) if stream is not None else b"")


def _first(text: bytes) -> str:
    """The first line of git's complaint."""
    lines = text.decode("utf-8", "replace").strip().splitlines()
    said = re.sub(r"^(?:error|fatal): ", "", lines[0]) if lines else "it gives no reason"
    return re.sub(r"'?/\S*/", "", shown(said)).rstrip(".")
