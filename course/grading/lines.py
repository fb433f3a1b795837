"""How many lines of Python a call takes: a cost that is the same on every machine.

What arrays do inside is not seen, so this tells a loop over rows from an operation on all of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


def counted(function: Callable[[], T]) -> tuple[T, int]:
    """What a function returns, and how many lines and calls of Python that took."""
    found = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal found
        found += event in ("line", "call")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        result = function()
    finally:
        sys.settrace(before)
    return result, found
