"""What kernels did before: for authors, whose proofs run the same kernel on the same inputs often.

An outcome is keyed by the program, how it is launched, the inputs' bytes and the shim's own files,
so it cannot be stale; the folder can be deleted at any time. Only a run that grades the solutions
keeps any (`keep_in`): nothing that a student's process could write is ever believed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from course.grading.values import WrongValue, decode, encode
from course.shim.launch import Problem

HERE = Path(__file__).resolve().parent
_folder: Path | None = None


def keep_in(folder: Path | None) -> None:
    """From now on outcomes are kept in ``folder``; ``None`` for nowhere."""
    global _folder
    _folder = folder


class Late(Problem):
    """It took too long, which another time it may not."""


Done = list[tuple[dict[str, np.ndarray], dict[str, int]]]


def remembered(asked: Sequence[str], memory: Sequence[bytes], make: Callable[[], Done]) -> Done:
    """What ``make`` gives, or gave before.

    Args:
        asked: all that it follows from, besides ``memory``, the inputs' bytes.
        memory: of the inputs.
        make: runs the kernels.

    Raises:
        Problem: as ``make`` does, or did.
    """
    if _folder is None:
        return make()
    digest = hashlib.sha256(_sources())
    for part in (*(text.encode() for text in asked), *memory):
        digest.update(len(part).to_bytes(8, "little") + part)
    path = _folder / digest.hexdigest()
    try:
        found = decode(path.read_bytes())
    except (OSError, WrongValue):
        found = None
    if found is None:
        found = _made(make)
        _store(path, encode(found))
    if "problem" in found:
        raise Problem(found["problem"])
    return [(one["outputs"], one["counts"]) for one in found["runs"]]


def _made(make: Callable[[], Done]) -> dict[str, Any]:
    try:
        return {"runs": [{"outputs": outputs, "counts": counts} for outputs, counts in make()]}
    except Late:
        raise
    except Problem as problem:
        return {"problem": str(problem)}


@cache
def _sources() -> bytes:
    digest = hashlib.sha256()
    for path in sorted(HERE.iterdir()):
        if path.suffix in (".py", ".h"):
            digest.update(path.read_bytes())
    for name in ("CXX", "TINYMLX_SHIM_SECONDS"):
        digest.update(os.environ.get(name, "").encode() + b"\0")
    return digest.digest()


def _store(path: Path, frame: bytes) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):  # it only saves time
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(frame)
        os.replace(draft, path)
