"""The worker of isolated mode: the only process that runs a submission.

Started as ``python -I worker.py CONTROL_FD PATHS`` in a scratch folder with a clean environment. It
imports NumPy and MLX, compiles the submission without running it, and then forks once for each
probe or series of probes (where forking is safe; elsewhere it serves one itself). The child never
holds an expected value, a seed or another probe's inputs. What is imported before the fork is the
course's own code alone; a submission runs in the child from its first line.

In the child two threads share the work. The main one goes behind the fence, imports the submission
and runs the probes. The other one, the *messenger*, is alone with the channel to the judge: once
the modules are imported it says so, then it takes one question after another, with its number,
gives the main thread the inputs and sends what the probe returned under that number. The main
thread, and all that a submission starts, is refused the channel by the system (where there is
seccomp), and the number of a question never gets there.
"""

from __future__ import annotations

import _thread
import ctypes
import gc
import json
import os
import signal
import socket
import struct
import sys
import types
from pathlib import Path
from queue import SimpleQueue
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course.grading.probing import Answering

LENGTH = struct.Struct("<Q")
ENDING = struct.Struct("<iq")  # exit status, peak memory as the system counts it
PR_SET_PDEATHSIG = 1
NUMBER = 16  # bytes of the number of a question, which no one can guess
FORGED = 77  # exit status of a process in which somebody else than the probe answered
# Seconds for threads to end that ran for the probe: MLX reads what it loads from an .npz through
# Python's zipfile, in a thread of its own.
LEAVING = 2.0
READY = bytes(NUMBER)  # not the answer to a question: the modules are imported


def receive(channel: socket.socket, limit: int) -> bytes | None:
    """One length-prefixed message, or ``None`` at the end of the stream."""
    head = _exactly(channel, LENGTH.size)
    if head is None:
        return None
    (size,) = LENGTH.unpack(head)
    if size > limit:
        raise ValueError("a message over the limit")
    return _exactly(channel, size)


