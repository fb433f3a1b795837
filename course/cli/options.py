"""The options of `tinymlx grade`, `merge` and `regrade`; the work is in `course.cli.grade`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def _class(text: str, *names: str) -> Any:
    return typer.Option(*names, help=text, rich_help_panel="The class")


def _points(text: str, *names: str, **limits: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel="Points", **limits)


def _run(text: str, **limits: Any) -> Any:
    return typer.Option(help=text, rich_help_panel="The run", **limits)


def grade(
    submissions: Annotated[
        Path | None, typer.Argument(help="A folder of folders, archives and git repositories.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("report"),
    what: Annotated[str | None, typer.Option(help="A chapter (4) or exercise (4.3).")] = None,
    change: Annotated[
        bool, typer.Option("--change", help="Replace options that the report was begun with.")
    ] = False,
    reproduce: Annotated[Path | None, typer.Option(help="A receipt to grade again.")] = None,
    roster: Annotated[
        Path | None, _class("CSV: student, and any of name, id, login, group, section, email.")
    ] = None,
    groups: Annotated[bool | None, _class("A group hands in once.", "--groups/--no-groups")] = None,
    attempts: Annotated[str | None, _class("Which of several counts: latest or best.")] = None,
    times: Annotated[Path | None, _class("CSV: student, submitted.")] = None,
    submission_metadata: Annotated[Path | None, _class("Gradescope's JSON, of one.")] = None,
    assignment: Annotated[str | None, _class("What the platform calls it.")] = None,
    partial: Annotated[
        bool | None, _points("Points by the passed tests.", "--partial/--no-partial")
    ] = None,
    due: Annotated[str | None, _points("When it was due (ISO time).")] = None,
    per_day: Annotated[
        float | None, _points("Part of the points lost a day late; 0.1.", min=0, max=1)
    ] = None,
    extensions: Annotated[
        Path | None, _points("CSV or TOML: student or group, due or hours, reason.")
    ] = None,
    time_zone: Annotated[str | None, _points("Of times that name none: Europe/Berlin.")] = None,
    marks: Annotated[Path | None, _points("TOML of marks by hand; REPORT/marks.toml.")] = None,
    adjustments: Annotated[Path | None, _points("The older form of --marks.")] = None,
    seed: Annotated[int | None, _run("A seed of your own; else a fresh one.", min=0)] = None,
    seeds: Annotated[int | None, _run("How many seeds.", min=1)] = None,
    shard: Annotated[str | None, _run("A part of the class: 2/8.")] = None,
    jobs: Annotated[int | None, _run("Submissions at a time.", min=1)] = None,
    student_limit: Annotated[float | None, _run("Seconds for a student; 3600.", min=1)] = None,
) -> None:
    """Instructor: grade a class in parallel, isolated, resumable; options stay with the report."""
    from course.cli import grade as page

    if reproduce is not None:
        raise typer.Exit(page.reproduce(reproduce, submissions))
    paths = {
        "submissions": submissions,
        "roster": roster,
        "times": times,
        "submission_metadata": submission_metadata,
        "extensions": extensions,
        "marks": marks,
        "adjustments": adjustments,
    }
    given = {
        **{key: str(path.absolute()) if path else None for key, path in paths.items()},
        "what": what,
        "groups": groups,
        "attempts": attempts,
        "assignment": assignment,
        "partial": partial,
        "due": due,
        "per_day": per_day,
        "time_zone": time_zone,
        "seed": seed,
        "seeds": seeds,
        "shard": shard,
        "student_limit": student_limit,
    }
    raise typer.Exit(page.run(out, given, change, jobs))


def merge(
    shards: Annotated[list[Path], typer.Argument(help="The reports of all shards.")],
    out: Annotated[Path, typer.Option(help="Where the merged report goes.")] = Path("report"),
) -> None:
    """Instructor: put the shards of a class together into one report."""
    from course.cli import grade as page

    raise typer.Exit(page.merge(shards, out))


def regrade(
    students: Annotated[list[str], typer.Argument(help="Students or groups of the report.")],
    out: Annotated[Path, typer.Option(help="The report of `tinymlx grade`.")] = Path("report"),
    jobs: Annotated[int | None, typer.Option(min=1, help="Submissions at a time.")] = None,
) -> None:
    """Instructor: grade single students again; the old record is kept as history."""
    from course.cli import grade as page

    raise typer.Exit(page.regrade(out, students, jobs))
