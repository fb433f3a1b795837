"""The forms in which honest students hand in their work: a corpus made on the small course.

Each form writes the complete solution into a class's folder in its own way; every one must get all
points of the exercises that it holds.
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from small import MINI

SOLVED = MINI / "solutions" / "tinymlx"
STARTERS = MINI / "tinymlx"
ALL = ("1.1", "1.2", "1.3")
SOFTMAX = (SOLVED / "rows/softmax.py").read_text()
COUNTER = (SOLVED / "rows/counter.py").read_text()
INIT = (SOLVED / "rows/__init__.py").read_text()
ACCENT = "# Gelöst von Zoë, für die Übung\n"
GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")

Make = Callable[[Path], object]


@dataclass(frozen=True)
class Form:
    """One way to hand in.

    Attributes:
        make: writes it, given the path without an ending.
        exercises: what it holds of the course.
    """

    make: Make
    exercises: tuple[str, ...] = ALL


def tree(prefix: str = "tinymlx/") -> dict[str, bytes]:
    """The complete package: path to content."""
    texts = {"__init__.py": '"""Mine."""\n', "rows/__init__.py": INIT}
    texts |= {"rows/softmax.py": SOFTMAX, "rows/counter.py": COUNTER}
    return {prefix + name: text.encode() for name, text in texts.items()}


def folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return path


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo("placeholder")
            member.filename = name  # as it is: the constructor would mend it
            archive.writestr(member, content)
    return stream.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def notebook(*cells: str) -> bytes:
    made = [{"cell_type": "markdown", "metadata": {}, "source": ["# Homework\n", "def no(): ..."]}]
    for cell in cells:
        source = cell.splitlines(keepends=True)
        made.append({"cell_type": "code", "metadata": {}, "outputs": [], "source": source})
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}).encode()


def repository(path: Path, files: dict[str, bytes]) -> Path:
    folder(path, files)
    subprocess.run([*GIT, "init", "-q"], cwd=path, check=True)
    subprocess.run([*GIT, "add", "-f", "."], cwd=path, check=True)
    subprocess.run([*GIT, "commit", "-qm", "done"], cwd=path, check=True)
    return path


def _bare(path: Path, packed: bool = True) -> None:
    work = repository(path.with_name(f".{path.name}-work"), tree())
    target = path.with_name(f"{path.name}.git")
    subprocess.run([*GIT, "clone", "-q", "--bare", "--no-local", work, target], check=True)
    shutil.rmtree(work)


def _loose_objects(path: Path) -> None:
    work = repository(path.with_name(f".{path.name}-work"), tree())
    (work / ".git").rename(path.with_name(f"{path.name}.git"))
    shutil.rmtree(work)


def _bundle(path: Path) -> None:
    work = repository(path.with_name(f".{path.name}-work"), tree("hw/tinymlx/"))
    target = path.with_name(f"{path.name}.bundle").absolute()
    subprocess.run([*GIT, "bundle", "create", "-q", target, "HEAD", "main"], cwd=work, check=True)
    shutil.rmtree(work)


def _whole(path: Path) -> None:
    """The whole working copy, with everything that gathers there."""
    repository(path, tree())
    shutil.copytree(MINI / "solutions", path / "solutions")
    shutil.copytree(MINI / "tests", path / "tests")
    folder(path / ".venv/lib/python3.12/site-packages/tinymlx/rows", {"softmax.py": b"wrong("})
    folder(path / "tinymlx/rows/__pycache__", {"softmax.cpython-311.pyc": b"\0\0"})
    folder(path / ".tinymlx/backups/1/tinymlx/rows", {"softmax.py": b"old = 1\n"})


def _nothing_checked_out(path: Path) -> None:
    repository(path, tree())
    shutil.rmtree(path / "tinymlx")


def _file(path: Path, ending: str, content: bytes) -> None:
    path.with_name(path.name + ending).write_bytes(content)


def _in(name: str, content: bytes) -> Make:
    return lambda path: folder(path, {name: content})


def _as(ending: str, content: bytes) -> Make:
    return lambda path: _file(path, ending, content)


def _forked() -> dict[str, bytes]:
    """What macOS puts into a zip."""
    forks = {f"__MACOSX/hw/tinymlx/rows/._{n}.py": b"\0\5\26\7" for n in ("softmax", "counter")}
    return {**tree("hw/tinymlx/"), **forks, "hw/.DS_Store": b"\0\1", "hw/tinymlx/._x.py": b"\0"}


def _with(text: str, **changes: bytes) -> Make:
    return lambda path: folder(
        path, {**tree(), "tinymlx/rows/softmax.py": text.encode(), **changes}
    )


def _softmax(content: bytes) -> Make:
    return lambda path: folder(path, {**tree(), "tinymlx/rows/softmax.py": content})


def starters(prefix: str) -> dict[str, bytes]:
    names = ("__init__.py", "rows/__init__.py", "rows/softmax.py", "rows/counter.py")
    return {prefix + name: (STARTERS / name).read_bytes() for name in names}


def _split(text: str, name: str) -> tuple[str, str]:
    """A module before ``def name`` and from there."""
    at = text.index(f"def {name}(")
    return text[:at], text[at:]


FIRST, PICK = _split(SOFTMAX, "pick")
TOP = "import mlx.core as mx\nfrom tinymlx import rows\n"
CELLS = (
    "%matplotlib inline\n!pip install mlx\nimport mlx.core as mx\nfrom tinymlx import rows",
    "def softmax(x, axis=-1):\n    return x  # first try",
    "%%time\n" + FIRST[FIRST.index("def shift") :],
    "%%bash\nls -l",
    "softmax(mx.zeros((2, 2)))\n%timeit softmax(mx.zeros((2, 2)))\nsoftmax?",
    "%%exercise 1.2\n" + PICK,
    "this is no Python",
    COUNTER,
)
ONE_FILE = (
    f"{TOP}\n{FIRST[FIRST.index('def shift') :]}\n{PICK}\n{COUNTER[COUNTER.index('class Base') :]}"
)

FORMS: dict[str, Form] = {
    "a folder": Form(lambda p: folder(p, tree())),
    "the package's files alone": Form(lambda p: folder(p, tree(""))),
    "a nested folder": Form(lambda p: folder(p, tree("Homework 4/final (2)/tinymlx/"))),
    "a renamed package": Form(lambda p: folder(p, tree("my-tinymlx-main/"))),
    "a package in capitals": Form(lambda p: folder(p, tree("TinyMLX/"))),
    "a clone named like the package": Form(lambda p: folder(p, tree("tinymlx/tinymlx/"))),
    "a zip": Form(_as(".zip", zipped(tree()))),
    "a ZIP of Windows": Form(
        _as(".ZIP", zipped({n.replace("/", "\\"): c for n, c in tree("hw\\tinymlx/").items()}))
    ),
    "a zip of macOS": Form(_as(".zip", zipped(_forked()))),
    "a zip in a zip": Form(_as(".zip", zipped({"hw/inner.zip": zipped(tree())}))),
    "a tar": Form(_as(".tar", tarred(tree()))),
    "a tar.gz": Form(_as(".tar.gz", tarred(tree("./hw/tinymlx/"), "w:gz"))),
    "a tgz that is a zip": Form(_as(".tgz", zipped(tree()))),
    "a tar.xz": Form(_as(".tar.xz", tarred(tree(), "w:xz"))),
    "a tar.bz2": Form(_as(".tar.bz2", tarred(tree(), "w:bz2"))),
    "a tar.lzma": Form(_as(".tar.lzma", lzma.compress(tarred(tree()), lzma.FORMAT_ALONE))),
    "a bundle": Form(_bundle),
    "a bare repository": Form(_bare),
    "a bare repository of loose objects": Form(_loose_objects),
    "a whole working copy": Form(_whole),
    "a repository with nothing checked out": Form(_nothing_checked_out),
    "a lone file": Form(_as(".py", SOFTMAX.encode()), ("1.1", "1.2")),
    "a lone file in a folder": Form(_in("softmax.py", SOFTMAX.encode()), ("1.1", "1.2")),
    "a file with another name": Form(_as(" (1).py", COUNTER.encode()), ("1.3",)),
    "a file that mail renamed": Form(_in("softmax.py.txt", SOFTMAX.encode()), ("1.1", "1.2")),
    "everything in one file": Form(_in("homework.py", ONE_FILE.encode())),
    "one function a file": Form(
        lambda p: folder(p, {"part1.py": FIRST.encode(), "part2.py": (TOP + PICK).encode()}),
        ("1.1", "1.2"),
    ),
    "a notebook": Form(_as(".ipynb", notebook(*CELLS))),
    "a notebook in a zip": Form(_as(".zip", zipped({"hw/Untitled 3.ipynb": notebook(*CELLS)}))),
    "Moodle": Form(_in("hw.zip", zipped(tree("hw/tinymlx/")))),
    "Gradescope": Form(
        lambda p: folder(p, {**tree(), "submission_metadata.yml": b"---\n:submission: 1\n"})
    ),
    "a byte order mark": Form(_softmax(b"\xef\xbb\xbf" + (ACCENT + SOFTMAX).encode())),
    "Latin-1 that says so": Form(
        _softmax(b"# -*- coding: latin-1 -*-\n" + (ACCENT + SOFTMAX).encode("latin-1"))
    ),
    "Latin-1 that does not": Form(_softmax((ACCENT + SOFTMAX).encode("latin-1"))),
    "UTF-16 of PowerShell": Form(_softmax((ACCENT + SOFTMAX).encode("utf-16"))),
    "line ends of Windows": Form(_softmax(SOFTMAX.replace("\n", "\r\n").encode())),
    "starters above, work below": Form(
        lambda p: folder(p, {**starters("tinymlx/"), **tree("my work/tinymlx/")})
    ),
    "two halves": Form(
        lambda p: folder(
            p,
            {
                "week1/tinymlx/rows/softmax.py": SOFTMAX.encode(),
                "week2/tinymlx/rows/counter.py": COUNTER.encode(),
            },
        )
    ),
    "a neighbour that does not parse": Form(
        lambda p: folder(p, {**tree(), "tinymlx/rows/counter.py": b"def broken(\n"}), ("1.1", "1.2")
    ),
    "a huge neighbour": Form(lambda p: folder(p, {**tree(), "data.py": b"#" * (2 << 20)})),
    "a name with a colon": Form(_as(".zip", zipped(tree("Homework 4: final/tinymlx/")))),
    "a large environment in a tar": Form(
        _as(".tar.gz", tarred({f".venv/f{i}.py": b"" for i in range(3000)} | tree(), "w:gz"))
    ),
    "a trailing cut": Form(
        _as(
            ".tar.gz", gzip.compress(tarred({**tree(), "big.bin": bytes(range(256)) * 4000}))[:-900]
        )
    ),
}
