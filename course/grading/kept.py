"""What a report was begun with: the options of its run, kept in ``run.json``."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course import __version__
from course.backup import write_atomic
from course.errors import CourseError
from course.sandbox import level

if TYPE_CHECKING:
    from course.grading.campaign import Plan

FIXED = ("what", "seed", "seeds", "shard")  # records follow from them


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


def begin(out: Path, plan: Plan, course: str) -> None:
    """Write what is to be graded; the seeds must be those that the report was begun with.

    Raises:
        CourseError: they are not.
    """
    before = run_of(out)
    if before and before.get("seeds") != list(plan.seeds):
        raise CourseError(
            f"{out} was begun with other seeds; choose a new --out, or the same again."
        )
    run = {
        "seeds": list(plan.seeds),
        "exercises": [exercise.id for exercise in plan.exercises],
        "course": course,
        "versions": versions(),
        "sandbox": level().sentence,
    }
    write_run(out, {**before, **run})


def write_run(out: Path, run: dict[str, Any]) -> None:
    """Write ``run.json``, if it says something new."""
    if run != run_of(out):
        write_atomic(out / "run.json", json.dumps(run, indent=2))


def keep_options(out: Path, options: dict[str, Any], class_: dict[str, Any]) -> None:
    """Keep the options of a run that has begun, and who belongs to the class now."""
    write_run(out, {**run_of(out), "options": options, **class_})
