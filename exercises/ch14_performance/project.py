"""Project 14: one training step of a GPT, made faster with our own tools, a bar for each of them.

Three parts. The *step*: first a profile, which says where the time goes; then the same step eager,
through our own compiler, and on a GPU with our own kernels in it, in half precision, with Adam as a
single kernel; beside them MLX's compiler and the roofline. Every variant has to learn the same in
its first steps: a wrong step has no speed. *Memory*: what a budget costs, as planned and as
measured. *Several* processes: two of them on this machine measure a connection, and a model of two
numbers says what 1,024 would do.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tinymlx import core, plotting

from .memory import memory
from .several import several
from .steps import Measured, Sizes, bound, loss_of, variants

PARTS = ("step", "memory", "several")
Numbers = dict[str, float]


@dataclass(frozen=True)
class Setting:
    """How large and how often.

    Attributes:
        sizes: of the network and the batch.
        repeats: how often a step is timed.
        layers, width, rows: of the stack whose memory is planned.
        messages: bytes of the sums that two processes time.
    """

    sizes: Sizes
    repeats: int
    layers: int
    width: int
    rows: int
    messages: tuple[int, ...]


QUICK = Setting(Sizes(64, 32, 2, 2, 32, 2), 2, 3, 64, 64, (1 << 12, 1 << 22))
DEFAULT = Setting(
    Sizes(128, 384, 6, 6, 256, 2), 5, 8, 256, 512, tuple(1 << n for n in range(10, 25, 2))
)
FULL = Setting(
    Sizes(128, 384, 6, 6, 256, 64), 15, 12, 1024, 4096, tuple(1 << n for n in range(10, 27, 2))
)


def main(
    out: Path,
    quick: bool = False,
    full: bool = False,
    parts: Sequence[str] = PARTS,
    setting: Setting | None = None,
) -> Numbers:
    """Measure, draw; pictures and numbers go into ``out``.

    Args:
        out: the folder.
        quick: a small network, for seconds.
        full: a batch of 64, for a GPU.
        parts: which parts.
        setting: sizes other than those of the three.

    Returns:
        What was measured.
    """
    setting = setting or (QUICK if quick else FULL if full else DEFAULT)
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    numbers: Numbers = {}
    for part in parts:
        if part == "step":
            numbers |= step(setting, out, console)
        elif part == "memory":
            numbers |= memory(setting.layers, setting.width, setting.rows, out, console)
        elif part == "several":
            numbers |= several(setting.messages, out, console)
        else:
            raise ValueError(f"There is no part {part!r}. There are {', '.join(PARTS)}.")
        (out / "numbers.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    return numbers


def step(setting: Setting, out: Path, console: Console) -> Numbers:
    """The step, from eager to the fastest."""
    sizes = setting.sizes
    tokens = core.random.randint(
        0, sizes.vocabulary, (sizes.rows, sizes.length + 1), key=core.random.key(0)
    )
    core.eval(tokens)
    profile = loss_of(sizes, tokens)
    console.print("[bold]Where the time goes[/], forward and backward, one operation at a time:")
    console.print(profile.table(8), highlight=False)
    profile.save(str(out / "step.json"))
    least = bound(sizes)
    found: list[Measured] = []
    first: list[float] | None = None
    for variant in variants(sizes, tokens):
        measured = variant.measured(setting.repeats)
        first = first or measured.losses
        apart = max(abs(a - b) for a, b in zip(first, measured.losses))
        if apart > variant.tolerance:
            raise ValueError(
                f"The step {variant.name!r} learns something else: its losses are "
                f"{measured.losses}, and {first} in the first variant."
            )
        found.append(measured)
    table(found, least, sizes, console)
    draw(found, least, out)
    slowest, fastest = found[0], min((x for x in found if x.own), key=lambda x: x.seconds)
    return {
        **{f"step: {x.name} (ms)": 1e3 * x.seconds for x in found},
        "step: first over fastest": slowest.seconds / fastest.seconds,
        "step: share of the roofline": least / fastest.seconds,
    }


def table(found: list[Measured], least: float, sizes: Sizes, console: Console) -> None:
    """A row for each variant."""
    rows = Table("step", "ms", "tokens a second", "times as fast", "of the roofline")
    for x in found:
        tokens = sizes.rows * sizes.length / x.seconds
        rows.add_row(
            x.name,
            f"{1e3 * x.seconds:.4g}",
            f"{tokens:,.0f}",
            f"{found[0].seconds / x.seconds:.3g}",
            f"{least / x.seconds:.1%}",
        )
    console.print(rows)


def draw(found: list[Measured], least: float, out: Path) -> None:
    """A bar for each variant, and what the products alone would take."""
    fig, ax = plotting.figure(height=0.5 * len(found) + 1.4)
    places = range(len(found))
    colours = ["#0072B2" if x.own else "#999999" for x in found]
    ax.barh(places, [1e3 * x.seconds for x in found], color=colours, height=0.65)
    for place, x in zip(places, found):
        ax.text(1e3 * x.seconds, place, f" {1e3 * x.seconds:.3g}", va="center", fontsize=9)
    ax.axvline(1e3 * least, color="#D55E00", linewidth=1.2)
    ax.set_title("The line is what the products alone would take", fontsize=10)
    ax.set(yticks=places, yticklabels=[x.name for x in found], xlabel="milliseconds for a step")
    ax.invert_yaxis()
    plotting.save(fig, out, "steps")
