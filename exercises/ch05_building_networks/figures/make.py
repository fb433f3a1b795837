"""Draws the lesson's figures: ``main(out)`` writes them as SVG files into the folder ``out``."""

import runpy
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from tinymlx import core, nn, plotting
from tinymlx.core import array

INK = "#333333"
PALE = "#F2F2F2"
TINTS = ("#BBDDF2", "#F9DFA6", "#B5E3D4", "#F5C6A8")
# Of the pictures that the project draws.
FROM_PROJECT = ("roc.svg", "calibration.svg")


def save(fig, out: Path, name: str) -> None:
    plotting.save(fig, out, name, formats=("svg",))


def main(out: Path, quick: bool = False) -> None:
    """``quick``: for a test that asks only whether all is drawn."""
    tree(out)
    init(out)
    dropout(out)
    norms(out)
    loan(out)
    if not quick:  # its own test draws them
        project(out)


# Pieces


def blank(width: float, height: float, right: float, top: float):
    """A figure without axes; the origin is top left."""
    fig, ax = plotting.figure(width=width, height=height)
    ax.set(xlim=(0, right), ylim=(top, 0))
    ax.axis("off")
    return fig, ax


def box(ax, x: float, y: float, width: float, text: str, colour: str, height: float = 0.62, **font):
    """A box centred at a point."""
    from matplotlib.patches import FancyBboxPatch

    corner = (x - width / 2, y - height / 2)
    style = "round,pad=0,rounding_size=0.12"
    ax.add_patch(
        FancyBboxPatch(corner, width, height, boxstyle=style, facecolor=colour, edgecolor=INK, lw=1)
    )
    ax.text(x, y, text, ha="center", va="center", color=INK, **{"fontsize": 11, **font})


def line(ax, start, end, text: str = "", **style) -> None:
    ax.plot(*zip(start, end, strict=True), color=INK, lw=1, zorder=0, **style)
    if text:
        x, y = (start[0] + 2 * end[0]) / 3, (start[1] + 2 * end[1]) / 3
        label = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        ax.text(x, y, text, ha="center", va="center", fontsize=10, color=plotting.BLUE, bbox=label)


def arrow(ax, start, end, colour: str = INK, bend: float = 0.0) -> None:
    properties = {"arrowstyle": "-|>", "color": colour, "lw": 1.6, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops={**properties, "connectionstyle": f"arc3,rad={bend}"})


# A model as a tree


def tree(out: Path) -> None:
    """Branches above, arrays below, and a path below each array."""
    fig, ax = blank(9, 3.9, 12, 5.2)
    box(ax, 6, 0.5, 1.9, "model: dict", TINTS[0])
    box(ax, 4, 1.8, 1.7, "list", TINTS[1])
    line(ax, (6, 0.8), (4, 1.5), "layers")
    leaves = [
        (1.1, "(4, 3)", "layers.0.weight", 2.2, "weight"),
        (3.2, "(4,)", "layers.0.bias", 2.2, "bias"),
        (5.3, "(2, 4)", "layers.1.weight", 5.8, "weight"),
        (7.4, "(2,)", "layers.1.bias", 5.8, "bias"),
        (9.9, "(2,)", "scale", 0, "scale"),
    ]
    for i, x in enumerate((2.2, 5.8)):
        box(ax, x, 3.0, 1.7, "Linear: dict", TINTS[0])
        line(ax, (4, 2.1), (x, 2.7), str(i))
    for x, shape, path, parent, key in leaves:
        start = (parent, 3.3) if parent else (6, 0.8)
        line(ax, start, (x, 3.95), key)
        box(ax, x, 4.25, 1.3, shape, TINTS[2])
        ax.text(x, 4.85, path, ha="center", va="center", fontsize=10, family="monospace", color=INK)
    save(fig, out, "tree")


# How large to begin


def signals(std: float, depth: int, width: int = 256) -> tuple[list[float], list[float]]:
    """The size of the signal after each layer, and of the gradient before each."""
    ws = [
        core.random.normal((width, width), scale=std, key=core.random.key(i + 1))
        for i in range(depth)
    ]
    x = core.random.normal((64, width), key=core.random.key(0))
    zeros = [core.zeros((64, width)) for _ in range(depth)]
    sizes: list[array] = []

    def run(*bumps: array) -> array:
        """With a bump of zero before each layer, whose slope is the gradient there."""
        y = x
        sizes.clear()
        for w, bump in zip(ws, bumps, strict=True):
            y = core.tanh((y + bump) @ w.T)
            sizes.append(core.stop_gradient(y))
        return y

    g = core.random.normal((64, width), key=core.random.key(99))
    run(*zeros)
    forward = [size(y) for y in sizes]
    _, slopes = core.vjp(run, zeros, [g])
    return forward, [size(s) for s in slopes]


def size(x: array) -> float:
    return core.sqrt(core.square(x).mean()).item()


def init(out: Path) -> None:
    fig, (left, right) = plotting.figure(1, 2, width=10, height=4.2)
    depth = 30
    cases = [
        (0.02, "std 0.02: too small", "--", plotting.ORANGE),
        (0.0625, "std 1/16, one over the root of the fan-in", "-", plotting.BLUE),
        (0.3, "std 0.3: too large", "-.", plotting.RED),
    ]
    for std, name, style, colour in cases:
        forward, back = signals(std, depth)
        layers = range(1, depth + 1)
        left.semilogy(layers, forward, style, color=colour, label=name)
        right.semilogy(layers, back, style, color=colour)
    left.set(xlabel="layer", ylabel="root mean square of its output", ylim=(1e-16, 10))
    right.set(xlabel="layer", ylabel="root mean square of the gradient before it")
    left.legend(loc="lower left")
    save(fig, out, "init")


