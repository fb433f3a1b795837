"""``tinymlx class``: how a graded class does, exercise by exercise."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from course.cli.terminal import console
from course.errors import CourseError
from course.grading.door.names import shown
from course.grading.exports import outcome
from course.grading.kept import run_of
from course.grading.points import best
from course.paths import find_project
from course.registry import load_registry

SHADES = {
    "passed": ("█", "green"),
    "passed alone": ("█", "cyan"),
    "failed": ("█", "red"),
    "incomplete": ("█", "red"),
    "to do": ("·", "bright_black"),
    "none": ("·", "bright_black"),
}


@dataclass
class Summary:
    """One exercise over the whole class."""

    exercise: str
    outcomes: Counter[str] = field(default_factory=Counter)
    misconceptions: Counter[str] = field(default_factory=Counter)
    timeouts: int = 0


def read_records(report: Path) -> list[dict[str, Any]]:
    """The records of a report, sorted by student; of those who left the class, none.

    Raises:
        CourseError: the folder is no report.
    """
    found = []
    students = run_of(report).get("students")
    for path in sorted((report / "records").glob("*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # damaged: the next `tinymlx grade` makes it again
        if students is None or record["student"] in students:
            found.append(record)
    if not found:
        raise CourseError(f"{report} is no report with records; `tinymlx grade` makes one.")
    return found


def summarise(records: list[dict[str, Any]]) -> list[Summary]:
    """Counts for every exercise that was graded."""
    summaries: dict[str, Summary] = {}
    for record in records:
        for number, verdicts in record["exercises"].items():
            summary = summaries.setdefault(number, Summary(number))
            summary.outcomes[outcome(record, number)] += 1
            counted = best(verdicts) or {"failures": []}
            likely = {f["likely"] for f in counted["failures"] if f.get("likely")}
            summary.misconceptions.update(likely)
            summary.timeouts += any("did not finish" in f["headline"] for f in counted["failures"])
    return list(summaries.values())


def run(report: Path, as_json: bool) -> int:
    records = read_records(report)
    summaries = summarise(records)
    if as_json:
        plain = [
            {
                "exercise": s.exercise,
                "outcomes": dict(s.outcomes),
                "misconceptions": dict(s.misconceptions.most_common()),
                "timeouts": s.timeouts,
            }
            for s in summaries
        ]
        print(json.dumps(plain, indent=2))
        return 0
    out = console()
    out.print(exercise_table(summaries))
    out.print()
    out.print(heat_map(records))
    return 0


def exercise_table(summaries: list[Summary]) -> Table:
    registry = load_registry(find_project())
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("exercise", "passed", "alone", "failed", "to do", "time-outs"):
        table.add_column(title, justify="left" if title == "exercise" else "right")
    table.add_column("most common misconception", overflow="fold")
    for s in summaries:
        known = registry.by_id.get(s.exercise)
        common = s.misconceptions.most_common(1)
        table.add_row(
            f"{s.exercise} {known.title if known else ''}",
            str(s.outcomes["passed"]),
            str(s.outcomes["passed alone"] or ""),
            str(s.outcomes["failed"] + s.outcomes["incomplete"] or ""),
            str(s.outcomes["to do"] + s.outcomes["none"] or ""),
            str(s.timeouts or ""),
            f"{common[0][1]} x {common[0][0]}" if common else "",
        )
    return table


def heat_map(records: list[dict[str, Any]]) -> Table:
    """Students by exercises, a mark for each."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for record in records:
        marks = Text()
        for number in record["exercises"]:
            marks.append(*SHADES[outcome(record, number)])
        table.add_row(Text(shown(record["student"])), marks)
    return table
