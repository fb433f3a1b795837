"""Resource limits of one process."""

from __future__ import annotations

import resource


def apply(memory: int, cpu: int, file: int, processes: int) -> None:
    """Set the limits; a limit that this system refuses is left as it is.

    Args:
        memory: bytes of address space, 0 for none.
        cpu: seconds of processor time.
        file: bytes of one file.
        processes: processes and threads of the user; root is exempt.
    """
    wanted = [
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, file),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
    ]
    if memory:
        wanted.append((resource.RLIMIT_AS, memory))
    if hasattr(resource, "RLIMIT_NPROC"):
        wanted.append((resource.RLIMIT_NPROC, processes))
    for kind, value in wanted:
        try:
            _, hard = resource.getrlimit(kind)
            if hard != resource.RLIM_INFINITY:
                value = min(value, hard)
            resource.setrlimit(kind, (value, value))
        except (ValueError, OSError):
            continue  # the judge's clock and its polling still hold
