"""Which misconception a student has, judged over all tests of the exercise.

A misconception is shown if it explains every failure that was seen and contradicts no test that
passed. It *explains* a failed test if it gives the student's results on the test's inputs, call by
call. Where results are measurements (seconds, bytes, draws), which differ from run to run, it is
enough that the misconception fails the test, too; but one failure at least must agree in numbers.
It *contradicts* a passed test if it fails it. Where several misconceptions are left, all are named
and none is claimed for certain.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from course.errors import CourseError
from course.grading.compare import first_mismatch
from course.grading.session import Call, Grading
from course.misconceptions import Misconception
from course.overlay import Choice
from course.registry import Exercise

SECONDS = 8.0  # of processor time for one exercise; what is not proved by then is not shown
EXPLICABLE = ("wrong", "raised")


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


def diagnose(grading: Grading, exercise: Exercise, seen: Sequence[Seen]) -> list[Misconception]:
    """The misconceptions that explain all failures among ``seen``; none, one, or several."""
    failed = [test for test in seen if test.kind]
    if not failed or any(test.kind not in EXPLICABLE for test in failed):
        return []
    deadline = time.process_time() + SECONDS
    candidates = grading.misconceptions.get(exercise.id, [])
    # What keeps a state from call to call gives the same only after the same calls.
    for replayed in (failed, seen):
        found = []
        for candidate in candidates:
            question = _Question(grading, exercise, candidate, deadline)
            if question.explains(seen, replayed) and question.allows(seen):
                found.append(candidate)
        if found:
            return found
    return []


class _Question:
    """Whether one misconception is the student's."""

    def __init__(
        self, grading: Grading, exercise: Exercise, candidate: Misconception, deadline: float
    ) -> None:
        self.candidate, self.deadline = candidate, deadline
        self.choice = replace(grading.perfect, replaced=(candidate.replacement,))
        self.grading = grading
        self.runner = grading.new_runner(self.choice)
        self.ended: dict[str, tuple[bool, list[Call]]] = {}
        self.probes = grading.probes_path(exercise)

    def explains(self, seen: Sequence[Seen], replayed: Sequence[Seen]) -> bool:
        failed = [test for test in seen if test.kind]
        agrees = {}
        for test in replayed:
            if not self._in_time():
                return False
            agrees[test.name] = self._agrees(test)
        unequal = [test for test in failed if not agrees[test.name]]
        if len(unequal) == len(failed):
            return False
        if any(self._named(test, self.candidate.agrees) or not test.calls for test in unequal):
            return False
        if any(self._named(t, self.candidate.differs) for t in failed if t not in unequal):
            return False
        return not unequal or (self._run(seen) and all(map(self._fails_too, unequal)))

    def allows(self, seen: Sequence[Seen]) -> bool:
        """Whether it passes what the student passes, and keeps to what it declares."""
        if not self._run(seen):
            return False
        for test in seen:
            if test.kind:
                continue
            if self.ended[test.name][0]:
                return False
            if self._named(test, self.candidate.agrees) and not self._agrees(test):
                return False
            if self._named(test, self.candidate.differs) and self._agrees(test):
                return False
        return True

    def _fails_too(self, test: Seen) -> bool:
        """Whether a failure with other numbers is one of this misconception all the same."""
        fails, calls = self.ended[test.name]
        if not fails:
            return False
        if self.candidate.agrees:
            return True  # it names the inputs that count; on others the kind is enough
        mine, theirs = test.calls[-1].error, calls[-1].error if calls else None
        if mine is not None and theirs is not None:
            return mine[0] == theirs[0]
        # A measurement differs from itself, too.
        return not all(self._same(call) for call in calls)

    def _run(self, seen: Sequence[Seen]) -> bool:
        """Run all tests under the misconception, from the beginning; whether there was time."""
        if not self.ended:
            self.grading.forget(self.choice)
        for test in seen:
            if test.name not in self.ended:
                if not self._in_time():
                    return False
                self.ended[test.name] = test.again(self.choice)
        return True

    def _agrees(self, test: Seen) -> bool:
        same = [self._same(call) for call in test.calls]  # all of them: some keep a state
        return bool(same) and all(same)

    def _same(self, call: Call) -> bool:
        """Whether the misconception does with a call's inputs what came back from the call."""
        try:
            result = self.runner.run(self.probes, call.name, call.inputs)
        except CourseError:
            raise
        except Exception as error:  # noqa: BLE001 - then the student must raise alike
            return call.error == [type(error).__name__, str(error)]
        if call.error is not None:
            return False
        # Their results come from the same arithmetic, so they agree to rounding or not at all.
        return first_mismatch(call.result, result, call.rules) is None

    @staticmethod
    def _named(test: Seen, names: tuple[str, ...]) -> bool:
        return any(name in test.name for name in names)

    def _in_time(self) -> bool:
        return time.process_time() < self.deadline


def plain(found: Sequence[Misconception], exercise: Exercise) -> list[list[Any]]:
    """Sentences with the place in the lesson that explains them."""
    return [[m.sentence, f"{exercise.lesson}#{m.read}"] for m in found]
