"""``tinymlx grade``, ``regrade`` and ``merge``: from a folder of submissions to a report."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from course import blas
from course.cli.terminal import console
from course.errors import CourseError
from course.gradebook import book as gradebook
from course.gradebook import shards
from course.grading import exports, kept
from course.grading.campaign import Campaign, Plan, fresh_seeds
from course.grading.door.names import shown
from course.grading.door.sources import Source, find_sources, left_aside, source_of
from course.paths import find_project
from course.registry import load_registry
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
    book = _book(campaign, options, [source.student for source in sources])
    _grade(campaign, options, sources, book)
    return 0


def regrade(out: Path, students: list[str], jobs: int | None) -> int:
    """Grade single students again, as the report was begun; their records become history."""
    out = out.resolve()
    options = kept.run_of(out).get("options")
    if not options:
        raise CourseError(f"{out} is no report of `tinymlx grade`; name it with --out.")
    sources = find_sources(_folder(options))
    campaign = _campaign(out, options, jobs)
    book = _book(campaign, options, [source.student for source in sources])
    again = [book.roster.entries_of(student, "regrade") for student in students]
    chosen = sorted({entry for mine in again for entry in mine})
    for entry in chosen:
        if entry not in book.entries:
            raise CourseError(f"{entry!r} is in another shard than {book.shard}.")
    for entry in chosen:
        campaign.retire(entry)
    _grade(campaign, options, sources, book)
    return 0


def merge(folders: list[Path], out: Path) -> int:
    """Put the reports of all shards of a class together."""
    out, folders = out.resolve(), [folder.resolve() for folder in folders]
    run = shards.gather(folders, out)
    options = run["options"]
    for key in shards.PATHS:
        if options.get(key) and not Path(options[key]).is_file():
            raise CourseError(f"{options[key]} is not there; the shards were graded with it.")
    campaign = _campaign(out, options, None)
    if campaign.course != run["course"]:
        raise CourseError("The shards were graded with another state of the course than this one.")
    book = _book(campaign, options, run["handed_in"])
    shards.put(folders, out, run)
    gradebook.write(campaign, book)
    console(stderr=True).print(f"{len(folders)} shards, {len(book.entries)} submissions: {out}")
    return 0


def _folder(options: dict[str, Any]) -> Path:
    if not options.get("submissions"):
        raise CourseError("Name the folder of submissions: tinymlx grade submissions/.")
    return Path(options["submissions"])


def _campaign(out: Path, options: dict[str, Any], jobs: int | None) -> Campaign:
    project = find_project()
    registry = load_registry(project)
    begun = kept.run_of(out).get("seeds")
    if options.get("shard") and options.get("seed") is None:
        raise CourseError(
            "--shard needs --seed, the same for all shards: they draw one set of inputs."
        )
    count = options.get("seeds") or 1
    chosen = begun or seeds_from(options.get("seed"), count)
    limit = options.get("student_limit") or STUDENT_SECONDS
    exercises = registry.select(options.get("what"))
    some = {"jobs": jobs} if jobs else {}
    return Campaign(
        project, registry, Plan(exercises, tuple(chosen), student_seconds=limit, **some), out
    )


def seeds_from(seed: int | None, count: int) -> tuple[int, ...]:
    """``count`` seeds: fresh ones, or ``seed`` and what follows from it."""
    if seed is None:
        return fresh_seeds(count)
    texts = [f"{seed} {number}".encode() for number in range(1, count)]
    return (seed, *(int(hashlib.sha256(text).hexdigest()[:8], 16) for text in texts))


def _book(campaign: Campaign, options: dict[str, Any], entries: list[str]) -> gradebook.Book:
    numbers = [exercise.id for exercise in campaign.plan.exercises]
    return gradebook.open_book(campaign.out, options, entries, numbers)


def _grade(
    campaign: Campaign, options: dict[str, Any], sources: list[Source], book: gradebook.Book
) -> None:
    mine = set(book.entries)
    chosen = [source for source in sources if source.student in mine]
    kept.begin(campaign.out, campaign.plan, campaign.course)
    about: dict[str, Any] = {"students": [source.student for source in chosen]}
    if book.shard is not None:
        entries = [source.student for source in sources]
        about |= {"entries": about["students"], "handed_in": entries}
        about["files"] = shards.files_of(options)
    kept.keep_options(campaign.out, options, about)
    blas.load()  # builds the fast BLAS once, before several workers would
    screen = console(stderr=True)
    seeds = list(campaign.plan.seeds)
    part = f" of {len(sources)}, shard {book.shard}" if book.shard else ""
    count = f"{len(chosen)} submission{'' if len(chosen) == 1 else 's'}{part}"
    screen.print(f"{count}, seeds {seeds}; {level().sentence}")
    aside = left_aside(_folder(options))
    if aside:
        screen.print(f"no submission: {', '.join(map(shown, aside))}", style="yellow")
    if book.roster.absent:
        screen.print(f"nothing handed in: {', '.join(map(shown, book.roster.absent))}")
    _with_progress(campaign, chosen, screen)
    for sentence in campaign.told():
        screen.print(sentence)
    gradebook.write(campaign, book)
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
