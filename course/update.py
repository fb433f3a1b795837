"""``tinymlx update``: bring in a newer course, and keep every line the student wrote.

The course's own folders are replaced. In the student's package only what is still as the course
gave it changes: functions that are starters get the new starter, files that were never touched get
the new file. What was written stays; where both sides changed the same given lines, the student's
file is left as it is and the new one is laid beside the backup.
"""

from __future__ import annotations

import ast
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from course.backup import backup, write_atomic
from course.cli.terminal import console
from course.cutter import cut_package, is_given
from course.definitions import definitions, replace_definition
from course.errors import CourseError
from course.paths import Project, find_project
from course.registry import Registry, load_registry
from course.syntax import find, is_starter

PRIVATE = {".git", ".venv", ".tinymlx", "tinymlx"}


@dataclass
class Plan:
    """What an update will do, before it does anything.

    Attributes:
        writes: path to new content.
        modes: path to permissions, for files of the course.
        removes: files of the old course that the new one does not have.
        kept: files of the student left as they are, with the new text laid beside the backup.
    """

    writes: dict[Path, bytes] = field(default_factory=dict)
    modes: dict[Path, int] = field(default_factory=dict)
    removes: list[Path] = field(default_factory=list)
    kept: dict[Path, str] = field(default_factory=dict)


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
            f"  {project.relative(path)}: kept as it is, both sides changed it", style="yellow"
        )
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
    remote, _, branch = source.partition("/")
    _git(project, "fetch", "--quiet", remote, branch or "HEAD")
    archive = _git(project, "archive", "FETCH_HEAD")
    with tempfile.TemporaryDirectory(prefix="tinymlx-update-") as scratch:
        with tarfile.open(fileobj=BytesIO(archive)) as tar:
            if hasattr(tarfile, "data_filter"):
                tar.extractall(scratch, filter="data")
            else:
                tar.extractall(scratch)
        yield Path(scratch)


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
        mine = path.read_text(encoding="utf-8") if path.is_file() else None
        merged = merge(mine, old.get(name), starter, _names(new_cards, name))
        if merged is None:
            plan.kept[path] = starter
        elif merged != mine:
            plan.writes[path] = merged.encode()
    return plan


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
    folders = ("course", "exercises", "reference", "solutions", "tests")
    for folder in folders:
        for path in _files(project.root / folder):
            if path.relative_to(project.root) not in wanted and path.suffix in (".py", ".toml"):
                plan.removes.append(path)


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
        tree = ast.parse(mine)
    except (SyntaxError, ValueError):
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
            text = text.replace("\n".join(part), "", 1)
    return text


def apply(project: Project, plan: Plan) -> Path:
    """Back up everything that changes, then write; returns the backup's folder."""
    changing = [p for p in [*plan.writes, *plan.removes, *plan.kept] if p.is_file()]
    saved = backup(project, changing, "update")
    for path, text in plan.kept.items():
        write_atomic(saved / "newer" / project.relative(path), text)
    for path, content in plan.writes.items():
        _write_bytes(path, content)
        if path in plan.modes:
            path.chmod(plan.modes[path])
    for path in plan.removes:
        path.unlink(missing_ok=True)
    return saved


def _write_bytes(path: Path, content: bytes) -> None:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return
    write_atomic(path, text)
