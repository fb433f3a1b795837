"""``tinymlx grade``: a class, from a folder of submissions to a report."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from course import blas
from course.backup import write_atomic
from course.cli.terminal import console
from course.errors import CourseError
from course.grading import exports, feedback, points
from course.grading.campaign import Campaign, Plan, fresh_seeds
from course.grading.submissions import find_submissions, safe_name
from course.paths import find_project
from course.registry import Exercise, load_registry
from course.sandbox import level


def run(
    folder: Path,
    out: Path,
    what: str | None,
    seed: int | None,
    seeds: int,
    jobs: int | None,
    policy: points.Policy,
) -> int:
    """Grade every submission in ``folder`` and write the report into ``out``."""
    project = find_project()
    registry = load_registry(project)
    exercises = registry.select(what)
    paths = find_submissions(folder)
    given = (seed,) if seed is not None else None
    chosen = given or Campaign.resume_seeds(out) or fresh_seeds(seeds)
    plan = Plan(exercises, chosen, **({"jobs": jobs} if jobs else {}))
    campaign = Campaign(project, registry, plan, out.resolve())
    blas.load()  # builds the fast BLAS once, before several workers would
    screen = console(stderr=True)
    screen.print(f"{len(paths)} submissions, seeds {list(chosen)}; {level().sentence}")
    _with_progress(campaign, paths, screen)
    report(campaign, list(Campaign.names(paths)), policy)
    screen.print(f"Report: {out / 'index.html'}; grades: {out / 'grades.csv'}")
    return 0


def _with_progress(campaign: Campaign, paths: list[Path], screen: Any) -> None:
    columns = (TextColumn("grading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, disable=not screen.is_terminal) as bar:
        task = bar.add_task("", total=len(paths))

        def step(student: str, state: str) -> None:
            if state in ("finished", "skipped"):
                bar.advance(task)
            if state == "finished" and not screen.is_terminal:
                screen.print(f"graded {student}")

        campaign.run(paths, step)


def report(campaign: Campaign, students: list[str], policy: points.Policy) -> list[exports.Row]:
    """Points, exports and pages from the records; can be repeated without grading again."""
    exercises: list[Exercise] = list(campaign.plan.exercises)
    rows: list[exports.Row] = []
    for student in students:
        record = campaign.record(student)
        if record is not None:
            rows.append((record, points.grade(student, record["exercises"], exercises, policy)))
    exports.write_all(campaign.out, rows, exercises)
    run_file = json.loads((campaign.out / "run.json").read_text(encoding="utf-8"))
    for record, grade in rows:
        target = campaign.out / "feedback" / f"{record['student']}.html"
        write_atomic(target, feedback.student_page(record, grade, exercises))
    write_atomic(campaign.out / "index.html", feedback.class_page(rows, exercises, run_file))
    return rows


def reproduce(receipt_path: Path, submission: Path | None) -> int:
    """Grade one submission again with the seeds of its receipt, and compare the verdicts."""
    try:
        receipt = json.loads(receipt_path.read_text(encoding="utf-8"))
        verdicts, seeds = receipt["verdicts"], tuple(int(s) for s in receipt["seeds"])
        source = submission or Path(receipt["source"])
        student, files = safe_name(receipt["student"]), receipt["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CourseError(f"{receipt_path} is no receipt ({type(error).__name__}).") from error
    if not source.exists():
        raise CourseError(f"{source} is gone; name the submission after the receipt.")
    project = find_project()
    registry = load_registry(project)
    exercises = tuple(registry[number] for number in verdicts)
    out = console()
    with tempfile.TemporaryDirectory(prefix="tinymlx-again-") as scratch:
        campaign = Campaign(project, registry, Plan(exercises, seeds, jobs=1), Path(scratch))
        campaign.run([source])
        (name,) = Campaign.names([source])
        record = campaign.record(name)
    assert record is not None
    if record["files"] != files:
        out.print("The files are not those of the receipt.", style="yellow")
    again = {number: exports.outcome(record, number) for number in verdicts}
    changed = {n: (verdicts[n], again[n]) for n in verdicts if verdicts[n] != again[n]}
    for number, (before, now) in changed.items():
        out.print(f"{number}: the receipt says {before}, now {now}", style="red")
    if not changed:
        out.print(f"{student}: the same verdicts on all {len(verdicts)} exercises.")
    return 1 if changed else 0
