"""Proving the graders: what a test must say of starters, of misconceptions and of zeros.

``todo``: with everything else in place and the exercise cut, each of its tests reports to do.
``misconceptions``: each misconception fails at least one test, and the failure names it.
``zeros``: no test passes on functions that return zeros of the right shape.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from course.grading.fixtures import Bench
from course.grading.session import Grading
from course.overlay import Choice

KINDS = ("todo", "misconceptions", "zeros")


@dataclass(frozen=True)
class Case:
    """One implementation under which a test is run to prove something."""

    kind: str
    exercise: str
    name: str
    choice: Choice
    sentence: str = ""


def cases(grading: Grading, kind: str, exercise: str) -> list[Case]:
    perfect = grading.perfect
    if kind == "todo":
        choice = replace(perfect, fill=False, cut=frozenset({exercise}))
        return [Case(kind, exercise, "todo", choice)]
    if kind == "zeros":
        return [Case(kind, exercise, "zeros", replace(perfect, zeros=frozenset({exercise})))]
    return [
        Case(
            kind, exercise, f"line{m.line}", replace(perfect, replaced=(m.replacement,)), m.sentence
        )
        for m in grading.misconceptions.get(exercise, [])
    ]


def judge(report: pytest.TestReport, case: Case, bench: Bench | None) -> None:
    """Turn a test's outcome under ``case`` into the outcome of the proof."""
    properties: dict[str, Any] = dict(report.user_properties)
    todo = "todo" in properties
    failed = report.outcome == "failed"
    if case.kind == "misconceptions":
        named = properties.get("failure", {}).get("likely", "") == case.sentence
        result = "named" if failed and named else "rejected" if failed else "survived"
        report.user_properties.append(("proof", [case.exercise, case.name, result, case.sentence]))
        report.outcome, report.longrepr = "passed", None
        return
    report.user_properties = [p for p in report.user_properties if p[0] not in ("todo", "failure")]
    if (case.kind == "todo" and todo) or (case.kind == "zeros" and failed):
        report.outcome, report.longrepr = "passed", None
    else:
        said = "to do" if todo else report.outcome
        wanted = "to do on the starter" if case.kind == "todo" else "failed on zeros"
        detail = f"\n{report.longrepr}" if failed else ""
        report.outcome = "failed"
        report.longrepr = f"{case.exercise}: this test should be {wanted}; it {said}.{detail}"


def unproved(reports: list[pytest.TestReport]) -> list[str]:
    """Misconceptions that no test rejects, or that no failure names."""
    results: dict[tuple[str, str, str], set[str]] = {}
    for report in reports:
        for key, value in report.user_properties:
            if key == "proof":
                exercise, name, result, sentence = cast(list[str], value)
                results.setdefault((exercise, name, sentence), set()).add(result)
    lines = []
    for (exercise, name, sentence), seen in sorted(results.items()):
        where = f"{exercise} misconceptions.py {name.replace('line', 'line ')}: {sentence}"
        if not seen & {"named", "rejected"}:
            lines.append(f"survives all tests: {where}")
        elif "named" not in seen:
            lines.append(f"is rejected but not named: {where}")
    return lines


def summary(reporter: Any, reports: list[pytest.TestReport]) -> None:
    lines = unproved(reports)
    if lines:
        reporter.section("misconceptions without proof", red=True)
        for line in lines:
            reporter.write_line(line)
