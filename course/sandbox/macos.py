"""The profile for ``sandbox-exec`` on macOS. Not yet tried on a Mac: written from documentation.

On macOS each probe is a process of its own (no fork), started under this profile. Because nobody
has seen it at work, it is used only where it proves itself first: `works` starts a process behind
it that must be able to import MLX and must not be able to read a file outside.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PROGRAM = "/usr/bin/sandbox-exec"
TRIAL = """
import sys
import mlx.core, numpy
try:
    open(sys.argv[1]).read()
except PermissionError:
    print("fenced")
"""


def profile(readable: Sequence[str], writable: str) -> str:
    """A profile that denies everything but what a probe needs.

    Args:
        readable: folders and files that may be read.
        writable: the folder that may be written.
    """
    lines = [
        "(version 1)",
        "(deny default)",
        f"(allow process-exec (literal {_quoted(sys.executable)})"
        f" (literal {_quoted(str(Path(sys.executable).resolve()))}))",
        "(allow process-fork)",
        "(allow sysctl-read)",
        "(allow mach-lookup)",
        "(allow iokit-open)",
        "(allow signal (target self))",
        "(allow file-read-metadata)",
        '(allow file-read* (subpath "/usr/lib") (subpath "/System") (literal "/dev/urandom"))',
        '(allow file-read* file-write* (literal "/dev/null"))',
    ]
    lines += [f"(allow file-read* (subpath {_quoted(path)}))" for path in readable]
    lines.append(f"(allow file-read* file-write* (subpath {_quoted(writable)}))")
    return "\n".join(lines)


def command(readable: Sequence[str], writable: str) -> list[str]:
    """What to put before the worker's own command."""
    prefixes = dict.fromkeys((sys.prefix, sys.base_prefix))
    return [PROGRAM, "-p", profile([*prefixes, *readable], writable)]


@functools.cache
def works() -> bool:
    """Whether a process starts behind the profile, and cannot read what lies outside."""
    if sys.platform != "darwin" or not Path(PROGRAM).is_file():
        return False
    with tempfile.TemporaryDirectory() as inside, tempfile.TemporaryDirectory() as outside:
        secret = Path(outside) / "secret"
        secret.write_text("nobody's business")
        try:
            done = subprocess.run(
                [*command([], inside), sys.executable, "-I", "-c", TRIAL, str(secret)],
                cwd=inside,
                capture_output=True,
                timeout=60,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
    return done.stdout.strip() == b"fenced"


def prefix(root: Path, probes: Sequence[Path], scratch: str) -> list[str]:
    """What to put before a worker's command on this system; nothing where it does not work.

    Args:
        root: the project, of which the folder ``course`` can be read.
        probes: the files with probes.
        scratch: the folder that may be written.
    """
    if not works():
        return []
    return command([str(root / "course"), *(str(path) for path in probes)], scratch)


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
