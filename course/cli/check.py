"""``tinymlx check``: grade from the command line and say what to do next."""

from __future__ import annotations

import json

from rich.console import Console
from rich.text import Text

from course.checker import Checker, Result
from course.checker.parent import Options
from course.cli import terminal
from course.cli.open import Course
from course.cli.verdicts import verdict
from course.registry import Exercise


def run(what: list[str], options: Options, as_json: bool) -> int:
    """Grade and show; the exit code is 0 if all passed, 1 if something failed, 3 if to do."""
    course = Course()
    exercises = course.registry.select_all(what)
    console = terminal.console()
    checker = Checker(course.project, course.registry)
    try:
        result = _graded(course, checker, exercises, options, console, quiet=as_json)
    finally:
        checker.close()
    if options.impl == "." and options.fill and not options.seed:
        course.scan.record(result.outcomes())
        course.scan.remember()
    if as_json:
        print(json.dumps({"seconds": result.seconds, "verdicts": list(result.verdicts.values())}))
    else:
        _show(course, exercises, result, console)
    outcomes = set(result.outcomes().values())
    if outcomes & {"failed", "incomplete"}:
        return 1
    return 3 if "to do" in outcomes else 0


def _graded(
    course: Course,
    checker: Checker,
    exercises: tuple[Exercise, ...],
    options: Options,
    console: Console,
    quiet: bool,
) -> Result:
    if quiet or len(exercises) == 1 or not console.is_terminal:
        return checker.check(exercises, options)
    with console.status("starting") as status:
        return checker.check(exercises, options, lambda test: status.update(test))


def _show(
    course: Course, exercises: tuple[Exercise, ...], result: Result, console: Console
) -> None:
    shown = [e for e in exercises if e.id in result.verdicts]
    todo = [e for e in shown if result.verdicts[e.id]["outcome"] == "to do"]
    for exercise in shown:
        if exercise not in todo or len(todo) <= 3:
            said, trouble = course.sentences.shown(exercise.id, result.verdicts[exercise.id])
            console.print(verdict(exercise, said))
            if trouble:
                console.print(trouble, style="yellow")
    if len(todo) > 3:
        names = ", ".join(e.id for e in todo[:8]) + (", ..." if len(todo) > 8 else "")
        console.print(Text.assemble(("to do   ", "bold cyan"), f"{len(todo)} exercises: {names}"))
    if len(shown) > 1:
        done = [e for e in shown if result.verdicts[e.id]["outcome"] == "passed"]
        points, total = sum(e.points for e in done), sum(e.points for e in shown)
        console.print(
            f"\n{len(done)} of {len(shown)} exercises, {points} of {total} points "
            f"({result.seconds:.1f} s)"
        )
    _advise(course, exercises, result, console)


def _advise(
    course: Course, exercises: tuple[Exercise, ...], result: Result, console: Console
) -> None:
    outcomes = result.outcomes()
    first = next((e for e in exercises if outcomes.get(e.id) != "passed"), None)
    if first is None:
        following = course.next()
        if following is not None:
            console.print(f"Next: {following.id} {following.title}: tinymlx watch {following.id}")
        if len(exercises) == 1:
            console.print(f"Compare with the solution: tinymlx diff {exercises[0].id}")
    elif outcomes.get(first.id) == "failed":
        console.print(f"\nStuck? tinymlx hint {first.id}", style="bright_black")
    else:
        console.print(f"Begin: {first.files[0]}; a first hint: tinymlx hint {first.id}")
