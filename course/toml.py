"""Reading TOML, with errors that name the file and the line."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from course.errors import CourseError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def load_toml(path: Path) -> dict[str, Any]:
    """The table in ``path``.

    Raises:
        CourseError: the file is missing, unreadable or malformed.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        where = f"{path}:{line[1]}" if line else f"{path} (at its end)"
        reason = re.sub(r" \(at .*\)$", "", str(error))
        raise CourseError(f"{where}: not valid TOML: {reason}.") from error
    except UnicodeDecodeError as error:
        raise CourseError(f"{path}: not UTF-8 text (byte {error.start}).") from error
    except OSError as error:
        raise CourseError(f"{path}: cannot be read: {error.strerror}.") from error