def _exactly(channel: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        chunk = channel.recv(min(size - len(parts), 1 << 20))
        if not chunk:
            return None
        parts += chunk
    return bytes(parts)


def send(channel: socket.socket, message: bytes) -> None:
    channel.sendall(LENGTH.pack(len(message)) + message)


def die_with_parent() -> None:
    """Ask Linux to kill this process when the one that started it ends, however it ends."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    die_with_parent()
    control = socket.socket(fileno=int(sys.argv[1]))
    sys.path[:0] = json.loads(sys.argv[2])
    from course import blas

    blas.load()
    import mlx.core  # noqa: F401
    import numpy  # noqa: F401

    # Behind the fence nobody could read what probes import.
    from course.grading import characters, lines, meter  # noqa: F401
    from course.grading.probing import Answering, compile_probes
    from course.grading.values import LIMIT, decode
    from course.overlay import Bundle, Overlay

    meter.install()
    setup = decode(receive(control, LIMIT) or b"")
    overlay = Overlay(Bundle.from_plain(setup.pop("bundle")))
    overlay.adopt({name: code.tobytes() for name, code in setup.pop("ready").items()})
    overlay.compile_all()
    if setup["fence"]:
        overlay.forget_texts()  # a submission could look for them in memory
        overlay.seal(setup.pop("needs"))
        _close_doors()
    compiled: dict[Path, types.CodeType] = {}
    warm: dict[Path, Answering] = {}
    if setup["warm"]:
        overlay.install()
    gc.collect()
    gc.freeze()
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not descriptors:
            return
        channel = socket.socket(fileno=descriptors[0])
        probes = Path((receive(control, LIMIT) or b"").decode())
        if probes not in compiled:
            compiled[probes] = compile_probes(probes)
            if setup["warm"]:
                warm[probes] = Answering(probes, compiled[probes])
                gc.freeze()
        if setup["fork"]:
            child = os.fork()
            if child == 0:
                control.close()
                _serve(channel, overlay, setup, probes, compiled[probes], warm.get(probes))
            channel.close()
            control.sendall(struct.pack("<i", child))
            _, status, usage = os.wait4(child, 0)
            control.sendall(ENDING.pack(status, usage.ru_maxrss))
        else:
            control.sendall(struct.pack("<i", os.getpid()))
            _serve(channel, overlay, setup, probes, compiled[probes])


def _serve(
    channel: socket.socket,
    overlay: Any,
    setup: dict[str, Any],
    probes: Path,
    code: types.CodeType,
    imported: Answering | None = None,
) -> None:
    """Answer the judge's questions; the messenger ends the process when there are no more."""
    from course.grading.probing import Answering
    from course.grading.values import decode, encode
    from course.sandbox import keep_to_other_threads, limits

    die_with_parent()
    if setup["fork"]:
        os.setsid()
    quiet = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(quiet, standard)
    for stream in (sys.stdout, sys.stderr):  # nobody reads it, so nothing fails for its encoding
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    if setup["fence"]:
        _fence(setup, probes)
    else:
        limits.apply(**setup["limits"])
    questions: SimpleQueue[bytes] = SimpleQueue()
    answers: SimpleQueue[bytes] = SimpleQueue()
    _thread.start_new_thread(_carry, (channel, _thread.get_ident(), questions, answers))
    if setup["fence"]:
        keep_to_other_threads(channel.fileno())
    if imported is None:
        overlay.install()
    answering = imported or Answering(probes, code)
    sys.setprofile(None)
    sys.settrace(None)
    gc.callbacks.clear()
    answers.put(READY)
    while True:
        answers.put(encode(answering.answer(decode(questions.get()))))


def _carry(
    channel: socket.socket,
    main: int,
    questions: SimpleQueue[bytes],
    answers: SimpleQueue[bytes],
) -> None:
    """The messenger: one answer for each question, and under its number."""
    limit = 1 << 40  # what the judge asks is as long as the judge likes

    def answer() -> bytes:
        """What the main thread puts down itself, between two probes, with nobody beside it."""
        given = answers.get()
        deadline = monotonic() + LEAVING
        while len(frames := sys._current_frames()) != 2 and monotonic() < deadline:
            if frames[main].f_code is not _serve.__code__:
                os._exit(FORGED)
            sleep(0.001)
        if frames[main].f_code is not _serve.__code__ or len(frames) != 2 or not answers.empty():
            os._exit(FORGED)
        return given

    try:
        if answer() != READY:
            os._exit(FORGED)
        send(channel, READY)
        while (message := receive(channel, limit)) is not None:
            questions.put(message[NUMBER:])
            send(channel, message[:NUMBER] + answer())
    finally:
        os._exit(0)


def _fence(setup: dict[str, Any], probes: Path) -> None:
    """Go behind the fence: from here on only Python, MLX and the probes can be read."""
    from course.sandbox import Fence, enter, python_itself

    enter(Fence((*python_itself(), str(probes)), setup["scratch"], **setup["limits"]))


def _close_doors() -> None:
    """Take away what the course has its students build, and other libraries that have it.

    The policy check has read the submission's text already; this catches spellings it cannot see.
    """
    import mlx.core as mx

    # No new process can be started behind the fence, so there is no compiler to call.
    mx.disable_compile()
    mx.set_default_device(mx.cpu)
    for name in ("grad", "value_and_grad", "vjp", "jvp", "vmap", "checkpoint", "custom_function"):
        delattr(mx, name)
    for name in (
        "mlx.nn",
        "mlx.optimizers",
        "mlx.utils",
        "torch",
        "jax",
        "tensorflow",
        "sklearn",
        "scipy",
    ):
        sys.modules[name] = None  # type: ignore[assignment]


if __name__ == "__main__":
    # Python puts this file's folder first; `course` is imported from the paths of the judge.
    sys.path[:] = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]
    main()
