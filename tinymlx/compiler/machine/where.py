"""Which line of the reader's program is running, and who holds an object. Given."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any


def caller() -> str:
    """File and line of the innermost call that lies outside of the library; of the library's own
    innermost if all lie inside."""
    first = frame = sys._getframe(1)
    while frame is not None:
        if not frame.f_globals.get("__name__", "").startswith("tinymlx."):
            return _line(frame)
        frame = frame.f_back  # type: ignore[assignment]
    return _line(first)


def _line(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def is_alone(box: Any, key: Any) -> bool:
    """Whether nobody but ``box`` holds ``box[key]``."""
    x = box[key]
    return sys.getrefcount(x) <= 3  # the box, `x`, and the argument of the question
