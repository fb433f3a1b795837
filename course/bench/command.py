"""``tinymlx bench``: run the benchmarks of a chapter and show the table."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from course.bench.rows import baseline, limit, rank
from course.cli.terminal import console
from course.errors import CourseError
from course.interpreter import module_command
from course.paths import Project, find_project
from course.registry import Registry, load_registry
from course.scratch import temporary


def run_bench(what: str | None, as_json: bool, chart: Path | None, quick: bool) -> int:
    project = find_project()
    registry = load_registry(project)
    rows = measure(project, registry, what, quick, show=not as_json)
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        show(rows)
    if chart is not None:
        from course.bench.chart import draw

        draw(rows, chart)
        console(stderr=as_json).print(f"Chart in {chart}")
    return 0


def measure(
    project: Project, registry: Registry, what: str | None, quick: bool, show: bool
) -> list[dict[str, Any]]:
    """Run the benchmarks in a process of their own and return their rows.

    Without a chapter, those of the machinery itself (``tests/course``) come last.
    """
    wanted = {exercise.chapter for exercise in registry.select(what)}
    chapters = [chapter for chapter in registry.chapters if chapter.number in wanted]
    folders = [chapter.folder for chapter in chapters] + ([] if what else ["course"])
    files = [
        project.relative(path)  # pytest takes brackets in a path for a test's parameters
        for folder in folders
        for path in sorted((project.tests / folder).glob("bench_*.py"))
    ]
    if not files:
        raise CourseError(
            f"There is no benchmark for {what}; `tinymlx bench` runs those there are."
        )
    with temporary("bench") as scratch:
        out = scratch / "bench.json"
        command = module_command("pytest", "-q", "--no-header", *files)
        command += ["-o", "addopts=-p course.grading.plugin -p course.bench.plugin"]
        command += ["-o", "python_files=bench_*.py", "-o", "python_functions=bench_*"]
        command += ["-p", "no:cacheprovider", "--import-mode=importlib", "--benchmark-only"]
        command += [f"--benchmark-json={out}", "--benchmark-disable-gc", "--tb=short"]
        command += ["--rounds", "5"] if quick else []
        command += ["--exercise", what] if what and "." in what else []
        # Not those of a pytest around us: its workers switch benchmarks off.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        environment["TINYMLX_ROOT"] = str(project.root)
        status = console(stderr=True).status("measuring; leave the machine alone for a moment")
        with status:
            result = subprocess.run(
                command, cwd=project.root, env=environment, capture_output=True, text=True
            )
        if not out.is_file() or result.returncode not in (0,):
            tail = "\n".join((result.stdout + result.stderr).strip().splitlines()[-25:])
            raise CourseError(f"The benchmarks could not run:\n{tail}")
        table = json.loads(out.read_text())
    return [entry["extra_info"] for entry in table["benchmarks"]]


def show(rows: list[dict[str, Any]]) -> None:
    out = console()
    for part in parts(rows):
        out.print(part)


def parts(rows: list[dict[str, Any]]) -> list[Text | Table]:
    """What there is to read: the machine, and for each row its purpose and a table."""
    machine = rows[0]["machine"]
    found: list[Text | Table] = [
        Text(
            f"{machine['device']}: {machine['flops'] / 1e9:.0f} GFLOP/s (float32 matmul), "
            f"{machine['bandwidth'] / 1e9:.1f} GB/s (copy); BLAS: {machine['blas']}"
        )
    ]
    for row in rows:
        found += [Text.assemble("\n", (row["name"], "bold"), f"  {row['purpose']}"), _table(row)]
    if any(limit(row) > t["median"] for row in rows for t in row["candidates"].values()):
        said = "Over 100% of the roofline: the data stay in a cache, or several threads outdo the "
        found.append(Text(f"\n{said}copy of one.", style="bright_black"))
    return found


def _table(row: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("", "median", "quartiles", "vs MLX", "GFLOP/s", "GB/s", "of roofline"):
        table.add_column(title, justify="left" if not title else "right", no_wrap=True)
    bound = limit(row)
    for name in sorted(row["candidates"], key=rank):
        timing = row["candidates"][name]
        seconds = timing["median"]
        partner = row["candidates"].get(baseline(name))
        table.add_row(
            name.replace("_", " "),
            span(seconds),
            f"{span(timing['low'])} to {span(timing['high'])}",
            f"{seconds / partner['median']:.2f}" if partner else "",
            f"{row['flops'] / seconds / 1e9:.1f}" if row["flops"] else "",
            f"{row['bytes'] / seconds / 1e9:.1f}" if row["bytes"] else "",
            f"{100 * bound / seconds:.0f}%" if bound else "",
        )
    return table


def span(seconds: float) -> str:
    """Seconds in the unit that reads best."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
