"""``tinymlx swap``: an unmodified MLX program on the reader's own library.

While it runs, ``mlx.core``, ``mlx.nn``, ``mlx.optimizers`` and ``mlx.utils`` (and what is in them)
are the modules of ``tinymlx`` with the same names. The rest of MLX is as it is, and for the code of
``tinymlx`` itself ``mlx.core`` stays what it was.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.abc
import linecache
import sys
import traceback
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from course.errors import CourseError

PARTS = ("core", "nn", "optimizers", "utils")
_ABSENT = object()


def run_script(path: str | Path, args: Sequence[str] = ()) -> int:
    """Run a program as ``python path args`` would, with MLX served by ``tinymlx``.

    ``tinymlx`` must mean an implementation already (`course.cli.project.implementation`). The
    traceback of an exception goes to the standard error output and begins in the program.

    Args:
        path: the program.
        args: what it finds in ``sys.argv[1:]``.

    Returns:
        The exit status: 0, 1 after an exception, or what the program gave to ``sys.exit``.

    Raises:
        CourseError: the program cannot be read.
    """
    file = Path(path)
    try:
        source = file.read_bytes()
    except OSError as error:
        raise CourseError(f"{file} cannot be read ({error.strerror}).") from error
    name = str(file)
    with _as_main(file, args) as namespace, served():
        try:
            exec(compile(source, name, "exec", dont_inherit=True), namespace)
        except SystemExit as stop:
            return _status(stop.code)
        except Exception as error:  # noqa: BLE001 - a program may raise anything
            linecache.checkcache(name)
            tb = _from_file(error.__traceback__, name)
            traceback.print_exception(type(error), error, tb)
            return 1
    return 0


@contextmanager
def served() -> Iterator[None]:
    """Inside, imports of MLX's four parts give those of ``tinymlx``."""
    mine = _tinymlx_modules()
    real = {name: module for name, module in sys.modules.items() if _is_served(name)}
    package = importlib.import_module("mlx")
    kept = {part: getattr(package, part, _ABSENT) for part in PARTS}
    with ExitStack() as stack:
        stack.callback(_put_back, package, real, kept)
        for name in real:
            del sys.modules[name]
        sys.modules.update(mine)
        for part in PARTS:
            setattr(package, part, mine[f"mlx.{part}"])
        # What MLX has and tinymlx shows as it is: mlx.core.metal and the like.
        sys.modules.update({n: m for n, m in real.items() if _shown(mine["mlx.core"], n, m)})
        stack.enter_context(_with_finder(_NotYet()))
        stack.enter_context(_own_mlx_for_tinymlx(package, real))
        yield


def _tinymlx_modules() -> dict[str, types.ModuleType]:
    """Every module of ``tinymlx`` that stands for one of MLX, by the name it has there."""
    for part in PARTS:
        importlib.import_module(f"tinymlx.{part}")
    mine = {
        name.replace("tinymlx", "mlx", 1): module
        for name, module in sys.modules.items()
        if name.startswith(tuple(f"tinymlx.{part}" for part in PARTS))
    }
    mine["mlx.optimizers.optimizers"] = mine["mlx.optimizers"]
    return mine


def _is_served(name: str) -> bool:
    parts = name.split(".")
    return len(parts) > 1 and parts[0] == "mlx" and parts[1] in PARTS


def _shown(core: types.ModuleType, name: str, module: types.ModuleType) -> bool:
    return name.count(".") == 2 and getattr(core, name.rpartition(".")[2], None) is module


def _put_back(
    package: types.ModuleType, real: Mapping[str, types.ModuleType], kept: Mapping[str, Any]
) -> None:
    for name in [name for name in sys.modules if _is_served(name)]:
        del sys.modules[name]
    sys.modules.update(real)
    for part, value in kept.items():
        if value is _ABSENT:
            delattr(package, part)
        else:
            setattr(package, part, value)


class _NotYet(importlib.abc.MetaPathFinder):
    """A sentence for a module of MLX that ``tinymlx`` does not have (yet)."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        if _is_served(fullname):
            mine = fullname.replace("mlx", "tinymlx", 1)
            raise ModuleNotFoundError(
                f"tinymlx does not have {fullname}: there is no {mine} (yet).", name=fullname
            )


@contextmanager
def _with_finder(finder: importlib.abc.MetaPathFinder) -> Iterator[None]:
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


@contextmanager
def _own_mlx_for_tinymlx(
    package: types.ModuleType, real: Mapping[str, types.ModuleType]
) -> Iterator[None]:
    """``import mlx.core as mx`` inside a function of ``tinymlx`` still gives MLX's own."""
    original = builtins.__import__
    own = types.ModuleType("mlx")
    own.__dict__.update({**package.__dict__, "core": real["mlx.core"]})

    def importing(
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> types.ModuleType:
        importer = (globals or {}).get("__name__") or ""
        if level == 0 and f"{importer}.".startswith("tinymlx."):
            if name == "mlx" or (name in real and not fromlist):
                return own
            if name in real:
                return real[name]
        return original(name, globals, locals, fromlist or (), level)

    builtins.__import__ = importing
    try:
        yield
    finally:
        builtins.__import__ = original


@contextmanager
def _as_main(file: Path, args: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The namespace of a main program, with its arguments and its folder on the path."""
    module = types.ModuleType("__main__")
    module.__file__ = str(file)
    module.__dict__["__builtins__"] = builtins
    argv, path, main = sys.argv, list(sys.path), sys.modules["__main__"]
    sys.argv = [str(file), *args]
    sys.path.insert(0, str(file.resolve().parent))
    sys.modules["__main__"] = module
    try:
        yield module.__dict__
    finally:
        sys.argv, sys.path[:] = argv, path
        sys.modules["__main__"] = main


def _from_file(tb: types.TracebackType | None, name: str) -> types.TracebackType | None:
    """The traceback from its first line in a file on (none for an error of its syntax)."""
    while tb is not None and tb.tb_frame.f_code.co_filename != name:
        tb = tb.tb_next
    return tb


def _status(code: Any) -> int:
    """The exit status for what a program gave to ``sys.exit``."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code
    print(code, file=sys.stderr)
    return 1
