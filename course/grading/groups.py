"""What a group of processes uses together: the limits of the system hold for each process alone.

And how fast the machine is at the moment, so that a limit in seconds means the same everywhere.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import time
from pathlib import Path

PROC = Path("/proc")
CONTAINER = Path("/sys/fs/cgroup")
SPIN = 200_000  # turns of an empty loop,
SPIN_SECONDS = 0.008  # and what they take on the machine on which the limits were chosen
SLOWEST = 20.0
PATIENCE = 3.0  # a limit by the clock, in units of the limit on processor time


def group_memory(group: int) -> int:
    """The resident memory of all processes of a group, in bytes; 0 where it cannot be told."""
    if (PROC / "self" / "stat").exists():
        return _from_proc(group)
    try:
        listed = subprocess.run(
            ["ps", "-axo", "pgid=,rss="], capture_output=True, text=True, timeout=5
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    rows = [line.split() for line in listed.splitlines()]
    return sum(1024 * int(row[1]) for row in rows if len(row) == 2 and row[0] == str(group))


def _from_proc(group: int) -> int:
    pages = 0
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # After the name in brackets: state, parent, group. (A name may contain anything.)
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                pages += int((entry / "statm").read_text().split()[1])
        except (OSError, IndexError, ValueError):
            continue  # it has ended meanwhile
    return pages * resource.getpagesize()


def group_seconds(group: int) -> float:
    """The processor time of all processes of a group, with children that have ended, in seconds."""
    if (PROC / "self" / "stat").exists():
        return _ticks(group) / os.sysconf("SC_CLK_TCK")
    try:
        listed = subprocess.run(
            ["ps", "-axo", "pgid=,time="], capture_output=True, text=True, timeout=5
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0.0
    rows = [line.split() for line in listed.splitlines()]
    return sum(_clock(row[1]) for row in rows if len(row) == 2 and row[0] == str(group))


def _ticks(group: int) -> int:
    ticks = 0
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                ticks += sum(int(part) for part in fields[11:15])  # its own, and its children's
        except (OSError, IndexError, ValueError):
            continue  # it has ended meanwhile
    return ticks


def _clock(text: str) -> float:
    """Seconds of ``[[days-]hours:]minutes:seconds``."""
    seconds = 0.0
    for part in text.replace("-", ":").split(":"):
        seconds = 60.0 * seconds + float(part or 0)
    return seconds


def memory_share() -> int:
    """Bytes that one probe's processes may take: so much that one on each core finds room.

    At least 1 GiB, which the course's checks need, and at most 16.
    """
    return min(max(machine_memory() // max(2, os.cpu_count() or 1), 1 << 30), 16 << 30)


def machine_memory() -> int:
    """The memory of this machine, or of the container that is all we have of it, in bytes."""
    found = [os.sysconf("SC_PHYS_PAGES") * resource.getpagesize()]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # no container, or no limit ("max")
            found.append(int((CONTAINER / name).read_text()))
    return min(found)


def slowness() -> tuple[float, float]:
    """How much slower this machine is now than the one on which limits were chosen.

    Returns:
        For work that has a core to itself, and for work that waits its turn beside other
        programs; neither is less than 1.
    """
    start, used = time.perf_counter(), time.process_time()
    for _ in range(SPIN):
        pass
    used, passed = time.process_time() - used, time.perf_counter() - start
    return tuple(min(max(t / SPIN_SECONDS, 1.0), SLOWEST) for t in (used, passed))  # type: ignore[return-value]
