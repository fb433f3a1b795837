"""One row for each implementation of an exercise."""

from __future__ import annotations

import json
import math
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from course.compare import code as reading
from course.compare import similarity
from course.compare.timing import Speed, Stopwatch
from course.cutter import cut_package
from course.errors import CourseError
from course.grading.door.names import stem_of
from course.grading.door.reading import make_shelf, read_submission, unpack
from course.grading.door.sources import Source, find_sources, is_submission, source_of
from course.interpreter import module_command
from course.overlay import Choice
from course.paths import Project
from course.registry import Exercise, Registry
from course.scratch import temporary


@dataclass
class Row:
    """Everything that is compared, in plain data for the terminal and the page.

    Errors are the largest of all tests, in units of the tolerance; ``speed`` and ``memory`` are
    relative to the solution (0.5 takes half as long). ``speed`` is the median of the ``timed``
    calls, half of which lie between ``speed_low`` and ``speed_high``.
    """

    name: str
    verdict: str
    passed: int = 0
    expected: int = 0
    points: int = 0
    possible: int = 0
    forward_error: float = math.nan
    gradient_error: float = math.nan
    speed: float = math.nan
    speed_low: float = math.nan
    speed_high: float = math.nan
    timed: int = 0
    seconds: float = math.nan
    memory: float = math.nan
    lines: int = 0
    complexity: int = 0
    operations: list[str] = field(default_factory=list)
    misconceptions: list[str] = field(default_factory=list)
    like_solution: float = math.nan
    like_others: list[tuple[str, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    text: str = ""

    def plain(self) -> dict[str, Any]:
        table = asdict(self)
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v
                for k, v in table.items()}  # fmt: skip


def implementations(
    project: Project, registry: Registry, paths: list[str], scratch: Path
) -> dict[str, tuple[Path, list[str]]]:
    """Name to (folder with ``tinymlx``, notes): ``mine``, ``solutions``, submissions, folders.

    Raises:
        CourseError: a path that is none of these.
    """
    found: dict[str, tuple[Path, list[str]]] = {}
    starters = cut_package(project, registry)
    shelf = make_shelf(registry, starters)

    def add(source: Source) -> None:
        name = source.student
        while name in found:
            name += "'"
        submission = read_submission(source, shelf)
        unpack(project, submission, starters, scratch / stem_of(name))
        found[name] = (scratch / stem_of(name), submission.remarks)

    for given in paths:
        path = Path(given)
        if given == "mine":
            found["mine"] = (project.root, [])
        elif given == "solutions":
            found["solutions"] = (project.solutions, [])
        elif path.is_dir() and not (path / "tinymlx").is_dir() and not (path / "HEAD").is_file():
            for source in find_sources(path):
                add(source)
        elif path.exists() and is_submission(path):
            add(source_of(path))
        else:
            raise CourseError(f"{given} is no submission; name a folder, an archive, or 'mine'.")
    return found


def collect(
    project: Project,
    registry: Registry,
    exercise: Exercise,
    paths: list[str],
    progress: Callable[[str], None] = lambda name: None,
) -> list[Row]:
    """Rows for all implementations; the solution is always one of them."""
    with temporary("compare") as base:
        folders = implementations(project, registry, paths, base)
        folders.setdefault("solutions", (project.solutions, []))
        verdicts = _verdicts(project, exercise, folders, base, progress)
        rows, tokens = [], {}
        with closing(Stopwatch(project, registry, exercise)) as watch:
            for name, (folder, notes) in folders.items():
                text = reading.read(folder, exercise)
                row = _row(name, verdicts.get(name), text, notes)
                row.possible = exercise.points
                if text is not None:
                    tokens[name] = text.tokens
                if row.verdict == "passed":
                    _add_speed(row, watch.time(Choice(folder, keep=frozenset({exercise.id}))))
                progress(name)
                rows.append(row)
    _add_similarity(rows, tokens)
    return rows


def _verdicts(
    project: Project,
    exercise: Exercise,
    folders: dict[str, tuple[Path, list[str]]],
    scratch: Path,
    progress: Callable[[str], None],
) -> dict[str, dict[str, Any]]:
    """Grade all implementations of the exercise, in a few processes that take many each."""
    names = list(folders)
    workers = max(1, min(os.cpu_count() or 1, len(names)))
    shares = [names[i::workers] for i in range(workers)]

    def grade(number: int) -> dict[str, dict[str, Any]]:
        request = {
            "exercise": exercise.id,
            "folders": {name: str(folders[name][0]) for name in shares[number]},
            "out": str(scratch / f"verdicts{number}.json"),
        }
        path = scratch / f"request{number}.json"
        path.write_text(json.dumps(request))
        result = subprocess.run(
            module_command("course.compare.batch", str(path)),
            cwd=project.root,
            env={**os.environ, "TINYMLX_ROOT": str(project.root)},
            capture_output=True,
            text=True,
        )
        if result.returncode != 0:
            raise CourseError(f"The comparison could not run: {result.stderr.strip()[-500:]}")
        return dict(json.loads(Path(request["out"]).read_text()))  # type: ignore[arg-type]

    found: dict[str, dict[str, Any]] = {}
    with ThreadPoolExecutor(workers) as pool:
        for part in pool.map(grade, range(workers)):
            found.update(part)
    return found


def _row(
    name: str, verdict: dict[str, Any] | None, text: reading.Code | None, notes: list[str]
) -> Row:
    row = Row(name, "absent", notes=list(notes))
    if verdict is not None:
        row.verdict = verdict["outcome"]
        row.passed, row.expected = verdict["passed"], verdict["expected"]
        row.points = verdict["points"]
        row.forward_error, row.gradient_error = _errors(verdict["tests"])
        likely = [f["likely"] for f in verdict["failures"] if f["likely"]]
        row.misconceptions = list(dict.fromkeys(likely))
        if verdict["failures"]:
            row.notes.append(verdict["failures"][0]["headline"])
    if text is not None:
        row.text, row.lines, row.complexity = text.text, text.lines, text.complexity
        row.operations = list(text.operations)
    return row


def _errors(tests: list[dict[str, Any]]) -> tuple[float, float]:
    """The largest forward and gradient error; entries of gradients begin with ``d`` or ``g``."""
    forward = gradient = math.nan
    for test in tests:
        for entry, error in test.get("errors", {}).items():
            if is_gradient(entry):
                gradient = max(error, gradient) if gradient == gradient else error
            else:
                forward = max(error, forward) if forward == forward else error
    return forward, gradient


def is_gradient(entry: str) -> bool:
    """Whether a probe's entry is a gradient, by the course's naming: ``dx``, ``gradients``."""
    return entry.startswith(("grad", "second")) or (entry.startswith("d") and len(entry) <= 4)


def _add_speed(row: Row, speed: Speed) -> None:
    row.seconds, row.timed, row.memory = speed.seconds, speed.calls, speed.memory
    row.speed, row.speed_low, row.speed_high = speed.ratio, speed.low, speed.high
    if speed.trouble:
        row.notes.append(speed.trouble)
        row.verdict, row.points = "wrong when timed", 0


def _add_similarity(rows: list[Row], tokens: dict[str, tuple[str, ...]]) -> None:
    runs = {name: similarity.runs(sequence) for name, sequence in tokens.items()}
    for row in rows:
        if row.name in runs and "solutions" in runs:
            row.like_solution = round(similarity.alike(runs[row.name], runs["solutions"]), 2)
    others = {name: sequence for name, sequence in tokens.items() if name != "solutions"}
    pairs = similarity.outstanding(others, similarity.matrix(others))
    for row in rows:
        row.like_others = [
            (pair.second if pair.first == row.name else pair.first, round(pair.similarity, 2))
            for pair in pairs
            if row.name in (pair.first, pair.second)
        ]


def sorted_rows(rows: list[Row]) -> Iterator[Row]:
    """Passed first, then the fastest."""
    order = {"passed": 0, "wrong when timed": 1, "failed": 2}
    key = lambda r: (order.get(r.verdict, 3), r.speed if r.speed == r.speed else 1e9, r.name)  # noqa: E731
    yield from sorted(rows, key=key)
