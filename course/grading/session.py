"""One grading run: which implementation, how it is completed, how probes run, what is expected."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from course.grading.answers import Answers
from course.grading.asking import Endless, TimedOut
from course.grading.compare import Rules
from course.grading.inspection import Inspection, inspect_exercise, parse_file
from course.grading.report import Spans, fingerprint
from course.grading.runners import InProcess, Isolated, Limits, Runner
from course.grading.values import Plain
from course.graft.frames import at_home
from course.graft.grafts import Grafts
from course.misconceptions import Misconception, load_misconceptions
from course.overlay import Bundle, Choice, Overlay, changed_bundle, make_bundle
from course.paths import Project
from course.registry import Exercise, Registry
from course.syntax import find

MOST_WORKERS = 3  # processes that wait for probes, each with one way to complete the code


@dataclass(frozen=True)
class Settings:
    """What the options of a run say."""

    folder: Path
    fill: bool = True
    isolated: bool = False
    seed: int = 0
    alone: bool = False
    fence: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass
class Call:
    """One probe that a test ran, with what came back."""

    name: str
    inputs: dict[str, Plain]
    result: Plain = None
    error: list[str] | None = None  # the exception's class and message, where it raised
    promised: bool = False  # whether it was the error that the test asks for
    rules: Rules = field(default_factory=Rules)  # how its result is compared


class Grading:
    """Everything that the tests of a run share."""

    def __init__(self, project: Project, registry: Registry, settings: Settings) -> None:
        self.project, self.registry, self.settings = project, registry, settings
        self.answers = Answers(project)
        self._runners: dict[Choice, Runner] = {}
        self._filled: dict[Choice, tuple[str, ...]] = {}
        self._inspections: dict[str, Inspection] = {}
        self._late: set[str] = set()
        self.endless: set[str] = set()  # exercises that did not finish, whose tests need no more

    @cached_property
    def misconceptions(self) -> dict[str, list[Misconception]]:
        return load_misconceptions(self.project, self.registry)

    @cached_property
    def choice(self) -> Choice:
        """The implementation under test, as the options describe it."""
        return Choice(self.settings.folder, fill=self.settings.fill)

    @cached_property
    def perfect(self) -> Choice:
        return Choice(self.project.solutions)

    @cached_property
    def complete(self) -> Bundle:
        """The solutions, from which mutants differ in one place."""
        return make_bundle(self.project, self.registry, self.perfect)

    @cached_property
    def grafts(self) -> Grafts:
        """What of the implementation under test travels into the course's own modules."""
        return Grafts(self.project, self.registry, self.settings.folder)

    @property
    def is_solutions(self) -> bool:
        return self.settings.folder == self.project.solutions

    @cached_property
    def backend(self) -> str:
        import mlx.core as mx

        return "gpu" if mx.default_device() == mx.Device(mx.gpu) else "cpu"

    def choice_for(self, exercise: Exercise) -> Choice:
        """The implementation under test for one exercise's checks.

        What is still missing of the exercise itself is never filled in.
        """
        choice = self.choice
        if self.settings.alone:
            choice = replace(choice, keep=frozenset({exercise.id}))
        if self.inspection(exercise).state == "partial":
            choice = replace(choice, unfilled=frozenset({exercise.id}))
        return choice

    def inspection(self, exercise: Exercise) -> Inspection:
        if self.is_solutions:
            return Inspection("written")
        if exercise.id not in self._inspections:
            found = inspect_exercise(self.project, exercise, self.settings.folder)
            self._inspections[exercise.id] = found
        return self._inspections[exercise.id]

    def policy(self, exercise: Exercise) -> list[str]:
        if self.is_solutions:
            return []
        return [violation.sentence for violation in self.grafts.violations(exercise)]

    def runner(self, choice: Choice, isolated: bool) -> Runner:
        if choice not in self._runners:
            if isolated and len(self._runners) >= MOST_WORKERS:
                self._runners.pop(next(iter(self._runners))).close()
            self._runners[choice] = self.new_runner(choice, isolated)
        return self._runners[choice]

    def forget(self, choice: Choice) -> None:
        """Let the next probe under ``choice`` find modules that no probe has used yet."""
        if choice in self._runners:
            self._runners.pop(choice).close()

    def new_runner(self, choice: Choice, isolated: bool = False) -> Runner:
        """A runner whose modules no probe has used yet."""
        if choice.folder == self.project.solutions and choice.keep is None:
            bundle = changed_bundle(self.complete, self.project, self.registry, choice)
        else:
            mine = self.grafts if choice.folder == self.settings.folder else None
            bundle = make_bundle(self.project, self.registry, choice, mine)
        self._filled[choice] = bundle.filled
        if isolated:
            trusted = choice == self.perfect
            settings = self.settings
            return Isolated(self.project, bundle, settings.limits, settings.fence, trusted)
        cache = None if choice.texts else self.project.state / "cache" / "code"
        return InProcess(Overlay(bundle, cache))

    def probes_path(self, exercise: Exercise) -> Path:
        return self.project.tests / exercise.folder / "probes.py"

    def run(self, exercise: Exercise, call: Call, choice: Choice, isolated: bool) -> Plain:
        """Run one probe under ``choice``; raises whatever it raised."""
        runner = self.runner(choice, isolated)
        return runner.run(self.probes_path(exercise), call.name, call.inputs)

    def run_patiently(
        self, exercise: Exercise, call: Call, choice: Choice, isolated: bool
    ) -> Plain:
        """As `run`; the first time-out of an exercise by the clock counts only if it comes again,
        alone. What did not finish is remembered."""
        try:
            return self.run(exercise, call, choice, isolated)
        except Endless:
            self.endless.add(exercise.id)
            raise
        except TimedOut:
            if exercise.id in self._late:
                raise
            self._late.add(exercise.id)
        with self._alone():
            try:
                return self.run(exercise, call, choice, isolated)
            except TimedOut:
                self.endless.add(exercise.id)
                raise

    def endless_for(self, exercise: Exercise) -> Exercise | None:
        """What was found not to finish: this exercise, or one that it builds on."""
        if self.settings.alone:
            return exercise if exercise.id in self.endless else None
        needed = [exercise, *self.registry.closure(exercise)] if self.endless else []
        return next((one for one in needed if one.id in self.endless), None)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other process of this working copy tries a time-out again."""
        path = self.project.state / "cache" / "alone"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = open(path, "w")  # noqa: SIM115 - closed below
        except OSError:
            yield  # a read-only folder only costs certainty
            return
        with stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def expected(self, exercise: Exercise, name: str, inputs: dict[str, Plain]) -> Plain:
        return self.answers.get(exercise.folder, name, inputs)

    def graded(self, exercise: Exercise) -> str:
        """The line that names the file and the hash of what was graded."""
        owner = "solutions" if self.is_solutions else "yours"
        parts = []
        for file in dict.fromkeys(symbol.file for symbol in exercise.symbols):
            path = self.settings.folder / "tinymlx" / file
            parts.append(f"{self.shown(path)} {fingerprint(path)} ({owner})")
        needed = {e.id for e in self.registry.closure(exercise)} - {exercise.id}
        filled = len(needed & set(self._filled.get(self.choice, ())))
        if filled:
            parts.append(f"{filled} earlier exercise{'s' if filled > 1 else ''} filled")
        return ", ".join(parts)

    def shown(self, path: Path) -> str:
        """A path as its owner knows it: from the project's root, or inside the submission."""
        if path.is_relative_to(self.project.root):
            return self.project.relative(path)
        try:
            return path.relative_to(self.settings.folder).as_posix()
        except ValueError:
            return str(path)

    def may_show(self, file: str) -> bool:
        """Whether a line of ``file`` may stand in a failure: the student's, the tests', given ones.

        The solutions' may not, except to their authors: they are exercises not done yet.
        """
        path = Path(file)
        places = [self.settings.folder / "tinymlx", self.project.tinymlx, self.project.tests]
        return any(path.is_relative_to(place) for place in places)

    def told(self, frame: list[Plain]) -> list[Plain]:
        """A frame (file, line, name, text) in given code as one of the student's file."""
        file, line, *rest = frame
        place = None if self.is_solutions else at_home(self.grafts, file, line)
        return [*place, *rest] if place is not None else frame

    def spans(self, exercise: Exercise) -> Spans:
        """Where the exercise's definitions stand in the implementation under test."""
        found: Spans = []
        for symbol in exercise.symbols:
            path = self.settings.folder / "tinymlx" / symbol.file
            tree, _, _ = parse_file(path, str(path))
            for item in find(tree, symbol.qualname) if tree is not None else []:
                last = item.node.end_lineno or item.node.lineno
                found.append((str(path), item.node.lineno, last))
        return found

    def close(self) -> None:
        for runner in self._runners.values():
            runner.close()
        self._runners.clear()
