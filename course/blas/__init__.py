"""A fast BLAS under MLX on Linux's CPU.

MLX's Linux wheel is linked to the reference BLAS, tens of times slower than OpenBLAS. A library
that is loaded with ``RTLD_GLOBAL`` before ``mlx.core`` is imported answers first; `load` puts the
OpenBLAS of the wheel ``scipy-openblas32`` there, through the forwarding functions of ``forward.c``,
compiled once. Where anything is missing, MLX simply keeps its own BLAS.

``TINYMLX_BLAS=plain`` leaves MLX's own BLAS in place.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from course.errors import CourseError
from course.paths import find_project

SOURCE = Path(__file__).with_name("forward.c")


@dataclass(frozen=True)
class Status:
    """``active``: whether the fast BLAS is loaded; ``reason`` says what it is, or why not."""

    active: bool
    reason: str
    mend: str = ""


_status: Status | None = None


def load() -> Status:
    """Load the fast BLAS if this is Linux and MLX has not been imported yet; never raises."""
    global _status
    if _status is None or not _status.active:
        _status = _load()
    return _status


def _load() -> Status:
    if not sys.platform.startswith("linux"):
        return Status(False, "not needed: this system's own BLAS is fast")
    if os.environ.get("TINYMLX_BLAS") == "plain":
        return Status(False, "switched off by TINYMLX_BLAS=plain", "unset TINYMLX_BLAS")
    if "mlx.core" in sys.modules:
        return Status(False, "MLX was imported before it", "import course.blas and load() first")
    spec = importlib.util.find_spec("scipy_openblas32")
    if spec is None or not spec.submodule_search_locations:
        return Status(False, "scipy-openblas32 is not installed", "run `make learn`")
    openblas = Path(spec.submodule_search_locations[0]) / "lib" / "libscipy_openblas.so"
    if not openblas.is_file():
        return Status(False, f"{openblas} is missing", "reinstall scipy-openblas32")
    return _forward(openblas)


def _forward(openblas: Path) -> Status:
    try:
        library = _built(openblas)
        ctypes.CDLL(str(openblas), mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    except FileNotFoundError:
        return Status(False, "there is no C compiler", "install gcc (Debian: apt install gcc)")
    except (OSError, subprocess.SubprocessError) as error:
        return Status(False, f"it could not be built or loaded ({error})", "`tinymlx doctor`")
    return Status(True, "OpenBLAS of scipy-openblas32")


def _built(openblas: Path) -> Path:
    """The compiled forwarding library, made on first use.

    Raises:
        FileNotFoundError: no compiler.
        OSError, subprocess.SubprocessError: it cannot be written or does not compile.
    """
    version = openblas.stat().st_mtime_ns, openblas.stat().st_size, platform.machine()
    content = SOURCE.read_bytes() + repr((str(openblas), version)).encode()
    name = f"libforward-{hashlib.sha256(content).hexdigest()[:12]}.so"
    for folder in _folders():
        if (folder / name).is_file() and folder.stat().st_uid == os.getuid():
            return folder / name
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise FileNotFoundError("cc")
    with tempfile.TemporaryDirectory() as scratch:
        draft = Path(scratch) / name
        command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(draft), str(SOURCE)]
        command += [str(openblas), f"-Wl,-rpath,{openblas.parent}", "-Wl,-z,noexecstack"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return _keep(draft)


def _folders() -> list[Path]:
    try:
        first = [find_project().state / "cache" / "blas"]
    except CourseError:
        first = []
    return [*first, Path(tempfile.gettempdir()) / f"tinymlx-blas-{os.getuid()}"]


def _keep(draft: Path) -> Path:
    """Move the library where the next process finds it; the first writable folder wins."""
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if folder.stat().st_uid != os.getuid():
                continue  # somebody else's folder in a shared temporary directory
            target = folder / draft.name
            partial = folder / f"{draft.name}.{os.getpid()}"
            shutil.copyfile(draft, partial)
            os.replace(partial, target)
            return target
        except OSError:
            continue
    raise OSError("no folder can be written")
