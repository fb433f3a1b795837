"""Which misconception a student has, judged over all tests of the exercise.

A misconception is shown if it explains every failure that was seen and contradicts no test that
passed. A sentence that stands at several symbols is tried at each of them, and then at all of them
together. It *explains* a failed test if it gives the student's results on the test's inputs, call
by call. Where results are measurements (seconds, bytes, draws), which differ from run to run, it is
enough that the misconception fails the test, too; but one failure at least must agree in numbers.
It *contradicts* a passed test if it fails it. Where several misconceptions are left, all are named
and none is claimed for certain.

An error that was promised and does not come is often forgotten beside another mistake. So such a
failure needs no explanation if another one has it; the sentence then stands at that one alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from course.errors import CourseError
from course.grading.compare import first_mismatch
from course.grading.report import BROKEN_PROMISE
from course.grading.runners import Runner
from course.grading.session import Call, Grading
from course.grading.values import Plain, encode
from course.misconceptions import Misconception
from course.overlay import Choice
from course.registry import Exercise

BYTES = "bytes"  # the entry of a probe's answer that holds how much memory it took
SECONDS = 8.0  # of processor time for one exercise; what is not proved by then is not shown
EXPLICABLE = ("wrong", "raised", BROKEN_PROMISE)


@dataclass(frozen=True)
class Seen:
    """One test of the exercise as it ended.

    Attributes:
        name: the test's name with its parameters.
        kind: empty for a passed test, else the failure's kind.
        calls: the probes it ran, with the student's results.
        again: runs the test under another implementation: whether it fails, and its calls.
    """

    name: str
    kind: str
    calls: list[Call]
    again: Callable[[Choice], tuple[bool, list[Call]]]


@dataclass(frozen=True)
class Found:
    """A misconception that fits, and the names of the failed tests that it does not explain."""

    misconception: Misconception
    beside: tuple[str, ...] = ()


def diagnose(
    grading: Grading,
    exercise: Exercise,
    seen: Sequence[Seen],
    candidates: Sequence[Misconception] | None = None,
) -> list[Found]:
    """The misconceptions that explain all failures among ``seen``; none, one, or several.

    Args:
        grading: the run.
        exercise: whose tests were seen.
        seen: all of its tests that ran, in their order.
        candidates: those to ask about, by default all of the exercise.
    """
    failed = [test for test in seen if test.kind]
    if not failed or any(test.kind not in EXPLICABLE for test in failed):
        return []
    deadline = time.process_time() + SECONDS
    if candidates is None:
        candidates = grading.misconceptions.get(exercise.id, [])
    alone = [[c] for c in candidates]
    for groups in (alone, _together(candidates)):
        questions = [_Question(grading, exercise, group, deadline) for group in groups]
        fitting = [question for question in questions if question.fits(seen)]
        if fitting:
            return [Found(q.candidate, tuple(q.beside)) for q in fitting]
    return []


def _together(candidates: Sequence[Misconception]) -> list[list[Misconception]]:
    """Those with one sentence for several symbols: the same mistake in each."""
    groups: dict[str, dict[str, Misconception]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.sentence, {})[candidate.symbol] = candidate
    return [list(group.values()) for group in groups.values() if len(group) > 1]


class _Question:
    """Whether a misconception, of one symbol or of several, is the student's."""

    def __init__(
        self,
        grading: Grading,
        exercise: Exercise,
        candidates: list[Misconception],
        deadline: float,
    ) -> None:
        self.candidate, self.deadline = candidates[0], deadline
        replaced = tuple(candidate.replacement for candidate in candidates)
        self.choice = replace(grading.perfect, replaced=replaced)
        self.grading = grading
        self.probes = grading.probes_path(exercise)
        self.beside: list[str] = []  # failed tests that have another reason

    def fits(self, seen: Sequence[Seen]) -> bool:
        """Run all tests under the misconception, from the beginning, until one tells them apart.

        From the beginning, because what keeps a state gives the same only after the same calls.
        """
        agreed = False
        self.grading.forget(self.choice)
        try:
            for test in seen:
                if time.process_time() > self.deadline:
                    return False
                fails, calls = test.again(self.choice)
                same = self._agrees(test, calls)
                if test.kind == BROKEN_PROMISE and not same:
                    self.beside.append(test.name)
                elif not (self._explains if test.kind else self._allows)(test, same, fails, calls):
                    return False
                agreed = agreed or bool(test.kind and same)
        finally:
            self.grading.forget(self.choice)
        return agreed

    def _explains(self, test: Seen, same: bool, fails: bool, calls: list[Call]) -> bool:
        """Whether a failure of the student's is one of this misconception."""
        if same:
            return not self._named(test, self.candidate.differs)
        if self._named(test, self.candidate.agrees) or not test.calls or not fails:
            return False
        if self.candidate.agrees:
            return True  # it names the inputs that count; on others the kind is enough
        mine, theirs = test.calls[-1].error, calls[-1].error if calls else None
        if mine is not None and theirs is not None:
            return mine[0] == theirs[0]
        # A measurement differs from itself, too.
        return not self._repeats(calls)

    def _allows(self, test: Seen, same: bool, fails: bool, calls: list[Call]) -> bool:
        """Whether it passes what the student passes, and keeps to what it declares."""
        if fails or (not same and self._named(test, self.candidate.agrees)):
            return False
        return not (same and self._named(test, self.candidate.differs))

    def _agrees(self, test: Seen, calls: list[Call]) -> bool:
        """Whether all calls of a test gave what they give under the misconception."""
        if not test.calls:
            return False
        for i, call in enumerate(test.calls):
            asked = i < len(calls) and _asks_the_same(call, calls[i])
            # Inputs that follow from earlier results are not the misconception's own.
            if not _same(call, calls[i] if asked else self._asked(call)):
                return False
        return True

    def _repeats(self, calls: list[Call]) -> bool:
        """Whether the misconception gives the same a second time."""
        return all(_same(call, self._asked(call)) for call in calls)

    def _asked(self, call: Call) -> Call:
        """What the misconception does with a call's inputs."""
        answer = Call(call.name, call.inputs)
        try:
            answer.result = self._runner.run(self.probes, call.name, call.inputs)
        except CourseError:
            raise
        except Exception as error:  # noqa: BLE001 - then the student must raise alike
            answer.error = [type(error).__name__, str(error)]
        return answer

    @cached_property
    def _runner(self) -> Runner:
        return self.grading.new_runner(self.choice)

    @staticmethod
    def _named(test: Seen, names: tuple[str, ...]) -> bool:
        return any(name in test.name for name in names)


