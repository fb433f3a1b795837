"""``tinymlx update``: bring in a newer course, and keep every line the student wrote.

The course's own folders are replaced. In the student's package only what is still as the course
gave it changes: functions that are starters get the new starter, files that were never touched get
the new file. What was written stays; where both sides changed the same given lines, the student's
file is left as it is and the new one is laid beside the backup.
"""

from __future__ import annotations

import ast
import json
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from course.backup import backup, write_atomic, write_bytes
from course.cli.terminal import console
from course.cutter import cut_package, is_given
from course.definitions import definitions, replace_definition
from course.errors import CourseError
from course.paths import Project, find_project
from course.registry import Registry, load_registry
from course.scratch import temporary
from course.source import Source, read_source
from course.state import read_names
from course.syntax import find, is_starter, parse

PRIVATE = {".git", ".venv", ".tinymlx", "tinymlx"}
FOLDERS = ("appendices", "course", "deploy", "exercises", "reference", "solutions", "tests")


@dataclass
class Plan:
    """What an update will do, before it does anything.

    Attributes:
        writes: path to new content.
        modes: path to permissions, for files of the course.
        removes: files of the old course that the new one does not have.
        kept: files of the student left as they are, with the new text laid beside the backup.
        reasons: why, a few words for each of them.
        own: files among the course's that no version of the course has brought: they stay.
        names: all files of the newer course, relative to the root.
    """

    writes: dict[Path, bytes] = field(default_factory=dict)
    modes: dict[Path, int] = field(default_factory=dict)
    removes: list[Path] = field(default_factory=list)
    kept: dict[Path, str] = field(default_factory=dict)
    reasons: dict[Path, str] = field(default_factory=dict)
    own: list[Path] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def run(source: str, dry: bool) -> None:
    project = find_project()
    out = console()
    with newer_course(project, source) as folder:
        plan = make_plan(project, Project(folder))
    mine = [p for p in plan.writes if p.is_relative_to(project.tinymlx)]
    out.print(f"{len(plan.writes)} files to write, {len(plan.removes)} to remove.")
    for path in mine:
        out.print(f"  {project.relative(path)}: starters and untouched parts renewed")
    for path in plan.kept:
        out.print(
            f"  {project.relative(path)}: kept as it is, {plan.reasons[path]}", style="yellow"
        )
    for path in plan.removes:
        out.print(f"  {project.relative(path)}: removed, the newer course has no such file")
    for path in plan.own:
        out.print(f"  {project.relative(path)}: yours, left alone")
    if dry or not (plan.writes or plan.removes):
        return
    saved = apply(project, plan)
    out.print(f"What was replaced is kept in {project.relative(saved)}.")
    out.print("If the requirements changed, `make learn` installs them.")


@contextmanager
def newer_course(project: Project, source: str) -> Iterator[Path]:
    """The folder of the newer course: ``source`` itself, or a fetched remote's files.

    Raises:
        CourseError: neither a course's folder nor a git remote that can be fetched.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        if not (folder / "solutions" / "tinymlx").is_dir():
            raise CourseError(f"{folder} is not a course: it has no solutions/tinymlx.")
        yield folder.resolve()
        return
    if folder.exists() or source.startswith(("/", ".", "~")):
        raise CourseError(f"{source} is no folder; name that of a newer course, or a git remote.")
    remote, _, branch = source.partition("/")
    _git(project, "fetch", "--quiet", remote, branch or "HEAD")
    archive = _git(project, "archive", "FETCH_HEAD")
    with temporary("update") as scratch:
        with tarfile.open(fileobj=BytesIO(archive)) as tar:
            if hasattr(tarfile, "data_filter"):
                tar.extractall(scratch, filter="data")
            else:
                tar.extractall(scratch)
        yield scratch


def _git(project: Project, *arguments: str) -> bytes:
    try:
        return subprocess.run(
            ["git", *arguments], cwd=project.root, check=True, capture_output=True
        ).stdout
    except FileNotFoundError as error:
        raise CourseError("git is not installed; name a folder with the newer course.") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().splitlines()
        raise CourseError(
            f"git {arguments[0]} failed ({said[-1] if said else 'no reason given'}); is there a "
            "network? A folder with the newer course works too: tinymlx update FOLDER."
        ) from error


def make_plan(project: Project, newer: Project) -> Plan:
    """Compare the working copy with the newer course; nothing is written."""
    old_cards, new_cards = load_registry(project), load_registry(newer)
    plan = Plan()
    _plan_course(project, newer, plan)
    old, new = cut_package(project, old_cards), cut_package(newer, new_cards)
    for name, starter in new.items():
        path = project.tinymlx / name
        try:
            mine = read_source(path, project.relative(path)) if path.is_file() else None
            merged = _merged(mine, old.get(name), starter, _names(new_cards, name))
        except CourseError as error:
            plan.kept[path], plan.reasons[path] = starter, str(error).rstrip(".")
            continue
        if merged is None:
            plan.kept[path], plan.reasons[path] = starter, "both sides changed it"
        elif mine is None or merged != mine.text:
            plan.writes[path] = (mine or Source("")).with_text(merged).encode()
    return plan


def _merged(mine: Source | None, old: str | None, new: str, names: list[str]) -> str | None:
    """`merge` for a file with line ends and an encoding of its own."""
    if mine is None:
        return merge(None, old, new, names)
    if mine.newline != "\n":
        new = new.replace("\n", mine.newline)
        old = old and old.replace("\n", mine.newline)
    merged = merge(mine.text, old, new, names)
    if merged is not None:
        try:
            mine.with_text(merged).encode()
        except UnicodeEncodeError as error:
            raise CourseError(f"its encoding {mine.encoding} cannot hold the new text") from error
    return merged


def _plan_course(project: Project, newer: Project, plan: Plan) -> None:
    """The course's own files, and given modules of the package."""
    wanted = {
        path.relative_to(newer.root): path
        for path in _files(newer.root)
        if path.relative_to(newer.root).parts[0] not in PRIVATE or _given(newer, path)
    }
    for name, path in wanted.items():
        target = project.root / name
        content = path.read_bytes()
        if not target.is_file() or target.read_bytes() != content:
            plan.writes[target] = content
            plan.modes[target] = path.stat().st_mode & 0o777
    plan.names = [name.as_posix() for name in wanted]
    brought = _brought(project)
    for folder in FOLDERS:
        for path in _files(project.root / folder):
            name = path.relative_to(project.root)
            if name not in wanted:
                (plan.removes if name.as_posix() in brought else plan.own).append(path)


