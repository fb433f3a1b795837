"""Folders of this machine stay out of what students read: an error may quote one."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MACHINERY = Path(__file__).resolve().parents[2]
OURS = r"(?:/tinymlx-[^/\s'\"]+(?:/code)?)?"  # a scratch folder, and where it unpacks


def without_places(value: Any, folders: Sequence[Path]) -> Any:
    """Plain data with the folders of this machine left out of all its texts.

    Args:
        value: what a record holds.
        folders: of a course and of submissions; those of this program, of Python, of temporary
            files and of the user's home are known.
    """
    known = [*map(str, folders), str(MACHINERY), sys.prefix, sys.base_prefix, tempfile.gettempdir()]
    known += [str(Path(place).resolve()) for place in known] + [str(Path.home())]
    places = sorted({p for p in known if len(p) > 1}, key=len, reverse=True)
    ours = "|".join(re.escape(place) for place in places)
    return _cleaned(value, re.compile(rf"(?<![\w.])(?:{ours}){OURS}(?:/|(?![\w-]|\.\w))"))


def _cleaned(value: Any, places: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return places.sub("", value)
    if isinstance(value, dict):
        return {key: _cleaned(item, places) for key, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item, places) for item in value]
    return value
