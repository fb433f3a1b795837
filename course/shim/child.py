"""The fenced process: compiles kernels and runs them. Started as ``python -I child.py``.

Its arguments are the scratch folder (where ``kernel.cpp`` and the inputs lie), the folder of the
shim, the folder that has ``course``, how many kernels there are, and the orders in which a group's
threads run. It ends with 0 when every run came to its end; else a sentence stands in the file
``problem``, or what the compiler said in ``compiler``.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

SECONDS = int(os.environ.get("TINYMLX_SHIM_SECONDS", "20"))  # of the processor
MEMORY = 2 << 30
FLAGS = ["-std=c++17", "-O0", "-w", "-shared", "-fPIC"]


def main() -> int:
    scratch, shim, root, count, *orders = sys.argv[1:]
    sys.path.insert(0, root)
    from course.sandbox import Fence, enter, python_itself

    os.chdir(scratch)
    readable = (*python_itself(), shim, scratch, "/dev/null")
    enter(Fence(readable, scratch, memory=MEMORY, cpu=SECONDS, compiler=True))
    compiler = os.environ.get("CXX", "g++")
    command = [compiler, *FLAGS, f"-I{shim}", "-o", "kernel.so", "kernel.cpp"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    except OSError as error:
        Path("problem").write_text(f"there is no C++ compiler here ({compiler}: {error.strerror})")
        return 1
    if done.returncode:
        Path("compiler").write_bytes(done.stderr)
        return 1
    for order in orders:
        for at in range(int(count)):
            code = _run(at, order)
            if not code:
                continue
            if not Path("problem").exists():
                Path("problem").write_text(_ended(code))
            return 1
        for file in list(Path().glob("*.out")):
            file.rename(f"{file.stem}.{order}")
    return 0


def _run(at: int, order: str) -> int:
    """How a run ended; it takes place in a process of its own. (A library and no program, because
    no file can be made runnable behind the fence.)"""
    process = os.fork()
    if process == 0:
        getattr(ctypes.CDLL("./kernel.so"), f"shim_run{at}")(order.encode())
        os._exit(4)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def _ended(code: int) -> str:
    if code in (-24, -9):  # SIGXCPU, SIGKILL
        return f"the kernel did not come to an end within {SECONDS} seconds"
    return f"the kernel ended by signal {-code}" if code < 0 else f"the kernel ended with {code}"


if __name__ == "__main__":
    sys.exit(main())
