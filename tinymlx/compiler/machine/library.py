"""Building a library of C functions with the system's compiler, and loading it. Given.

What has been built is kept on disk under the hash of its source, so a second run of a program
compiles nothing.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FLAGS = ["-O3", "-shared", "-fPIC", "-std=gnu11", "-fwrapv", "-fopenmp-simd"]
#: A product and a sum stay two roundings, and no sum changes its order: the bits are those of the
#: operations one by one.
EXACT = ["-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-w"]


class KernelError(RuntimeError):
    """A compiler refused a source."""


@functools.cache
def compiler() -> str | None:
    """The system's C compiler, or ``None``."""
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        path = shutil.which(name) if name else None
        if path:
            return path
    return None


@functools.cache
def native() -> tuple[str, ...]:
    """The flags for this very processor."""
    if sys.platform == "darwin":
        return ("-mcpu=native",)
    wide = "avx512f" in _processor()
    return ("-march=native", "-mprefer-vector-width=512") if wide else ("-march=native",)


def _processor() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


@functools.cache
def folder() -> Path:
    """Where built libraries are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    found = Path(base) / "tinymlx" / "kernels"
    try:
        found.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=found):
            return found
    except OSError:
        return Path(tempfile.mkdtemp(prefix="tinymlx-kernels-"))


def built(source: str) -> ctypes.CDLL | None:
    """The library of a source; ``None`` where there is no compiler, or it may not be started.

    Raises:
        KernelError: the compiler refused the source; with its message and the reader's line.
    """
    program = compiler()
    if program is None:
        return None
    flags = [*FLAGS, *EXACT, *native()]
    model = next(iter(re.findall(r"model name\s*:\s*(.*)", _processor())), sys.platform)
    code = re.sub(r"//.*", "", source)
    text = "\n".join([program, *flags, model, code])
    path = folder() / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.so"
    if not path.exists() and not _compiled(program, flags, source, path):
        return None
    return ctypes.CDLL(str(path))


def _compiled(program: str, flags: list[str], source: str, path: Path) -> bool:
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="building-") as work:
        file, made = Path(work) / "kernels.c", Path(work) / "kernels.so"
        file.write_text(source)
        try:
            done = subprocess.run(
                [program, *flags, str(file), "-o", str(made), "-lm"],
                capture_output=True,
                text=True,
                timeout=300,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        if done.returncode != 0:
            raise KernelError(explained(done.stderr, source))
        os.replace(made, path)  # whole or not at all, also with two builders at once
    return True


def explained(message: str, source: str) -> str:
    """What a compiler said, in one sentence with the line of the source and of the reader."""
    found = re.search(r"^[^\n:]*:(\d+):(?:\d+:)?\s*(?:fatal )?error:\s*(.*)$", message, re.M)
    if found is None:
        return f"[compile] The compiler refused a kernel: {message.strip()[:500]}"
    lines = source.splitlines()
    number = min(int(found[1]), len(lines))
    line = lines[number - 1] if lines else ""
    code, _, where = line.partition("//")
    told = f", which comes from {where.strip()}" if where.strip() else ""
    return f"[compile] The compiler refused line {number}, `{code.strip()}`{told}: {found[2]}"
