"""Which line of the reader's program is running."""

from __future__ import annotations

import sys
from pathlib import Path

LIBRARY = str(Path(__file__).parents[2])


def caller() -> str:
    """File and line of the innermost call that lies outside of the library; of the library's own
    innermost if all lie inside."""
    frame = sys._getframe(1)
    first = frame
    while frame is not None:
        name = frame.f_code.co_filename
        if "/tinymlx/" not in name.replace("\\", "/") or name.endswith("project.py"):
            if not name.startswith("<frozen"):
                return f"{name}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return f"{first.f_code.co_filename}:{first.f_lineno}"
