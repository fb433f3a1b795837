"""What a group of processes uses together: the limits of the system hold for each process alone."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

PROC = Path("/proc")


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
