"""Wrong solutions that somebody typed: which of them do the graders let pass, or name falsely?

``tinymlx dev wrongs FILE``: the file looks like a chapter's ``misconceptions.py``, each function
with a few words of what is wrong with it. Each is judged as a student's solution would be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from course.grading.proofs import MistakeCase, Proof
from course.grading.session import Grading
from course.grading.trials import Outcome, Trial
from course.misconceptions import Misconception

SHOWN = 4  # tests that are listed of those that fail


class Wrongs(Proof):
    """A proof whose mistakes are those of a file; to pass is the only thing to complain of."""

    def __init__(
        self,
        grading: Grading,
        items: dict[str, list[pytest.Item]],
        reporter: Any,
        jobs: int,
        mistakes: Sequence[Misconception],
    ) -> None:
        super().__init__(grading, items, reporter, jobs)
        self.mistakes = mistakes
        self.count = 0

    def _trials(self, kind: str) -> Iterator[Trial]:
        for mistake in self.mistakes:
            tests = tuple(self.items.get(mistake.exercise, ()))
            known = tuple(self.grading.misconceptions.get(mistake.exercise, []))
            yield Trial(self._mistake(mistake, (), known), tests)

    def _judge_misconception(self, case: MistakeCase, outcome: Outcome) -> None:
        assert case.mistake is not None
        self.count += 1
        where = f"{case.exercise} {Path(case.mistake.file).name} {case.name}"
        words = f"{where}: {case.mistake.sentence}"
        if outcome.ending:
            self.reporter.write_line(f"ENDED     {words}\n          {outcome.ending}")
        elif not outcome.failed:
            self.complaints.append(f"survives all tests: {words}")
            self.reporter.write_line(f"SURVIVES  {words}", red=True)
        else:
            self.reporter.write_line(f"rejected  {words}")
            failed = sorted(name.rpartition("::")[2] for name in outcome.failed_tests)
            more = f" and {len(failed) - SHOWN} more" if len(failed) > SHOWN else ""
            self.reporter.write_line(f"          by {', '.join(failed[:SHOWN])}{more}")
            for sentence in outcome.shown:
                self.reporter.write_line(f"          named: {sentence}")

    def _write(self, kinds: tuple[str, ...]) -> None:
        self.reporter.write_line(f"{self.count} wrong solutions, {len(self.complaints)} survive.")
