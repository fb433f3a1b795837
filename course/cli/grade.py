"""``tinymlx grade`` and ``tinymlx regrade``: a class, from a folder of submissions to a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from course import blas
from course.backup import write_atomic
from course.cli.terminal import console
from course.errors import CourseError
from course.grading import exports, feedback, kept, points
from course.grading.campaign import Campaign, Plan, fresh_seeds
from course.grading.door.names import shown, stem_of
from course.grading.door.sources import Source, find_sources, left_aside, source_of
from course.grading.roster import Roster, read_roster
from course.paths import find_project
from course.registry import Exercise, load_registry
from course.sandbox import level
from course.scratch import temporary

STUDENT_SECONDS = 3600.0


def run(out: Path, given: dict[str, Any], change: bool, jobs: int | None) -> int:
    """Grade every submission of a folder and write the report into ``out``.

    Args:
        out: the report.
        given: the options in plain data, ``None`` where nothing was said; see `main.grade`.
        change: whether they replace those that the report was begun with.
        jobs: submissions at a time.
    """
    out = out.resolve()
    options = kept.options_of(out, given, change)
    sources = find_sources(_folder(options))
    campaign = _campaign(out, options, jobs)
    roster, policy = _people_and_points(campaign, options, sources)
    _grade(campaign, options, sources, roster, policy)
    return 0


def regrade(out: Path, students: list[str], jobs: int | None) -> int:
    """Grade single students again, as the report was begun; their records become history."""
    out = out.resolve()
    options = kept.run_of(out).get("options")
    if not options:
        raise CourseError(f"{out} is no report of `tinymlx grade`; name it with --out.")
    sources = find_sources(_folder(options))
    campaign = _campaign(out, options, jobs)
    roster, policy = _people_and_points(campaign, options, sources)
    again = {roster.resolve(student, "regrade") for student in students}
    for student in sorted(again):
        campaign.retire(student)
    _grade(campaign, options, sources, roster, policy)
    return 0


def _folder(options: dict[str, Any]) -> Path:
    if not options.get("submissions"):
        raise CourseError("Name the folder of submissions: tinymlx grade submissions/.")
    return Path(options["submissions"])


def _campaign(out: Path, options: dict[str, Any], jobs: int | None) -> Campaign:
    project = find_project()
    registry = load_registry(project)
    begun = kept.run_of(out).get("seeds")
    given = (options["seed"],) if options.get("seed") is not None else None
    chosen = given or begun or fresh_seeds(options.get("seeds") or 1)
    limit = options.get("student_limit") or STUDENT_SECONDS
    exercises = registry.select(options.get("what"))
    some = {"jobs": jobs} if jobs else {}
    return Campaign(
        project, registry, Plan(exercises, tuple(chosen), student_seconds=limit, **some), out
    )


def _people_and_points(
    campaign: Campaign, options: dict[str, Any], sources: list[Source]
) -> tuple[Roster, points.Policy]:
    """Who is who, and how verdicts become points; all their files are read before any grading."""
    students = [source.student for source in sources]
    known = options.get("roster")
    roster = read_roster(Path(known), students) if known else Roster((), students)
    zone = points.read_zone(options["time_zone"]) if options.get("time_zone") else None
    times = options.get("times")
    adjustments = Path(options.get("adjustments") or campaign.out / "adjustments.toml")
    if options.get("adjustments") and not adjustments.is_file():
        raise CourseError(f"{adjustments} is no file of adjustments.")
    per_day = options.get("per_day")
    policy = points.Policy(
        partial=bool(options.get("partial")),
        due=points.read_time(options["due"], "--due", zone) if options.get("due") else None,
        per_day=0.1 if per_day is None else per_day,
        times=points.read_times(Path(times), roster.resolve, zone) if times else {},
        adjustments=points.read_adjustments(
            adjustments, roster.resolve, [exercise.id for exercise in campaign.plan.exercises]
        ),
    )
    return roster, policy


def _grade(
    campaign: Campaign,
    options: dict[str, Any],
    sources: list[Source],
    roster: Roster,
    policy: points.Policy,
) -> None:
    kept.begin(campaign.out, campaign.project, campaign.plan)
    kept.keep_options(campaign.out, options, [source.student for source in sources])
    blas.load()  # builds the fast BLAS once, before several workers would
    screen = console(stderr=True)
    seeds = list(campaign.plan.seeds)
    screen.print(f"{len(sources)} submissions, seeds {seeds}; {level().sentence}")
    aside = left_aside(_folder(options))
    if aside:
        screen.print(f"no submission: {', '.join(map(shown, aside))}", style="yellow")
    if roster.absent:
        screen.print(f"nothing handed in: {', '.join(map(shown, roster.absent))}")
    _with_progress(campaign, sources, screen)
    report(campaign, [source.student for source in sources], policy, roster)
    out = campaign.out
    screen.print(f"Report: {out / 'index.html'}; grades: {out / 'grades.csv'}")


def _with_progress(campaign: Campaign, sources: list[Source], screen: Any) -> None:
    columns = (TextColumn("grading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, disable=not screen.is_terminal) as bar:
        task = bar.add_task("", total=len(sources))

        def step(student: str, state: str) -> None:
            if state in ("finished", "skipped"):
                bar.advance(task)
            if state == "finished" and not screen.is_terminal:
                screen.print(f"graded {shown(student)}")

        campaign.run(sources, step)


def report(
    campaign: Campaign, students: list[str], policy: points.Policy, roster: Roster
) -> list[exports.Row]:
    """Points, exports and pages from the records; can be repeated without grading again."""
    exercises: list[Exercise] = list(campaign.plan.exercises)
    rows: list[exports.Row] = []
    for student in students:
        record = campaign.record(student)
        if record is not None:
            person = roster.of.get(student)
            record = {**record, "person": person.plain() if person else {}}
            rows.append((record, points.grade(student, record["exercises"], exercises, policy)))
    exports.write_all(campaign.out, rows, exercises)
    for record, grade in rows:
        target = campaign.out / "feedback" / f"{stem_of(record['student'])}.html"
        write_atomic(target, feedback.student_page(record, grade, exercises))
    page = feedback.class_page(rows, exercises, kept.run_of(campaign.out))
    write_atomic(campaign.out / "index.html", page)
    return rows


def reproduce(receipt_path: Path, submission: Path | None) -> int:
    """Grade one submission again with the seeds of its receipt, and compare the verdicts."""
    try:
        receipt = json.loads(receipt_path.read_text(encoding="utf-8"))
        verdicts, seeds = receipt["verdicts"], tuple(int(s) for s in receipt["seeds"])
        student, files = str(receipt["student"]), receipt["files"]
        paths = [Path(path) for path in receipt["source"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CourseError(f"{receipt_path} is no receipt ({type(error).__name__}).") from error
    source = source_of(submission) if submission is not None else Source(student, tuple(paths))
    for path in source.paths:
        if not path.exists():
            raise CourseError(f"{path} is gone; name the submission after the receipt.")
    project = find_project()
    registry = load_registry(project)
    exercises = tuple(registry[number] for number in verdicts)
    out = console()
    with temporary("again") as scratch:
        campaign = Campaign(project, registry, Plan(exercises, seeds, jobs=1), scratch)
        campaign.run([source])
        record = campaign.record(source.student)
    assert record is not None
    if record["files"] != files:
        out.print("The files are not those of the receipt.", style="yellow")
    again = {number: exports.outcome(record, number) for number in verdicts}
    changed = {n: (verdicts[n], again[n]) for n in verdicts if verdicts[n] != again[n]}
    for number, (before, now) in changed.items():
        out.print(f"{number}: the receipt says {before}, now {now}", style="red")
    if not changed:
        out.print(f"{shown(student)}: the same verdicts on all {len(verdicts)} exercises.")
    return 1 if changed else 0
