"""``tinymlx compare``: implementations of one exercise, side by side."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from course import blas
from course.backup import write_atomic
from course.cli.terminal import console
from course.compare.collect import Row, collect, sorted_rows
from course.compare.page import page
from course.grading.door.names import shown
from course.languages.chosen import chosen_language
from course.languages.mistakes import Sentences
from course.paths import find_project
from course.registry import load_registry

FIGURES = 62  # columns of a line that are not the name's


def run(number: str, paths: list[str], html: Path | None, as_json: bool) -> int:
    """Compare, show the table, and write the page."""
    project = find_project()
    registry = load_registry(project)
    exercise = registry[number]
    said = Sentences(project, registry, chosen_language())
    said(number, "")  # a translation that cannot be read is told before all is timed
    blas.load()
    screen = console(stderr=True)
    with screen.status("grading and timing"):
        rows = list(sorted_rows(collect(project, registry, exercise, paths or ["mine"])))
    if as_json:
        print(json.dumps([row.plain() for row in rows], indent=2))
    rows = [replace(r, misconceptions=[said(number, m) for m in r.misconceptions]) for r in rows]
    if not as_json:
        show(console(), rows)
    target = html or project.state / "out" / f"compare_{number}.html"
    write_atomic(target, page(exercise, rows))
    screen.print(f"Page: {target}")
    return 0


def show(screen: Console, rows: list[Row]) -> None:
    """The figures as a table, and below it what is to be said of each."""
    screen.print(table(rows, screen.width - FIGURES))
    said = [Text(f"{shown(row.name)}: {'; '.join(remarks(row))}") for row in rows if remarks(row)]
    for line in [Text(), *said] if said else []:
        screen.print(line)


def table(rows: list[Row], most: int) -> Table:
    """The figures; a name has ``most`` columns at most."""
    out = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    out.add_column("name", no_wrap=True)
    out.add_column("verdict", no_wrap=True)
    for title in ("points", "time", "half of them", "error"):
        out.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        style = "green" if row.verdict == "passed" else "red" if row.verdict != "to do" else "cyan"
        name = Text(shown(row.name))
        name.truncate(max(most, 12), overflow="ellipsis")
        out.add_row(
            name,
            Text(row.verdict, style=style),
            f"{row.points}/{row.possible}",
            _number(row.speed),
            f"{_number(row.speed_low)}-{_number(row.speed_high)}" if row.timed else "",
            _number(_larger(row.forward_error, row.gradient_error)),
        )
    return out


def remarks(row: Row) -> list[str]:
    alike = [f"like {name} ({value:.2f})" for name, value in row.like_others]
    return list(dict.fromkeys([*row.misconceptions, *row.notes, *alike]))


def _larger(a: float, b: float) -> float:
    return max((x for x in (a, b) if math.isfinite(x)), default=math.nan)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return ""
    return f"{value:.1e}" if value >= 1000 else f"{value:.{1 if value >= 10 else 2}f}"
