"""Checks in the background: the newest save wins, an older check is dropped."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from typing import Any

from course.checker import Checker
from course.checker.parent import Options
from course.errors import CourseError
from course.paths import Project
from course.registry import Exercise, Registry


@dataclass(frozen=True)
class Answer:
    """The verdict on one exercise; ``trouble`` is a sentence where the check itself failed."""

    exercise: Exercise
    verdict: dict[str, Any]
    seconds: float
    trouble: str = ""


class Grader:
    """Runs at most one check at a time in a thread; a byte on ``wake`` announces an answer."""

    def __init__(self, project: Project, registry: Registry, seconds: float) -> None:
        self.checker = Checker(project, registry, warm=True)
        self.options = Options(seconds=seconds)
        self.wake, self._awaken = os.pipe()
        self._condition = threading.Condition()
        self._wanted: Exercise | None = None
        self._answer: Answer | None = None
        self._busy = False
        self._closed = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        with self._condition:
            return self._busy or self._wanted is not None

    def ask(self, exercise: Exercise) -> None:
        """Grade ``exercise`` now; a check that is running is dropped."""
        with self._condition:
            self._wanted, self._answer = exercise, None
            if self._busy:
                self.checker.cancel()
            self._condition.notify()

    def answer(self) -> Answer | None:
        with self._condition:
            answer, self._answer = self._answer, None
            return answer

    def close(self) -> None:
        with self._condition:
            self._closed = True
            self.checker.cancel()
            self._condition.notify()
        self._thread.join(timeout=5.0)
        self.checker.close()

    def _work(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._wanted is not None or self._closed)
                if self._closed:
                    return
                exercise, self._wanted, self._busy = self._wanted, None, True
            assert exercise is not None
            answer = self._check(exercise)
            with self._condition:
                self._busy = False
                if self._wanted is None:
                    self._answer = answer
            os.write(self._awaken, b"x")

    def _check(self, exercise: Exercise) -> Answer:
        started = time.monotonic()
        try:
            result = self.checker.check((exercise,), self.options)
        except CourseError as error:
            return Answer(exercise, {}, time.monotonic() - started, str(error))
        verdict = result.verdicts[exercise.id]
        return Answer(exercise, verdict, time.monotonic() - started)
