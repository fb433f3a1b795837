"""The map: every chapter with its progress, the next exercise, and what to type."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from course.cli.open import Course
from course.cli.terminal import console
from course.registry import Exercise
from course.scan import Status

MARKS = {
    "passed": ("●", "green"),
    "failed": ("✗", "red"),
    "changed": ("◐", "yellow"),
    "broken": ("!", "red"),
    "to do": ("○", "bright_black"),
}
WORDS = {
    "passed": "passed",
    "failed": "failed",
    "changed": "written, not checked yet",
    "broken": "cannot be read",
    "to do": "to do",
}


def show(as_json: bool) -> None:
    course = Course()
    statuses = course.scan.statuses()
    following = course.next(statuses)
    if as_json:
        print(json.dumps(plain(course, statuses, following), indent=2))
        return
    console().print(render(course, statuses, following))


def plain(course: Course, statuses: list[Status], following: Exercise | None) -> dict[str, object]:
    """The map as data."""
    return {
        "root": str(course.project.root),
        "points": sum(s.exercise.points for s in statuses if s.state == "passed"),
        "possible": sum(s.exercise.points for s in statuses),
        "next": following.id if following else None,
        "chapters": [
            {
                "number": chapter.number,
                "title": chapter.title,
                "exercises": [
                    {"id": s.exercise.id, "title": s.exercise.title, "state": s.state}
                    for s in statuses
                    if s.exercise.chapter == chapter.number
                ],
            }
            for chapter in course.registry.chapters
        ],
    }


def render(course: Course, statuses: list[Status], following: Exercise | None) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(justify="right", style="bold")
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_column(justify="right", style="bright_black", no_wrap=True)
    for chapter in course.registry.chapters:
        mine = [s for s in statuses if s.exercise.chapter == chapter.number]
        done = sum(s.state == "passed" for s in mine)
        table.add_row(str(chapter.number), chapter.title, marks(mine), f"{done}/{len(mine)}")
    done = sum(s.state == "passed" for s in statuses)
    points = sum(s.exercise.points for s in statuses if s.state == "passed")
    total = sum(s.exercise.points for s in statuses)
    parts: list[RenderableType] = [
        Text.assemble(
            ("tinymlx", "bold"),
            f"  {done} of {len(statuses)} exercises, {points} of {total} points",
        ),
        "",
        table,
        legend({s.state for s in statuses}),
        "",
    ]
    return Group(*parts, *_next(following, statuses))


def marks(statuses: Sequence[Status]) -> Text:
    """One mark for each exercise."""
    text = Text()
    for status in statuses:
        mark, style = MARKS[status.state]
        text.append(mark, style)
    return text


def legend(states: set[str]) -> Text:
    text = Text(style="bright_black")
    for state, (mark, style) in MARKS.items():
        if state in states:
            text.append("   " if text else "")
            text.append(mark, style)
            text.append(f" {WORDS[state]}")
    return text


def _next(following: Exercise | None, statuses: list[Status]) -> list[RenderableType]:
    if following is None:
        return [Text("Every exercise has passed. `tinymlx bench` shows how fast it all is.")]
    status = next(s for s in statuses if s.exercise is following)
    word = "Next" if status.state == "to do" else WORDS[status.state].capitalize()
    lines: list[RenderableType] = [
        Text.assemble(
            (f"{word}: ", "bold"),
            (f"{following.id} {following.title}", "bold cyan"),
            f"  ({following.minutes} min, difficulty {following.difficulty} of 5)",
        ),
        Text(f"  write  {', '.join(s.name for s in following.symbols)} in {following.files[0]}"),
        Text(f"  read   {following.lesson}#{following.anchor}"),
    ]
    if status.detail:
        lines.insert(1, Text(f"  {status.detail}", style="red"))
    rows = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    rows.add_row("", "")
    rows.add_row("tinymlx watch", "grade on every save")
    rows.add_row(f"tinymlx check {following.id}", "grade once")
    rows.add_row(f"tinymlx hint {following.id}", "a first hint")
    rows.add_row("tinymlx lesson", "read the lesson here")
    rows.columns[0].style = "cyan"
    return [*lines, rows]
