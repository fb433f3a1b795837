"""What reference modules share: a lazy ``torch`` and the forms in which inputs arrive.

A reference function gets each floating input as a float64 leaf tensor that requires a gradient and
each integer or boolean input as a tensor; decorated `in_numpy`, it gets NumPy arrays (floating
ones in float64) and starts without PyTorch, which takes seconds to import.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    import torch
else:

    class _Lazy(ModuleType):
        """PyTorch, imported when something of it is first used."""

        def __getattr__(self, name: str) -> Any:
            return getattr(importlib.import_module("torch"), name)

    torch = _Lazy("torch")

Function = TypeVar("Function", bound=Callable[..., dict[str, Any]])


def in_numpy(function: Function) -> Function:
    """Mark a reference that needs no PyTorch: it gets NumPy arrays, floating ones in float64."""
    function.__dict__["in_numpy"] = True
    return function


def answer(function: Callable[..., dict[str, Any]], inputs: dict[str, Any]) -> Any:
    """Call a reference on plain inputs and return a plain result."""
    if "in_numpy" in function.__dict__:
        return to_plain(function(**{key: _to_float64(v) for key, v in inputs.items()}))
    with torch.enable_grad():
        return to_plain(function(**{key: to_torch(value) for key, value in inputs.items()}))


def _is_float(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" or array.dtype.name == "bfloat16"


def _to_float64(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "c":
            return value.astype(np.complex128)
        return value.astype(np.float64) if _is_float(value) else value
    if isinstance(value, list):
        return [_to_float64(item) for item in value]
    if isinstance(value, dict):
        return {key: _to_float64(item) for key, item in value.items()}
    return value


def to_torch(value: Any) -> Any:
    """Arrays as tensors: floating ones as float64 leaves that require a gradient."""
    if isinstance(value, np.ndarray):
        value = np.array(_to_float64(value))  # a copy that torch may own
        if value.dtype.name in ("uint16", "uint32", "uint64"):
            value = value.astype(np.int64)
        tensor = torch.from_numpy(value)
        return tensor.requires_grad_() if value.dtype.kind in "fc" else tensor
    if isinstance(value, list):
        return [to_torch(item) for item in value]
    if isinstance(value, dict):
        return {key: to_torch(item) for key, item in value.items()}
    return value


def to_plain(value: Any) -> Any:
    """Tensors as NumPy arrays, tuples as lists."""
    if hasattr(value, "detach"):
        return value.detach().resolve_conj().resolve_neg().cpu().numpy()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    return value
