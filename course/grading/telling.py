"""What a test's exception means for the student, in words, and in pytest's report."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from course.errors import CourseError
from course.grading import compare
from course.grading.fixtures import Bench
from course.grading.report import Failure, ToDo
from course.grading.trials import CASE

NOISE = re.compile(r"agree\(|array\(|^assert (not )?(True|False)$|object at 0x")


def explain(item: pytest.Item, error: BaseException, bench: Bench) -> Failure | ToDo | None:
    """What a test's exception means for the student; ``None`` for an author's mistake."""
    explained = bench.explain(error)
    if explained is None and isinstance(error, AssertionError):
        explained = _assertion(item, error, bench)
    elif explained is None and bench.calls and isinstance(error, Exception):
        if not isinstance(error, CourseError) and (
            item.stash.get(CASE, None) is not None or not bench.grading.is_solutions
        ):
            explained = _unusable(item, error, bench)
    return explained


def _unusable(item: pytest.Item, error: Exception, bench: Bench) -> Failure:
    """A judge that stumbles over a result, which the solution's never makes it do."""
    said = str(error).partition("\n")[0]
    what = type(error).__name__ + (f": {said}" if said else "")
    headline = f"the test could not work with what came back: {what}"
    returned = [f"it came back from {bench.calls[-1].name}"]
    return bench.failure(headline, _source(error, item), *returned, kind="wrong")


def tell(item: pytest.Item, report: pytest.TestReport, explained: Failure | ToDo | None) -> None:
    if isinstance(explained, ToDo):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, f"to do: {explained}")
        report.user_properties.append(("todo", str(explained)))
    elif explained is not None:
        report.outcome = "failed"
        report.longrepr = str(explained)
        report.user_properties.append(("failure", _plain_failure(explained, report)))


def _assertion(item: pytest.Item, error: AssertionError, bench: Bench) -> Failure:
    """A judge's own assertion: its message, or the test's one-line description."""
    function = getattr(item, "function", None)
    purpose = ((getattr(function, "__doc__", "") or "").strip().splitlines() or [item.name])[0]
    return bench.failure(f"not so: {purpose}", *_said(error, item), kind="wrong")


def _said(error: AssertionError, item: pytest.Item) -> list[str]:
    """The judge's words, and what pytest found where a person can read it."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    start = next((i for i, line in enumerate(lines) if line.startswith("assert ")), len(lines))
    message, rest = lines[:start], lines[start:]
    if any("agree(" in line for line in rest) and compare.disagreement:
        return [*message, *compare.disagreement]
    told = [line for line in rest if not NOISE.search(line) and len(line) <= 120][:8]
    if message or any(not line.startswith("+") for line in told):
        return [*message, *told][:12]
    return [text for text in [_source(error, item)] if text]


def _source(error: Exception, item: pytest.Item) -> str:
    """The assertion as the judge wrote it: names tell more than the numbers that it was about."""
    frames = traceback.extract_tb(error.__traceback__)
    line = next((f.line for f in reversed(frames) if f.filename == str(item.path)), "") or ""
    return line and f"the test has: {line}"


def _plain_failure(failure: Failure, report: pytest.TestReport) -> dict[str, Any]:
    drawing = {} if failure.drawing is None else {"drawing": failure.drawing}
    return {
        **drawing,
        "output": report.capstdout[-4000:],
        "headline": failure.headline,
        "kind": failure.kind,
        "likely": "",
        "candidates": [],
        "lines": failure.lines(),
    }


@contextmanager
def in_short(item: pytest.Item, explained: Failure | ToDo | None) -> Iterator[None]:
    """Keep pytest from writing out a traceback that nobody will read; it takes its time."""
    names = ("repr_failure", "_repr_failure_py") if explained is not None else ()
    for name in names:
        setattr(item, name, lambda excinfo, style=None: str(explained))
    try:
        yield
    finally:
        for name in names:
            delattr(item, name)
