"""The project of chapter 2, in quick mode: its numbers against thresholds.

Speeds differ from machine to machine, so the thresholds are wide, or compare two measurements of
the same run. The numbers beside them were measured on two cores of a Xeon, with the solutions and
with sabotaged solutions (the misconceptions).
"""

from course.cli.project import after_chapter, load_script
from course.paths import find_project
from course.registry import load_registry

PROJECT = find_project()
FOLDER = PROJECT.exercises / "ch02_environment"


def test_the_roofline_of_this_machine(tmp_path):
    with after_chapter(PROJECT, load_registry(PROJECT), 2):
        numbers = load_script(FOLDER / "project.py").main(tmp_path, quick=True)
    pictures = {f"{name}.{kind}" for name in ("roofline", "bandwidths") for kind in ("png", "svg")}
    assert {path.name for path in tmp_path.iterdir()} == pictures
    # 280 to 300 GFLOP/s (21 with the reference BLAS); without evaluation 12,000,000; in GFLOP/s
    # already before printing 3e-7. The fastest GPUs reach 100,000.
    assert 0.5 < numbers["peak, GFLOP/s"] < 500_000
    # 40 to 45 GB/s; without evaluation 8,900; multiplied by the time 0.01.
    assert 0.5 < numbers["bandwidth, GB/s"] < 8_000
    assert numbers["ridge, FLOP/byte"] > 0
    # 8 times the work takes 5.8 to 8 times as long; without evaluation 1.1 times.
    assert numbers["time of the largest product over that of half its size"] > 2
    if "gain of fusion" in numbers:  # no C++ compiler, no fusion on the CPU
        # 3.7 to 5.2 times as fast; second over first 0.25.
        assert numbers["gain of fusion"] > 1.2
        # 1.0: the result and nothing else. Without a reset or without subtracting what was in use
        # 2.0, without evaluation 0.
        assert 0.9 < numbers["memory of the fused polynomial, in arrays"] < 1.5
