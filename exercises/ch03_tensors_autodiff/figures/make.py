"""Draws the lesson's figures: ``main(out)`` writes them as SVG files into the folder ``out``."""

import math
import runpy
import tempfile
from collections.abc import Sequence
from pathlib import Path

import mlx.core as mx

from tinymlx import core, plotting
from tinymlx.core import array
from tinymlx.core.check import finite_differences

INK = "#333333"
PALE = "#F2F2F2"


def save(fig, out: Path, name: str) -> None:
    plotting.save(fig, out, name, formats=("svg",))


def main(out: Path) -> None:
    strides(out)
    broadcast(out)
    windows(out)
    contraction(out)
    graph(out)
    modes(out)
    differences(out)
    slopes(out)
    gather(out)
    network(out)


# Pieces


def blank(width: float, height: float, right: float, top: float):
    """A figure without axes, on which one unit is the side of a cell; the origin is top left."""
    fig, ax = plotting.figure(width=width, height=height)
    ax.set(xlim=(0, right), ylim=(top, 0), aspect="equal")
    ax.axis("off")
    return fig, ax


def cell(ax, x: float, y: float, text: object = "", colour: str = PALE, edge: str = INK, **style):
    """A square with something written in it."""
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((x, y), 1, 1, facecolor=colour, edgecolor=edge, lw=1, **style))
    faint = style.get("ls") is not None
    ax.text(
        x + 0.5, y + 0.53, str(text), ha="center", va="center", fontsize=11,
        color=plotting.GREY if faint else INK,
    )  # fmt: skip


def table(ax, x: float, y: float, rows: Sequence[Sequence[object]], colour) -> None:
    """Rows of cells; ``colour`` is one colour, or a function of the number in the cell."""
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            cell(ax, x + j, y + i, value, colour(value) if callable(colour) else colour)


def arrow(ax, start, end, colour: str = INK, bend: float = 0.0, **style) -> None:
    ax.annotate(
        "",
        end,
        start,
        arrowprops={
            "arrowstyle": "-|>",
            "color": colour,
            "lw": 1.4,
            "shrinkA": 0,
            "shrinkB": 0,
            "connectionstyle": f"arc3,rad={bend}",
            **style,
        },
    )


def note(ax, x: float, y: float, text: str, colour: str = INK, **style) -> None:
    ax.text(
        x, y, text, **{"ha": "center", "va": "center", "color": colour, "fontsize": 11, **style}
    )


# Arrays


