"""How quick the machinery is: what a student waits for, and the BLAS under MLX.

The targets: the map within 200 ms, an edit in ``watch`` to its verdict within 150 ms, a cold check
within 1.5 s where the reference needs no PyTorch.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from small import ROOT, Mini

from course.bench.plugin import Race
from course.bench.timing import Timing, summary
from course.paths import Project
from course.registry import load_registry
from course.scan import Scan
from course.watch.app import LOOK_SECONDS
from course.watch.files import Watched
from course.watch.grader import Grader

COMMAND = [sys.executable, "-m", "course.cli.entry"]


def timed(race: Race, call: Callable[[], object], rounds: int = 9) -> Timing:
    """Time whole calls, each on its own, after one to warm up."""
    samples: list[float] = []

    def once() -> None:
        call()
        for _ in range(rounds):
            start = time.perf_counter()
            call()
            samples.append(time.perf_counter() - start)

    race.benchmark.pedantic(once, rounds=1, iterations=1)
    return summary(samples)


def working_copy(tmp_path: Path) -> Path:
    """A copy of this course, to save files in."""
    copy = tmp_path / "copy"
    ignored = shutil.ignore_patterns(".git", ".venv*", ".tinymlx", "__pycache__", ".cuda*")
    shutil.copytree(ROOT, copy, ignore=ignored)
    return copy


def bench_map(race: Race) -> None:
    """`tinymlx`, the whole process: target 200 ms."""
    race.record(
        {"map": timed(race, lambda: subprocess.run(COMMAND, cwd=ROOT, capture_output=True))}
    )


def bench_cold_check(race: Race, mini: Mini) -> None:
    """`tinymlx check` of one exercise with no cache at all: target 1.5 s."""
    mini.solve()

    def check() -> None:
        shutil.rmtree(mini.root / ".tinymlx", ignore_errors=True)
        assert mini.tinymlx("check", "1.1").returncode == 0

    race.record({"cold check": timed(race, check)})


def bench_edit_to_verdict(race: Race, tmp_path: Path) -> None:
    """A save to its verdict, in the loop of `tinymlx watch`: target 150 ms."""
    project = Project(working_copy(tmp_path))
    registry = load_registry(project)
    exercise = registry["1.1"]
    path = project.root / exercise.files[0]
    shutil.copyfile(project.solutions / exercise.files[0], path)
    text = path.read_text()
    files, grader = Watched(project.tinymlx), Grader(project, registry, 10.0)
    samples: list[float] = []
    try:
        for turn in range(12):
            time.sleep(1.5)  # a person reads the verdict; the next grader warms up meanwhile
            start = time.perf_counter()
            path.write_text(f"{text}# {turn}\n")
            while not files.changed():
                time.sleep(LOOK_SECONDS)
            Scan(project, registry)
            grader.ask(exercise)
            while (answer := grader.answer()) is None:
                time.sleep(0.001)
            samples.append(time.perf_counter() - start)
            assert answer.verdict["outcome"] == "passed", answer
    finally:
        grader.close()
    race.benchmark.pedantic(lambda: None, rounds=1, iterations=1)
    race.record({"edit to verdict": summary(samples[2:])})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's wheel alone is slow")
def bench_fast_blas(race: Race) -> None:
    """A float32 matrix product of 1024 x 1024, with MLX's own BLAS and with OpenBLAS."""
    code = (
        "import time\nfrom course import blas\nblas.load()\nimport mlx.core as mx\n"
        "a = mx.random.normal((1024, 1024))\nmx.eval(a @ a)\nfor _ in range(5):\n"
        "    s = time.perf_counter(); mx.eval(a @ a); print(time.perf_counter() - s)\n"
    )

    def run(setting: str) -> Timing:
        environment = {**os.environ, "TINYMLX_BLAS": setting}
        result = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return summary([float(line) for line in result.stdout.split()])

    race.benchmark.pedantic(lambda: None, rounds=1, iterations=1)
    race.record({"plain": run("plain"), "openblas": run("")}, flops=2 * 1024**3)
