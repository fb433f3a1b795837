"""``tinymlx run 16 --milestone 2``: has the reader's pipeline reached it?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from course.capstone.kinds import Milestone, Verdict
from course.capstone.work import called
from course.cli.project import load_script
from course.errors import CourseError


@dataclass(frozen=True)
class Outcome:
    """A milestone and how it stands: ``passed``, ``failed`` or ``to do``."""

    milestone: Milestone
    state: str
    sentences: list[str]
    numbers: dict[str, float]


def milestones(path: Path) -> tuple[Milestone, ...]:
    """Those of a chapter, from its ``milestones.py``."""
    return tuple(load_script(path).MILESTONES)


def chosen(all_of_them: tuple[Milestone, ...], wanted: str) -> tuple[Milestone, ...]:
    """One by its number, or ``all``.

    Raises:
        CourseError: there is no such milestone.
    """
    if wanted == "all":
        return all_of_them
    some = tuple(m for m in all_of_them if str(m.number) == wanted)
    if not some:
        raise CourseError(
            f"There is no milestone {wanted!r}; there are 1 to {len(all_of_them)}, and `all`."
        )
    return some


def judge(milestone: Milestone, pipeline: ModuleType, path: Path, quick: bool) -> Outcome:
    """Ask the chapter's judge; what the reader's code raises is part of the answer."""
    missing = [name for name in milestone.functions if not callable(getattr(pipeline, name, None))]
    if missing:
        sentence = (
            f"{path.name} has no function {' and no '.join(missing)}; the brief describes it."
        )
        return Outcome(milestone, "failed", [sentence], {})
    try:
        verdict: Verdict = called(lambda: milestone.judge(pipeline, quick), path)
    except NotImplementedError:
        names = " and ".join(f"`{name}`" for name in milestone.functions)
        return Outcome(milestone, "to do", [f"Still to be written: {names}."], {})
    except CourseError as error:
        return Outcome(milestone, "failed", [str(error)], {})
    state = "passed" if verdict.passed else "failed"
    return Outcome(milestone, state, list(verdict.sentences), dict(verdict.numbers))
