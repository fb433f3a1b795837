"""Where the real data sets are."""

import os
from pathlib import Path


def data_folder() -> Path | None:
    """The folder that the environment variable ``TINYMLX_DATA`` names; None when it is not set.

    Raises:
        FileNotFoundError: when the variable is set to something that is not a folder.
    """
    name = os.environ.get("TINYMLX_DATA")
    if not name:
        return None
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"TINYMLX_DATA names {folder}, which is not a folder.")
    return folder


def find(*parts: str) -> Path | None:
    """The file ``parts`` below the data folder; None when it, or the folder, is not there."""
    folder = data_folder()
    if folder is None:
        return None
    path = folder.joinpath(*parts)
    return path if path.is_file() else None


def cache_folder(name: str) -> Path:
    """Where downloads of a data set are kept: in ``XDG_CACHE_HOME``, or ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "tinymlx" / name
