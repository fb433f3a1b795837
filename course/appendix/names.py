"""The public names of ``tinymlx`` beside those of MLX, and what their docstrings say."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from course.registry import Registry

#: A part of the mirror: our module, MLX's, and the modules of PyTorch in which its names are.
PARTS = (
    ("core", "mlx.core", ("torch", "torch.Tensor")),
    ("core.random", "mlx.core.random", ("torch",)),
    ("core.linalg", "mlx.core.linalg", ("torch.linalg",)),
    ("core.fft", "mlx.core.fft", ("torch.fft",)),
    ("core.fast", "mlx.core.fast", ()),
    ("core.distributed", "mlx.core.distributed", ("torch.distributed",)),
    ("nn", "mlx.nn", ("torch.nn", "torch.nn.functional")),
    ("nn.losses", "mlx.nn.losses", ("torch.nn.functional",)),
    ("nn.init", "mlx.nn.init", ("torch.nn.init",)),
    ("optimizers", "mlx.optimizers", ("torch.optim", "torch.optim.lr_scheduler")),
    ("utils", "mlx.utils", ()),
)
PYTHON = frozenset({"typing", "collections", "collections.abc", "itertools", "__future__"})
#: What says in a docstring which shapes go in and come out.
SHAPES = re.compile(r"[sS]hape|``\([A-Za-z0-9.]|element|scalar")
#: Names that neither take nor give arrays, or any arrays at all.
NO_SHAPES = frozenset(
    "core.ArrayAt core.ArrayLike core.custom_function core.eval core.async_eval core.can_cast "
    "core.result_type core.disable_compile core.enable_compile core.einsum_path "
    "core.export_function core.exporter core.import_function core.FunctionExporter core.vmap "
    "core.random.seed "
    "core.fast.metal_kernel core.fast.cuda_kernel core.fast.precompiled_cuda_kernel "
    "nn.Module nn.quantize nn.fully_shard "
    "utils.tree_flatten utils.tree_map utils.tree_map_with_path utils.tree_merge "
    "utils.tree_reduce utils.tree_unflatten".split()
)


@dataclass(frozen=True)
class Name:
    """A public name.

    Attributes:
        path: within ``tinymlx``, such as ``core.softmax``.
        thing: what it is.
        doc: its docstring, without the signature that those of MLX begin with.
        built: the exercises that build it.
        ours: whether it is written here, and does not come from MLX as it is.
    """

    path: str
    thing: Any
    doc: str
    built: tuple[str, ...]
    ours: bool

    @property
    def summary(self) -> str:
        """The first paragraph of the docstring, in one line."""
        return " ".join(self.doc.split("\n\n")[0].split())

    @property
    def shape(self) -> str:
        """What the docstring says after ``Shape:``, in one line."""
        found = re.search(r"^Shape:(.*?)(?:\n\s*\n|\Z)", self.doc, re.DOTALL | re.MULTILINE)
        return " ".join(found[1].split()) if found else ""

    @property
    def says_shapes(self) -> bool:
        """Whether the docstring says shapes, or need not."""
        silent = not callable(self.thing) or not self.ours or self.path in NO_SHAPES
        return silent or bool(SHAPES.search(self.doc))


def mirrored(registry: Registry, part: str, theirs: str) -> list[Name]:
    """Those names of a part that MLX has, too; ``tinymlx`` is the implementation that is active."""
    module = importlib.import_module(f"tinymlx.{part}")
    shared = [n for n in public(importlib.import_module(theirs)) if hasattr(module, n)]
    built = exercises(registry)
    return [named(f"{part}.{n}", getattr(module, n), built) for n in shared]


def absent(part: str, theirs: str) -> list[str]:
    """Public names of an installed MLX that we have not."""
    module = importlib.import_module(f"tinymlx.{part}")
    there = public(importlib.import_module(theirs))
    return [f"{part}.{n}" for n in there if not hasattr(module, n)]


def public(module: ModuleType) -> list[str]:
    """Names without an underscore that are no modules, and none of Python's that it imports."""
    return [
        name
        for name in sorted(dir(module))
        if not name.startswith("_")
        and not inspect.ismodule(getattr(module, name))
        and getattr(getattr(module, name), "__module__", None) not in PYTHON
    ]


def named(path: str, thing: Any, built: dict[tuple[str, str], tuple[str, ...]]) -> Name:
    """A name with what its docstring says."""
    module = getattr(thing, "__module__", None) or ""
    own = path.rpartition(".")[2]
    known = getattr(thing, "__qualname__", own)
    # Of an operation the exercise is often its derivative alone.
    numbers = built.get((module, known), ()) or built.get((module, f"{known}_vjp"), ())
    return Name(path, thing, docstring(thing), numbers, "tinymlx" in module)


def docstring(thing: Any) -> str:
    """What is said of a thing itself (not of its class), without signatures in front."""
    if not callable(thing):
        return f"``{thing!r}``"
    lines = (inspect.getdoc(thing) or "").split("\n")
    while lines and (not lines[0].strip() or re.match(r"\w+\(.*\) *->|\w+\(.*\)$", lines[0])):
        lines.pop(0)
    return "\n".join(lines)


def exercises(registry: Registry) -> dict[tuple[str, str], tuple[str, ...]]:
    """Module and name (of a class, for its methods) to the exercises that build it."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for exercise in registry.exercises:
        for symbol in exercise.symbols:
            key = (symbol.module, symbol.qualname.split(".")[0])
            if exercise.id not in found.get(key, ()):
                found[key] = (*found.get(key, ()), exercise.id)
    return found


def packages() -> list[str]:
    """The packages of ``tinymlx`` that mirror nothing."""
    mirrors = {part for part, _, _ in PARTS}
    folders = importlib.import_module("tinymlx").__path__
    return [m.name for m in pkgutil.iter_modules(folders) if m.name not in mirrors]


def own_names(registry: Registry, package: str) -> Iterator[Name]:
    """Functions and classes that are defined in the modules of a package, in their order."""
    built = exercises(registry)
    for module in modules(f"tinymlx.{package}"):
        for name, thing in vars(module).items():
            mine = getattr(thing, "__module__", None) == module.__name__
            if mine and callable(thing) and not name.startswith("_"):
                path = f"{module.__name__}.{name}".removeprefix("tinymlx.")
                yield named(path, thing, built)


def modules(name: str) -> Iterator[ModuleType]:
    """A module and, if it is a package, all public ones inside."""
    module = importlib.import_module(name)
    yield module
    for inner in pkgutil.iter_modules(getattr(module, "__path__", ())):
        if not inner.name.startswith("_"):
            yield from modules(f"{name}.{inner.name}")
