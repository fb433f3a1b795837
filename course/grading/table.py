"""The summary: every exercise that the run touched, its outcome and its points."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pytest

from course.grading.report import BROKEN_PROMISE
from course.grading.session import Grading
from course.registry import Exercise


@dataclass(frozen=True)
class Verdict:
    """One exercise's outcome.

    ``outcome`` is ``"passed"``, ``"failed"``, ``"to do"`` or ``"incomplete"`` (not all of its
    expected tests ran). ``failures`` hold the plain form of each failed check, ``tests`` every
    expected test, ``missing`` the names of symbols that are still starters while others are not.
    """

    exercise: str
    outcome: str
    passed: int
    expected: int
    points: int
    failures: list[dict[str, Any]]
    tests: list[dict[str, Any]]  # id, outcome, weight, visible
    missing: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def collect(
    reports: list[pytest.TestReport], grading: Grading, expected: dict[str, list[str]]
) -> list[Verdict]:
    """Verdicts of all exercises that had a report."""
    outcomes: dict[str, dict[str, str]] = {}
    failures: dict[str, list[dict[str, Any]]] = {}
    marks: dict[str, dict[str, Any]] = {}
    for report in reports:
        properties: dict[str, Any] = dict(report.user_properties)
        marks[report.nodeid] = {**marks.get(report.nodeid, {}), **properties.get("mark", {})}
        if "errors" in properties:
            marks[report.nodeid]["errors"] = properties["errors"]
        for number in properties["exercises"]:
            mine = outcomes.setdefault(number, {})
            said = "to do" if "todo" in properties else report.outcome
            if report.when == "call" or said != "passed":
                mine[report.nodeid] = said
            if "failure" in properties:
                failure = {"test": report.nodeid, **properties["failure"]}
                failures.setdefault(number, []).append(failure)
    return [
        _verdict(
            exercise,
            outcomes[exercise.id],
            expected.get(exercise.id, []),
            failures,
            marks,
            grading.inspection(exercise).missing,
        )
        for exercise in grading.registry.exercises
        if exercise.id in outcomes
    ]


def _verdict(
    exercise: Exercise,
    outcomes: dict[str, str],
    expected: list[str],
    failures: dict[str, list[dict[str, Any]]],
    marks: dict[str, dict[str, Any]],
    missing: tuple[str, ...],
) -> Verdict:
    passed = sum(outcomes.get(test) == "passed" for test in expected)
    said = set(outcomes.values())
    if "failed" in said:
        outcome = "failed"
    elif "to do" in said or missing:
        outcome = "to do"
    else:
        outcome = "passed" if expected and passed == len(expected) else "incomplete"
    points = exercise.points if outcome == "passed" else 0
    tests = [
        {"id": test, "outcome": outcomes.get(test, "did not run"), **marks.get(test, {})}
        for test in expected
    ]
    # An error that was forgotten comes last: the first one is shown, and it should teach most.
    failed = sorted(failures.get(exercise.id, []), key=lambda f: f["kind"] == BROKEN_PROMISE)
    return Verdict(exercise.id, outcome, passed, len(expected), points, failed, tests, missing)


COLORS = {"passed": "green", "failed": "red", "to do": "cyan", "incomplete": "yellow"}


def write(reporter: Any, grading: Grading, verdicts: list[Verdict]) -> None:
    """Write the table through pytest's own terminal, plain where colour is off."""
    if not verdicts:
        return
    reporter.section("exercises")
    width = max(len(grading.registry[v.exercise].title) for v in verdicts)
    for verdict in verdicts:
        exercise = grading.registry[verdict.exercise]
        line = f"{exercise.id:>6}  {exercise.title:<{width}}  "
        reporter.write(line)
        reporter.write(f"{verdict.outcome:<10}", **{COLORS[verdict.outcome]: True})
        tests = f"{verdict.passed}/{verdict.expected}"
        reporter.write_line(f"  tests {tests:>7}  points {verdict.points}/{exercise.points}")
    total = sum(grading.registry[v.exercise].points for v in verdicts)
    done = sum(v.outcome == "passed" for v in verdicts)
    earned = sum(v.points for v in verdicts)
    reporter.write_line(f"{done} of {len(verdicts)} exercises, {earned} of {total} points")
