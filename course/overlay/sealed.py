"""Builtins for modules that hold a student's code in a worker: a second door behind the policy.

The policy has read the code that these modules hold. Should it have overlooked a spelling, then
behind the fence a module has builtins of its own: without those that run text or open files, and
with an ``import`` that serves the library itself, ``mlx.core``, of the standard library what the
policy allows, and what the course's own text of that module uses. It is a dictionary like the
real one, so that looking up a name costs the same.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import sys
import types
from collections.abc import Iterable, Sequence
from typing import Any

from course.policy.names import STANDARD

MISSING = frozenset(
    "breakpoint compile copyright credits eval exec exit help input license open quit".split()
)
CHANGING = ("stderr", "stdout")  # of `sys`: what they are at the moment

Needs = dict[str, list[str]]  # module that holds a student's code to what the course's text uses


def needed_by(text: str) -> list[str]:
    """The builtins of `MISSING` and the modules that the course's own text of a module uses."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and node.id in MISSING:
            found.add(node.id)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return sorted(found)


def sealed_builtins(needed: Iterable[str]) -> dict[str, Any]:
    """Builtins for a module that needs ``needed`` beyond what all get."""
    needed = frozenset(needed)
    kept = {n: v for n, v in vars(builtins).items() if n not in MISSING or n in needed}

    def serve(
        name: str,
        globals: dict[str, Any] | None = None,
        locals: dict[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> types.ModuleType:
        top = name.partition(".")[0]
        if level or top == "tinymlx" or name in needed or name == "mlx" or _is_arrays(name):
            return __import__(name, globals, locals, fromlist or (), level)
        if name not in STANDARD:
            raise ImportError(f"{name} is not served to the library's modules", name=name)
        return _window(name if fromlist else top)

    return {**kept, "__import__": serve}


def _is_arrays(name: str) -> bool:
    return name == "mlx.core" or name.startswith("mlx.core.")


_windows: dict[str, types.ModuleType] = {}


class _Changing(types.ModuleType):
    """A window on values that may be others a moment later."""

    def __getattr__(self, name: str) -> Any:
        if name in CHANGING:
            return getattr(sys, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


def _window(name: str) -> types.ModuleType:
    """A module with the allowed names of another: not the modules that it has imported itself."""
    if name not in _windows:
        real = importlib.import_module(name)
        window = (_Changing if name == "sys" else types.ModuleType)(name, real.__doc__)
        public = STANDARD.get(name) or [n for n in dir(real) if not n.startswith("_")]
        for key in public:
            value = getattr(real, key, None)
            if hasattr(real, key) and not isinstance(value, types.ModuleType):
                if name != "sys" or key not in CHANGING:
                    setattr(window, key, value)
        _windows[name] = window
        for inner in STANDARD:
            outer, _, last = inner.rpartition(".")
            if outer == name:
                setattr(window, last, _window(inner))
    return _windows[name]
