"""The diagnosis inside a run of pytest: what the tests saw, compared once all have run."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import pytest

from course.errors import CourseError
from course.grading import diagnosis
from course.grading.diagnosis import Seen
from course.grading.fixtures import Bench
from course.grading.keys import BENCH, KEY, LIKELY, REPORTS, SEEN
from course.grading.report import Failure, with_likely
from course.grading.session import Call
from course.grading.trials import CASE, Case, run_item
from course.misconceptions import Misconception
from course.overlay import Choice

DIAGNOSIS = "diagnosis"  # the kind of a case that only the diagnosis asks for


def remember(
    item: pytest.Item, report: pytest.TestReport, bench: Bench, failure: Failure | None
) -> None:
    """Keep what the diagnosis of the whole exercise will look at."""
    case = item.stash.get(CASE, None)
    if (case is not None and case.kind == DIAGNOSIS) or report.outcome == "skipped":
        return
    kind = failure.kind if failure is not None else "error" if report.outcome == "failed" else ""

    def again(choice: Choice) -> tuple[bool, list[Call]]:
        case = Case(DIAGNOSIS, bench.exercise.id, "", choice)
        reports = run_item(item, case, None)
        return any(r.outcome == "failed" for r in reports), item.stash[BENCH].calls

    seen = Seen(item.name, kind, bench.calls, again)
    item.config.stash[SEEN].setdefault(bench.exercise.id, []).append(seen)


def diagnose_all(config: pytest.Config) -> None:
    """Find the misconceptions that explain what failed here."""
    failed = [n for n, seen in config.stash[SEEN].items() if any(test.kind for test in seen)]
    for number in failed:
        config.hook.pytest_tinymlx_phase(phase="diagnosis")
        try:
            config.stash[LIKELY][number] = diagnosed(config, number)
        except CourseError as error:  # an author's mistake must not cost a student the verdict
            config.stash[LIKELY][number] = []
            warnings.warn(f"no diagnosis of {number}: {error}", stacklevel=1)


def diagnosed(
    config: pytest.Config,
    number: str,
    candidates: Sequence[Misconception] | None = None,
    failures: bool = False,
) -> list[list[Any]]:
    """The sentences for an exercise whose tests have run, as `course.grading.diagnosis.plain`.

    Args:
        config: the run.
        number: the exercise's.
        candidates: those to ask about, by default all of the exercise.
        failures: look at the failed tests only.
    """
    grading = config.stash[KEY]
    exercise = grading.registry[number]
    seen = [s for s in config.stash[SEEN].get(number, []) if s.kind or not failures]
    found = diagnosis.diagnose(grading, exercise, seen, candidates)
    return diagnosis.plain(found, exercise)


def seen_by_both(found: Sequence[list[Any]], others: Sequence[list[Any]]) -> list[list[Any]]:
    """What two processes say of an exercise, each of which saw some of its failures."""
    beside = {(sentence, place): names for sentence, place, names in others}
    return [[s, p, [*names, *beside[s, p]]] for s, p, names in found if (s, p) in beside]


def tell_likely(config: pytest.Config) -> None:
    """Put the diagnosis of an exercise into each of its failures."""
    for report in config.stash[REPORTS]:
        properties: dict[str, Any] = dict(report.user_properties)
        name = report.nodeid.rpartition("::")[2]
        found = [
            (sentence, place)
            for sentence, place, beside in config.stash[LIKELY].get(properties["exercises"][0], [])
            if name not in beside
        ]
        plain = properties.get("failure")
        if plain is None or not found:
            continue
        plain["likely"] = found[0][0] if len(found) == 1 else ""
        plain["candidates"] = [sentence for sentence, _ in found]
        plain["lines"] = with_likely(plain["lines"], found)
        report.longrepr = "\n".join(plain["lines"])