def _brought(project: Project) -> set[str]:
    """Names of files that earlier versions of the course have brought; no other is removed.

    They are those that the set-up found or an earlier update has written, and those of the commit
    that the student's own work began with, where there is one.
    """
    names = set(read_names(_manifest(project)))
    for branch in ("@{upstream}", "origin/HEAD", "origin/main"):
        try:
            base = _git(project, "merge-base", "HEAD", branch).decode().strip()
            listed = _git(project, "ls-tree", "-r", "-z", "--name-only", base)
        except CourseError:
            continue
        return names | set(listed.decode("utf-8", "surrogateescape").split("\0"))
    return names


def remember() -> None:
    """Note which files came with the course (the set-up does it, once, before there are others)."""
    project = find_project()
    if not _manifest(project).exists():
        names = [
            path.relative_to(project.root).as_posix()
            for folder in FOLDERS
            for path in _files(project.root / folder)
        ]
        write_atomic(_manifest(project), json.dumps(names))


def _manifest(project: Project) -> Path:
    return project.state / "course.json"


def _given(project: Project, path: Path) -> bool:
    if not path.is_relative_to(project.tinymlx):
        return False
    return is_given(project, path.relative_to(project.tinymlx).as_posix())


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and "__pycache__" not in parts and ".git" not in parts[:1]:
            yield path


def _names(registry: Registry, file: str) -> list[str]:
    return [s.qualname for e in registry.exercises for s in e.symbols if s.file == file]


def merge(mine: str | None, old: str | None, new: str, names: list[str]) -> str | None:
    """The student's file with the newer starters, or ``None`` where it must stay as it is.

    Args:
        mine: the student's text; ``None`` if there is no file.
        old: the starter that the student began with; ``None`` if there was none.
        new: the newer starter.
        names: qualified names of the file's exercises in the newer course.
    """
    if mine is None or mine in (old, new):
        return new
    try:
        tree = parse(mine)
    except SyntaxError:
        return None
    if old is not None and _rest(mine, names) == _rest(old, names):
        text = new
        for name in names:
            if _is_written(tree, name):
                text = replace_definition(text, name, mine)
        return text
    text = mine
    for name in names:
        found = find(tree, name)
        if found and not _is_written(tree, name):
            text = replace_definition(text, name, new)
    return text if old is not None and _rest(old, names) == _rest(new, names) else None


def _is_written(tree: ast.Module, name: str) -> bool:
    found = find(tree, name)
    return bool(found) and not any(is_starter(item) for item in found)


def _rest(text: str, names: list[str]) -> str:
    """The text without the exercises' definitions: what the course gave."""
    for name in names:
        for part in definitions(text, name):
            text = text.replace(Source(text).newline.join(part), "", 1)
    return text


def apply(project: Project, plan: Plan) -> Path:
    """Back up everything that changes, then write; returns the backup's folder."""
    changing = [p for p in [*plan.writes, *plan.removes, *plan.kept] if p.is_file()]
    saved = backup(project, changing, "update")
    for path, text in plan.kept.items():
        write_atomic(saved / "newer" / project.relative(path), text)
    for path, content in plan.writes.items():
        write_bytes(path, content)
        if path in plan.modes:
            path.chmod(plan.modes[path])
    for path in plan.removes:
        path.unlink(missing_ok=True)
    write_atomic(_manifest(project), json.dumps(plan.names))
    return saved
