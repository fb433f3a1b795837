"""``tinymlx run`` and ``swap``: projects and programs on the student's code, completed."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import sys
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from course import blas
from course.errors import CourseError
from course.overlay import Choice, Overlay, make_bundle
from course.paths import Project, find_project
from course.registry import Registry, load_registry
from course.toml import load_toml


def check_data() -> None:
    """Whether the folder of real data is one, where it is named.

    Raises:
        CourseError: it is not.
    """
    named = os.environ.get("TINYMLX_DATA")
    if named and not Path(named).expanduser().is_dir():
        raise CourseError(
            f"TINYMLX_DATA names {named}, which is not a folder; correct or unset it."
        )


@contextmanager
def implementation(project: Project, registry: Registry, impl: str = ".") -> Iterator[Overlay]:
    """``tinymlx`` means ``impl`` inside: the student's code, filled, or the solutions."""
    blas.load()
    folder = {".": project.root, "solutions": project.solutions}.get(impl, Path(impl).resolve())
    bundle = make_bundle(project, registry, Choice(folder, whole=True))
    with Overlay(bundle, project.state / "cache" / "code").activate() as overlay:
        yield overlay


@contextmanager
def after_chapter(project: Project, registry: Registry, number: int) -> Iterator[Overlay]:
    """``tinymlx`` of a reader who has solved the chapters up to ``number``: nothing is filled."""
    blas.load()
    later = frozenset(e.id for c in registry.chapters if c.number > number for e in c.exercises)
    bundle = make_bundle(project, registry, Choice(project.solutions, fill=False, cut=later))
    with Overlay(bundle, project.state / "cache" / "code").activate() as overlay:
        yield overlay


def load_script(path: Path) -> types.ModuleType:
    """Import a file by its path, anew: what it was built on may be another implementation now.

    Files beside it are its parts: ``from .other import name``.
    """
    name = f"{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(
        name, path, submodule_search_locations=[str(path.parent)]
    )
    if spec is None or spec.loader is None or not path.is_file():
        raise CourseError(f"{path} does not exist.")
    for old in [n for n in sys.modules if n == name or n.startswith(f"{name}.")]:
        del sys.modules[old]
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def chosen(chapter: int, main: Callable[..., object], **wanted: bool) -> dict[str, bool]:
    """The settings of a project that were asked for.

    Raises:
        CourseError: more than one, or one that this project has not.
    """
    names = [name for name, value in wanted.items() if value]
    if len(names) > 1:
        raise CourseError(f"{' and '.join(f'--{name}' for name in names)} exclude each other.")
    if names and names[0] not in inspect.signature(main).parameters:
        raise CourseError(
            f"The project of chapter {chapter} has no --{names[0]} version; leave it out."
        )
    return dict.fromkeys(names, True)


def chosen_parts(chapter: int, script: types.ModuleType, parts: str) -> dict[str, list[str]]:
    """The parts of a project that were asked for: names with commas between them.

    Raises:
        CourseError: the project has no parts, or none of such a name.
    """
    if not parts:
        return {}
    there = getattr(script, "PARTS", ())
    if not there:
        raise CourseError(f"The project of chapter {chapter} has no parts; leave --parts out.")
    names = [name.strip() for name in parts.split(",")]
    unknown = [name for name in names if name not in there]
    if unknown:
        raise CourseError(f"There is no part {unknown[0]!r}; there are {', '.join(there)}.")
    return {"parts": names}


def check_trained(folder: Path) -> None:
    """Whether the trained weights of a chapter are those that came with the course.

    Raises:
        CourseError: they are missing, or are not what their provenance says.
    """
    told = folder / "provenance.toml"
    if not told.is_file():
        raise CourseError(f"{told} does not exist; `tinymlx update` brings it back.")
    facts = load_toml(told)
    path = folder / facts["file"]
    if not path.is_file():
        raise CourseError(f"{path} does not exist; `tinymlx update` brings it back.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != facts["sha256"]:
        raise CourseError(
            f"{path} is not the file that came with the course: its checksum differs from that in "
            f"{told.name}. `tinymlx update` brings it back."
        )


def run_project(
    chapter: int,
    quick: bool,
    out: Path | None,
    impl: str,
    full: bool = False,
    trained: bool = False,
    transfer: bool = False,
    parts: str = "",
) -> None:
    """The project of a chapter: short, long for a GPU, with that one's weights, with published
    weights, or as usual; all of it, or some parts."""
    from course.cli.terminal import console

    check_data()
    project = find_project()
    registry = load_registry(project)
    folder = registry.chapter(chapter).folder
    target = (out or project.state / "out" / folder).resolve()
    try:
        target.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=target):  # now, and not after hours of training
            pass
    except OSError as error:
        raise CourseError(
            f"{target} cannot be written ({error.strerror}); choose another place with --out."
        ) from error
    start = time.time_ns() - 10**9  # the clocks of some file systems are coarse
    with implementation(project, registry, impl) as overlay:
        for note in overlay.bundle.notes:
            console().print(note, style="yellow")
        script = load_script(project.exercises / folder / "project.py")
        main = script.main
        options = chosen(chapter, main, quick=quick, full=full, trained=trained, transfer=transfer)
        only = chosen_parts(chapter, script, parts)
        if trained:
            check_trained(project.exercises / folder / "trained")
        try:
            numbers = main(target, **options, **only)
        except ValueError as error:
            if transfer:
                raise CourseError(str(error)) from error
            if not trained:
                raise
            raise CourseError(f"The trained weights are of no use here: {error}") from error
    out_console = console()
    for name, value in numbers.items():
        out_console.print(
            f"  {name}: {value:.4g}" if isinstance(value, float) else f"  {name}: {value}"
        )
    made = [p for p in target.rglob("*.*") if p.suffix in (".png", ".svg", ".gif")]
    new = sorted(str(p.relative_to(target)) for p in made if p.stat().st_mtime_ns >= start)
    if new:
        out_console.print(f"Pictures in {project.relative(target)}: {', '.join(new)}")


def run_chat(chapter: int, impl: str, more: bool) -> None:
    """Talk to a published model on the reader's code.

    Raises:
        CourseError: the chapter has no such thing, more was asked for, or the model is not there.
    """
    from course.cli.terminal import console

    project = find_project()
    registry = load_registry(project)
    file = project.exercises / registry.chapter(chapter).folder / "chat.py"
    if more:
        raise CourseError("--chat goes with none of --quick, --full and --trained.")
    if not file.is_file():
        raise CourseError(f"Chapter {chapter} has nobody to talk to; chapter 12 has.")
    with implementation(project, registry, impl) as overlay:
        for note in overlay.bundle.notes:
            console().print(note, style="yellow")
        try:
            load_script(file).main(console())
        except ValueError as error:
            raise CourseError(str(error)) from error


def swap_program(script: Path, args: list[str], impl: str) -> int:
    """``tinymlx swap``: run an MLX program on ``impl``, and return its exit status."""
    from course.cli.terminal import console
    from course.swap import run_script

    project = find_project()
    with implementation(project, load_registry(project), impl) as overlay:
        for note in overlay.bundle.notes:
            console(stderr=True).print(note, style="yellow")
        return run_script(script, args)
