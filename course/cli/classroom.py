"""``tinymlx class``: how a graded class does, exercise by exercise."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from course.cli.terminal import console, is_read_by_a_program, print_tabbed
from course.errors import CourseError
from course.grading.door.names import shown
from course.grading.exports import outcome
from course.grading.kept import run_of
from course.grading.points import best
from course.paths import find_project
from course.registry import load_registry

# A letter says it without colours, too.
MARKS = {
    "passed": ("P", "green"),
    "passed alone": ("a", "cyan"),
    "failed": ("F", "red"),
    "incomplete": ("F", "red"),
    "to do": (".", "bright_black"),
    "none": (".", "bright_black"),
}
LEGEND = "P passed, a passed alone, F failed, . to do"
FIGURES = ("passed", "alone", "failed", "to do", "time-outs")
NARROWEST = 20  # columns of a title or a name, however narrow the terminal


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
    titles = {e.id: f"{e.id} {e.title}" for e in load_registry(find_project()).exercises}
    if is_read_by_a_program():
        print_tabbed(tables(summaries, records, titles))
        return 0
    out.print(exercise_table(summaries, titles, out.width))
    out.print()
    out.print(heat_map(records, out.width))
    out.print(LEGEND, style="bright_black")
    return 0


def figures(summary: Summary) -> tuple[int, ...]:
    """The numbers of an exercise, in the order of `FIGURES`."""
    said = summary.outcomes
    failed, open_still = said["failed"] + said["incomplete"], said["to do"] + said["none"]
    return said["passed"], said["passed alone"], failed, open_still, summary.timeouts


def tables(
    summaries: list[Summary], records: list[dict[str, Any]], titles: dict[str, str]
) -> list[list[str]]:
    """For a program: two tables, an empty line between them; nothing is left out."""
    lines = [["exercise", *FIGURES, "most common misconception", "times"]]
    for s in summaries:
        common = s.misconceptions.most_common(1)
        words, times = common[0] if common else ("", "")
        lines.append([titles.get(s.exercise, s.exercise), *map(str, figures(s)), words, str(times)])
    numbers = [s.exercise for s in summaries]
    lines += [[], ["student", *numbers]]
    for record in records:
        graded = record["exercises"]
        said = [outcome(record, n) if n in graded else "none" for n in numbers]
        lines.append([shown(record["student"]), *said])
    return lines


def exercise_table(summaries: list[Summary], titles: dict[str, str], width: int) -> Group:
    """A line of figures for each exercise, and below them the misconceptions."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("exercise", no_wrap=True)
    for title in FIGURES:
        table.add_column(title, justify="right", no_wrap=True)
    most = max(width - sum(len(title) + 2 for title in FIGURES) - 2, NARROWEST)
    for s in summaries:
        name = Text(titles.get(s.exercise, s.exercise))
        name.truncate(most, overflow="ellipsis")
        passed, *rest = figures(s)
        table.add_row(name, str(passed), *(str(n or "") for n in rest))
    common = [(s.exercise, *s.misconceptions.most_common(1)[0]) for s in summaries
              if s.misconceptions]  # fmt: skip
    lines = [Text(f"{number}, {times} x: {words}") for number, words, times in common]
    head = [Text(), Text("The most common misconception of each exercise:")] if lines else []
    return Group(table, *head, *lines)


def heat_map(records: list[dict[str, Any]], width: int) -> Table:
    """Students by exercises, a mark for each; marks that do not fit go on below."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for record in records:
        name = Text(shown(record["student"]))
        name.truncate(max(width // 3, NARROWEST), overflow="ellipsis")
        marks = Text()
        for number in record["exercises"]:
            marks.append(*MARKS[outcome(record, number)])
        table.add_row(name, marks)
    return table
