"""Appendix A1 as Markdown: every public name, from its docstring, beside MLX's and PyTorch's."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from course.appendix.names import PARTS, Name, mirrored, own_names, packages
from course.languages.sections import stamped
from course.registry import Registry
from course.toml import load_toml

HEAD = """# A1. The API

Made by `tinymlx dev appendices` from the docstrings; do not edit. `tinymlx` has every public name
of MLX {version} in the same place, with the same signature: where this page says `core`, `nn`,
`optimizers` and `utils`, MLX has `mlx.core`, `mlx.nn`, `mlx.optimizers` and `mlx.utils`. The third
column is PyTorch's name for it, the last one the exercises that build it; names without one are
given, or MLX's own, wrapped. Below each table stands what PyTorch does otherwise; a test checks
each of these differences.
"""


OWN = """## What mirrors nothing

The rest of the course's library, by its modules.
"""


@dataclass(frozen=True)
class Frame:
    """What stands around the docstrings, in one language; these stay as they are in the code.

    Attributes:
        head: above the first table.
        own: above the part that mirrors nothing.
        columns: their titles: the name, what it is, PyTorch's name, the exercises.
        differs: above a list of differences.
        told: differences in this language, by the name; an English one stays where it is missing.
    """

    head: str = HEAD
    own: str = OWN
    columns: tuple[str, str, str, str] = ("name", "what it is", "PyTorch", "built in")
    differs: str = "Other than in PyTorch:"
    told: Mapping[str, str] = field(default_factory=dict)


def pages(registry: Registry, told: Path) -> dict[str, str]:
    """The appendix in every language by the names of its files; ``tinymlx`` is the active one.

    Args:
        registry: the exercises.
        told: ``api.toml``, for what cannot be found out; ``api.zh-TW.toml`` beside it is the frame
            of another language.
    """
    english = page(registry, told)
    found = {"a1_api.md": english}
    for path in sorted(told.parent.glob("api.*.toml")):
        language = path.name.split(".")[1]
        found[f"a1_api.{language}.md"] = stamped(english, page(registry, told, frame(path)))
    return found


def frame(path: Path) -> Frame:
    """The frame that a file has."""
    table = load_toml(path)
    told = {name: entry["what"] for name, entry in table["differs"].items()}
    columns = tuple(table["columns"])
    return Frame(table["head"]["text"], table["own"]["text"], columns, table["other"], told)


def page(registry: Registry, told: Path, around: Frame = Frame()) -> str:
    """The whole appendix in one language."""
    table = load_toml(told)
    lines = [around.head.format(version=version("mlx"))]
    for part, theirs, places in PARTS:
        lines += section(mirrored(registry, part, theirs), part, theirs, places, table, around)
    lines.append(around.own)
    for package in packages():
        lines += own_section(list(own_names(registry, package)), package, around)
    return "\n".join(lines).rstrip() + "\n"


def section(
    names: list[Name],
    part: str,
    theirs: str,
    places: Iterable[str],
    table: dict[str, Any],
    around: Frame,
) -> Iterator[str]:
    """A part of the mirror: its table, and what differs from PyTorch."""
    yield f"## `{part}`: `{theirs}`\n"
    yield from header(around.columns)
    for name in names:
        torch = pytorch(name.path, places, table["torch"])
        shape = f" *Shape:* {name.shape}" if name.shape else ""
        own = name.path.removeprefix(f"{part}.")
        cells = (f"`{own}{signature(name)}`", name.summary + shape, f"`{torch}`" if torch else "")
        built = ", ".join(name.built)
        yield "| " + " | ".join(map(cell, (*cells, built))) + " |"
    yield ""
    paths = {name.path for name in names}
    told = [(path, entry) for path, entry in table["differs"].items() if path in paths]
    if told:
        yield f"{around.differs}\n"
        yield from (f"* `{path}`: {around.told.get(path, entry['what'])}" for path, entry in told)
        yield ""


def header(columns: Iterable[str]) -> Iterator[str]:
    """The first two lines of a table."""
    columns = list(columns)
    yield "| " + " | ".join(columns) + " |"
    yield "|" + len(columns) * "---|"


def own_section(names: list[Name], package: str, around: Frame) -> Iterator[str]:
    """A package that mirrors nothing: its names by module."""
    if not names:
        return
    yield f"### `{package}`\n"
    yield from header(around.columns[i] for i in (0, 1, 3))
    for name in names:
        own = name.path.removeprefix(f"{package}.")
        yield "| " + " | ".join(map(cell, (f"`{own}`", name.summary, ", ".join(name.built)))) + " |"
    yield ""


def pytorch(path: str, places: Iterable[str], told: dict[str, str]) -> str:
    """PyTorch's name: the one that was told, or the same name in one of some places."""
    if path in told:
        return told[path]
    name = path.rpartition(".")[2]
    for place in places:
        if hasattr(found(place), name):
            return f"{place}.{name}"
    return ""


def found(path: str) -> Any:
    """What a dotted path means: ``torch.Tensor`` is a class in a module."""
    module, _, rest = path.partition(".")
    thing: Any = importlib.import_module(module)
    for part in filter(None, rest.split(".")):
        module = f"{module}.{part}"
        thing = getattr(thing, part) if hasattr(thing, part) else importlib.import_module(module)
    return thing


def signature(name: Name) -> str:
    """The names of the parameters, with their defaults; nothing for what is no function of ours."""
    if not name.ours or not callable(name.thing):
        return ""
    try:
        parameters = inspect.signature(name.thing).parameters.values()
    except (TypeError, ValueError):
        return ""
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
    plain = [p for p in plain if p.name not in ("self", "stream")]
    text = str(inspect.Signature(plain))
    return re.sub(r"<[^<>]*?([\w.]+)[^<>]*>", r"\1", text).replace(", *)", ")").replace("(*)", "()")


def cell(text: str) -> str:
    """A docstring's words in a cell of a table: no roles of Sphinx, no bars."""
    text = re.sub(r":math:`([^`]*)`", r"$\1$", text)
    text = re.sub(r":\w+:`(?:[^`<]*<)?~?([^`>]*?)>?`", lambda m: f"`{m[1].split('.')[-1]}`", text)
    return text.replace("``", "`").replace("|", "\\|")
