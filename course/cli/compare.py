"""``tinymlx compare``: implementations of one exercise, side by side."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from course import blas
from course.backup import write_atomic
from course.cli.terminal import console
from course.compare.collect import Row, collect, sorted_rows
from course.compare.page import page
from course.paths import find_project
from course.registry import load_registry


def run(number: str, paths: list[str], html: Path | None, as_json: bool) -> int:
    """Compare, show the table, and write the page."""
    project = find_project()
    registry = load_registry(project)
    exercise = registry[number]
    blas.load()
    screen = console(stderr=True)
    with screen.status("grading and timing"):
        rows = list(sorted_rows(collect(project, registry, exercise, paths or ["mine"])))
    if as_json:
        print(json.dumps([row.plain() for row in rows], indent=2))
    else:
        console().print(table(rows))
    target = html or project.state / "out" / f"compare_{number}.html"
    write_atomic(target, page(exercise, rows))
    screen.print(f"Page: {target}")
    return 0


def table(rows: list[Row]) -> Table:
    """The comparison for the terminal."""
    out = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    titles = "implementation verdict forward gradient time memory lines branches like"
    for title in titles.split():
        out.add_column(title, justify="left" if title in ("implementation", "verdict") else "right")
    out.add_column("notes", overflow="fold")
    for row in rows:
        style = "green" if row.verdict == "passed" else "red" if row.verdict != "to do" else "cyan"
        alike = [f"like {name} ({value:.2f})" for name, value in row.like_others]
        notes = [*row.misconceptions, *row.notes, *alike]
        out.add_row(
            Text(row.name),
            Text(row.verdict, style=style),
            _number(row.forward_error),
            _number(row.gradient_error),
            _number(row.speed),
            _number(row.memory),
            str(row.lines or ""),
            str(row.complexity or ""),
            _number(row.like_solution),
            Text("; ".join(dict.fromkeys(notes))),
        )
    return out


def _number(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, (int, float)) and math.isfinite(value) else ""
