"""MLX's compiled kernels on Linux's CPU: made faster, and kept.

`mx.compile` there writes C++ and calls ``g++`` once for each new graph, in
``<temporary folder>/mlx/<version>/cpu``. Nearly all of that second goes into reading MLX's own
headers, so they are compiled once beforehand: the compiler looks for
``mlx/backend/cpu/compiled_preamble.h.gch`` beside the source first, finds it there, and takes a
quarter of the time. Everything here only saves time; without it the same kernels come out.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HEADER = Path("mlx/backend/cpu/compiled_preamble.h")
FLAGS = ("-std=c++17", "-O3", "-Wall", "-fPIC")  # MLX's own; others would not fit
SECONDS = 120.0


def kernel_folder(temporary: Path | str | None = None) -> Path:
    """Where MLX keeps kernels when its temporary folder is ``temporary``."""
    base = Path(temporary or tempfile.gettempdir())
    return base / "mlx" / importlib.metadata.version("mlx") / "cpu"


def is_compiled_here() -> bool:
    """Whether this machine's MLX calls a C++ compiler."""
    return sys.platform.startswith("linux") and shutil.which("g++") is not None


def prepare(cache: Path, folder: Path | None = None) -> bool:
    """Put the compiled headers where the compiler finds them; whether they are there.

    Args:
        cache: a folder that stays, for the compiled headers (50 MB).
        folder: the kernels' folder, by default that of this process.
    """
    if not is_compiled_here():
        return False
    place = (folder or kernel_folder()) / HEADER.parent
    if (place / f"{HEADER.name}.gch").exists():
        return True
    try:
        # The one that this process would use itself serves as well, be it another working copy's:
        # the compiler passes over one that does not fit.
        here = (kernel_folder() / f"{HEADER}.gch").resolve()
        compiled = here if here.is_file() else _compiled_header(cache)
        place.mkdir(parents=True, exist_ok=True)
        _link(compiled, place / f"{HEADER.name}.gch")
    except (OSError, subprocess.SubprocessError, StopIteration):
        return False  # it only saves time
    return True


def _compiled_header(cache: Path) -> Path:
    """The compiled header for this MLX and this compiler, made now if it is not there."""
    spec = importlib.util.find_spec("mlx")
    include = next(
        base / "include"
        for base in map(Path, spec.submodule_search_locations or () if spec else ())
        if (base / "include" / HEADER).is_file()
    )
    version = subprocess.run(["g++", "--version"], capture_output=True, check=True, timeout=SECONDS)
    key = f"{importlib.metadata.version('mlx')}{include}".encode() + version.stdout
    made = cache / f"preamble-{hashlib.sha256(key).hexdigest()[:16]}.gch"
    if not made.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        draft = made.with_suffix(f".{os.getpid()}")
        command = ["g++", *FLAGS, "-w", "-I", str(include), "-x", "c++-header"]
        command += [str(include / HEADER), "-o", str(draft)]
        subprocess.run(command, capture_output=True, check=True, timeout=SECONDS)
        os.replace(draft, made)
    return made


def _link(target: Path, link: Path) -> None:
    if link.is_symlink() and link.resolve() == target.resolve():
        return
    with contextlib.suppress(FileNotFoundError):
        link.unlink()
    with contextlib.suppress(FileExistsError):  # another process was faster
        link.symlink_to(target.resolve())


def start_from(kept: Path, temporary: Path | str) -> None:
    """Let a scratch folder begin with the kernels of ``kept``, which nobody can change through it.

    New kernels are written to the scratch folder alone.
    """
    folder = kernel_folder(temporary)
    folder.mkdir(parents=True, exist_ok=True)
    for kernel in kept.glob("*.so"):
        _link(kernel, folder / kernel.name)
    prepare(kept, folder)


def keep(temporary: Path | str, kept: Path) -> None:
    """Take the kernels that were made in a scratch folder into ``kept``; for trusted code only."""
    for kernel in kernel_folder(temporary).glob("*.so"):
        if kernel.is_symlink() or (kept / kernel.name).exists():
            continue
        draft = kept / f"{kernel.name[:60]}.{os.getpid()}"
        with contextlib.suppress(OSError):  # it only saves time
            kept.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(kernel, draft)
            os.replace(draft, kept / kernel.name)
