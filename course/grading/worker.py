"""The worker of isolated mode: the only process that runs a submission.

Started as ``python -I worker.py CONTROL_FD PATHS`` in a scratch folder with a clean environment. It
imports NumPy and MLX, compiles the submission without running it, and then forks once for each
probe (where forking is safe; elsewhere it serves one probe itself). The child gets one descriptor:
inputs come in on it as a frame, the result goes out on it as a frame. It never holds an expected
value, a seed or another probe's inputs.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any

LENGTH = struct.Struct("<Q")
ENDING = struct.Struct("<iq")  # exit status, peak memory as the system counts it
PR_SET_PDEATHSIG = 1


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

    from course.grading.values import LIMIT, decode
    from course.overlay import Bundle, Overlay

    setup = decode(receive(control, LIMIT) or b"")
    overlay = Overlay(Bundle.from_plain(setup.pop("bundle")))
    overlay.adopt({name: code.tobytes() for name, code in setup.pop("ready").items()})
    overlay.compile_all()
    if setup["fence"]:
        overlay.forget_texts()  # a submission could look for them in memory
        _close_doors()
    gc.collect()
    gc.freeze()
    while True:
        _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not descriptors:
            return
        channel = socket.socket(fileno=descriptors[0])
        if setup["fork"]:
            child = os.fork()
            if child == 0:
                control.close()
                _serve(channel, overlay, setup)
            channel.close()
            control.sendall(struct.pack("<i", child))
            _, status, usage = os.wait4(child, 0)
            control.sendall(ENDING.pack(status, usage.ru_maxrss))
        else:
            control.sendall(struct.pack("<i", os.getpid()))
            _serve(channel, overlay, setup)


def _serve(channel: socket.socket, overlay: Any, setup: dict[str, Any]) -> None:
    """Run one probe and leave: nothing after the result frame matters to the judge."""
    from course.grading.values import LIMIT, decode, encode

    die_with_parent()
    os.setsid()
    _limit(setup["limits"])
    quiet = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(quiet, standard)
    request = decode(receive(channel, LIMIT) or b"")
    if setup["fence"]:
        _fence(setup, request)
    overlay.install()
    while True:
        send(channel, encode(_answer(request)))
        message = receive(channel, LIMIT) if request["stay"] else None
        if message is None:
            os._exit(0)
        request = decode(message)


def _fence(setup: dict[str, Any], request: dict[str, Any]) -> None:
    """Go behind the fence: from here on only Python, MLX and the probes can be read."""
    import course.grading.probing  # noqa: F401 - imported while its file can still be read
    from course.sandbox import Fence, enter

    readable = [sys.prefix, sys.base_prefix, "/usr", "/lib", "/lib64", "/etc/ld.so.cache"]
    readable += ["/dev/urandom", request["probes"]]
    limits = setup["limits"]
    enter(Fence(tuple(readable), setup["scratch"], limits["memory"], limits["cpu"], limits["file"]))


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


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    from course.grading.probing import ChangedInput, describe, load_probes, run_probe

    try:
        name = f"probes_{Path(request['probes']).parent.name}"
        probes = sys.modules.get(name) or load_probes(Path(request["probes"]))
        return {"result": run_probe(probes, request["name"], request["inputs"])}
    except ChangedInput as changed:
        return {"changed": str(changed)}
    except BaseException as error:  # noqa: BLE001 - whatever a submission raises is its result
        return {"error": describe(error)}


def _limit(limits: dict[str, int]) -> None:
    import resource

    names = {"cpu": "RLIMIT_CPU", "memory": "RLIMIT_AS", "file": "RLIMIT_FSIZE"}
    for key, name in names.items():
        if key in limits and hasattr(resource, name):
            try:
                resource.setrlimit(getattr(resource, name), (limits[key], limits[key]))
            except (ValueError, OSError):
                continue  # this system refuses the limit; the judge's clock and poll still hold
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    # Python puts this file's folder first; `course` is imported from the paths of the judge.
    sys.path[:] = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]
    main()