def strides(out: Path) -> None:
    """One row of memory, and three arrays that read it."""
    fig, ax = blank(9, 4.1, 18, 8.2)
    tints = ("#CFE5F3", "#FBE6BF", "#CDEBDF")
    note(ax, 2.6, 0.9, "memory", ha="right", fontweight="bold")
    for i in range(12):
        cell(ax, 3 + i, 0.4, i, tints[i // 4])

    def tint(number: int) -> str:
        return tints[number // 4]

    memory = core.arange(12)
    shown = (
        (0.9, "the table", (3, 4), (4, 1)),
        (7.5, "its transpose", (4, 3), (1, 4)),
        (14.2, "every second column", (3, 2), (4, 2)),
    )
    for x, name, shape, steps in shown:
        table(ax, x, 3.7, core.as_strided(memory, shape, steps).tolist(), tint)
        middle = x + shape[1] / 2
        note(ax, middle, 2.35, name, fontweight="bold")
        note(ax, middle, 3.1, f"shape {shape}, strides {steps}", fontsize=10)
    save(fig, out, "strides")


def broadcast(out: Path) -> None:
    """A column and a row are repeated until their shapes agree."""
    fig, ax = blank(9, 2.9, 18.2, 5.6)
    column, row = [[10], [20], [30]], [[1, 2, 3, 4]]
    for j in range(1, 4):
        for i in range(3):
            cell(ax, 0.5 + j, 1.5 + i, column[i][0], "white", plotting.GREY, ls="--")
    for i in range(1, 3):
        for j in range(4):
            cell(ax, 6.5 + j, 1.5 + i, row[0][j], "white", plotting.GREY, ls="--")
    table(ax, 0.5, 1.5, column, "#CFE5F3")
    table(ax, 6.5, 1.5, row, "#FBE6BF")
    total = (core.array(column) + core.array(row)).tolist()
    table(ax, 13.2, 1.5, total, "#CDEBDF")
    note(ax, 5.5, 3, "+", fontsize=16)
    note(ax, 11.85, 3, "=", fontsize=16)
    for x, text in ((2.5, "(3, 1)"), (8.5, "(4,)"), (15.2, "(3, 4)")):
        note(ax, x, 0.8, text, fontweight="bold")
    note(ax, 2.5, 5.1, "strides (1, 0)", fontsize=10)
    note(ax, 8.5, 5.1, "strides (0, 1)", fontsize=10)
    save(fig, out, "broadcast")


def windows(out: Path) -> None:
    """Overlapping windows of one row."""
    fig, ax = blank(7.4, 3.1, 13.6, 5.6)
    values = [4, 6, 5, 9, 12, 10, 9]
    colours = (plotting.BLUE, plotting.ORANGE, plotting.GREEN)
    tints = ("#CFE5F3", "#FBE6BF", "#CDEBDF")
    table(ax, 0.5, 0.4, [values], PALE)
    for k in range(3):
        first, last, y = 0.5 + 2 * k, 3.5 + 2 * k, 1.75 + 0.32 * k
        ax.plot([first + 0.08, last - 0.08], [y, y], color=colours[k], lw=4, solid_capstyle="butt")
        table(ax, 9.6, 1.4 + k, [values[2 * k : 2 * k + 3]], tints[k])
    note(ax, 4, 3.3, "size 3, stride 2", fontsize=11)
    note(ax, 11.1, 0.75, "shape (3, 3)", fontweight="bold")
    note(ax, 11.1, 4.95, "strides (2, 1)", fontsize=10)
    save(fig, out, "windows")


def contraction(out: Path) -> None:
    """Names of axes on their way through one batched matrix product."""
    from matplotlib.patches import FancyBboxPatch

    fig, ax = plotting.figure(width=9.4, height=3.2)
    ax.set(xlim=(0, 100), ylim=(34, 0))
    ax.axis("off")
    kinds = {"b": plotting.BLUE, "h": plotting.BLUE, "q": plotting.ORANGE, "k": plotting.GREEN}
    kinds["d"] = plotting.RED

    def names(x: float, y: float, groups: str) -> None:
        """Groups of names, each in a box: merged axes share one."""
        for group in groups.split():
            width = 3.6 * len(group) + 0.6
            ax.add_patch(
                FancyBboxPatch(
                    (x, y - 3), width, 6, boxstyle="round,pad=0.2", facecolor=PALE, edgecolor=INK
                )
            )
            for i, c in enumerate(group):
                note(ax, x + 2.1 + 3.6 * i, y + 0.1, c, kinds[c], fontweight="bold", fontsize=14)
            x += width + 1.6

    for x, text in ((11.8, "as given"), (36.7, "transposed, merged"), (62.7, "multiplied")):
        note(ax, x, 2.5, text, fontsize=10)
    note(ax, 88.3, 2.5, "split again", fontsize=10)
    names(1, 9, "b q h d")
    names(1, 23, "b k h d")
    names(27, 9, "bh q d")
    names(27, 23, "bh d k")
    names(53, 16, "bh q k")
    names(77, 16, "b h q k")
    for start, end in (
        ((23.5, 9), (26.4, 9)),
        ((23.5, 23), (26.4, 23)),
        ((47.2, 10.5), (52.2, 14)),
        ((47.2, 21.5), (52.2, 18)),
        ((73.3, 16), (76.4, 16)),
    ):
        arrow(ax, start, end)
    for i, (name, c) in enumerate(
        (("batch", "b"), ("rows", "q"), ("columns", "k"), ("summed", "d"))
    ):
        note(ax, 30 + 13.5 * i, 31, name, kinds[c], fontweight="bold", fontsize=11)
    save(fig, out, "contraction")


# Derivatives


def graph(out: Path) -> None:
    """One neuron: values on the way there, derivatives on the way back."""
    from matplotlib.patches import FancyBboxPatch

    x, w, b, t = 2.0, 0.5, -0.5, 1.0
    z = w * x + b
    y = math.tanh(z)
    d = y - t
    back = {
        "L": 1.0,
        "d": core.grad(core.square)(array(d)).item(),
        "y": core.grad(lambda y: core.square(y - t))(array(y)).item(),
        "z": core.grad(lambda z: core.square(core.tanh(z) - t))(array(z)).item(),
    }

    def loss(w, x, b, t):
        return core.square(core.tanh(w * x + b) - t)

    inputs = core.grad(loss, argnums=(0, 1, 2, 3))(*(array(v) for v in (w, x, b, t)))
    back |= dict(zip(("w", "x", "b", "t"), (g.item() for g in inputs), strict=True))
    back["p"] = back["z"]
    values = {"w": w, "x": x, "b": b, "t": t, "p": w * x, "z": z, "y": y, "d": d, "L": d * d}
    places = {
        "w": (7, 6), "x": (7, 19), "p": (25, 12.5), "b": (25, 27), "z": (43, 15),
        "y": (60, 15), "t": (60, 27), "d": (77, 18), "L": (94, 18),
    }  # fmt: skip
    labels = {
        "w": "w", "x": "x", "b": "b", "t": "t", "p": "w x", "z": "z = w x + b",
        "y": "y = tanh z", "d": "d = y - t", "L": "L = d²",
    }  # fmt: skip
    edges = ("wp", "xp", "pz", "bz", "zy", "yd", "td", "dL")
    fig, ax = plotting.figure(width=10, height=3.4)
    ax.set(xlim=(0, 101), ylim=(33, 0))
    ax.axis("off")
    half = 6.0
    for start, end in edges:
        (x0, y0), (x1, y1) = places[start], places[end]
        arrow(ax, (x0 + half + 0.4, y0), (x1 - half - 0.4, y1), plotting.GREY)
    for name, (px, py) in places.items():
        leaf = name in "wxbt"
        ax.add_patch(
            FancyBboxPatch(
                (px - half, py - 4.2), 2 * half, 8.4, boxstyle="round,pad=0.2",
                facecolor="#FFFFFF" if leaf else PALE, edgecolor=INK, lw=1,
            )
        )  # fmt: skip
        note(ax, px, py - 2.6, labels[name], fontweight="bold", fontsize=10)
        note(ax, px, py + 0.3, f"{values[name]:.3g}", plotting.BLUE, fontsize=10.5)
        note(ax, px, py + 3.0, f"{back[name]:.3g}", plotting.RED, fontsize=10.5)
    note(ax, 84, 3.2, "value, computed from left to right", plotting.BLUE, fontsize=10.5)
    note(ax, 84, 6.8, "slope of L by it, from right to left", plotting.RED, fontsize=10.5)
    save(fig, out, "graph")


def modes(out: Path) -> None:
    """The product of three Jacobians from the right and from the left, as rectangles."""
    from matplotlib.patches import Rectangle

    fig, axes = plotting.figure(1, 2, width=10, height=3.9)
    sizes = {"x": 5.0, "u": 2.6, "v": 2.6, "y": 0.5}

    def row(ax, y: float, *shapes: str, carried: str, colour: str) -> None:
        """Matrices side by side, each given by result and argument: ``"yv"`` is J3."""
        x = 0.3
        for shape in shapes:
            rows, columns = sizes[shape[0]], sizes[shape[1]]
            fill = colour if shape == carried else "#DDDDDD"
            ax.add_patch(
                Rectangle((x, y - rows / 2), columns, rows, facecolor=fill, edgecolor=INK, lw=1)
            )
            x += columns + 0.5

    heights = (2.6, 6.3, 9.6)
    forward = (("yv", "vu", "ux"), ("yv", "vx"), ("yx",))
    reverse = (("yv", "vu", "ux"), ("yu", "ux"), ("yx",))
    for ax, name, colour, tint, rows, end, texts in (
        (
            axes[0], "forward: from the right", "#9A6A00", "#F6CF7F", forward, -1,
            ("$J_1$", r"$J_2\,J_1$", r"$J_3\,J_2\,J_1$"),
        ),
        (
            axes[1], "in reverse: from the left", plotting.BLUE, "#9CCBE8", reverse, 0,
            (r"$\bar{v} = \bar{y}\,J_3$", r"$\bar{u} = \bar{v}\,J_2$", r"$\bar{x} = \bar{u}\,J_1$"),
        ),
    ):  # fmt: skip
        ax.set(xlim=(0, 16.5), ylim=(10.4, 0), aspect="equal")
        ax.axis("off")
        ax.set_title(name, color=colour, fontweight="bold")
        for y, shapes, text in zip(heights, rows, texts, strict=True):
            row(ax, y, *shapes, carried=shapes[end], colour=tint)
            note(ax, 12.4, y, text, colour, fontsize=13, ha="left")
        for x, text in ((1.6, "$J_3$"), (4.7, "$J_2$"), (9, "$J_1$")):
            note(ax, x, 0.6, text, fontsize=12)
    save(fig, out, "modes")


def differences(out: Path) -> None:
    """The error of central differences of tanh against the step."""
    fig, ax = plotting.figure(width=7.4, height=4.3)
    point = 0.5
    exact = 1 - math.tanh(point) ** 2
    steps = [10 ** (-k / 6) for k in range(67)]
    with mx.stream(mx.cpu):  # float64 lives there
        for dtype, colour, name, place in (
            (mx.float32, plotting.RED, "float32", (6e-7, 5)),
            (mx.float64, plotting.BLUE, "float64", (1.2e-9, 4e-10)),
        ):
            x, one = array(point, dtype), array(1.0, dtype)
            errors = [abs(finite_differences(core.tanh, x, one, e).item() - exact) for e in steps]
            shown = [(e, error) for e, error in zip(steps, errors, strict=True) if error > 0]
            ax.loglog(*zip(*shown, strict=True), ".-", color=colour, lw=1, ms=5)
            ax.annotate(name, place, color=colour, fontweight="bold", ha="right")
    for ends, formula in (
        ((3e-5, 0.6), lambda e: 0.57 / 6 * e * e),  # f''' is -0.57 here, and f is 0.46
        ((1e-7, 1e-2), lambda e: 6e-8 * 0.46 / e),
        ((1e-11, 1e-5), lambda e: 1.1e-16 * 0.46 / e),
    ):
        ax.loglog(ends, [formula(e) for e in ends], "--", color=plotting.GREY, lw=1.3)
    ax.annotate("truncation\nε² |f'''| / 6", (2.5e-3, 6e-8), va="top", color="#555555")
    ax.annotate("rounding\nu |f| / ε", (1e-10, 3e-5), va="bottom", color="#555555")
    ax.set(xlabel="step ε", ylabel="error of the slope", ylim=(1e-13, 30), xlim=(5e-12, 1.5))
    save(fig, out, "differences")


def slopes(out: Path) -> None:
    """Three curves and their slopes, which the library computed."""
    fig, axes = plotting.figure(2, 3, width=9.4, height=4.2, sharex=True, sharey="row")
    x = core.linspace(-3.2, 3.2, 129)
    names = (("sin x", "cos x"), ("tanh x", "1 - tanh² x"), ("erf x", "2/√π · exp(-x²)"))
    for k, (f, (name, slope)) in enumerate(
        zip((core.sin, core.tanh, core.erf), names, strict=True)
    ):
        axes[0, k].plot(x.tolist(), f(x).tolist(), color=plotting.BLUE)
        axes[0, k].set_title(name)
        _, (g,) = core.vjp(f, [x], [core.ones(x.shape)])
        axes[1, k].plot(x.tolist(), g.tolist(), color=plotting.RED)
        axes[1, k].set_title(slope)
        axes[1, k].set_xlabel("x")
    axes[0, 0].set_ylabel("value")
    axes[1, 0].set_ylabel("slope")
    save(fig, out, "slopes")


def gather(out: Path) -> None:
    """Picking with a repeated index, and the way back."""
    fig, ax = blank(9.2, 3.5, 18.4, 6.9)
    picks, g = [0, 0, 2], [1, 10, 100]
    colours = (plotting.BLUE, plotting.ORANGE, plotting.GREEN)
    note(ax, 3.4, 0.5, "forward: y = x[[0, 0, 2]]", fontweight="bold")
    note(ax, 13.4, 0.5, "back: add where it was picked", fontweight="bold")
    table(ax, 1.4, 1.2, [["a", "b", "c", "d"]], PALE)
    table(ax, 1.9, 5.2, [["a", "a", "c"]], PALE)
    table(ax, 11.4, 1.2, [[11, 0, 100, 0]], PALE)
    table(ax, 11.9, 5.2, [g], PALE)
    for k, i in enumerate(picks):
        shift = 0.22 * (k - 0.5) if i == 0 else 0.0
        arrow(ax, (1.9 + i + shift, 2.28), (2.4 + k, 5.1), colours[k])
        arrow(ax, (12.4 + k, 5.1), (11.9 + i + shift, 2.28), colours[k])
    for x, y, name in ((0.9, 1.7, "x"), (1.4, 5.7, "y")):
        note(ax, x, y, name, fontweight="bold", fontsize=12)
        note(ax, x + 10, y, rf"$\bar{{{name}}}$", fontsize=14)
    note(ax, 16.6, 2.9, "1 + 10 arrive at a;", ha="center", fontsize=10)
    note(ax, 16.6, 3.6, "nothing at b and d", ha="center", fontsize=10)
    save(fig, out, "gather")


def network(out: Path) -> None:
    """From the chapter's project: the fit at three moments, the loss, and the graph of the loss."""
    project = runpy.run_path(str(Path(__file__).parents[1] / "project.py"))
    data, weights, _ = core.random.split(core.random.key(3), 3)
    x, y = project["sample"](project["POINTS"], data)
    start = project["start"](project["HIDDEN"], weights)
    grid = core.linspace(-2, 2, 101).reshape(-1, 1)
    fig, (left, right) = plotting.figure(1, 2, width=10, height=3.8)
    left.plot(x.reshape(-1).tolist(), y.reshape(-1).tolist(), ".", color="#999999", ms=5)
    shown = {0: (plotting.SKY, ":"), 30: (plotting.ORANGE, "--"), 1000: (plotting.BLUE, "-")}
    losses = []
    for step, loss, p in project["fit"](start, x, y, max(shown)):
        losses.append(loss)
        if step in shown:
            colour, style = shown[step]
            fitted = project["predict"](p, grid)
            left.plot(
                grid.tolist(), fitted.tolist(), style, color=colour, label=f"after {step} steps"
            )
    left.set(xlabel="x", ylabel="y", ylim=(-2.6, 2))
    left.legend(loc="lower right")
    right.loglog(range(1, len(losses) + 1), losses, color=plotting.BLUE)
    right.axhline(project["NOISE"] ** 2, color=plotting.GREY, lw=1.2, ls="--")
    right.annotate("the noise of the points", (1.2, 0.0108), color="#555555", fontsize=10)
    right.set(xlabel="step", ylabel="mean squared error", xlim=(1, len(losses)))
    save(fig, out, "fit")
    with tempfile.TemporaryDirectory() as folder:
        project["draw_graph"](*project["recorded_graph"](start, x, y), Path(folder))
        (out / "network.svg").write_bytes((Path(folder) / "network.svg").read_bytes())


if __name__ == "__main__":
    main(Path(__file__).parent)
