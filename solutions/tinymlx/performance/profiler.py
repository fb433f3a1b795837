"""A profiler: one more interpreter, which carries out each operation at once and times it.

MLX is lazy: to time a call in Python is to time how long it takes to *write down* what shall be
done. So the profiler waits for each result. What it measures is therefore a little more than what
the operations cost together without it, when MLX works at one while Python writes down the next.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx

from tinymlx import core
from tinymlx.core import array
from tinymlx.core.arrays import holder, watched
from tinymlx.core.primitive import Primitive, Trace, released
from tinymlx.core.tree import rebuild


@dataclass(frozen=True)
class Event:
    """One operation.

    Attributes:
        name: of the primitive.
        start, seconds: when it began, counted from the start of the profile, and how long it took.
        shapes: of its outputs.
        size: bytes of its outputs.
        memory: bytes in use when it was done.
    """

    name: str
    start: float
    seconds: float
    shapes: tuple[tuple[int, ...], ...]
    size: int
    memory: int


class Profile(Trace):
    """The interpreter of :func:`profiled`, and afterwards what it has seen.

    Attributes:
        events: the operations, in the order in which they ran.
    """

    name = "a profile"

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.began = time.perf_counter()

    def watch(self, x: Any) -> Any:
        """``x`` as this profile watches it, if it is an array; evaluated, so that nothing that was
        waiting before counts."""
        if type(x) is not array:
            return x
        core.eval(x)
        return watched(holder(released(x)), self, None)

    def bind(self, primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Carry out ``primitive`` one level down, wait for the result, and write down an event.

        Args:
            primitive: the operation.
            args: its arguments: arrays that this trace watches (at least one), other arrays,
                numbers. ``self.lower(x)`` is each of them one level down.
            params: its keyword parameters.

        Returns:
            The output as an array that this trace watches (``watched(y, self, None)``); for a
            primitive with several outputs, a list of them. ``self.events`` has one :class:`Event`
            more, whose time is that of the operation itself: not of what was waiting before, and
            not of what it has not done yet.
        """
        inputs = [self.lower(x) for x in args]
        core.eval([x for x in inputs if type(x) is array])
        start = time.perf_counter()
        output = primitive(*inputs, **params)
        core.eval(output)
        seconds = time.perf_counter() - start
        outputs = output if isinstance(output, list) else [output]
        self.events.append(
            Event(
                primitive.__name__,
                start - self.began,
                seconds,
                tuple(y.shape for y in outputs),
                sum(y.nbytes for y in outputs),
                mx.get_active_memory(),
            )
        )
        made = [watched(y, self, None) for y in outputs]
        return made if isinstance(output, list) else made[0]

    @property
    def seconds(self) -> float:
        """All operations together."""
        return sum(event.seconds for event in self.events)

    def table(self, rows: int = 20) -> str:
        """Operations of one name in one row, those that took longest first.

        Args:
            rows: how many rows at most.
        """
        groups: dict[str, list[Event]] = {}
        for event in self.events:
            groups.setdefault(event.name, []).append(event)
        ranked = sorted(groups.items(), key=lambda item: -sum(e.seconds for e in item[1]))
        lines = [f"{'operation':24}{'calls':>7}{'ms':>10}{'share':>8}{'MB made':>10}"]
        for name, events in ranked[:rows]:
            seconds = sum(e.seconds for e in events)
            share = seconds / self.seconds if self.seconds else 0.0
            made = sum(e.size for e in events) / 1e6
            lines.append(f"{name:24}{len(events):7}{seconds * 1e3:10.3f}{share:8.1%}{made:10.2f}")
        if len(ranked) > rows:
            rest = [e for _, events in ranked[rows:] for e in events]
            seconds = sum(e.seconds for e in rest)
            lines.append(f"{'others':24}{len(rest):7}{seconds * 1e3:10.3f}")
        peak = max((e.memory for e in self.events), default=0) / 1e6
        lines.append(f"{len(self.events)} operations, {self.seconds * 1e3:.3f} ms, {peak:.2f} MB")
        return "\n".join(lines)

    def save(self, file: str) -> None:
        """Write a trace that Perfetto (ui.perfetto.dev) and Chrome show.

        Args:
            file: the path; it ends in ``.json``.

        Raises:
            ValueError: another ending.
            OSError: the file could not be written.

        Source: Trace Event Format, Google (2016): complete events ``X``, counters ``C``,
        microseconds.
        """
        if not file.endswith(".json"):
            raise ValueError(f"A trace is a .json file; {file} has another ending.")
        events: list[dict[str, Any]] = []
        for e in self.events:
            place = {"pid": 1, "tid": 1, "ts": e.start * 1e6}
            about = {"shapes": [list(s) for s in e.shapes], "bytes": e.size}
            events.append(
                {"name": e.name, "ph": "X", "dur": e.seconds * 1e6, "args": about, **place}
            )
            place["ts"] += e.seconds * 1e6
            events.append({"name": "memory", "ph": "C", "args": {"bytes": e.memory}, **place})
        text = json.dumps({"traceEvents": events, "displayTimeUnit": "ms"})
        with open(file, "w", encoding="utf-8") as out:
            out.write(text)


def profiled(fun: Callable[..., Any], *args: Any) -> tuple[Any, Profile]:
    """Call a function, and watch what becomes of its arguments.

    What is made of the arguments is in the profile, also inside of gradients; an operation that has
    to do with none of them (a draw of random numbers, say) is not. Compiled functions run as they
    are written.

    Args:
        fun: the function.
        args: trees of arrays.

    Returns:
        The result, and the profile.
    """
    profile = Profile()
    result = fun(*(rebuild(profile.watch, x) for x in args))
    profile.finished = True
    return rebuild(released, result), profile
