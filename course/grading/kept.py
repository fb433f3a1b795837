"""What a report was begun with: the options of its run, kept in ``run.json``."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course import __version__
from course.backup import write_atomic
from course.errors import CourseError
from course.paths import Project
from course.sandbox import level

if TYPE_CHECKING:
    from course.grading.campaign import Plan

FIXED = ("what", "seed", "seeds")  # records follow from them


def course_hash(project: Project) -> str:
    """A hash of everything that verdicts follow from, besides the submissions."""
    digest = hashlib.sha256()
    for name in ("course", "exercises", "reference", "solutions", "tests"):
        for path in sorted((project.root / name).rglob("*")):
            if path.suffix in (".py", ".toml", ".c") and path.is_file():
                digest.update(path.relative_to(project.root).as_posix().encode() + b"\0")
                digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """What a receipt says about the software and the machine."""
    found = {"course": __version__, "python": platform.python_version()}
    for name in ("mlx", "torch", "numpy", "pytest"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return {**found, "machine": platform.machine(), "system": platform.platform()}


def run_of(out: Path) -> dict[str, Any]:
    """What ``run.json`` of a report says; nothing where there is none."""
    try:
        found = json.loads((out / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def options_of(out: Path, given: dict[str, Any], change: bool) -> dict[str, Any]:
    """The options of a run: those given now, completed by those that the report was begun with.

    Args:
        out: the report.
        given: option to value in plain data, ``None`` where nothing was said.
        change: whether what is said now replaces what was said then.

    Raises:
        CourseError: an option says something else than then.
    """
    begun = run_of(out)
    before = begun.get("options", {})
    said = {key: value for key, value in given.items() if value is not None}
    for key, value in said.items():
        then = before.get(key)
        flag = "--" + key.replace("_", "-")
        if key == "submissions" or then == value:
            continue
        if key in FIXED and begun:
            how = f"without {flag}" if then is None else f"with {flag} {then}"
            raise CourseError(
                f"{out} was begun {how}, and its records follow from that; leave {flag} out "
                "to go on, or choose a new --out."
            )
        if then is not None and not change:
            raise CourseError(
                f"{out} was begun with {flag} {then}, now it is {value}; leave {flag} out to go "
                "on, or add --change to replace it for the whole class."
            )
    return {**given, **before, **said}


def begin(out: Path, project: Project, plan: Plan) -> None:
    """Write what is to be graded, or see that it is what the report was begun with.

    Raises:
        CourseError: the report belongs to another plan or another state of the course.
    """
    run = {
        "seeds": list(plan.seeds),
        "exercises": [exercise.id for exercise in plan.exercises],
        "course": course_hash(project),
        "versions": versions(),
        "sandbox": level().sentence,
    }
    before = run_of(out)
    for key in ("seeds", "exercises", "course"):
        if before and before.get(key) != run[key]:
            raise CourseError(
                f"{out} was begun with other {key}; choose a new --out, or the same again."
            )
    if not before:
        write_atomic(out / "run.json", json.dumps(run, indent=2))


def keep_options(out: Path, options: dict[str, Any], students: list[str]) -> None:
    """Keep the options of a run that has begun, and who belongs to the class now."""
    run = run_of(out)
    now = {**run, "options": options, "students": students}
    if now != run:
        write_atomic(out / "run.json", json.dumps(now, indent=2))
