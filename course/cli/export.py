"""``tinymlx export``: a chapter's trained network as a file for other programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course.cli.project import check_trained, implementation, load_script
from course.cli.terminal import console
from course.errors import CourseError
from course.paths import Project, find_project
from course.registry import load_registry

ENDINGS = {
    "safetensors": ".safetensors",
    "gguf": ".gguf",
    "mlxfn": ".mlxfn",
    "coreml": ".mlpackage",
}


@dataclass(frozen=True)
class CoreML:
    """How a package of Core ML is made.

    Attributes:
        precision: in what it computes, ``"float32"`` or ``"float16"``.
        target: the first system on which it has to run; by default iOS17, or iOS18 for a program
            with memory.
        weights: ``"plain"``, ``"palettes"`` or ``"linear"``.
    """

    precision: str = "float32"
    target: str | None = None
    weights: str = "plain"


def export(
    chapter: int, to: str, out: Path | None, batch: int, impl: str, coreml: CoreML | None = None
) -> Path:
    """Write a chapter's trained network.

    Args:
        chapter: which one.
        to: one of :data:`ENDINGS`.
        out: the file; by default in the folder of the chapter's results.
        batch: how many inputs at a time the exported function takes.
        impl: whose code.
        coreml: how a package of Core ML is made.

    Returns:
        The file.

    Raises:
        CourseError: there is no such format, the chapter has no trained network, its weights are
            damaged, or the file cannot be written.
    """
    if to not in ENDINGS:
        raise CourseError(f"There is no format {to}; there are {', '.join(ENDINGS)}.")
    project = find_project()
    registry = load_registry(project)
    folder = registry.chapter(chapter).folder
    target = (out or project.state / "out" / folder / f"chapter{chapter}{ENDINGS[to]}").resolve()
    if target.suffix != ENDINGS[to]:
        raise CourseError(f"A file of the format {to} ends in {ENDINGS[to]}; {target} does not.")
    with implementation(project, registry, impl):
        script = load_script(project.exercises / folder / "project.py")
        if not hasattr(script, "exported"):
            own = project.relative(project.state / "out" / folder)
            raise CourseError(
                f"No trained network came with chapter {chapter}; {with_networks(project)} have "
                f"one. Your own run leaves its weights in {own}: run "
                f"`tinymlx run {chapter}` first, and write them with tinymlx.formats.safetensors."
            )
        check_trained(project.exercises / folder / "trained")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            model, function, shape, told = script.exported()
            example = zeros((batch, *shape), told)
            if to == "coreml" and hasattr(script, "stepwise"):
                if batch != 1:
                    raise ValueError("with memory for one text, its package takes one at a time.")
                step, examples, states = script.stepwise()
                as_coreml(target, step, examples, states, told, coreml or CoreML())
            elif to == "coreml":
                as_coreml(target, function, (example,), {}, told, coreml or CoreML())
            else:
                WRITE[to](target, model, function, example, told)
        except ValueError as error:
            raise CourseError(f"Chapter {chapter} cannot be exported: {error}") from error
        except OSError as error:
            raise CourseError(f"{target} cannot be written ({error.strerror}).") from error
    console().print(f"Wrote {project.relative(target)}, {size_of(target) / 1e6:.2f} MB.")
    return target


def with_networks(project: Project) -> str:
    """The chapters that came with trained weights."""
    weights = project.exercises.glob("ch*/trained/*.safetensors")
    found = sorted({int(path.parents[1].name[2:4]) for path in weights})
    return "chapters " + ", ".join(map(str, found))


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    files = [path] if path.is_file() else [x for x in path.rglob("*") if x.is_file()]
    return sum(file.stat().st_size for file in files)


def zeros(shape: tuple[int, ...], told: dict[str, str]) -> Any:
    """An input of a network: floats, unless ``told["dtype"]`` says else."""
    from tinymlx import core

    return core.zeros(shape, getattr(core, told.get("dtype", "float32")))


def as_safetensors(
    file: Path, model: Any, function: Any, example: Any, told: dict[str, str]
) -> None:
    """The weights, and what is told about them."""
    from tinymlx.formats import safetensors
    from tinymlx.utils import tree_flatten

    safetensors.save(str(file), dict(tree_flatten(model.parameters())), told)


def as_gguf(file: Path, model: Any, function: Any, example: Any, told: dict[str, str]) -> None:
    """The same in GGUF."""
    from tinymlx.formats import gguf
    from tinymlx.utils import tree_flatten

    about = {f"tinymlx.{name}": text for name, text in told.items()}
    gguf.save(str(file), dict(tree_flatten(model.parameters())), about)


def as_mlxfn(
    file: Path, model: Any, function: Callable[..., Any], example: Any, told: dict[str, str]
) -> None:
    """The function with its weights inside, which needs no Python."""
    from tinymlx import core
    from tinymlx.nn.weights import replacing

    core.eval(model.parameters(), function(example))  # files that were read are no graph
    text = "\n".join(f"{name}={value}" for name, value in told.items())
    with replacing(str(file)) as unfinished:
        core.export_function(unfinished, function, example, metadata=text)


def as_coreml(
    file: Path,
    function: Callable[..., Any],
    examples: tuple[Any, ...],
    states: dict[int, int],
    told: dict[str, str],
    how: CoreML,
) -> None:
    """A package for Core ML, for inputs of these shapes.

    Args:
        states: the inputs that are memory, each with the output that is its next value.
    """
    from course import coreml
    from tinymlx.formats.mil import convert, with_states

    target = how.target or ("iOS18" if states else "iOS17")
    coreml.check(how.precision, target, how.weights)
    program = with_states(convert(function, *examples), states)
    coreml.write(program, file, how.precision, target, how.weights, told)


WRITE: dict[str, Callable[..., None]] = {
    "safetensors": as_safetensors,
    "gguf": as_gguf,
    "mlxfn": as_mlxfn,
}
