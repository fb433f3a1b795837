"""Which fence this system offers, and going behind it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from course.sandbox import landlock, limits, seccomp


@dataclass(frozen=True)
class Fence:
    """What a worker may touch.

    Attributes:
        readable: folders and files that may be read (and, if programs, run).
        writable: the only folder that may be written.
        memory: bytes that one process may map beyond what it has when it enters; 0 for no limit
            (CUDA reserves terabytes).
        cpu: seconds of processor time of one process.
        file: bytes of one file.
        processes: how many processes and threads the user may have, where new processes cannot be
            refused; not enforced for root.
        compiler: whether new processes may be started, which `mx.compile` on Linux's CPU needs for
            the C++ compiler. Without it, compiled functions run uncompiled.
    """

    readable: tuple[str, ...]
    writable: str
    memory: int
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
        files: whether nothing outside can be read, written or cut short. That files are there, how
            long they are and how old, Landlock does not hide.
        attributes: whether modes, times and attributes of files stay as they are.
        network, signals, processes: whether there is no way to others, and no new process.
    """

    name: str
    files: bool
    attributes: bool
    network: bool
    signals: bool
    processes: bool

    @property
    def sentence(self) -> str:
        """One sentence that says what holds and what does not."""
        parts = {
            "files": self.files,
            "attributes of files": self.attributes,
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
    """What this system can do; the same answer in judge and worker.

    Landlock before its third version lets a file be cut short, in no version does it guard the
    attributes of files or connections other than TCP, and before the sixth it knows no signals:
    what holds all the same is what seccomp refuses.
    """
    if sys.platform.startswith("linux"):
        abi = landlock.abi()
        filtered = seccomp.available()
        if abi or filtered:
            names = [n for n, there in (("landlock", abi > 0), ("seccomp", filtered)) if there]
            return Level(
                "+".join(names),
                files=abi > 0 and (filtered or abi >= 3),
                attributes=filtered,
                network=filtered,
                signals=filtered or abi >= 6,
                processes=filtered,
            )
    from course.sandbox import macos  # here: a worker on Linux should not pay for it

    held = macos.works()
    name = "sandbox-exec" if held else "limits"
    return Level(name, files=held, attributes=held, network=held, signals=held, processes=held)


def enter(fence: Fence) -> None:
    """Go behind the fence, for good; `level` says what holds on this system.

    Raises:
        OSError: the system refused a part of what it seems to offer.
    """
    processes = 0 if seccomp.available() else fence.processes
    limits.apply(fence.memory, fence.cpu, fence.file, processes)
    confine(fence.readable, fence.writable, fence.compiler)


def confine(readable: Iterable[str], writable: str, programs: bool) -> None:
    """The fence without the limits, for a process that has set its own.

    Args:
        readable, writable: as in `Fence`.
        programs: whether new processes may be started; they are behind the same fence.

    Raises:
        OSError: the system refused a part of what it seems to offer.
    """
    if sys.platform.startswith("linux"):
        if landlock.abi():
            landlock.restrict(readable, writable)
        if seccomp.available():
            seccomp.restrict(allow_programs=programs)


def python_itself() -> list[str]:
    """What a process of Python reads in order to work."""
    system = ["/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/dev/urandom"]
    return [sys.prefix, sys.base_prefix, *system]


def keep_to_other_threads(descriptor: int) -> None:
    """Take a descriptor away from this thread and all that it starts, where the system can."""
    if seccomp.available():
        seccomp.refuse_descriptor(descriptor)
