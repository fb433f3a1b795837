"""The text of a failure, in the order the design sets, as plain lines."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from course.grading.values import Plain
from course.registry import Exercise


class ToDo(Exception):
    """The exercise is still a starter."""


@dataclass
class Failure(AssertionError):
    """A failed check, ready to be shown.

    Attributes:
        headline: what went wrong, after the exercise's id and title.
        details: indented lines: the worst element, the place in the student's code.
        kind: ``"wrong"``, ``"raised"``, ``"policy"``, ``"static"`` or ``"worker"``.
        likely: the sentence of the misconception that gives the same result, if one does.
        read: where the lesson explains it.
        graded: which file, which hash, how many exercises were filled.
    """

    exercise: Exercise
    headline: str
    details: list[str] = field(default_factory=list)
    kind: str = "wrong"
    likely: str = ""
    read: str = ""
    graded: str = ""

    def __post_init__(self) -> None:
        AssertionError.__init__(self, self.headline)

    def lines(self) -> list[str]:
        lines = [f"{self.exercise.id} {self.exercise.title}: {self.headline}"]
        lines += [f"  {line}" for line in self.details]
        if self.likely:
            lines.append(f"  Likely: {self.likely}")
        lines.append(f"  Read: {self.read or f'{self.exercise.lesson}#{self.exercise.anchor}'}")
        if self.graded:
            lines.append(f"  Graded: {self.graded}")
        return lines

    def __str__(self) -> str:
        return "\n".join(self.lines())


def raised(
    exercise: Exercise, shown: Callable[[Path], str], description: dict[str, Plain]
) -> Failure:
    """A failure for an exception of the student's code; ``shown`` makes paths readable."""
    kind, message = description["classes"][0], description["message"].strip()
    details = []
    for file, line, name, text in _own_frames(description["frames"])[-4:]:
        where = f"{shown(Path(file))}:{line}" + (f" in {name}" if name else "")
        details.append(f"{where}: {text.strip()}" if text.strip() else where)
    first, *rest = message.splitlines() or [""]
    details += [f"  {line}" for line in rest[:8]]
    if kind in ("SystemExit", "KeyboardInterrupt"):
        first = f"your code called for an exit ({kind}); return a value instead"
        return Failure(exercise, first, details, "raised")
    headline = f"your code raised {kind}" + (f": {first}" if first else "")
    if kind == "RecursionError":
        headline = "your code calls itself without an end (RecursionError)"
    return Failure(exercise, headline, details, "raised")


def _own_frames(frames: list[Plain]) -> list[Plain]:
    """The frames a student should look at: those inside an implementation of ``tinymlx``."""
    inside = [f for f in frames if "/tinymlx/" in str(f[0]).replace("\\", "/") and f[1]]
    kept: list[Plain] = []
    for frame in inside:
        if not kept or frame[:3] != kept[-1][:3]:  # a recursion repeats one frame a thousand times
            kept.append(frame)
    return kept


def fingerprint(path: Path) -> str:
    """The first six hexadecimal digits of a file's SHA-256."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:6]
    except OSError:
        return "absent"
