"""``tinymlx likeness``: pairs of a class whose work is more alike than is usual in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table
from rich.text import Text

from course.backup import write_atomic
from course.cli.terminal import console, is_read_by_a_program, print_tabbed
from course.cutter import cut_package
from course.grading.door.names import shown
from course.grading.door.reading import make_shelf, read_submission, unpack
from course.grading.door.sources import find_sources
from course.graft.grafts import Grafts
from course.likeness.page import page
from course.likeness.pairs import Pair, outstanding
from course.likeness.works import Work, work_of
from course.paths import Project, find_project
from course.registry import Registry, load_registry
from course.scratch import temporary

SHOWN = 6  # exercises named in the table
COLUMNS = ("first", "second", "likeness", "usual", "exercises")
OTHERS = 44  # columns of a line that are not the names'


def run(submissions: Path, past: list[Path], page_at: Path | None, as_json: bool) -> int:
    """Compare everybody with everybody, show the pairs that stand out, and write the page."""
    project = find_project()
    registry = load_registry(project)
    screen = console(stderr=True)
    with screen.status("reading"):
        works = list(read(project, registry, submissions, ""))
        for folder in past:
            works += read(project, registry, folder, folder.name)
        base = work_of(Grafts(project, registry, project.solutions), "solutions").parts
        pairs = outstanding(works, base)
    if as_json:
        print(json.dumps([plain(pair) for pair in pairs], indent=2))
    elif is_read_by_a_program():
        print_tabbed(tabbed(pairs))
    else:
        out = console()
        out.print(table(pairs, out.width) if pairs else "No pair of this class stands out.")
    target = page_at or project.state / "out" / "likeness.html"
    write_atomic(target, page(pairs, {work.name: work for work in works}, base, registry))
    screen.print(f"Page: {target}")
    return 0


def read(project: Project, registry: Registry, folder: Path, past: str) -> Iterator[Work]:
    """The works of a folder of submissions; nothing of them runs."""
    starters = cut_package(project, registry)
    shelf = make_shelf(registry, starters)
    for source in find_sources(folder):
        submission = read_submission(source, shelf)
        with temporary("likeness") as scratch:
            unpack(project, submission, starters, scratch)
            yield work_of(Grafts(project, registry, scratch), submission.student, past)


def plain(pair: Pair) -> dict[str, object]:
    return {
        "first": pair.first,
        "second": pair.second,
        "likeness": round(pair.share, 3),
        "usual": round(pair.usual, 3),
        "exercises": [number for number, _ in pair.exercises],
    }


def tabbed(pairs: list[Pair]) -> list[list[str]]:
    """For a program: a line for each pair, with all of its exercises."""
    lines = [[*COLUMNS]]
    for pair in pairs:
        names, shares = (pair.first, pair.second), (pair.share, pair.usual)
        numbers = " ".join(number for number, _ in pair.exercises)
        lines.append([*map(shown, names), *(f"{share:.3f}" for share in shares), numbers])
    return lines


def table(pairs: list[Pair], width: int) -> Table:
    """The pairs for the terminal; what a narrow one has no room for, the page has."""
    found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in COLUMNS:
        side = "right" if title in ("likeness", "usual") else "left"
        found.add_column(title, justify=side, no_wrap=title != "exercises")  # type: ignore[arg-type]
    most = max((width - OTHERS) // 2, 12)
    for pair in pairs:
        numbers = [number for number, _ in pair.exercises]
        more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
        names = [Text(shown(name)) for name in (pair.first, pair.second)]
        for name in names:
            name.truncate(most, overflow="ellipsis")
        shares = [f"{pair.share:.0%}", f"{pair.usual:.0%}"]
        found.add_row(*names, *shares, ", ".join(numbers[:SHOWN]) + more)
    return found
