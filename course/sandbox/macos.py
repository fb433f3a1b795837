"""The profile for ``sandbox-exec`` on macOS. Not yet tried on a Mac: written from documentation.

On macOS each probe is a process of its own (no fork), started under this profile.
"""

from __future__ import annotations

from collections.abc import Sequence


def profile(readable: Sequence[str], writable: str) -> str:
    """A profile that denies everything but what a probe needs.

    Args:
        readable: folders and files that may be read.
        writable: the folder that may be written.
    """
    lines = [
        "(version 1)",
        "(deny default)",
        "(allow process-fork)",
        "(allow sysctl-read)",
        "(allow mach-lookup)",
        "(allow iokit-open)",
        "(allow signal (target self))",
        '(allow file-read* (subpath "/usr/lib") (subpath "/System") (literal "/dev/urandom"))',
        '(allow file-read* file-write* (literal "/dev/null"))',
    ]
    lines += [f"(allow file-read* (subpath {_quoted(path)}))" for path in readable]
    lines.append(f"(allow file-read* file-write* (subpath {_quoted(writable)}))")
    return "\n".join(lines)


def command(readable: Sequence[str], writable: str) -> list[str]:
    """What to put before the worker's own command."""
    return ["/usr/bin/sandbox-exec", "-p", profile(readable, writable)]


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
