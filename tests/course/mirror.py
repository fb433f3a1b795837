"""One script on two stacks: MLX's own and tinymlx (the solutions). Both must do the same.

A script is a function of a `Stack`. What it returns becomes plain data (arrays with shape, dtype
and numbers; trees; text), and so does the exception that it raises: its type and its message.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np


class Stack(NamedTuple):
    """The four modules that a program for MLX imports."""

    core: ModuleType
    nn: ModuleType
    optim: ModuleType
    utils: ModuleType


class Plain(NamedTuple):
    """An array as data."""

    dtype: str
    shape: tuple[int, ...]
    numbers: Any


Script = Callable[[Stack], Any]

#: Distance from 1 to the next number.
EPS = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}
EPS["complex64"] = EPS["float32"]


def mlx_stack() -> Stack:
    """MLX's own modules."""
    import mlx.core as mx
    import mlx.nn as nn
    import mlx.optimizers as optim
    import mlx.utils as utils

    return Stack(mx, nn, optim, utils)


def tiny_stack() -> Stack:
    """The modules of tinymlx; to be called where ``tinymlx`` means the implementation to try."""
    from tinymlx import core, nn, optimizers, utils

    return Stack(core, nn, optimizers, utils)


def plain(value: Any) -> Any:
    """Arrays, trees, classes and modules of either stack as data that can be compared."""
    if isinstance(value, dict):
        return {key: plain(branch) for key, branch in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(branch) for branch in value]
    if type(value).__name__ == "array":
        name = str(value.dtype).rpartition(".")[2]
        stands = value
        while getattr(stands, "_trace", None) is not None:
            raise AssertionError("an array is still watched after its transform has returned")
        kind = np.complex128 if name == "complex64" else np.float64
        wide = np.array(stands.tolist(), dtype=kind)
        return Plain(name, tuple(value.shape), wide)
    return value if isinstance(value, (bool, int, float, str, type(None))) else str(value)


def outcome(script: Script, stack: Stack) -> Any:
    """What a script returns on a stack, or what it raises, as data."""
    stack.core.random.seed(3)
    try:
        return plain(script(stack))
    except AssertionError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the other stack must raise it too
        return type(error).__name__, str(error).replace("tinymlx", "mlx")


def assert_equal(mine: Any, theirs: Any, where: str = "result", ulps: float = 16.0) -> None:
    """The same structure, the same text, and numbers within ``ulps`` of the dtype.

    The scale of the tolerance is the largest number in the array, and at least 1.
    """
    if isinstance(theirs, Plain):
        assert isinstance(mine, Plain), f"{where}: {mine!r} instead of an array"
        assert (mine.dtype, mine.shape) == (theirs.dtype, theirs.shape), where
        assert np.array_equal(np.isnan(mine.numbers), np.isnan(theirs.numbers)), where
        finite = np.isfinite(theirs.numbers)
        assert np.array_equal(mine.numbers[~finite], theirs.numbers[~finite], equal_nan=True), where
        scale = np.max(np.abs(theirs.numbers[finite]), initial=1.0)
        error = np.max(np.abs(mine.numbers[finite] - theirs.numbers[finite]), initial=0.0)
        limit = ulps * EPS.get(theirs.dtype, 0.0) * scale
        assert error <= limit, f"{where}: off by {error:.3g}, allowed {limit:.3g}"
    elif isinstance(theirs, dict):
        assert list(mine) == list(theirs), where
        for key in theirs:
            assert_equal(mine[key], theirs[key], f"{where}.{key}", ulps)
    elif isinstance(theirs, list):
        assert isinstance(mine, list) and len(mine) == len(theirs), f"{where}: {mine} {theirs}"
        for i, (a, b) in enumerate(zip(mine, theirs)):
            assert_equal(a, b, f"{where}.{i}", ulps)
    elif isinstance(theirs, float) and math.isfinite(theirs):
        assert mine == theirs or abs(mine - theirs) <= 1e-5 * max(1.0, abs(theirs)), where
    else:
        assert mine == theirs or (mine != mine and theirs != theirs), f"{where}: {mine} {theirs}"
