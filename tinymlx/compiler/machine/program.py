"""A straight line of calls as one function of Python, without a loop or a look-up. Given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


class Step:
    """One call of a program.

    Attributes:
        function: what is called.
        inputs: for each argument the number of a slot, or a pair ``("constant", x)``.
        outputs: the slots of its results.
        many: whether it returns a sequence.
        live: whether it gets the list of the program's inputs as its first argument, in which it
            may replace what it writes over.
    """

    __slots__ = ("function", "inputs", "outputs", "many", "live")

    def __init__(
        self,
        function: Callable[..., Any],
        inputs: Sequence[Any],
        outputs: Sequence[int],
        many: bool,
        live: bool = False,
    ) -> None:
        self.function, self.inputs, self.outputs, self.many = function, inputs, outputs, many
        self.live = live


def program(inputs: int, steps: Sequence[Step], outputs: Sequence[Any]) -> Callable[..., Any]:
    """A function of ``inputs`` arrays (slots 0, 1, ...) that makes the steps one after another.

    A slot is emptied after the last step that reads it, so that its memory can be used again.

    Returns:
        A function that takes a list of arrays and returns a list. Where a step writes over an input,
        the list that was given has what stands there now.
    """
    names: dict[str, Any] = {}

    def text(x: Any) -> str:
        if isinstance(x, tuple):
            names[f"c{len(names)}"] = x[1]
            return f"c{len(names) - 1}"
        return f"v{x}"

    last: dict[int, int] = {}
    for place, step in enumerate(steps):
        for x in [*step.inputs, *step.outputs]:
            if not isinstance(x, tuple):
                last[x] = place
    ends: dict[int, list[int]] = {}
    kept = {x for x in outputs if not isinstance(x, tuple)}
    for slot, place in last.items():
        if slot not in kept:
            ends.setdefault(place, []).append(slot)
    lines = ["def run(arrays):"]
    for i in range(inputs):
        if i in last or i in kept:
            lines.append(f"    v{i} = arrays[{i}]")
    for place, step in enumerate(steps):
        function = text(("constant", step.function))
        made = ", ".join(f"v{y}" for y in step.outputs) + ("," if step.many else "")
        given = ", ".join([*["arrays"] * step.live, *(text(x) for x in step.inputs)])
        lines.append(f"    {made} = {function}({given})")
        if ends.get(place):
            lines.append(f"    del {', '.join(f'v{x}' for x in ends[place])}")
    lines.append(f"    return [{', '.join(text(y) for y in outputs)}]")
    exec(compile("\n".join(lines), "<compiled by tinymlx>", "exec"), names)
    return names["run"]  # type: ignore[no-any-return]
