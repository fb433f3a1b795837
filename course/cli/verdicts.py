"""Verdicts in the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from course.languages.mistakes import LIKELY
from course.lines import readable
from course.registry import Exercise

#: What stands before a diagnosis, in any language; the longer of two that begin alike first.
DIAGNOSIS = tuple(label.strip() for pair in LIKELY.values() for label in reversed(pair))
LABELS = (*DIAGNOSIS, "Read:", "Graded:", "It hung at")


def failure(plain: dict[str, Any], mistake_first: bool = False) -> RenderableType:
    """One failed check: the headline, what differs, what is likely, where to read.

    With ``mistake_first`` a named mistake follows the headline: on a small screen the rest may have
    to be scrolled to.
    """
    head, *rest = plain["lines"]
    if mistake_first:
        rest = _mistake_first(rest)
    parts: list[RenderableType] = [Text(head, style="bold red")]
    for line in rest:
        parts.append(_line(line))
    output = plain.get("output", "").rstrip()
    if output:
        shown = output.splitlines()[-12:]
        parts.append(Text("  Printed:", style="bright_black"))
        parts += [Text(f"    {readable(line)}", style="bright_black") for line in shown]
    return Group(*parts)


def _mistake_first(lines: list[str]) -> list[str]:
    """The lines with the diagnosis and all that is indented below it at the top."""
    start = next((i for i, line in enumerate(lines) if line[2:].startswith(DIAGNOSIS)), None)
    if start is None:
        return lines
    end = start + 1
    while end < len(lines) and lines[end].startswith("   "):
        end += 1
    return lines[start:end] + lines[:start] + lines[end:]


def _line(line: str) -> Text:
    text = Text(line)
    for label in LABELS:
        at = line.find(label)
        if at == 2:
            text.stylize(
                "bold yellow" if label in DIAGNOSIS else "bright_black", at, at + len(label)
            )
            if label == "Graded:":
                text.stylize("bright_black")
    return text


def verdict(
    exercise: Exercise, plain: dict[str, Any], mistake_first: bool = False
) -> RenderableType:
    """The verdict on one exercise, with its first failure in full."""
    outcome = plain["outcome"]
    if outcome == "passed":
        tests = f"{plain['passed']} test{'s' if plain['passed'] != 1 else ''}"
        return Text.assemble(
            ("passed  ", "bold green"),
            f"{exercise.id} {exercise.title}",
            (f"  {tests}, {exercise.points} points", "bright_black"),
        )
    if outcome == "to do" and plain.get("missing") and plain["passed"]:
        names, plural = " and ".join(plain["missing"]), len(plain["missing"]) > 1
        return Text.assemble(
            ("half   ", "bold cyan"),
            f"{exercise.id} {exercise.title}",
            (f"  {plain['passed']} of {plain['expected']} tests pass; ", "bright_black"),
            f"{names} {'are' if plural else 'is'} still to write",
        )
    if outcome == "to do":
        where = ", ".join(exercise.files)
        return Text.assemble(
            ("to do   ", "bold cyan"),
            f"{exercise.id} {exercise.title}",
            (f"  {where}", "bright_black"),
        )
    if outcome == "incomplete":
        text = f"  {plain['passed']} of {plain['expected']} tests ran"
        return Text.assemble(
            ("not all tests ran  ", "bold yellow"), f"{exercise.id} {exercise.title}", text
        )
    failures = plain["failures"]
    if not failures:
        return Text(
            f"{exercise.id} {exercise.title}: a test failed without a reason that could be told; "
            f"`pytest --exercise {exercise.id}` shows all of it",
            style="bold red",
        )
    parts = [failure(f, mistake_first) for f in failures[:1]]
    others = len(failures) - len(parts)
    tail = f"  {plain['passed']} of {plain['expected']} tests pass" if plain["expected"] else ""
    if plain.get("missing"):
        tail += f"; still to write: {' and '.join(plain['missing'])}"
    if others:
        tail += f"; {others} more fail{'s' if others == 1 else ''}, mend this one first"
    if tail:
        parts.append(Text(tail, style="bright_black"))
    return Group(*parts)
