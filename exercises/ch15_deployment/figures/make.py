"""Draws the lesson's figures: ``main(out)`` writes them as SVG files into the folder ``out``."""

from pathlib import Path
from typing import Any

from matplotlib.patches import Rectangle

from tinymlx import core, plotting
from tinymlx.deployment.palettes import palette

from .serving import main as draw_serving

INK = "#333333"
PALE = ("#bcd9ee", "#f8dea6", "#b5e3d3", "#f0c3a5")
GREY = "#e4e4e4"


def main(out: Path) -> None:
    draw_serving(out)
    draw_file(out)
    draw_axes(out)
    draw_layouts(out)
    draw_palette(out)


def save(fig: Any, out: Path, name: str) -> None:
    plotting.save(fig, out, name, formats=("svg",))


def box(ax: Any, x: float, y: float, width: float, colour: str, text: str, size: int = 9) -> None:
    """A rectangle of height 1 with text in its middle."""
    ax.add_patch(Rectangle((x, y), width, 1, facecolor=colour, edgecolor=INK, linewidth=0.8))
    ax.text(x + width / 2, y + 0.5, text, ha="center", va="center", fontsize=size, color=INK)


def bare(ax: Any) -> None:
    """No frame, no ticks."""
    ax.set_axis_off()


def draw_file(out: Path) -> None:
    """Two rulers of bytes: safetensors without gaps, GGUF with them."""
    fig, ax = plotting.figure(1, 1, width=9.0, height=3.4)
    bare(ax)
    ax.set(xlim=(-1, 165), ylim=(-0.9, 5.2))
    ax.text(0, 4.75, "safetensors: multiples of 8, no gaps", fontsize=10, color=INK)
    parts = [(8, "n", GREY), (61, "header: JSON", PALE[0]), (3, "", "white")]
    arrays = [(32, "4 x F64", PALE[1]), (28, "7 x F32", PALE[2]), (6, "F16", PALE[3])]
    x = ruler(ax, 3.4, [*parts, *arrays, (3, "I8", PALE[0])])
    ax.annotate(
        "spaces, so that the\nnumbers begin at 72 = 9 x 8",
        (70.5, 3.4),
        (52, 2.35),
        fontsize=8,
        ha="center",
        arrowprops={"arrowstyle": "-", "color": "#888888"},
    )
    ax.text(x + 2, 3.9, "the end", fontsize=8, va="center", color=INK)
    ax.text(0, 1.65, "GGUF: multiples of 32, zeros between", fontsize=10, color=INK)
    parts = [(55, "GGUF, counts, entries, arrays", PALE[0]), (9, "0", "white")]
    arrays = [(28, "7 x F32", PALE[2]), (4, "0", "white"), (34, "a block of Q8_0", PALE[1])]
    ruler(ax, 0.3, [*parts, *arrays, (30, "0", "white")])
    for place in (0, 32, 64, 96, 128, 160):
        ax.plot([place, place], [0.05, 0.3], color=INK, linewidth=0.8)
        ax.text(place, -0.1, str(place), ha="center", va="top", fontsize=8, color=INK)
    save(fig, out, "file")


def ruler(ax: Any, y: float, parts: list[tuple[int, str, str]]) -> float:
    """Boxes side by side; where the last one ends."""
    x = 0.0
    for width, text, colour in parts:
        box(ax, x, y, width, colour, text, 8 if width > 5 else 6)
        x += width
    return x


def draw_axes(out: Path) -> None:
    """Six numbers in memory; rows of three."""
    fig, ax = plotting.figure(1, 1, width=7.0, height=2.6)
    bare(ax)
    ax.set(xlim=(-0.3, 13.2), ylim=(-0.1, 3.4))
    ax.text(0, 3.05, "in memory, and in both files", fontsize=10, color=INK)
    for i in range(6):
        box(ax, 0.9 * i, 1.6, 0.9, PALE[i // 3], str(i))
    ax.text(7.2, 3.05, "as a matrix", fontsize=10, color=INK)
    for i in range(6):
        box(ax, 7.2 + 0.9 * (i % 3), 1.6 - (i // 3), 0.9, PALE[i // 3], str(i))
    ax.text(10.2, 1.9, "two rows of three:", fontsize=9, color=INK)
    ax.text(10.2, 1.25, "shape (2, 3) here", fontsize=9, color=plotting.BLUE)
    ax.text(10.2, 0.6, "ne = [3, 2] in GGUF", fontsize=9, color=plotting.ORANGE)
    arrow = {"arrowstyle": "->", "color": plotting.ORANGE}
    ax.annotate("", (2.7, 1.35), (0.0, 1.35), arrowprops=arrow)
    ax.text(0, 0.8, "ne[0]: numbers side by side", fontsize=9, color=plotting.ORANGE)
    arrow = {"arrowstyle": "->", "color": plotting.BLUE}
    ax.annotate("", (7.0, 0.6), (7.0, 2.6), arrowprops=arrow)
    ax.text(6.9, 0.3, "axis 0", fontsize=9, color=plotting.BLUE, ha="right")
    save(fig, out, "axes")


def draw_layouts(out: Path) -> None:
    """A row of operations as they are converted, and what is left of it."""
    fig, ax = plotting.figure(1, 1, width=9.0, height=2.6)
    bare(ax)
    ax.set(xlim=(-0.3, 23.3), ylim=(-0.7, 4.2))
    before = ["first", "conv", "last", "add", "relu", "first", "conv", "last", "add", "relu"]
    ax.text(0, 3.75, "each convolution for itself: 4 transpositions", fontsize=10, color=INK)
    row_of(ax, 2.5, before)
    ax.text(0, 1.6, "where they wait: 2, at the doors", fontsize=10, color=INK)
    row_of(ax, 0.35, ["first", "conv", "add", "relu", "conv", "add", "relu", "last"])
    ax.text(0, -0.35, "first: channels go behind the batch;  last: back to the end", fontsize=8)
    save(fig, out, "layouts")


def row_of(ax: Any, y: float, names: list[str]) -> None:
    """Operations side by side with arrows between; transpositions are orange."""
    for i, name in enumerate(names):
        turns = name in ("first", "last")
        box(ax, 2.3 * i, y, 1.9, PALE[3] if turns else PALE[0], name)
        if i:
            arrow = {"arrowstyle": "->", "color": "#888888"}
            ax.annotate("", (2.3 * i, y + 0.5), (2.3 * i - 0.4, y + 0.5), arrowprops=arrow)


def draw_palette(out: Path) -> None:
    """Where sixteen values stand among weights, at equal distances and by k-means."""
    core.random.seed(0)
    weights = core.random.normal((256, 64))
    table, _ = palette(weights)
    low, high = core.min(weights).item(), core.max(weights).item()
    fig, ax = plotting.figure(1, 1, width=8.0, height=3.2)
    ax.hist(weights.reshape(-1).tolist(), bins=80, color=GREY)
    equal = [low + (high - low) * i / 15 for i in range(16)]
    for values, y, colour, name in (
        (equal, -90, plotting.ORANGE, "equal steps"),
        (table.tolist(), -190, plotting.BLUE, "k-means"),
    ):
        ax.plot(values, [y] * 16, "|", color=colour, markersize=11, markeredgewidth=2, label=name)
    ax.set(xlabel="weight", ylabel="weights in a bin", ylim=(-260, None), yticks=range(0, 601, 200))
    ax.legend()
    save(fig, out, "palette")