def _asks_the_same(call: Call, theirs: Call) -> bool:
    return call.name == theirs.name and encode(call.inputs) == encode(theirs.inputs)


def _same(call: Call, theirs: Call) -> bool:
    """Whether a misconception's answer is what came back from the student's call."""
    if call.promised and theirs.promised:
        return True  # each has its own words for an error that is right
    if call.error is not None or theirs.error is not None:
        return call.error == theirs.error
    if call.result is None or theirs.result is None:
        return False  # nothing came back that could be compared
    # Their results come from the same arithmetic, so they agree to rounding or not at all.
    return first_mismatch(call.result, _as_measured(call, theirs), call.rules) is None


def _as_measured(call: Call, theirs: Call) -> Plain:
    """The misconception's answer, with the student's bytes if they are hardly others.

    The same program takes a scalar's memory more or less from run to run.
    """
    mine, found = call.result, theirs.result
    if not (isinstance(mine, dict) and isinstance(found, dict)):
        return found
    one, other = mine.get(BYTES), found.get(BYTES)
    if not (isinstance(one, int) and isinstance(other, int)):
        return found
    return {**found, BYTES: one} if abs(one - other) <= 0.02 * max(one, other) else found


def plain(found: Sequence[Found], exercise: Exercise) -> list[list[Any]]:
    """Sentences with the place in the lesson that explains them, and the tests beside them."""
    return [
        [f.misconception.sentence, f"{exercise.lesson}#{f.misconception.read}", list(f.beside)]
        for f in found
    ]
