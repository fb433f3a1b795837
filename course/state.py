"""What the commands remember in ``.tinymlx/``: read so that nothing in it can stop a command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_table(path: Path) -> dict[str, Any]:
    """The table in a JSON file; empty if it is absent, damaged or no table."""
    found = _read(path)
    return found if isinstance(found, dict) else {}


def read_names(path: Path) -> list[str]:
    """The texts in a JSON file that holds a list; empty if it is absent, damaged or no list."""
    found = _read(path)
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
