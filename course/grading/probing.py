"""Running one probe: plain inputs in, plain result out, with whatever went wrong described.

It runs in the student's process in the default mode and in a worker in isolated mode; both use
exactly this code, so their verdicts agree.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import traceback
import types
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from course.grading.streams import unclosable
from course.grading.values import Plain, as_mlx, plain


def load_probes(path: Path, code: types.CodeType | None = None) -> types.ModuleType:
    """A fresh import of a chapter's ``probes.py`` under the active implementation.

    Args:
        path: the file.
        code: what `compile_probes` made of it, by default made now.
    """
    spec = _spec(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    exec(code or _compiled(path, path.stat().st_mtime_ns), module.__dict__)
    return module


def compile_probes(path: Path) -> types.CodeType:
    """The code of a chapter's ``probes.py``, which has not run."""
    spec = _spec(path)
    assert isinstance(spec.loader, importlib.abc.InspectLoader)
    code = spec.loader.get_code(spec.name)
    assert code is not None
    return code


@functools.cache
def _compiled(path: Path, changed: int) -> types.CodeType:
    """Once in a process and in its forks: hundreds of trials load the same probes."""
    return compile_probes(path)


def _spec(path: Path) -> importlib.machinery.ModuleSpec:
    spec = importlib.util.spec_from_file_location(f"probes_{path.parent.name}", path)
    assert spec is not None
    return spec


class ChangedInput(Exception):
    """The probe's inputs were not the same afterwards."""


class Answering:
    """What a worker answers with: the modules are imported before any question is known."""

    def __init__(self, path: Path, code: types.CodeType) -> None:
        self._broken: dict[str, Plain] | None = None
        try:
            self._probes = load_probes(path, code)
        except BaseException as error:  # noqa: BLE001 - whatever a submission raises is its result
            self._broken = describe(error)

    def answer(self, request: dict[str, Plain]) -> dict[str, Plain]:
        """The frame for one question: a result, a changed input, or an error."""
        if self._broken is not None:
            return {"error": self._broken}
        try:
            return {"result": run_probe(self._probes, request["name"], request["inputs"])}
        except ChangedInput as changed:
            return {"changed": str(changed)}
        except BaseException as error:  # noqa: BLE001 - whatever a submission raises is its result
            return {"error": describe(error)}


def run_probe(probes: types.ModuleType, name: str, inputs: dict[str, Plain]) -> Plain:
    """Convert the inputs, run the probe, convert its result, see that no input changed.

    Raises:
        ChangedInput: an input array holds other values than before.
        course.grading.values.WrongValue: the result is not arrays and plain data.
        BaseException: whatever the student's code raised.
    """
    function = getattr(probes, name)
    convert: Callable[[Any], Any] = getattr(probes, "to_array", lambda array: array)
    given: dict[str, Any] = {}
    watched: list[tuple[str, Any, np.ndarray]] = []

    def enter(key: str, value: Plain) -> Any:
        if isinstance(value, np.ndarray):
            array = convert(as_mlx(value))
            watched.append((key, array, value))
            return array
        if isinstance(value, list):
            return [enter(f"{key}[{i}]", item) for i, item in enumerate(value)]
        if isinstance(value, dict):
            return {k: enter(f"{key}[{k!r}]", item) for k, item in value.items()}
        return value

    with _on_the_cpu_for_float64(inputs):
        for key, value in inputs.items():
            given[key] = enter(key, value)
        with unclosable():
            result = plain(function(**given), where=f"what {name} returned")
    for key, array, before in watched:
        after = plain(array)
        if after.shape != before.shape or after.tobytes() != before.tobytes():
            raise ChangedInput(key)
    return result


def _on_the_cpu_for_float64(inputs: Plain) -> AbstractContextManager[Any]:
    """GPUs have no float64 in MLX; its checks compute on the CPU everywhere."""
    import mlx.core as mx

    if _holds_float64(inputs) and mx.default_device() != mx.Device(mx.cpu):
        return mx.stream(mx.cpu)  # type: ignore[no-any-return]
    return nullcontext()


def _holds_float64(value: Plain) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.name in ("float64", "complex128")
    if isinstance(value, dict):
        return any(_holds_float64(item) for item in value.values())
    return isinstance(value, list) and any(_holds_float64(item) for item in value)


def describe(error: BaseException) -> dict[str, Plain]:
    """An exception as plain data: its classes, its message, the frames inside ``tinymlx``."""
    if isinstance(error, SyntaxError):
        frames: list[Plain] = [[error.filename or "", error.lineno or 0, "", error.text or ""]]
    else:
        extracted = traceback.extract_tb(error.__traceback__, limit=-200)
        frames = [[f.filename, f.lineno or 0, f.name, f.line or ""] for f in extracted]
    classes = [kind.__name__ for kind in type(error).__mro__]
    return {"classes": classes, "message": _message(error), "frames": frames[-60:]}


def _message(error: BaseException) -> str:
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except BaseException as broken:  # noqa: BLE001 - a student's __str__ may raise anything
        text = f"(its message could not be read: {type(broken).__name__})"
    return text[:4000]
