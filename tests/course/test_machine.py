"""The doctor, the fast BLAS, the clock: safe when something is missing, honest when it is there."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import mlx.core as mx
import pytest
from small import ROOT, Mini

from course import doctor
from course.backup import write_atomic
from course.bench.timing import evaluate, race, summary
from course.errors import CourseError
from course.paths import Project

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's wheel alone")


def blas_status(tmp_path: Path, **environment: str) -> str:
    """What a fresh process says after loading the BLAS and multiplying two matrices."""
    code = (
        "from course import blas\ns = blas.load()\nimport mlx.core as mx\n"
        "a = mx.ones((64, 64))\nassert (a @ a).sum().item() == 64.0 ** 3\n"
        "q, r = mx.linalg.qr(a + mx.eye(64), stream=mx.cpu)\n"
        "assert mx.allclose(q @ r, a + mx.eye(64), atol=1e-4).item()\n"
        "print(s.active, s.reason, s.mend, sep=' | ')"
    )
    course = tmp_path / "course"
    (course / "exercises").mkdir(parents=True, exist_ok=True)
    settings = {"TINYMLX_ROOT": str(course), "TMPDIR": str(tmp_path), **environment}
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


@linux
def test_the_fast_blas_is_built_once_and_used(tmp_path: Path) -> None:
    assert blas_status(tmp_path).startswith("True | OpenBLAS")
    (library,) = (tmp_path / "course/.tinymlx/cache/blas").glob("libforward-*.so")
    before = library.stat().st_mtime_ns
    assert blas_status(tmp_path, PATH="/nowhere").startswith("True | OpenBLAS")
    assert library.stat().st_mtime_ns == before


@linux
def test_without_a_compiler_mlx_keeps_its_own_blas(tmp_path: Path) -> None:
    assert "there is no C compiler" in blas_status(tmp_path, PATH="/nowhere")


@linux
def test_a_broken_compiler_is_no_error(tmp_path: Path) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\nexit 1\n")
    compiler.chmod(0o755)
    text = blas_status(tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert text.startswith("False | it could not be built or loaded")


@linux
def test_it_can_be_switched_off(tmp_path: Path) -> None:
    text = blas_status(tmp_path, TINYMLX_BLAS="plain")
    assert text.startswith("False | switched off by TINYMLX_BLAS=plain | unset TINYMLX_BLAS")


@linux
def test_too_late_is_said() -> None:
    code = "import mlx.core\nfrom course import blas\nprint(blas.load().reason)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "MLX was imported before it" in result.stdout


def test_the_doctor_finds_this_machine_ready(mini: Mini) -> None:
    result = mini.tinymlx("doctor", "--json")
    findings = {f["name"]: f for f in json.loads(result.stdout)}
    assert result.returncode == 0, findings
    assert {"Python", "MLX", "BLAS", "Device", "PyTorch", "Course", "State"} <= set(findings)
    assert all(f["state"] in ("good", "slow") for f in findings.values())


def test_the_doctor_names_an_old_mlx(mini: Mini) -> None:
    (mini.root / "constraints.txt").write_text("mlx==99.0.1\n")
    result = mini.tinymlx("doctor")
    assert result.returncode == 1
    assert "is older than 99.0.1" in result.stdout and "make learn" in result.stdout


def test_the_doctor_names_broken_cards_data_and_state(mini: Mini) -> None:
    (mini.root / "exercises/ch01_rows/exercises.toml").write_text("[chapter\n")
    (mini.root / ".tinymlx").write_text("")
    text = mini.tinymlx("doctor", TINYMLX_DATA="/nowhere/at/all").stdout
    assert "exercises.toml:1: not valid TOML" in text
    assert "TINYMLX_DATA is /nowhere/at/all, no folder" in text
    assert "without it nothing can be backed up" in text


def test_an_examination_that_breaks_is_a_finding(
    mini: Mini, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(project: Project) -> doctor.Finding:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(doctor, "python", broken)
    finding = doctor.examine(mini.project)[0]
    assert (finding.state, finding.detail) == ("missing", "RuntimeError: no such luck")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_write_that_fails_leaves_the_old_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    path = tmp_path / "a.py"
    path.write_text("old")

    def refuse(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(CourseError, match="nothing was changed"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.py"]


def test_an_atomic_write_keeps_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a.sh"
    path.write_text("old")
    path.chmod(0o751)
    write_atomic(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o751)


def test_the_clock_sees_lazy_work() -> None:
    """Building a graph takes microseconds; a race must see the milliseconds of its product."""
    a = mx.random.normal((1200, 1200))
    mx.eval(a)
    timing = race({"matmul": lambda: {"deep": [a @ a]}}, rounds=3)["matmul"]
    start = time.perf_counter()
    mx.eval(a @ a)
    once = time.perf_counter() - start
    assert timing.median > 0.2 * once


def test_evaluate_takes_any_nesting() -> None:
    evaluate([{"a": (mx.ones(3), None, "text", 3)}, []])


def test_a_race_alternates_its_candidates() -> None:
    calls: list[str] = []

    def candidate(name: str) -> object:
        calls.append(name)
        time.sleep(0.005)
        return None

    race({"a": lambda: candidate("a"), "b": lambda: candidate("b")}, rounds=4)
    measured = calls[-8:]
    assert measured == ["a", "b", "b", "a", "a", "b", "b", "a"]


def test_quartiles() -> None:
    timing = summary([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (timing.low, timing.median, timing.high) == (2.0, 3.0, 4.0)
    assert summary([7.0]).median == 7.0


def test_make_help_lists_the_two_commands() -> None:
    result = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "learn" in result.stdout and "test" in result.stdout
