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

SECONDS = 8.0  # for one exercise; what is not proved by then is not shown
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
    deadline = time.monotonic() + SECONDS
    found = []
    for candidate in grading.misconceptions.get(exercise.id, []):
        question = _Question(grading, exercise, candidate, deadline)
        if question.explains(failed) and question.allows([t for t in seen if not t.kind]):
            found.append(candidate)
    return found


class _Question:
    """Whether one misconception is the student's."""

    def __init__(
        self, grading: Grading, exercise: Exercise, candidate: Misconception, deadline: float
    ) -> None:
        self.grading, self.exercise, self.candidate = grading, exercise, candidate
        self.choice = replace(grading.perfect, replaced=(candidate.replacement,))
        self.deadline = deadline

    def explains(self, failed: list[Seen]) -> bool:
        unequal = []
        for test in failed:
            if not self._in_time():
                return False
            if not self._agrees(test):
                if self._named(test, self.candidate.agrees) or not test.calls:
                    return False
                unequal.append(test)
            elif self._named(test, self.candidate.differs):
                return False
        if len(unequal) == len(failed):
            return False
        return all(self._fails_too(test) for test in unequal)

    def allows(self, passed: list[Seen]) -> bool:
        """Whether it passes what the student passes, and keeps to what it declares."""
        for test in passed:
            if not self._in_time() or test.again(self.choice)[0]:
                return False
            if self._named(test, self.candidate.agrees) and not self._agrees(test):
                return False
            if self._named(test, self.candidate.differs) and self._agrees(test):
                return False
        return True

    def _fails_too(self, test: Seen) -> bool:
        """Whether a failure with other numbers is one of this misconception all the same."""
        if not self._in_time():
            return False
        fails, calls = test.again(self.choice)
        if not fails:
            return False
        if self.candidate.agrees:
            return True  # it names the inputs that count; on others the kind is enough
        mine, theirs = test.calls[-1].error, calls[-1].error if calls else None
        if mine is not None and theirs is not None:
            return mine[0] == theirs[0]
        # A measurement differs from itself, too.
        return any(not self._same(call) for call in calls)

    def _agrees(self, test: Seen) -> bool:
        return bool(test.calls) and all(self._same(call) for call in test.calls)

    def _same(self, call: Call) -> bool:
        """Whether the misconception does with a call's inputs what came back from the call."""
        try:
            result = self.grading.run(self.exercise, call, self.choice, isolated=False)
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
        return time.monotonic() < self.deadline


def plain(found: Sequence[Misconception], exercise: Exercise) -> list[list[Any]]:
    """Sentences with the place in the lesson that explains them."""
    return [[m.sentence, f"{exercise.lesson}#{m.read}"] for m in found]
