"""The pytest plugin: options, fixtures, outcomes and the table of exercises.

Outcomes of a graded test are passed, failed and to do. An exercise counts only if every one of its
expected tests ran and passed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("MLX_ENABLE_TF32", "0")

from course import blas
from course.errors import CourseError
from course.grading import proofs, table
from course.grading.draw import Draw
from course.grading.fixtures import Bench, Check, interrupts
from course.grading.report import Failure, ToDo
from course.grading.runners import Limits
from course.grading.session import Grading, Settings
from course.paths import find_project
from course.registry import load_registry

DEFAULT_SEED = 20260101
REPORTS: pytest.StashKey[list[pytest.TestReport]] = pytest.StashKey()
Reporting = Generator[None, pytest.TestReport, pytest.TestReport]
KEY: pytest.StashKey[Grading] = pytest.StashKey()
BENCH: pytest.StashKey[Bench] = pytest.StashKey()
EXPECTED: pytest.StashKey[dict[str, list[str]]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tinymlx", "the course's exercises")
    group.addoption("--exercise", action="append", default=[], help="grade only this id (4.3)")
    group.addoption("--chapter", action="append", default=[], help="grade only this chapter (4)")
    group.addoption("--impl", default=".", help="solutions, or --impl=FOLDER")
    group.addoption("--no-fill", action="store_true", help="do not fill starters with solutions")
    group.addoption("--isolated", action="store_true", help="run every probe in its own process")
    group.addoption("--alone", action="store_true", help="replace all other exercises' code")
    group.addoption("--fence", action="store_true", help="fence workers in (needs --isolated)")
    group.addoption("--seed", default=str(DEFAULT_SEED), help="a number, or 'random'")
    group.addoption("--prove", choices=proofs.KINDS, help="prove the graders (for authors)")
    group.addoption("--limit", type=float, default=20.0, help="seconds for one isolated probe")
    group.addoption("--verdicts", help="write all outcomes to this JSON file")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "exercise(*ids): the exercises that a test judges")
    blas.load()
    interrupts.install()
    try:
        _start(config)
    except CourseError as error:
        raise pytest.UsageError(str(error)) from error


def _start(config: pytest.Config) -> None:
    project = find_project()
    registry = load_registry(project)
    for wanted in config.getoption("exercise"):
        registry[wanted]
    for wanted in config.getoption("chapter"):
        registry.select(wanted)
    named = config.getoption("impl")
    folder = project.solutions if named == "solutions" else Path(named)
    if named == ".":
        folder = project.root
    if config.getoption("prove"):
        folder = project.solutions
    if not (folder / "tinymlx").is_dir():
        raise CourseError(f"{folder} holds no folder tinymlx/ to grade.")
    seed = config.getoption("seed")
    if seed == "random":
        seed = str(int.from_bytes(os.urandom(4), "little"))
    if not seed.isdigit():
        raise CourseError(f"--seed takes a number or 'random', not {seed!r}.")
    settings = Settings(
        folder.resolve(),
        fill=not config.getoption("no_fill"),
        isolated=config.getoption("isolated"),
        seed=int(seed),
        limits=Limits(seconds=config.getoption("limit")),
        alone=config.getoption("alone"),
        fence=config.getoption("fence"),
    )
    config.stash[KEY] = Grading(project, registry, settings)
    config.stash[EXPECTED] = {}
    config.stash[REPORTS] = []
    config.pluginmanager.register(Collector(config), "tinymlx-collector")
    _narrow(config)


def _narrow(config: pytest.Config) -> None:
    """``--exercise 4.3`` without paths collects only the files that judge it."""
    wanted = [*config.getoption("chapter"), *config.getoption("exercise")]
    if not wanted or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    grading = config.stash[KEY]
    found: dict[str, None] = {}
    for name in wanted:
        folder = grading.registry.chapter(int(name.partition(".")[0])).folder
        found.update(dict.fromkeys(_files_of(grading.project.tests / folder, name)))
    # Relative names, as a person would type them: pytest splits a path at a bracket.
    here = config.invocation_params.dir
    config.args = [os.path.relpath(path, here) for path in found]


def _files_of(folder: Path, name: str) -> list[str]:
    """The test files that mention an exercise; the whole folder for a chapter."""
    files = [
        str(path)
        for path in sorted(folder.glob("test_*.py"))
        if "." in name and f'"{name}"' in path.read_text(encoding="utf-8")
    ]
    return files or [str(folder)]


class Collector:
    """Keeps the reports of graded tests, wherever they ran, and tells the verdicts at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if any(name == "exercises" for name, _ in report.user_properties):
            self.config.stash[REPORTS].append(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        config = self.config
        output = getattr(config, "workeroutput", None)
        if output is not None:  # a worker of pytest-xdist tells the controller what it expected
            output["expected"] = config.stash[EXPECTED]
        elif config.getoption("prove"):
            if proofs.unproved(config.stash[REPORTS]):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        else:
            config.hook.pytest_tinymlx_verdicts(verdicts=verdicts(config))


def verdicts(config: pytest.Config) -> list[table.Verdict]:
    return table.collect(config.stash[REPORTS], config.stash[KEY], config.stash[EXPECTED])


class Hooks:
    """The plugin's own hooks."""

    @staticmethod
    def pytest_tinymlx_verdicts(verdicts: list[table.Verdict]) -> None:
        """Called once, at the end, with the verdicts of all exercises that the run touched."""

    @staticmethod
    def pytest_tinymlx_phase(phase: str) -> None:
        """Called with ``"reference"`` and ``"probe"`` when a test turns to either side."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Hooks)


def pytest_report_header(config: pytest.Config) -> str:
    grading = config.stash[KEY]
    settings = grading.settings
    folder = grading.project.relative(settings.folder / "tinymlx")
    mode = "isolated" if settings.isolated else "in this process"
    fill = "starters filled" if settings.fill else "no fill"
    return f"tinymlx: {folder}, {fill}, {mode}, seed {settings.seed}"


def marked(item: pytest.Item) -> list[str]:
    """The ids of the mark ``@exercise(...)``."""
    mark = item.get_closest_marker("exercise")
    return list(mark.args) if mark else []


def exercises_of(item: pytest.Item) -> list[str]:
    """The exercises that a test judges; a benchmark judges none."""
    return [] if "race" in getattr(item, "fixturenames", ()) else marked(item)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note every expected test before anything deselects, then keep what was asked for."""
    grading = config.stash[KEY]
    expected = config.stash[EXPECTED]
    for item in items:
        for number in exercises_of(item):
            if number not in grading.registry.by_id:
                raise pytest.UsageError(f"{item.nodeid}: there is no exercise {number!r}.")
            expected.setdefault(number, []).append(item.nodeid)
    wanted = set(config.getoption("exercise"))
    wanted |= {
        e.id
        for c in config.getoption("chapter")
        for e in grading.registry.chapter(int(c)).exercises
    }
    if wanted or config.getoption("prove"):
        chosen = [i for i in items if marked(i) and (wanted & {*marked(i)} or not wanted)]
        config.hook.pytest_deselected(items=[i for i in items if i not in chosen])
        items[:] = chosen


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    mark = metafunc.definition.get_closest_marker("exercise")
    kind = metafunc.config.getoption("prove")
    if mark and kind:
        cases = proofs.cases(metafunc.config.stash[KEY], kind, mark.args[0])
        metafunc.fixturenames.append("_proof")
        metafunc.parametrize("_proof", cases, ids=[case.name for case in cases], indirect=True)


@pytest.fixture
def _proof(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Answer what needs no run: the starter, a file that does not parse, a closed name."""
    numbers = exercises_of(item)
    if not numbers:
        return
    grading = item.config.stash[KEY]
    exercise = grading.registry[numbers[0]]
    case = _case(item)
    choice = case.choice if case else grading.choice_for(exercise)
    tell = item.config.hook.pytest_tinymlx_phase
    bench = Bench(grading, exercise, choice, phase=lambda name: tell(phase=name))
    item.stash[BENCH] = bench
    inspection = grading.inspection(exercise)
    if inspection.state == "starter":
        raise ToDo(f"{exercise.id} is still a starter")
    if inspection.state == "broken":
        raise bench.failure(inspection.problem, kind="static")
    sentences = grading.policy(exercise)
    if sentences:
        raise bench.failure(sentences[0], *sentences[1:4], kind="policy")


def _case(item: pytest.Item) -> proofs.Case | None:
    spec = getattr(item, "callspec", None)
    return spec.params.get("_proof") if spec else None


@pytest.fixture
def bench_(request: pytest.FixtureRequest) -> Bench:
    if BENCH not in request.node.stash:
        raise pytest.UsageError(f'{request.node.nodeid} needs a mark @exercise("4.3").')
    return request.node.stash[BENCH]


@pytest.fixture
def check(bench_: Bench) -> Check:
    """Run a probe and its reference on the same inputs and compare everything."""
    return Check(bench_)


@pytest.fixture
def probe(bench_: Bench) -> Any:
    """Run a probe and get its plain result."""
    return bench_.probe


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> Draw:
    """Random inputs that follow from the run's seed and the test's name."""
    name = request.node.nodeid
    case = _case(request.node)
    if case is not None:  # the same inputs as in a plain run
        name = request.node.nodeid.replace(f"[{case.name}]", "").replace(f"-{case.name}]", "]")
        name = name.replace(f"[{case.name}-", "[")
    return Draw(request.config.stash[KEY].settings.seed, name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Reporting:
    report = yield
    numbers = exercises_of(item)
    if not numbers:
        return report
    report.user_properties.append(("exercises", numbers))
    mark = item.get_closest_marker("exercise")
    report.user_properties.append(("mark", dict(mark.kwargs) if mark else {}))
    bench = item.stash.get(BENCH, None)
    if call.excinfo is not None and bench is not None:
        _judge(item, report, call.excinfo.value, bench)
    if call.when == "call" and bench is not None:
        report.user_properties.append(("errors", bench.errors))
    case = _case(item)
    if case is not None and (call.when == "call" or report.outcome != "passed"):
        proofs.judge(report, case, bench)
    return report


def _judge(
    item: pytest.Item, report: pytest.TestReport, error: BaseException, bench: Bench
) -> None:
    explained = bench.explain(error)
    if isinstance(explained, ToDo):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, f"to do: {explained}")
        report.user_properties.append(("todo", str(explained)))
        return
    if explained is None and isinstance(error, AssertionError):
        explained = _assertion(item, error, bench)
        bench.diagnose(explained)
    if explained is not None:
        report.outcome = "failed"
        report.longrepr = str(explained)
        report.user_properties.append(("failure", _plain_failure(explained, report)))


def _assertion(item: pytest.Item, error: AssertionError, bench: Bench) -> Failure:
    """A judge's own assertion: its message, or the test's one-line description."""
    function = getattr(item, "function", None)
    purpose = ((getattr(function, "__doc__", "") or "").strip().splitlines() or [item.name])[0]
    first, *rest = str(error).strip().splitlines() or [""]
    details = [line for line in (first, *rest) if line.strip()][:12]
    return bench.failure(f"not so: {purpose}", *details, kind="wrong")


def _plain_failure(failure: Failure, report: pytest.TestReport) -> dict[str, Any]:
    return {
        "output": report.capstdout[-4000:],
        "headline": failure.headline,
        "kind": failure.kind,
        "likely": failure.likely,
        "lines": failure.lines(),
    }


def pytest_report_teststatus(report: pytest.TestReport) -> Any:
    if any(name == "todo" for name, _ in getattr(report, "user_properties", ())):
        return "to do", "t", ("TO DO", {"cyan": True})
    return None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    expected = node.config.stash[EXPECTED]
    for number, ids in (getattr(node, "workeroutput", None) or {}).get("expected", {}).items():
        expected[number] = sorted({*expected.get(number, []), *ids})


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if KEY not in config.stash:
        return
    grading = config.stash[KEY]
    if config.getoption("prove"):
        proofs.summary(terminalreporter, config.stash[REPORTS])
        return
    found = verdicts(config)
    table.write(terminalreporter, grading, found)
    path = config.getoption("verdicts")
    if path:
        Path(path).write_text(json.dumps([verdict.plain() for verdict in found]))


def pytest_unconfigure(config: pytest.Config) -> None:
    if KEY in config.stash:
        config.stash[KEY].close()
