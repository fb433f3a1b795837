"""The pytest plugin: options, fixtures, outcomes and the table of exercises.

Outcomes of a graded test are passed, failed and to do. An exercise counts only if every one of its
expected tests ran and passed.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("MLX_ENABLE_TF32", "0")

from course import blas, kernels
from course.errors import CourseError
from course.grading import compare, proofs, table
from course.grading.draw import Draw
from course.grading.fixtures import Bench, Check, interrupts
from course.grading.keys import BENCH, EXPECTED, KEY, LIKELY, REPORTS, SEEN
from course.grading.report import Failure, ToDo
from course.grading.runners import Limits
from course.grading.seen import diagnose_all, diagnosed, remember, seen_by_both, tell_likely
from course.grading.session import Grading, Settings
from course.grading.telling import explain, in_short, tell
from course.grading.trials import CASE, Case
from course.grading.wrongs import Wrongs
from course.misconceptions import declared
from course.paths import find_project
from course.registry import Exercise, load_registry
from course.shim import kept

DEFAULT_SEED = 20260101
Reporting = Generator[None, pytest.TestReport, pytest.TestReport]


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
    kinds = (*proofs.KINDS, "all")
    group.addoption("--prove", choices=kinds, help="prove the graders (for authors)")
    group.addoption("--prove-jobs", type=int, default=0, help="processes for it; 0: one a core")
    group.addoption("--prove-json", help="write what --prove found to this JSON file")
    group.addoption("--wrongs", help="judge the wrong solutions of this file (for authors)")
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
    if folder == project.solutions:  # authors' runs compile much
        kernels.prepare(project.state / "cache" / "kernels")
        kept.keep_in(project.state / "cache" / "shim")
    config.stash[EXPECTED] = {}
    config.stash[REPORTS] = []
    config.stash[SEEN], config.stash[LIKELY] = {}, {}
    config.pluginmanager.register(Collector(config), "tinymlx-collector")
    if config.getoption("prove"):
        config.pluginmanager.register(Prover(), "tinymlx-prover")
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
            output["likely"] = config.stash[LIKELY]
        elif not config.getoption("prove"):
            tell_likely(config)
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
        """Called with ``"reference"`` or ``"probe"`` when a test turns to either side, and with
        ``"diagnosis"`` when all tests have run and an exercise's failures are compared."""


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


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Prove the graders instead, if asked; after a plain run, diagnose what failed."""
    config = session.config
    try:
        return (yield)
    finally:
        if not config.getoption("prove") and not config.getoption("usepdb", False):
            if sys.exc_info()[0] is not KeyboardInterrupt:
                diagnose_all(config)


class Prover:
    """Takes the place of the plain loop over the tests under ``--prove``."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        config = session.config
        if config.option.collectonly or session.testsfailed:
            return None
        if config.getoption("numprocesses", None):
            raise pytest.UsageError("--prove takes --prove-jobs N in the place of -n N.")
        kind, jobs = config.getoption("prove"), config.getoption("prove_jobs")
        reporter = config.pluginmanager.getplugin("terminalreporter")
        groups: dict[str, list[pytest.Item]] = {}
        for item in session.items:
            for number in marked(item):
                groups.setdefault(number, []).append(item)
        grading, file = config.stash[KEY], config.getoption("wrongs")
        proof = proofs.Proof(grading, groups, reporter, jobs)
        if file:
            mistakes = declared(grading.registry, Path(file).resolve())
            proof = Wrongs(grading, groups, reporter, jobs, mistakes)
        kinds = proofs.ALL if kind == "all" else (kind,)
        try:
            proof.run(kinds, functools.partial(diagnosed, config))
        except CourseError as error:
            raise pytest.UsageError(str(error)) from error
        session.testsfailed = len(proof.complaints)
        path = config.getoption("prove_json")
        if path:
            Path(path).write_text(json.dumps(proof.plain(), indent=1), encoding="utf-8")
        return True


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Answer what needs no run: the starter, a file that does not parse, a closed name."""
    numbers = exercises_of(item)
    if not numbers:
        return
    grading = item.config.stash[KEY]
    case = item.stash.get(CASE, None)
    exercise = _judged(grading, numbers, case)
    choice = case.choice if case else grading.choice_for(exercise)
    compare.disagreement.clear()
    bench = Bench(grading, exercise, choice, _phase(item, case), origin=item.nodeid)
    if case is not None:  # the course's own mutants need no fence, and a process each is slow
        bench.isolated = case.kind == "isolated"
    item.stash[BENCH] = bench
    inspection = grading.inspection(exercise)
    if inspection.state == "starter":
        raise ToDo(f"{exercise.id} is still a starter")
    if inspection.state == "broken":
        raise bench.failure(inspection.problem, kind="static")
    sentences = grading.policy(exercise)
    if sentences:
        raise bench.failure(sentences[0], *sentences[1:4], kind="policy")
    endless = grading.endless_for(exercise) if case is None and bench.isolated else None
    if endless is exercise:
        raise bench.failure("not run: another test of it did not finish", kind="worker")
    if endless is not None:
        raise bench.failure(f"not run: it builds on {endless.id}, which is endless", kind="needs")


def _judged(grading: Grading, numbers: list[str], case: Case | None) -> Exercise:
    """The exercise that a test of several is about this time: one that somebody has written."""
    if case is not None and case.exercise in numbers:
        return grading.registry[case.exercise]
    found = [grading.registry[number] for number in numbers]
    return next((e for e in found if grading.inspection(e).state != "starter"), found[0])


def _phase(item: pytest.Item, case: Case | None) -> Callable[[str], object]:
    if case is not None:
        return lambda name: None
    tell = item.config.hook.pytest_tinymlx_phase
    return lambda name: tell(phase=name)


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
    return Draw(request.config.stash[KEY].settings.seed, request.node.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Reporting:
    numbers = exercises_of(item)
    bench = item.stash.get(BENCH, None)
    if not numbers:
        return (yield)
    explained = None
    if call.excinfo is not None and bench is not None:
        explained = explain(item, call.excinfo.value, bench)
    with in_short(item, explained):
        report = yield
    report.user_properties.append(("exercises", numbers))
    mark = item.get_closest_marker("exercise")
    report.user_properties.append(("mark", dict(mark.kwargs) if mark else {}))
    tell(item, report, explained)
    if bench is not None and (call.when == "call" or report.outcome == "failed"):
        if call.when == "call":
            report.user_properties.append(("errors", bench.errors))
        remember(item, report, bench, explained if isinstance(explained, Failure) else None)
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> Any:
    if any(name == "todo" for name, _ in getattr(report, "user_properties", ())):
        return "to do", "t", ("TO DO", {"cyan": True})
    return None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    expected, likely = node.config.stash[EXPECTED], node.config.stash[LIKELY]
    output = getattr(node, "workeroutput", None) or {}
    for number, ids in output.get("expected", {}).items():
        expected[number] = sorted({*expected.get(number, []), *ids})
    for number, found in output.get("likely", {}).items():  # each worker saw some of the failures
        likely[number] = seen_by_both(likely[number], found) if number in likely else found


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if KEY not in config.stash:
        return
    grading = config.stash[KEY]
    if config.getoption("prove"):
        return
    found = verdicts(config)
    table.write(terminalreporter, grading, found)
    path = config.getoption("verdicts")
    if path:
        Path(path).write_text(json.dumps([verdict.plain() for verdict in found]))


def pytest_unconfigure(config: pytest.Config) -> None:
    if KEY in config.stash:
        config.stash[KEY].close()
