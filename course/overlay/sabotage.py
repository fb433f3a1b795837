"""Zeros of the right shape: the emptiest implementation, which no test may accept.

Continuous integration puts it in the place of each exercise: the function still runs, but every
array or number it returns becomes zero, errors it should raise are swallowed, and a function that
works by changing something does nothing.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from typing import Any

from course.syntax import Found, FunctionNode, functions

HELPER = "__tinymlx_zeros__"


def sabotage(found: Found) -> None:
    """Wrap the function, or each method of the class, by the decorator `zeros_of`."""
    for node in functions(found):
        if _returns_nothing(node):
            node.body = [ast.copy_location(ast.Return(ast.Constant(None)), node.body[0])]
        else:
            node.decorator_list.append(ast.copy_location(ast.Name(HELPER, ast.Load()), node))
        ast.fix_missing_locations(node)


def _returns_nothing(node: FunctionNode) -> bool:
    return isinstance(node.returns, ast.Constant) and node.returns.value is None


def zeros_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` with every array and number of its result replaced by zero."""

    @functools.wraps(function)
    def empty(*args: Any, **kwargs: Any) -> Any:
        try:
            return _zero(function(*args, **kwargs))
        except Exception:  # noqa: BLE001 - an implementation that returns zeros raises nothing
            return 0

    return empty


def _zero(value: Any) -> Any:
    if isinstance(value, bool):
        return False
    if isinstance(value, (int, float, complex)):
        return type(value)(0)
    if isinstance(value, str):
        return ""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_zero(item) for item in value))
    if isinstance(value, (list, tuple)):
        return type(value)(_zero(item) for item in value)
    if type(value) is dict:
        return {key: _zero(item) for key, item in value.items()}
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return _zero_array(value)
    if callable(value):
        return zeros_of(value)
    return None


def _zero_array(value: Any) -> Any:
    import mlx.core as mx

    if isinstance(value, mx.array):
        return mx.zeros(value.shape, value.dtype)
    return type(value)(mx.zeros(tuple(value.shape), value.dtype))
