"""``tinymlx doctor``: is this machine ready; what is slow or missing, and how to mend it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from course import blas
from course.cli.terminal import console
from course.errors import CourseError
from course.paths import Project, find_project
from course.registry import load_registry

MARKS = {"good": ("good", "green"), "slow": ("slow", "yellow"), "missing": ("missing", "red")}


@dataclass(frozen=True)
class Finding:
    """One line: ``state`` is good, slow (works, with a loss) or missing (something will fail)."""

    name: str
    state: str
    detail: str
    mend: str = ""


def run(as_json: bool) -> int:
    findings = examine(find_project())
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        show(findings)
    return 1 if any(finding.state == "missing" for finding in findings) else 0


def show(findings: list[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for finding in findings:
        word, style = MARKS[finding.state]
        detail = Text(finding.detail)
        if finding.mend:
            detail.append(f"\n{finding.mend}", "cyan")
        table.add_row(Text(word, style=style), finding.name, detail)
    console().print(table)


def examine(project: Project) -> list[Finding]:
    """All findings; an examination that breaks is itself a finding."""
    examinations: tuple[Callable[[Project], Finding], ...] = (
        python,
        mlx,
        fast_blas,
        device,
        compiler,
        torch,
        cards,
        state,
        data,
    )
    findings = []
    for examination in examinations:
        try:
            findings.append(examination(project))
        except Exception as error:  # noqa: BLE001 - a doctor reports whatever is broken
            text = f"{type(error).__name__}: {error}"
            findings.append(Finding(examination.__name__, "missing", text))
    return findings


def tested_versions(project: Project) -> dict[str, str]:
    """Package to version, from ``constraints.txt``."""
    try:
        text = (project.root / "constraints.txt").read_text(encoding="utf-8")
    except OSError:
        return {}
    return dict(re.findall(r"^([\w-]+)==([\w.]+)", text, re.M))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def python(project: Project) -> Finding:
    version = platform.python_version()
    if not (3, 10) <= sys.version_info < (3, 14):
        return Finding("Python", "missing", version, "install Python 3.10 to 3.13")
    return Finding("Python", "good", f"{version}, {sys.executable}")


def mlx(project: Project) -> Finding:
    try:
        version = importlib.metadata.version("mlx")
    except importlib.metadata.PackageNotFoundError:
        return Finding("MLX", "missing", "it is not installed", "make learn")
    tested = tested_versions(project).get("mlx", version)
    if _numbers(version) < _numbers(tested):
        return Finding(
            "MLX", "missing", f"{version} is older than {tested}", "make learn brings the newer one"
        )

    note = "" if version == tested else f" (tested with {tested})"
    return Finding("MLX", "good", version + note)


def fast_blas(project: Project) -> Finding:
    status = blas.load()
    if not sys.platform.startswith("linux"):
        return Finding("BLAS", "good", status.reason)
    rate = matmul_rate()
    detail = f"{status.reason}; {rate / 1e9:.0f} GFLOP/s at 1024 x 1024, float32"
    if status.active:
        return Finding("BLAS", "good", detail)
    import mlx.core as mx

    if mx.default_device() == mx.Device(mx.gpu):
        return Finding("BLAS", "good", f"not needed on a GPU; {rate / 1e9:.0f} GFLOP/s")
    return Finding("BLAS", "slow", f"MLX's own; {detail}", status.mend)


def matmul_rate(size: int = 1024) -> float:
    """FLOP/s of a float32 matrix product on the default device."""
    import mlx.core as mx

    a = mx.random.normal((size, size))
    mx.eval(a @ a)
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        mx.eval(a @ a)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def device(project: Project) -> Finding:
    import mlx.core as mx

    info = mx.device_info()
    name = info.get("device_name") or info.get("architecture") or platform.machine()
    detail = f"{mx.default_device()}, {name}, {os.cpu_count()} cores"
    if sys.platform == "darwin" and not mx.metal.is_available():
        return Finding("Device", "slow", f"{detail}; Metal is not available", "use a recent macOS")
    if Path("/dev/nvidia0").exists() and not mx.cuda.is_available():
        mend = "pip install 'mlx[cuda13]' in the course's environment"
        return Finding("Device", "slow", f"{detail}; an NVIDIA GPU is here but not used", mend)
    return Finding("Device", "good", detail)


def compiler(project: Project) -> Finding:
    """`mx.compile` on Linux's CPU, and the fast BLAS, call a compiler."""
    if not sys.platform.startswith("linux"):
        return Finding("C++ compiler", "good", "not needed here")
    found = shutil.which("g++") or shutil.which("c++")
    if found is None:
        mend = "Debian and Ubuntu: apt install g++"
        return Finding("C++ compiler", "slow", "none: mx.compile cannot fuse on the CPU", mend)
    return Finding("C++ compiler", "good", found)


def torch(project: Project) -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("PyTorch", "missing", "it answers what is right", "make learn")
    return Finding("PyTorch", "good", importlib.metadata.version("torch"))


def cards(project: Project) -> Finding:
    try:
        registry = load_registry(project)
    except CourseError as error:
        return Finding("Course", "missing", str(error), "git status shows what was changed")
    count = len(registry.exercises)
    return Finding("Course", "good", f"{len(registry.chapters)} chapters, {count} exercises")


def state(project: Project) -> Finding:
    """The student's private folder: backups and caches."""
    folder = project.state
    try:
        folder.mkdir(exist_ok=True)
        probe = folder / f".probe{os.getpid()}"
        probe.write_text("x")
        probe.unlink()
    except OSError as error:
        mend = f"make {project.root} writable; without it nothing can be backed up or remembered"
        return Finding("State", "missing", f"{folder}: {error.strerror}", mend)
    free = shutil.disk_usage(folder).free
    if free < 1 << 30:
        return Finding("State", "slow", f"{free >> 20} MB of disk left", "free some space")
    return Finding("State", "good", f"{folder}, {free >> 30} GB free")


def data(project: Project) -> Finding:
    named = os.environ.get("TINYMLX_DATA")
    if not named:
        return Finding("Data", "good", "embedded defaults (TINYMLX_DATA names no folder)")
    if not Path(named).is_dir():
        return Finding(
            "Data", "missing", f"TINYMLX_DATA is {named}, no folder", "correct or unset it"
        )
    names = ", ".join(sorted(p.name for p in Path(named).iterdir() if not p.name.startswith(".")))
    return Finding("Data", "good", f"{named}: {names}")
