"""``tinymlx bench``: the table, its JSON and its chart."""

from __future__ import annotations

import json
import re

from small import Mini

from course.bench.command import span
from course.bench.rows import baseline, limit, native, rank


def test_yours_the_solution_mlx_and_pytorch_race(mini: Mini) -> None:
    mini.solve()
    result = mini.tinymlx("bench", "1", "--quick", "--json", "--chart", "chart.svg")
    assert result.returncode == 0, result.stderr
    (row,) = json.loads(result.stdout)
    assert set(row["candidates"]) == {"yours", "solution", "mlx", "pytorch"}
    assert all(0 < t["low"] <= t["median"] <= t["high"] for t in row["candidates"].values())
    assert row["machine"]["flops"] > 1e9 and row["purpose"] == "Softmax of 256 rows."
    assert row["machine"]["versions"]["MLX"] and re.fullmatch(
        r"\d{4}-\d\d-\d\d", row["machine"]["date"]
    )
    assert "</svg>" in (mini.root / "chart.svg").read_text()


def test_a_starter_is_no_candidate_and_the_table_is_readable(mini: Mini) -> None:
    text = mini.tinymlx("bench", "1.1", "--quick").stdout
    assert "solution" in text and "yours" not in text
    for column in ("median", "quartiles", "vs MLX", "GFLOP/s", "GB/s", "of roofline"):
        assert column in text


def test_a_chapter_without_benchmarks_and_a_broken_one(mini: Mini) -> None:
    path = mini.root / "tests/ch01_rows/bench_rows.py"
    path.write_text("import nothing_of_that_name\n")
    result = mini.tinymlx("bench", "1")
    assert result.returncode == 2 and "nothing_of_that_name" in result.stderr
    path.unlink()
    result = mini.tinymlx("bench", "1")
    assert result.returncode == 2 and "no benchmark for 1" in result.stderr


def test_names_units_and_the_roofline() -> None:
    assert [span(s) for s in (2.0, 0.0123, 4.5e-5, 3e-9)] == ["2 s", "12.3 ms", "45 us", "3 ns"]
    assert baseline("yours_compiled") == "mlx_compiled" and baseline("pytorch") == "mlx"
    assert baseline("mlx") == ""
    assert native(["pytorch", "mlx"]) == "mlx" and native(["yours"]) == ""
    assert native(["mlx", "mlx_compiled"]) == "mlx_compiled"
    names = ["mlx_compiled", "solution_compiled", "pytorch", "mlx", "yours"]
    assert sorted(names, key=rank) == [
        "yours",
        "mlx",
        "pytorch",
        "solution_compiled",
        "mlx_compiled",
    ]
    row = {"machine": {"flops": 100.0, "bandwidth": 10.0}, "flops": 50.0, "bytes": 20.0}
    assert limit(row) == 2.0
