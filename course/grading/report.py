"""The text of a failure, in the order the design sets, as plain lines."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course.grading.values import Plain
from course.lines import readable
from course.registry import Exercise


class ToDo(Exception):
    """The exercise is still a starter."""


BROKEN_PROMISE = "promise"  # the kind of a failure: an error that does not come as it should


@dataclass
class Failure(AssertionError):
    """A failed check, ready to be shown.

    Attributes:
        headline: what went wrong, after the exercise's id and title.
        details: indented lines: the worst element, the inputs, the place in the student's code.
        kind: ``"wrong"``, ``"promise"`` (an error that does not come), ``"raised"``, ``"policy"``,
            ``"static"``, ``"needs"``, ``"worker"`` or ``"forged"`` (an answer that nobody asked
            for, which ends the exercise).
        graded: which file, which hash, how many exercises were filled.
        drawing: numbers that can be drawn, see :mod:`.pictured`.
    """

    exercise: Exercise
    headline: str
    details: list[str] = field(default_factory=list)
    kind: str = "wrong"
    graded: str = ""
    drawing: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        AssertionError.__init__(self, self.headline)

    def lines(self) -> list[str]:
        lines = [f"{self.exercise.id} {self.exercise.title}: {self.headline}"]
        lines += [f"  {line}" for line in self.details]
        lines.append(f"{READ}{self.exercise.lesson}#{self.exercise.anchor}")
        if self.graded:
            lines.append(f"  Graded: {self.graded}")
        return lines

    def __str__(self) -> str:
        return "\n".join(self.lines())


READ = "  Read: "
NO_TERMINAL = "reading from stdin while output is captured"  # pytest's words


def with_likely(lines: list[str], found: Sequence[tuple[str, str]]) -> list[str]:
    """The lines of a failure with the diagnosis of its exercise, before where to read.

    Args:
        lines: as `Failure.lines` gives them.
        found: sentences, each with the place in the lesson that explains it.
    """
    if not found:
        return lines
    if len(found) == 1:
        said = [f"  Likely: {found[0][0]}"]
    else:
        said = ["  Likely one of:", *(f"    {sentence}" for sentence, _ in found)]
    read = dict.fromkeys(place for _, place in found)
    at = next((i for i, line in enumerate(lines) if line.startswith(READ)), len(lines))
    return [*lines[:at], *said, *(f"{READ}{place}" for place in read), *lines[at + 1 :]]


Spans = list[tuple[str, int, int]]  # file, first and last line


def raised(
    exercise: Exercise,
    description: dict[str, Plain],
    shown: Callable[[Path], str],
    is_own: Callable[[str], bool],
    spans: Spans,
) -> Failure:
    """A failure for an exception while the student's code was used.

    Args:
        exercise: what is graded.
        description: the exception, as `course.grading.probing.describe` gives it.
        shown: makes paths readable.
        is_own: whether a file may be shown; one of the solutions may not.
        spans: where the exercise's own definitions stand.
    """
    kind, message = description["classes"][0], description["message"].strip()
    frames = [f for f in description["frames"] if f[1]]
    own = _without_repeats([f for f in frames if is_own(str(f[0]))])
    first, *rest = [readable(line) for line in message.splitlines()] or [""]
    details = [_place(frame, shown) for frame in own[-4:]]
    inside = any(f[0] == file and a <= f[1] <= b for f in frames for file, a, b in spans)
    if not inside:  # it gave something back that did not work later
        details = [f"{shown(Path(file))}:{line} is where yours stands" for file, line, _ in spans]
        details += [f"it failed at {_place(frame, shown)}" for frame in own[-1:]]
    elif not any(f[0] == file and a <= f[1] <= b for f in own[-4:] for file, a, b in spans):
        mine = [f for f in own if any(f[0] == file and a <= f[1] <= b for file, a, b in spans)]
        details = [_place(mine[-1], shown), *details[1:]] if mine else details
    details += [f"  {line}" for line in rest[:8]]
    if kind in ("SystemExit", "KeyboardInterrupt"):
        first = f"your code called for an exit ({kind}); return a value instead"
        return Failure(exercise, first, details, "raised")
    if kind == "BdbQuit" or NO_TERMINAL in message:  # pdb.set_trace(), breakpoint()
        where = f"`pytest --exercise {exercise.id}` stops there"
        return Failure(exercise, f"a debugger needs a terminal: {where}", details, "raised")
    what = kind + (f": {first}" if first else "")
    headline = f"your code raised {what}"
    if kind == "RecursionError":
        headline = "your code calls itself without an end (RecursionError)"
    elif spans and not inside and "SyntaxError" not in description["classes"]:
        names = " or ".join(symbol.name for symbol in exercise.symbols)
        headline = f"what {names} made of its inputs does not work further on: {what}"
    return Failure(exercise, headline, details, "raised")


def _place(frame: list[Plain], shown: Callable[[Path], str]) -> str:
    file, line, name, text = frame
    where = f"{shown(Path(file))}:{line}" + (f" in {name}" if name else "")
    return f"{where}: {text.strip()}" if text.strip() else where


def _without_repeats(frames: list[Plain]) -> list[Plain]:
    """A recursion repeats one frame a thousand times."""
    kept: list[Plain] = []
    for frame in frames:
        if not kept or frame[:3] != kept[-1][:3]:
            kept.append(frame)
    return kept


def fingerprint(path: Path) -> str:
    """The first six hexadecimal digits of a file's SHA-256."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:6]
    except OSError:
        return "absent"
