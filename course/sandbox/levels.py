"""Which fence this system offers, and going behind it."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from course.sandbox import landlock, limits, seccomp


@dataclass(frozen=True)
class Fence:
    """What a worker may touch.

    Attributes:
        readable: folders and files that may be read (and, if programs, run).
        writable: the only folder that may be written.
        memory: bytes of address space of one process; 0 for no limit (CUDA reserves terabytes).
        cpu: seconds of processor time of one process.
        file: bytes of one file.
        processes: how many processes and threads the user may have; not enforced for root.
        compiler: whether new processes may be started, which `mx.compile` on Linux's CPU needs for
            the C++ compiler. Without it, compiled functions run uncompiled.
    """

    readable: tuple[str, ...]
    writable: str
    memory: int = 8 << 30
    cpu: int = 60
    file: int = 64 << 20
    processes: int = 512
    compiler: bool = False


@dataclass(frozen=True)
class Level:
    """What holds, in words that a report can show.

    Attributes:
        name: ``"landlock+seccomp"``, one of the two, ``"sandbox-exec"`` (on macOS, where its
            profile has proved itself), or ``"limits"`` alone.
        files, network, signals, processes: whether each is fenced in.
    """

    name: str
    files: bool
    network: bool
    signals: bool
    processes: bool

    @property
    def sentence(self) -> str:
        """One sentence that says what holds and what does not."""
        parts = {
            "files": self.files,
            "network": self.network,
            "signals": self.signals,
            "processes": self.processes,
        }
        held = [name for name, holds in parts.items() if holds]
        loose = [name for name, holds in parts.items() if not holds]
        text = f"{self.name}: limits on time, memory and file size"
        if held:
            text += f"; fenced in: {', '.join(held)}"
        return text + (f"; not fenced in: {', '.join(loose)}." if loose else ".")


def level() -> Level:
    """What this system can do; the same answer in judge and worker."""
    if sys.platform.startswith("linux"):
        abi = landlock.abi()
        filtered = seccomp.available()
        if abi or filtered:
            names = [n for n, there in (("landlock", abi > 0), ("seccomp", filtered)) if there]
            return Level(
                "+".join(names),
                files=abi > 0,
                network=filtered or abi >= 4,
                signals=filtered or abi >= 6,
                processes=filtered,
            )
    from course.sandbox import macos  # here: a worker on Linux should not pay for it

    if macos.works():
        return Level("sandbox-exec", files=True, network=True, signals=True, processes=True)
    return Level("limits", files=False, network=False, signals=False, processes=False)


def enter(fence: Fence) -> None:
    """Go behind the fence, for good. Raises nothing: `level` says what holds on this system."""
    limits.apply(fence.memory, fence.cpu, fence.file, fence.processes)
    if sys.platform.startswith("linux"):
        if landlock.abi():
            landlock.restrict(fence.readable, fence.writable)
        if seccomp.available():
            seccomp.restrict(allow_programs=fence.compiler)