# Dropout


def dropout(out: Path) -> None:
    fig, axes = plotting.figure(2, 4, width=9, height=4.8)
    core.random.seed(7)
    waves = core.arange(12) / 12 * 6.3
    picture = core.stack(
        [
            2 + core.sin(waves)[:, None] + core.cos(waves)[None],
            2 + core.sin(waves[:, None] + waves[None]),
            2 + core.cos(waves)[:, None] * core.sin(waves)[None],
            2 + core.sin(2 * waves)[None] + 0 * waves[:, None],
        ],
        axis=-1,
    )
    for row, layer in zip(axes, (nn.Dropout(0.5), nn.Dropout2d(0.5)), strict=True):
        dropped = layer(picture)
        for c, ax in enumerate(row):
            ax.imshow(dropped[..., c].tolist(), cmap="viridis", vmin=0, vmax=8)
            ax.set(xticks=[], yticks=[])
            ax.grid(False)
            ax.set_title(f"channel {c}", fontsize=10)
        row[0].set_ylabel(type(layer).__name__)
    save(fig, out, "dropout")


# What shares a mean


def norms(out: Path) -> None:
    """Examples by channels, each with positions; one colour for what is normalized together."""
    examples, channels, positions = 3, 4, 3
    kinds: list[tuple[str, Callable[[int, int, int], object]]] = [
        ("LayerNorm", lambda n, c, p: (n, p)),
        ("BatchNorm", lambda n, c, p: c),
        ("InstanceNorm", lambda n, c, p: (n, c)),
        ("GroupNorm, 2 groups", lambda n, c, p: (n, c % 2)),
    ]
    from matplotlib.patches import Rectangle

    fig, axes = plotting.figure(1, 4, width=10, height=2.9)
    for ax, (name, group) in zip(axes, kinds, strict=True):
        ax.set(xlim=(-0.1, channels), ylim=(examples * (positions + 0.5) - 0.4, -0.1))
        ax.set_title(name, fontsize=11)
        ax.grid(False)
        first = group(1, 1, 1)
        for n in range(examples):
            for c in range(channels):
                for p in range(positions):
                    together = group(n, c, p) == first
                    y = n * (positions + 0.5) + p
                    colour = plotting.BLUE if together else PALE
                    ax.add_patch(Rectangle((c, y), 1, 1, facecolor=colour, edgecolor="white", lw=2))
        ax.set(xticks=[c + 0.5 for c in range(channels)], xticklabels=range(channels))
        middle = [n * (positions + 0.5) + positions / 2 for n in range(examples)]
        ax.set(yticks=middle, yticklabels=[f"example {n}" for n in range(examples)])
        ax.tick_params(length=0)
        ax.set_xlabel("channel")
        for side in ("left", "bottom"):
            ax.spines[side].set_visible(False)
        if ax is not axes[0]:
            ax.set(yticklabels=[])
    save(fig, out, "norms")


# The loan


def loan(out: Path) -> None:
    fig, ax = blank(9, 3.2, 12, 4.3)
    box(ax, 1.7, 2.1, 2.6, "model\nwith its arrays", TINTS[0], height=1.3)
    box(ax, 6.0, 2.1, 3.0, "model\nwith watched arrays", TINTS[1], height=1.3)
    box(ax, 10.4, 2.1, 2.4, "loss", TINTS[2], height=1.0)
    box(ax, 6.0, 0.45, 3.4, "parameters, watched", TINTS[3])
    box(ax, 10.4, 3.85, 2.4, "gradients: a tree", TINTS[3])
    arrow(ax, (2.0, 1.4), (4.25, 0.45), bend=-0.2)
    ax.text(2.2, 0.5, "trainable_\nparameters()", ha="center", va="center", fontsize=10, color=INK)
    arrow(ax, (6.0, 0.78), (6.0, 1.42))
    ax.text(6.15, 1.1, "update", va="center", fontsize=10, color=INK)
    arrow(ax, (7.5, 2.1), (9.2, 2.1))
    ax.text(8.35, 1.85, "fn(...)", ha="center", fontsize=10, color=INK)
    arrow(ax, (10.4, 2.62), (10.4, 3.5))
    ax.text(10.25, 3.05, "the tape, backwards", ha="right", va="center", fontsize=10, color=INK)
    arrow(ax, (6.0, 2.78), (1.9, 2.78), colour=plotting.BLUE, bend=-0.35)
    ax.text(
        3.9, 3.75, "its own arrays return, also after an error",
        ha="center", fontsize=10, color=plotting.BLUE,
    )  # fmt: skip
    save(fig, out, "loan")


# The project


def project(out: Path) -> None:
    """Two of the project's own pictures."""
    script = runpy.run_path(str(Path(__file__).parent.parent / "project.py"))
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        script["main"](Path(folder))
        for name in FROM_PROJECT:
            (out / name).write_bytes((Path(folder) / name).read_bytes())


if __name__ == "__main__":
    main(Path(__file__).parent)
