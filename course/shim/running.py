"""Running kernels: a scratch folder, a fenced process, and what came of it."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from course.shim.kept import Done, Late, remembered
from course.shim.launch import MOST_RUN, Launch, Problem
from course.shim.program import program, span

HERE = Path(__file__).resolve().parent
PATIENCE = 60.0  # seconds, for compiler and runs
_ERROR = re.compile(r"^(kernel(\d+)|header):(\d+):\d+: (?:fatal )?error: (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """What a kernel wrote, and what it did for it.

    Attributes:
        outputs: by name.
        counts: how often elements of each array were read (inputs) or written (outputs), by its
            name; for an input ``x`` the ``x/replies`` of memory, pieces of 128 bytes for all lanes
            of a warp together; and ``threads`` that ran, ``barriers`` that groups passed, bytes of
            ``shared`` memory of a group.
    """

    outputs: dict[str, np.ndarray]
    counts: dict[str, int]


def run(
    kernel: Launch | Mapping[str, Any],
    inputs: Mapping[str, np.ndarray],
    orders: tuple[str, ...] = ("up", "down"),
) -> Outcome:
    """Run a kernel on inputs, once for each order of the threads in a group.

    Args:
        kernel: plain data as in :class:`Launch`.
        inputs: arrays by name; they are handed over contiguous, as MLX does it,
            unless the launch says otherwise.
        orders: ``"up"`` runs the threads of a group from the first to the last, ``"down"`` from
            the last to the first.

    Raises:
        Problem: it does not compile, or did something that must not be.
    """
    return run_together([(kernel, inputs)], orders)[0]


def run_together(
    jobs: Sequence[tuple[Launch | Mapping[str, Any], Mapping[str, np.ndarray]]],
    orders: tuple[str, ...] = ("up", "down"),
) -> list[Outcome]:
    """Run several kernels of one language and one header, each on its inputs.

    They are compiled together, which takes little longer than for one of them.

    Args:
        jobs: at least one kernel with its inputs, each as for :func:`run`.
        orders: as for :func:`run`.

    Raises:
        Problem: one of them does not compile, or did something that must not be.
        ValueError: they differ in language or header.
    """
    ready = []
    for kernel, inputs in jobs:
        launch = kernel if isinstance(kernel, Launch) else Launch.from_plain(kernel)
        if math.prod(launch.grid) > MOST_RUN:
            raise Problem(f"a grid of {math.prod(launch.grid):,} threads is too large for the shim")
        arrays = {name: np.asarray(x) for name, x in inputs.items()}
        if launch.ensure_row_contiguous:
            arrays = {name: np.ascontiguousarray(x).reshape(x.shape) for name, x in arrays.items()}
        ready.append((launch, arrays))
    if len({(launch.language, launch.header) for launch, _ in ready}) != 1:
        raise ValueError("kernels that run together have one language and one header")
    # What is not in the program, such as the shapes of outputs, is in the launch.
    asked = repr([launch for launch, _ in ready])
    text = program(ready)
    memory = [_memory(arrays[name]) for launch, arrays in ready for name in launch.input_names]
    done = remembered([text, asked, *orders], memory, lambda: _run(text, ready, memory, orders))
    return [Outcome(outputs, counts) for outputs, counts in done]


Ready = list[tuple[Launch, dict[str, np.ndarray]]]


def _run(text: str, ready: Ready, memory: list[bytes], orders: tuple[str, ...]) -> Done:
    with tempfile.TemporaryDirectory(prefix="tinymlx-shim-") as folder:
        scratch = Path(folder).resolve()
        (scratch / "kernel.cpp").write_text(text)
        names = [f"{at}.{n}.in" for at, (launch, _) in enumerate(ready) for n in launch.input_names]
        for name, content in zip(names, memory, strict=True):
            (scratch / name).write_bytes(content)
        _start(scratch, orders, [launch for launch, _ in ready])
        return [_outcome(launch, scratch, at, orders) for at, (launch, _) in enumerate(ready)]


def _outcome(
    launch: Launch, scratch: Path, at: int, orders: tuple[str, ...]
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    found = [_outputs(launch, scratch, at, order) for order in orders]
    for name in launch.output_names:
        for other in found[1:]:
            if found[0][name].tobytes() != other[name].tobytes():
                raise Problem(f"{name} depends on the order in which the threads of a group run")
    lines = (scratch / f"{at}.counts").read_text().split("\n")
    counts = {word: int(n) for word, n in (line.split() for line in lines if line)}
    return found[0], counts


def _memory(array: np.ndarray) -> bytes:
    """The memory of an array from its first element to its last, gaps included."""
    flat = np.lib.stride_tricks.as_strided(array, (span(array),), (array.itemsize,))
    return flat.tobytes()


def _start(scratch: Path, orders: tuple[str, ...], launches: list[Launch]) -> None:
    command = [sys.executable, "-I", str(HERE / "child.py"), str(scratch), str(HERE)]
    command += [str(HERE.parent.parent), str(len(launches)), *orders]
    environment = {"PATH": os.environ.get("PATH", os.defpath), "TMPDIR": str(scratch)}
    for name in ("CXX", "TINYMLX_SHIM_SECONDS"):
        environment |= {name: os.environ[name]} if name in os.environ else {}
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            _, said = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            raise Late(f"the kernel did not come to an end within {PATIENCE:.0f} s") from None
    if process.returncode == 0:
        return
    if (scratch / "compiler").exists():
        raise Problem(_explained((scratch / "compiler").read_text(errors="replace"), launches))
    if (scratch / "problem").exists():
        raise Problem((scratch / "problem").read_text(errors="replace"))
    raise RuntimeError(f"the shim's process failed: {said.decode(errors='replace')[-2000:]}")


def _explained(said: str, launches: list[Launch]) -> str:
    """The compiler's first error, with the reader's line."""
    found = _ERROR.search(said)
    if found is None:
        return f"the kernel does not compile: {said.strip()[-1500:]}"
    number, message = int(found.group(3)), found.group(4)
    text = launches[int(found.group(2))].source if found.group(2) else launches[0].header
    lines = text.split("\n")
    line = lines[number - 1].strip() if number <= len(lines) else ""
    what = "source" if found.group(2) else "header"
    return f"the kernel does not compile: line {number} of the {what}, `{line}`: {message}"


def _outputs(launch: Launch, scratch: Path, at: int, order: str) -> dict[str, np.ndarray]:
    import ml_dtypes

    found = {}
    for name, shape, dtype in zip(launch.output_names, launch.output_shapes, launch.output_dtypes):
        kind = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
        data = (scratch / f"{at}.{name}.{order}").read_bytes()
        found[name] = np.frombuffer(data, kind).reshape(shape)
    return found
