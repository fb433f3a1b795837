"""Resource limits of one process."""

from __future__ import annotations

import resource
from pathlib import Path


def apply(memory: int, cpu: int, file: int, processes: int = 0) -> None:
    """Set the limits; a limit that this system refuses is left as it is.

    Args:
        memory: bytes of address space beyond what the process has already, 0 for no limit.
        cpu: seconds of processor time.
        file: bytes of one file.
        processes: processes and threads of the user, 0 for no limit; root is exempt.
    """
    wanted = [
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, file),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
    ]
    if memory:
        wanted.append((resource.RLIMIT_AS, _address_space() + memory))
    if processes and hasattr(resource, "RLIMIT_NPROC"):
        wanted.append((resource.RLIMIT_NPROC, processes))
    for kind, value in wanted:
        try:
            _, hard = resource.getrlimit(kind)
            if hard != resource.RLIM_INFINITY:
                value = min(value, hard)
            resource.setrlimit(kind, (value, value))
        except (ValueError, OSError):
            continue  # the judge's clock and its polling still hold


def _address_space() -> int:
    """What this process has mapped, most of it never touched; 0 where it cannot be told."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * resource.getpagesize()
