"""Proving the graders: what tests must say of starters, zeros, misconceptions and mutants.

``isolated``: the solutions pass with every probe in a process of its own.
``todo``: with everything else in place and the exercise cut, each of its tests reports to do.
``zeros``: no test passes on functions that return zeros of the right shape.
``misconceptions``: each fails a test, and the diagnosis of the exercise names it.
``generated``: each change that `course.mutants` makes fails a test, or stands on the list of
equivalent ones.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import pytest

from course.grading.draw import Draw
from course.grading.probing import load_probes
from course.grading.session import Grading
from course.grading.trials import Case, Outcome, Trial, run_all
from course.misconceptions import Misconception
from course.mutants import Mutant, load_equivalents, mutants_of
from course.overlay import Choice, Overlay
from course.overlay.fill import know_source
from course.source import read_text

ALL = ("isolated", "todo", "zeros", "misconceptions")
KINDS = (*ALL, "generated")


class Diagnose(Protocol):
    """`course.grading.seen.diagnosed` of the run that proves."""

    def __call__(
        self, number: str, candidates: Sequence[Misconception], failures: bool = False
    ) -> list[list[Any]]: ...


@dataclass
class Tally:
    """What became of the mutants of one exercise."""

    total: int = 0
    rejected: int = 0
    equivalent: int = 0
    survivors: list[Mutant] = field(default_factory=list)

    @property
    def score(self) -> float:
        """The share of the mutants that are not equivalent which the tests reject, in percent."""
        counted = self.total - self.equivalent
        return 100.0 * self.rejected / counted if counted else 100.0


class Proof:
    """One run of proofs over some exercises.

    Attributes:
        complaints: a line for everything that is not proved.
        tallies: exercise id to what became of its generated mutants.
    """

    def __init__(
        self,
        grading: Grading,
        items: dict[str, list[pytest.Item]],
        reporter: Any,
        jobs: int = 0,
    ) -> None:
        self.grading, self.items, self.reporter = grading, items, reporter
        self.jobs = jobs or _cores()
        self.complaints: list[str] = []
        self.tallies: dict[str, Tally] = {}
        self.orders: dict[str, _Order] = {}
        self.doubted: list[Mutant] = []  # excused, and rejected all the same
        self.excused: set[tuple[str, ...]] = set()
        self.failed: dict[Misconception, frozenset[str]] = {}  # the tests that reject it
        self.ambiguous = self.trials = 0

    def run(self, kinds: tuple[str, ...], diagnose: Diagnose) -> None:
        """Prove ``kinds``; what is not proved is among the complaints, and printed."""
        self._prepare()

        def finish(trial: Trial) -> list[str]:
            case = trial.case
            if not isinstance(case, MistakeCase):
                return []
            found = _named(case, diagnose)
            return [sentence for sentence, _, _ in found]

        # The solutions first: the answers of the references are asked for once, and kept.
        first = "isolated" if "isolated" in kinds else "solutions"
        for trial, outcome in run_all(iter([self._solutions(first)]), 1, finish):
            self._judge_solutions(trial, outcome)
        if self.complaints:
            self._write_complaints()
            return
        trials = chain.from_iterable(self._trials(kind) for kind in kinds if kind != "isolated")
        for trial, outcome in run_all(trials, self.jobs, finish):
            self.trials += 1
            self._judge(trial, outcome)
        if not _in_a_gate():  # the count is for authors, and refuses nothing
            for _, outcome in run_all(self._rivalries(), self.jobs, finish):
                self.ambiguous += bool(outcome.shown)
        self._judge_doubted()
        self._write(kinds)

    def _prepare(self) -> None:
        """Do once what every trial inherits: compile all modules, import what they import.

        Importing computes nothing, so this process can still be forked.
        """
        grading, registry = self.grading, self.grading.registry
        overlay = Overlay(grading.complete, grading.project.state / "cache" / "code")
        overlay.compile_all()
        assert registry.owners.keys()  # made here, and not in each trial
        exercises = [registry[number] for number in self.items]
        with overlay.activate():
            for path in {grading.probes_path(exercise) for exercise in exercises}:
                load_probes(path)
        for folder in {exercise.folder for exercise in exercises}:
            grading.answers.prepare(folder)
        for file in {m.file for n in self.items for m in grading.misconceptions.get(n, [])}:
            know_source(file, read_text(Path(file)))
        Draw(0, "")  # NumPy imports its generators when it is asked for the first one
        gc.collect()
        gc.freeze()  # a trial's collector need not walk, and so copy, what is here already

    def _solutions(self, kind: str) -> Trial:
        items = tuple(item for group in self.items.values() for item in group)
        return Trial(Case(kind, "", kind, self.grading.perfect), items, seconds=600.0)

    def _judge_solutions(self, trial: Trial, outcome: Outcome) -> None:
        if outcome.ending:
            self.complaints.append(f"the run of the solutions did not end: {outcome.ending}")
        for test in outcome.tests:
            if test["said"] not in ("passed", "skipped"):
                self.complaints.append(f"{test['id']} fails on the solutions.\n{test['text']}")
        seconds = {test["id"]: test["seconds"] for test in outcome.tests}
        for number, items in self.items.items():
            self.orders[number] = _Order(items, seconds)

    def _trials(self, kind: str) -> Iterator[Trial]:
        perfect = self.grading.perfect
        for number, items in self.items.items():
            tests = tuple(items)
            if kind == "todo":
                choice = replace(perfect, fill=False, cut=frozenset({number}))
                yield Trial(Case(kind, number, kind, choice), tests)
            elif kind == "zeros":
                choice = replace(perfect, zeros=frozenset({number}))
                yield Trial(Case(kind, number, kind, choice), tests)
            elif kind == "misconceptions":
                known = tuple(self.grading.misconceptions.get(number, []))
                for m in known:
                    yield Trial(self._mistake(m, (m,), known), tests)
            elif kind == "generated":
                yield from self._mutants(number)

    def _mistake(self, m: Misconception, *candidates: tuple[Misconception, ...]) -> MistakeCase:
        choice = replace(self.grading.perfect, replaced=(m.replacement,))
        return MistakeCase("misconceptions", m.exercise, f"line {m.line}", choice, m, *candidates)

    def _rivalries(self) -> Iterator[Trial]:
        """Each misconception again, before those alone that fail exactly the tests it fails.

        Another that passes one of them, or fails one more, cannot be shown beside it. So what each
        says of the tests that they pass is known, unless a declaration names tests of its own.
        """
        for m, failed in self.failed.items():
            others = self.grading.misconceptions[m.exercise]
            rivals = tuple(c for c in others if c != m and self.failed.get(c) == failed)
            whole = any(c.agrees or c.differs for c in rivals)
            items = [i for i in self.items[m.exercise] if whole or i.nodeid in failed]
            if rivals:
                yield Trial(self._mistake(m, rivals), tuple(items))

    def _mutants(self, number: str) -> Iterator[Trial]:
        order = self.orders[number]
        self.tallies[number] = Tally()
        equivalents = load_equivalents(self.grading.project, self.grading.registry)
        mutants = mutants_of(self.grading.project, self.grading.registry[number])
        stale = {name for name in equivalents if name[0] == number} - {m.name for m in mutants}
        self.complaints += [f"equivalent.toml: no mutant is {' / '.join(s)}" for s in sorted(stale)]
        for mutant in mutants:
            texts = ((str(mutant.path), mutant.text),)
            choice: Choice = replace(self.grading.perfect, texts=texts)
            case = _MutantCase(
                "generated", number, "", choice, mutant=mutant, known=mutant.name in equivalents
            )
            yield Trial(case, order.items(), stop=True, seconds=order.limit)

    def _judge(self, trial: Trial, outcome: Outcome) -> None:
        case = trial.case
        if isinstance(case, _MutantCase):
            self._judge_mutant(case, outcome)
        elif isinstance(case, MistakeCase):
            self._judge_misconception(case, outcome)
        else:
            self._judge_each(case, trial, outcome)

    def _judge_each(self, case: Case, trial: Trial, outcome: Outcome) -> None:
        wanted = "to do" if case.kind == "todo" else "failed"
        on = "the starter" if case.kind == "todo" else "zeros"
        if outcome.ending:
            self.complaints.append(f"{case.exercise} on {on}: {outcome.ending}.")
        elif len(outcome.tests) != len(trial.items):
            self.complaints.append(f"{case.exercise} on {on}: not all tests ran.")
        for test in outcome.tests:
            if test["said"] != wanted:
                said = f"{test['id']} should be {wanted!r} on {on}; it is {test['said']!r}."
                self.complaints.append(f"{said}\n{test['text']}".strip())

    def _judge_misconception(self, case: MistakeCase, outcome: Outcome) -> None:
        assert case.mistake is not None
        where = f"{case.exercise} misconceptions.py {case.name}: {case.mistake.sentence}"
        if outcome.ending:
            self.complaints.append(f"{where}\n  {outcome.ending}")
        elif not outcome.failed:
            self.complaints.append(f"survives all tests: {where}")
        elif case.mistake.sentence not in outcome.shown:
            others = f" (but: {outcome.shown})" if outcome.shown else ""
            self.complaints.append(f"is rejected but not named{others}: {where}")
        else:
            self.failed[case.mistake] = outcome.failed_tests

    def _judge_mutant(self, case: _MutantCase, outcome: Outcome) -> None:
        tally = self.tallies[case.exercise]
        mutant = case.mutant
        assert mutant is not None
        tally.total += 1
        self.orders[case.exercise].learn(outcome)
        if outcome.failed and case.known:
            self.doubted.append(mutant)
        elif outcome.failed:
            tally.rejected += 1
        elif case.known:
            tally.equivalent += 1
            self.excused.add(mutant.name)
        else:
            tally.survivors.append(mutant)

    def _judge_doubted(self) -> None:
        """An entry is wrong if no mutant of its name survives; two functions may share a name."""
        for mutant in self.doubted:
            if mutant.name in self.excused:
                self.tallies[mutant.exercise].rejected += 1
            else:
                shown = mutant.shown(self.grading.project)
                self.complaints.append(f"equivalent.toml: tests reject {shown}")

    def _write(self, kinds: tuple[str, ...]) -> None:
        if self.failed:
            also = f", {self.ambiguous} beside others" if self.ambiguous else ""
            self.reporter.write_line(
                f"{len(self.failed)} misconceptions are rejected and named{also}."
            )
        if "generated" in kinds:
            self._write_scores()
        self._write_complaints()

    def _write_scores(self) -> None:
        by_chapter: dict[int, list[Tally]] = {}
        registry = self.grading.registry
        self.reporter.section("mutants made by program")
        for exercise in registry.exercises:
            tally = self.tallies.get(exercise.id)
            if tally is None:
                continue
            by_chapter.setdefault(exercise.chapter, []).append(tally)
            title = f"{exercise.id:>6}  {exercise.title:<48}"
            self.reporter.write_line(f"{title} {_counts([tally])}")
            lines = [mutant.shown(self.grading.project) for mutant in tally.survivors]
            self.complaints += [f"survives all tests: {line}" for line in lines]
        for number, tallies in by_chapter.items():
            self.reporter.write_line(f"chapter {number}: {_counts(tallies)}")

    def _write_complaints(self) -> None:
        if self.complaints:
            self.reporter.section("not proved", red=True)
            for line in self.complaints:
                self.reporter.write_line(line)

    def plain(self) -> dict[str, Any]:
        """What was found, for a program to read."""
        scores = {
            number: {
                "total": tally.total,
                "rejected": tally.rejected,
                "equivalent": tally.equivalent,
                "score": round(tally.score, 2),
                "survivors": [m.shown(self.grading.project) for m in tally.survivors],
                "names": [m.name for m in tally.survivors],
            }
            for number, tally in self.tallies.items()
        }
        return {"complaints": self.complaints, "generated": scores}


@dataclass(frozen=True)
class MistakeCase(Case):
    """A case with its misconception, and those that the diagnosis may choose from."""

    mistake: Misconception | None = None
    candidates: tuple[Misconception, ...] = ()
    others: tuple[Misconception, ...] = ()


@dataclass(frozen=True)
class _MutantCase(Case):
    """A case with its mutant; ``known``: it stands on the list of equivalent ones."""

    mutant: Mutant | None = None
    known: bool = False


def _named(case: MistakeCase, diagnose: Diagnose) -> list[list[Any]]:
    """What the diagnosis says of a mistake whose tests have run.

    The failures come first: that it passes again what it has just passed is the slowest thing to
    ask, and tells something only where it declares tests of its own, or where a state is kept.
    """
    number, candidates = case.exercise, case.candidates
    found: list[list[Any]] = []
    declared = any(c.agrees or c.differs for c in candidates)
    if candidates == (case.mistake,) and not declared:
        found = diagnose(number, candidates, failures=True)
    # What is not named is an author's question: by which others, then?
    return found or diagnose(number, candidates) or diagnose(number, case.others)


class _Order:
    """The tests of an exercise, those first that reject most for the time they take."""

    def __init__(self, items: list[pytest.Item], seconds: dict[str, float]) -> None:
        self.by_id = {item.nodeid: item for item in items}
        self.seconds = {name: seconds.get(name, 0.01) + 0.002 for name in self.by_id}
        self.kills = dict.fromkeys(self.by_id, 0)
        self.limit = 4.0 + 5.0 * sum(self.seconds.values())

    def items(self) -> tuple[pytest.Item, ...]:
        worth = {n: (1 + self.kills[n]) / s for n, s in self.seconds.items()}
        return tuple(self.by_id[n] for n in sorted(worth, key=worth.__getitem__, reverse=True))

    def learn(self, outcome: Outcome) -> None:
        for test in outcome.tests:
            if test["said"] == "failed":
                self.kills[test["id"]] += 1


def _counts(tallies: list[Tally]) -> str:
    whole = Tally(
        sum(t.total for t in tallies),
        sum(t.rejected for t in tallies),
        sum(t.equivalent for t in tallies),
    )
    known = f", {whole.equivalent} equivalent" if whole.equivalent else ""
    return f"{whole.rejected} of {whole.total} rejected{known}: {whole.score:.1f}%"


def _cores() -> int:
    """Cores for trials: all, but one beside the other processes of pytest-xdist."""
    return 1 if _in_a_gate() else os.cpu_count() or 1


def _in_a_gate() -> bool:
    """Whether this is one of many tests that pytest-xdist runs."""
    return bool(os.environ.get("PYTEST_XDIST_WORKER"))
