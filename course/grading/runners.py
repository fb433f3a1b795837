"""The two ways to run a probe: in this process, or in a worker that holds no expected value."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from course import kernels, scratch
from course.grading.asking import Asking, Endless, WorkerFailed, late, wait_exactly
from course.grading.groups import group_memory, group_seconds, memory_share, slowness
from course.grading.probing import ChangedInput, load_probes, run_probe
from course.grading.values import Plain, WrongValue, decode, encode
from course.grading.worker import ENDING, FORGED, send
from course.overlay import Bundle, Overlay
from course.overlay.ready import needs, ready_modules, rest
from course.paths import Project
from course.sandbox import macos

KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
START_SECONDS = 60.0
SCRATCH_BYTES = 512 << 20


@dataclass(frozen=True)
class Limits:
    """What one probe may use.

    Attributes:
        seconds: processor time of its processes together, the compiler's included. More on a
            slower machine; and `PATIENCE` times as long by the clock, more on a busy one.
        cpu: processor seconds after which the system ends a process, whatever the judge does.
        memory: bytes of its processes together; by default this machine's share for one.
        file: bytes of one file.
    """

    seconds: float = 20.0
    cpu: int = 120
    memory: int = field(default_factory=memory_share)
    file: int = 64 << 20


class ProbeFailed(Exception):
    """A probe in a worker raised; ``description`` is that of `course.grading.probing.describe`."""

    def __init__(self, description: dict[str, Plain]) -> None:
        super().__init__(str(description.get("message", "")))
        self.description = description


class Runner(Protocol):
    def run(self, probes: Path, name: str, inputs: dict[str, Plain]) -> Plain:
        """The plain result of probe ``name``; raises what went wrong."""

    def close(self) -> None: ...


class InProcess:
    """Runs probes here, so that ``print`` and ``pdb`` work."""

    def __init__(self, overlay: Overlay) -> None:
        self.overlay = overlay
        self._probes: dict[Path, types.ModuleType] = {}

    def run(self, probes: Path, name: str, inputs: dict[str, Plain]) -> Plain:
        with self.overlay.activate():
            if probes not in self._probes:
                self._probes[probes] = load_probes(probes)
            return run_probe(self._probes[probes], name, inputs)

    def close(self) -> None:
        self._probes.clear()


Ask = Callable[[str, dict[str, Plain]], tuple[Plain, float]]


class Isolated:
    """Runs each probe in a fresh process that is given its inputs and nothing else."""

    def __init__(
        self,
        project: Project,
        bundle: Bundle,
        limits: Limits | None = None,
        fence: bool = False,
        trusted: bool = False,
    ) -> None:
        self.project, self.bundle, self.fence = project, bundle, fence
        self.sealed = fence  # tests of the fence alone open this door
        self.trusted = trusted  # it is the course's own code: imported once, its kernels kept
        self.limits = limits or Limits()
        # A forked child of a process with Objective-C frameworks may abort: fork on Linux only.
        self.fork = sys.platform.startswith("linux")
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._kernels = project.state / "cache" / "kernels"
        self._scratch = ""
        self._child = 0
        self.peak = 0  # memory of the last probe's process, in the units of `getrusage`

    @contextmanager
    def conversation(self, probes: Path) -> Iterator[Ask]:
        """One process for several probes: a function that runs one of them.

        It gives the result, and the seconds by this process's clock.

        Raises:
            WorkerFailed, ProbeFailed, ChangedInput: as `run`.
        """
        with self._ask(probes) as asking:

            def ask(name: str, inputs: dict[str, Plain]) -> tuple[Plain, float]:
                reply, seconds = asking.ask(_question(name, inputs))
                return _unpack(reply), seconds

            yield ask

    def run(self, probes: Path, name: str, inputs: dict[str, Plain]) -> Plain:
        with self._ask(probes) as asking:
            reply, _ = asking.ask(_question(name, inputs))
        return _unpack(reply)  # first it must be the only answer

    @contextmanager
    def _ask(self, probes: Path) -> Iterator[Asking]:
        """A fresh process to ask, which is gone afterwards.

        Raises:
            WorkerFailed: it ended, or broke the rules of `course.grading.asking`.
        """
        mine, theirs = socket.socketpair()
        died = False
        with mine, theirs:
            pid = self._launch(theirs, probes)
            theirs.close()
            asking = Asking(mine, self.limits.seconds, self._poll)
            try:
                asking.wait_until_ready()
                yield asking
                asking.hang_up()
            except (EOFError, ConnectionError):
                died = True  # its exit status says how
            finally:
                _kill_group(pid)
                status = self._finish()
        if died:
            raise WorkerFailed(_meaning(status))

    def _poll(self) -> None:
        """While a probe runs: what it may not do although each single limit allows it.

        Raises:
            Endless: its processes have had their processor time.
            WorkerFailed: many files together fill the disk, or many processes the memory.
        """
        spent = group_seconds(self._child)
        if spent > self.limits.seconds and spent > self.limits.seconds * slowness()[0]:
            raise late(self.limits.seconds, Endless)
        memory = group_memory(self._child)
        if memory > self.limits.memory:
            raise WorkerFailed(
                f"its processes took {memory >> 20} MB; the limit is {self.limits.memory >> 20} MB."
            )
        used = sum(_sizes(self._scratch))
        if used > SCRATCH_BYTES:
            raise WorkerFailed(f"it wrote {used} bytes; the limit is {SCRATCH_BYTES}.")

    def _launch(self, channel: socket.socket, probes: Path) -> int:
        """Hand one end of a channel to a fresh child and return the child's process id."""
        try:
            control = self._start()
            socket.send_fds(control, [b"x"], [channel.fileno()])
            send(control, str(probes).encode())
            (pid,) = struct.unpack("<i", wait_exactly(control, 4, _soon()))
            self._child = int(pid)  # it leads a group of its own
        except (OSError, EOFError) as error:
            self.close()
            raise WorkerFailed("the worker did not start; `tinymlx doctor` may say why.") from error
        return int(pid)

    def _finish(self) -> int | None:
        """Wait until the child is gone; its exit status where the system tells."""
        if not self.fork or self._control is None:
            self.close()
            return None
        try:
            status, self.peak = ENDING.unpack(wait_exactly(self._control, ENDING.size, _soon()))
        except (OSError, EOFError):
            self.close()
            return None
        return int(status)

    def close(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._scratch:
            if self.trusted:
                kernels.keep(self._scratch, self._kernels)
            scratch.remove(self._scratch)
            self._scratch = ""

    def _start(self) -> socket.socket:
        if self._control is not None:
            return self._control
        self._scratch = scratch.make("worker")
        if not self.fence:  # behind the fence nothing is compiled
            kernels.start_from(self._kernels, self._scratch)
        mine, theirs = socket.socketpair()
        environment = {key: os.environ[key] for key in KEPT if key in os.environ}
        environment |= {"HOME": self._scratch, "TMPDIR": self._scratch, "MLX_ENABLE_TF32": "0"}
        root = str(self.project.root)  # last: a script in it shall not be taken for a library
        paths = [*(p for p in sys.path if p not in ("", root) and Path(p).is_dir()), root]
        worker = Path(__file__).with_name("worker.py")
        command = [sys.executable, "-I", str(worker), str(theirs.fileno()), json.dumps(paths)]
        if self.fence and not self.fork:
            probes = sorted(self.project.tests.glob("*/probes.py"))
            command = [*macos.prefix(self.project.root, probes, self._scratch), *command]
        self._process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            cwd=self._scratch,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        limits = {"cpu": self.limits.cpu, "memory": self.limits.memory, "file": self.limits.file}
        ready = ready_modules(self.project, self.bundle)
        setup = {
            "bundle": rest(self.bundle, ready).to_plain(),
            "ready": {name: np.frombuffer(code, np.uint8) for name, code in ready.items()},
            "fork": self.fork,
            "limits": limits,
            "fence": self.fence,
            "needs": needs(self.project, self.bundle, ready) if self.sealed else {},
            "scratch": self._scratch,
            # The course's own code computes nothing while it is imported, so once is enough.
            "warm": self.trusted and self.fork and not self.fence,
        }
        send(mine, encode(_lists(setup)))
        self._control = mine
        return mine


def _question(name: str, inputs: dict[str, Plain]) -> bytes:
    return encode({"name": name, "inputs": inputs})


def _lists(value: Plain) -> Plain:
    """Tuples as lists, for the wire."""
    if isinstance(value, (list, tuple)):
        return [_lists(item) for item in value]
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return value


def _soon() -> float:
    return time.monotonic() + START_SECONDS


def _sizes(folder: str) -> Iterator[int]:
    """The sizes of all files below ``folder``; what disappears meanwhile is passed over: a
    compiler's temporary files come and go while a probe runs."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        with contextlib.suppress(OSError):
            if entry.is_dir(follow_symlinks=False):
                yield from _sizes(entry.path)
            else:
                yield entry.stat(follow_symlinks=False).st_size


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return


def _meaning(status: int | None) -> str:
    if status is None:
        return "the process ended without a result."
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = signal.Signals(number).name
        if number == signal.SIGKILL:
            return "the process was killed (SIGKILL): out of memory, or a limit was passed."
        if number == signal.SIGSEGV:
            return "the process crashed (SIGSEGV): recursion without an end, perhaps."
        return f"the process was ended by {name}."
    code = os.WEXITSTATUS(status)
    if code == FORGED:
        return "an answer did not come from the probe that was called; such an answer counts not."
    return f"the process left with exit code {code} before it gave a result (os._exit?)."


def _unpack(reply: bytes) -> Plain:
    try:
        frame = decode(reply)
    except WrongValue as error:
        raise WorkerFailed(f"it sent {error} instead of a result.") from None
    if isinstance(frame, dict) and set(frame) == {"result"}:
        return frame["result"]
    if isinstance(frame, dict) and set(frame) == {"changed"}:
        raise ChangedInput(str(frame["changed"]))
    if isinstance(frame, dict) and set(frame) == {"error"} and _is_description(frame["error"]):
        raise ProbeFailed(frame["error"])
    raise WorkerFailed("it sent something that is no result.")


def _is_description(value: Plain) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"classes", "message", "frames"}
        and isinstance(value["message"], str)
        and isinstance(value["classes"], list)
        and all(isinstance(name, str) for name in value["classes"])
        and isinstance(value["frames"], list)
        and all(
            isinstance(f, list) and [type(part) for part in f] == [str, int, str, str]
            for f in value["frames"]
        )
    )
