"""What the full screen shows, from the state of the loop; nothing here acts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from course.cli.overview import MARKS
from course.cli.verdicts import verdict as render_verdict
from course.registry import Exercise
from course.scan import Status

LOW = 18  # lines of a screen that has no room for the card in its frame
END = 1_000_000  # a place to scroll to that is below everything
KEYS = (
    ("n", "next"),
    ("p", "previous"),
    ("h", "hint"),
    ("l", "list"),
    ("d", "diff"),
    ("r", "reset"),
    ("c", "check"),
    ("q", "quit"),
)


@dataclass
class State:
    """All that the screen follows from."""

    exercise: Exercise
    statuses: list[Status]
    verdict: dict[str, Any] | None = None
    seconds: float = 0.0
    busy: bool = False
    hints: list[str] = field(default_factory=list)
    view: str = "card"  # "card", "list", "diff", "confirm reset"
    difference: str = ""
    message: str = ""
    scroll: int = 0
    cursor: int = 0


def render(state: State, console: Console) -> RenderableType:
    """The whole screen; a body that is too long is cut at ``state.scroll``, which is told."""
    width, height = console.size
    top = Group(header(state, width), "")
    options = console.options.update(width=width, height=None)
    used = len(console.render_lines(top, options))
    used += len(console.render_lines(Group("", footer(state)), options))
    room = max(1, height - used)
    lines = console.render_lines(body(state, height < LOW), options, pad=False)
    state.scroll = max(0, min(state.scroll, len(lines) - room))
    visible = lines[state.scroll : state.scroll + room]
    bottom = Group(hidden(state.scroll, len(lines) - state.scroll - room), footer(state))
    text = Text("\n").join(_as_text(line) for line in visible)
    blank = "\n" * max(0, room - len(visible) - 1)
    return Group(top, text, *([blank] if len(visible) < room else []), bottom)


def _as_text(line: list[Any]) -> Text:
    text = Text(no_wrap=True, overflow="crop")
    for segment in line:
        if not segment.control:
            text.append(segment.text, segment.style)
    return text


def hidden(above: int, below: int) -> RenderableType:
    """How many lines the screen has no room for, and the keys that bring them."""
    parts = [
        f"{n} more lines {where}" for n, where in ((above, "above"), (below, "below")) if n > 0
    ]
    said = f"{', '.join(parts)}: arrow keys, space" if parts else ""
    return Text(said, style="bright_black", no_wrap=True, overflow="ellipsis")


def header(state: State, width: int) -> RenderableType:
    """Points and a progress bar over all exercises."""
    done = sum(s.state == "passed" for s in state.statuses)
    total = len(state.statuses)
    points = sum(s.exercise.points for s in state.statuses if s.state == "passed")
    label = f" {done}/{total}  {points} points"
    room = max(10, min(60, width - len(label) - 12))
    full = round(room * done / max(total, 1))
    bar = Text.assemble(
        ("tinymlx  ", "bold"), ("━" * full, "green"), ("━" * (room - full), "bright_black"), label
    )
    bar.no_wrap = True
    return bar


def body(state: State, low: bool) -> RenderableType:
    if state.view == "list":
        return listing(state)
    if state.view == "diff":
        return Syntax(state.difference, "diff", background_color="default", word_wrap=True)
    parts: list[RenderableType] = [*heading(state, low)]
    if state.message:
        parts += [Text(state.message, style="yellow"), ""]
    if state.view == "confirm reset":
        names = ", ".join(s.name for s in state.exercise.symbols)
        parts.append(Text(f"Put the starter of {names} back? Your file is backed up first. (y/n)"))
    elif state.busy and state.verdict is None:
        parts.append(Text("checking ...", style="bright_black"))
    elif state.verdict is not None:
        parts.append(render_verdict(state.exercise, state.verdict, mistake_first=True))
        if state.verdict["outcome"] == "passed":
            parts.append(Text("Press n for the next exercise, d to compare with the solution."))
    for number, text in enumerate(state.hints, 1):
        parts += ["", Text.assemble((f"Hint {number}: ", "bold yellow"), text)]
    return Group(*parts)


def heading(state: State, low: bool) -> list[RenderableType]:
    """The card; on a low screen what to write, or nothing where a verdict names the exercise."""
    if not low:
        return [card(state.exercise), ""]
    if state.verdict is not None and state.view == "card":
        return []
    title = Text(f"{state.exercise.id} {state.exercise.title}", style="bold")
    return [title, task(state.exercise), ""]


def task(exercise: Exercise) -> Text:
    """What to write, and where."""
    names = ", ".join(symbol.name for symbol in exercise.symbols)
    return Text.assemble("write  ", (names, "bold cyan"), f" in {', '.join(exercise.files)}")


def card(exercise: Exercise) -> RenderableType:
    """The exercise: what to write, where, how long, where to read."""
    facts = f"{exercise.minutes} min, difficulty {exercise.difficulty}/5, {exercise.points} points"
    lines = [
        task(exercise),
        Text(f"read   {exercise.lesson}#{exercise.anchor}"),
        Text(facts, style="bright_black"),
    ]
    title = f"[bold]{exercise.id} {escape(exercise.title)}[/bold]"
    return Panel(Group(*lines), title=title, title_align="left")


def listing(state: State) -> RenderableType:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1, 0, 0))
    for position, status in enumerate(state.statuses):
        mark, style = MARKS[status.state]
        chosen = position == state.cursor
        pointer = Text("›" if chosen else " ", style="bold cyan")
        title = Text(status.exercise.title, style="bold cyan" if chosen else "")
        table.add_row(pointer, Text(mark, style=style), status.exercise.id, title)
    return table


def footer(state: State) -> RenderableType:
    if state.view == "list":
        return Text("up, down: choose   enter: go there   l: back   q: quit", style="bright_black")
    text = Text(no_wrap=True, overflow="ellipsis")
    for key, word in KEYS:
        text.append(key, "bold cyan")
        text.append(f" {word}   ", "bright_black")
    if state.busy:
        text.append("checking", "yellow")
    elif state.verdict is not None:
        text.append(f"{state.seconds * 1000:.0f} ms", "bright_black")
    return text
