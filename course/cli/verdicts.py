"""Verdicts in the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from course.registry import Exercise

LABELS = ("Likely:", "Read:", "Graded:", "It hung at")


def failure(plain: dict[str, Any]) -> RenderableType:
    """One failed check: the headline, what differs, what is likely, where to read."""
    head, *rest = plain["lines"]
    parts: list[RenderableType] = [Text(head, style="bold red")]
    for line in rest:
        parts.append(_line(line))
    output = plain.get("output", "").rstrip()
    if output:
        shown = output.splitlines()[-12:]
        parts.append(Text("  Printed:", style="bright_black"))
        parts += [Text(f"    {line}", style="bright_black") for line in shown]
    return Group(*parts)


def _line(line: str) -> Text:
    text = Text(line)
    for label in LABELS:
        at = line.find(label)
        if at == 2:
            text.stylize(
                "bold yellow" if label == "Likely:" else "bright_black", at, at + len(label)
            )
            if label == "Graded:":
                text.stylize("bright_black")
    return text


def verdict(
    exercise: Exercise, plain: dict[str, Any], all_failures: bool = False
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
    shown = failures if all_failures else failures[:1]
    parts = [failure(f) for f in shown]
    others = len(failures) - len(shown)
    tail = f"  {plain['passed']} of {plain['expected']} tests pass" if plain["expected"] else ""
    if others:
        tail += f"; {others} more fail{'s' if others == 1 else ''}, mend this one first"
    if tail:
        parts.append(Text(tail, style="bright_black"))
    return Group(*parts)
