"""Draws the lesson's figures: ``main(out)`` writes them as SVG files into the folder ``out``."""

import runpy
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from tinymlx import core, nn, optimizers, plotting
from tinymlx.core import array
from tinymlx.data import shapes
from tinymlx.models import BasicBlock
from tinymlx.nn.layers.upsample import places
from tinymlx.training import Batches, Trainer, one_cycle
from tinymlx.vision import augmentation, mixing
from tinymlx.vision.receptive_field import seen
from tinymlx.vision.whitening import whitening

INK = "#333333"
TINTS = ("#CFE5F3", "#FBE6BF", "#CDEBDF", "#F5C6A8")
# Of the pictures that the project draws.
FROM_PROJECT = ("maps.svg", "mistakes.svg")

# `tinymlx run 7` with the photographs, on two cores: loss, held-out loss, held-out accuracy.
PHOTOGRAPHS = (
    (2.1386, 1.9996, 0.272),
    (1.9489, 1.7677, 0.324),
    (1.8397, 1.6741, 0.358),
    (1.7451, 1.6031, 0.394),
    (1.6582, 1.3686, 0.51),
    (1.554, 1.3436, 0.538),
    (1.4787, 1.3038, 0.542),
    (1.4313, 1.274, 0.588),
    (1.3834, 1.2385, 0.548),
    (1.3448, 1.1184, 0.606),
    (1.3101, 1.1234, 0.63),
    (1.2758, 1.075, 0.642),
    (1.2398, 1.0445, 0.644),
    (1.1988, 1.0236, 0.652),
    (1.1596, 0.9488, 0.67),
    (1.1224, 0.9277, 0.686),
)


def save(fig, out: Path, name: str) -> None:
    plotting.save(fig, out, name, formats=("svg",))


def main(out: Path, quick: bool = False) -> None:
    """``quick``: for a test that asks only whether all is drawn."""
    kernel(out)
    renamed(out)
    transposed(out)
    between(out)
    fields(out)
    depth(out, 1 if quick else 6)
    augmented(out)
    cycle(out)
    white(out)
    curves(out)
    if not quick:  # its own test draws them
        project(out)


# Pieces


def blank(width: float, height: float, right: float, top: float):
    """A figure without axes; the origin is top left."""
    fig, ax = plotting.figure(width=width, height=height)
    ax.set(xlim=(0, right), ylim=(top, 0), aspect="equal")
    ax.axis("off")
    return fig, ax


def cell(ax, x: float, y: float, text: str = "", colour: str = "white", **style) -> None:
    """A unit square with a text, its corner at a point."""
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((x, y), 1, 1, facecolor=colour, edgecolor=INK, lw=1, **style))
    note(ax, x + 0.5, y + 0.5, text)


def frame(ax, x: float, y: float, size: float, colour: str) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(Rectangle((x, y), size, size, facecolor="none", edgecolor=colour, lw=3))


def note(ax, x: float, y: float, text: str, colour: str = INK, **style) -> None:
    ax.text(
        x, y, text, **{"ha": "center", "va": "center", "color": colour, "fontsize": 11, **style}
    )


def arrow(ax, start, end, colour: str = INK) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.4})


# Convolution


def kernel(out: Path) -> None:
    """A kernel in two places, and the numbers it gives there."""
    picture = [[1, 0, 0, 4, 5], [0, 1, 0, 5, 4], [0, 0, 1, 4, 4], [1, 0, 4, 5, 4], [0, 1, 5, 4, 5]]
    weights = [[1, 0, -1], [1, 0, -1], [1, 0, -1]]
    fig, ax = blank(9, 3.6, 16, 6.4)
    for i, row in enumerate(picture):
        for j, value in enumerate(row):
            cell(ax, j, i + 0.8, str(value))
    for i, row in enumerate(weights):
        for j, value in enumerate(row):
            cell(ax, 6.7 + j, 1.8 + i, str(value), TINTS[1])
    for i in range(3):
        for j in range(3):
            total = sum(picture[i + a][j + b] * weights[a][b] for a in range(3) for b in range(3))
            colour = {(0, 0): TINTS[0], (2, 1): TINTS[3]}.get((i, j), "white")
            cell(ax, 11.6 + j, 1.8 + i, str(total), colour)
    frame(ax, 0, 0.8, 3, plotting.BLUE)
    frame(ax, 1, 2.8, 3, plotting.RED)
    note(ax, 2.5, 0.35, "picture")
    note(ax, 8.2, 1.35, "kernel")
    note(ax, 13.1, 1.35, "output")
    note(ax, 5.85, 3.3, "*", fontsize=16)
    note(ax, 10.65, 3.3, "=", fontsize=16)
    save(fig, out, "kernel")


def renamed(out: Path) -> None:
    """The three convolutions, and what stands for what."""
    rows = (
        (
            "", "reads", "with", "stride", "elements\napart", "taps\napart", "zeros\nin front",
            "sums over",
        ),
        ("$y$", "$x$", "$w$", "$s$", "$d_x$", "$d_w$", "$l$", "channels\nof $x$"),
        (
            r"slope of $x$", "$g$", "$w$, turned\nround", "$d_x$", "$s$", "$d_w$",
            "$d_w(K-1)-l$", "channels\nof $g$",
        ),
        (r"slope of $w$", "$x$", "$g$", "$d_w$", "$d_x$", "$s$", "$l$", "examples"),
    )  # fmt: skip
    colours = {"$s$": plotting.BLUE, "$d_x$": plotting.RED, "$d_w$": plotting.GREEN}
    fig, ax = plotting.figure(width=9, height=3.0)
    ax.set(xlim=(0, 16.4), ylim=(4.4, 0))
    ax.axis("off")
    at = (1.3, 3.6, 5.5, 7.4, 9.0, 10.7, 12.9, 15.2)
    for y, row in enumerate(rows):
        if y:
            ax.axhline(y + 0.05, color="#DDDDDD", lw=1)
        for x, text in zip(at, row, strict=True):
            colour = colours.get(text, INK)
            weight = "bold" if y == 0 else "normal"
            size = 9 if y == 0 or "\n" in text else 12
            note(ax, x, y + 0.55, text, colour, fontsize=size, fontweight=weight)
    save(fig, out, "renamed")


def transposed(out: Path) -> None:
    """Where kernels of three taps lie, two steps apart."""
    fig, ax = blank(8, 3.4, 12, 5.0)
    for n in range(4):
        cell(ax, 2 * n + 2.5, 0.2, f"$x_{n}$", TINTS[n])
    for n in range(4):
        for k in range(3):
            cell(ax, 2 * n + k + 1.5, 2.0 + 0.9 * (n % 2) - 0.0, f"$x_{n} w_{k}$", TINTS[n])
        arrow(ax, (2 * n + 3, 1.25), (2 * n + 3, 1.95 + 0.9 * (n % 2)))
    counts = [1, 1, 2, 1, 2, 1, 2, 1, 1]
    for place, count in enumerate(counts):
        note(ax, place + 2, 4.5, str(count), plotting.RED if count == 2 else INK, fontsize=13)
    note(ax, 0.7, 4.5, "contributions", fontsize=9)
    save(fig, out, "transposed")


def between(out: Path) -> None:
    """Where eight outputs lie among four inputs."""
    fig, axes = plotting.figure(2, 1, width=8, height=2.8, sharex=True)
    for ax, align, name in zip(
        axes, (False, True), ("edges together", "corners together"), strict=True
    ):
        for n in range(4):
            ax.axvspan(n - 0.48, n + 0.48, ymin=0.3, ymax=0.7, color=TINTS[0])
        ax.plot(range(4), [0] * 4, "s", color=plotting.BLUE, markersize=9, label="inputs")
        ax.plot(places(4, 2.0, align).tolist(), [0] * 8, "o", color=plotting.RED, label="outputs")
        ax.set(ylim=(-1, 1), yticks=[], title=name)
        ax.spines["left"].set_visible(False)
        ax.grid(False)
    axes[0].legend(loc="lower right", bbox_to_anchor=(1, 0.9), ncols=2)
    axes[1].set(xlabel="place among the inputs")
    save(fig, out, "places")


def fields(out: Path) -> None:
    """What an output in the middle depends on, found by its gradient."""
    stacks = {
        "three 3 x 3": [nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3), nn.Conv2d(2, 2, 3)],
        "a pooling between": [nn.Conv2d(1, 2, 3), nn.AvgPool2d(2), nn.Conv2d(2, 2, 3)],
        "dilated by 1, 2, 4": [
            nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3, dilation=2), nn.Conv2d(2, 2, 3, dilation=4)
        ],
        "dilated by 4 only": [nn.Conv2d(1, 2, 3, dilation=4)],
    }  # fmt: skip
    fig, axes = plotting.figure(1, 4, width=9, height=2.7)
    x = core.random.normal((1, 25, 25, 1), key=core.random.key(0))
    for ax, (name, layers) in zip(axes, stacks.items(), strict=True):
        network = nn.Sequential(*layers)
        middle = (network(x).shape[1] - 1) // 2
        ax.imshow(seen(network, x, (middle, middle)).astype(core.int32).tolist(), cmap="Blues")
        ax.set_title(name, fontsize=11)
        ax.set(xticks=[], yticks=[])
    save(fig, out, "seen")


# What the bug looks like


class Plain(BasicBlock):
    """A residual block without its shortcut."""

    def __call__(self, x: array) -> array:
        y = nn.relu(self.bn1(self.conv1(x)))
        return nn.relu(self.bn2(self.conv2(y)))


def bars(count: int) -> tuple[array, array]:
    """The lesson's pictures with a bar, and whether it lies."""
    keys = core.random.split(core.random.key(0), 4)
    lies = core.random.bernoulli(0.5, (count, 1, 1), key=keys[0])
    i = core.arange(12)[:, None] - core.random.randint(0, 8, (count, 1, 1), key=keys[1])
    j = core.arange(12)[None, :] - core.random.randint(0, 8, (count, 1, 1), key=keys[2])
    lying, upright = (j >= 0) & (j < 4) & (i == 0), (i >= 0) & (i < 4) & (j == 0)
    bar = core.where(lies, lying, upright).astype(core.float32)
    noise = 0.2 * core.random.normal((count, 12, 12), key=keys[3])
    return (bar + noise)[..., None], lies.reshape(-1).astype(core.int32)


def depth(out: Path, epochs: int = 6) -> None:
    """Twenty blocks, forty convolutions, with shortcuts and without."""
    fig, ax = plotting.figure(width=7, height=3.6)
    for kind, name, colour in (
        (BasicBlock, "with shortcuts", plotting.BLUE),
        (Plain, "without", plotting.RED),
    ):
        core.random.seed(0)
        blocks = [kind(8, 8) for _ in range(20)]
        if kind is Plain:  # a gain of 0 would cut it in two
            for block in blocks:
                block.bn2.weight = core.ones((8,))
        head = [lambda x: core.max(x, axis=(1, 2)), nn.Linear(8, 2)]
        model = nn.Sequential(nn.Conv2d(1, 8, 3, 1, 1), *blocks, *head)

        def loss(model, x, y):
            return nn.losses.cross_entropy(model(x), y, reduction="mean")

        trainer = Trainer(model, optimizers.Adam(0.004), loss, compile=False)
        history = trainer.fit(Batches(*bars(400), batch_size=50), epochs, progress=False)
        ax.plot(range(1, epochs + 1), [h["loss"] for h in history], color=colour, label=name)
    ax.set(xlabel="epoch", ylabel="training loss (nats)", ylim=(0, None))
    ax.legend()
    save(fig, out, "depth")


# Pictures


def augmented(out: Path) -> None:
    """One picture, and what becomes of it."""
    x = core.array(shapes.load(60, 10, seed=3).train.x)
    one, other = x[4:5], x[9:10]
    both = core.concatenate([one, other])
    right = array([6])
    changed = {
        "as it is": one,
        "mirrored": augmentation.flipped(one, array([True])),
        "moved": augmentation.cropped(one, array([1]), array([7]), 4),
        "moved again": augmentation.cropped(one, array([8]), array([3]), 4),
        "cutout": mixing.cutout(one, array([20]), right + 4, 10),
        "mixup": mixing.mixed(both, core.zeros((2, 6)), array([1, 0]), array([0.6, 0.6]))[0],
        "other colours": mixing.random_colours(one, 0.5, key=core.random.key(2)),
        "other colours again": mixing.random_colours(one, 0.5, key=core.random.key(5)),
    }
    fig, axes = plotting.figure(2, 4, width=8, height=4.4)
    for ax, (name, picture) in zip(axes.flat, changed.items(), strict=True):
        ax.imshow(picture[0].tolist())
        ax.set_title(name, fontsize=10)
        ax.axis("off")
    save(fig, out, "augmented")


def cycle(out: Path) -> None:
    """Two schedules that fulfil the contract."""
    fig, ax = plotting.figure(width=7, height=3.2)
    steps = range(101)
    lines = one_cycle(1.0, 100)
    cosine = optimizers.join_schedules(
        [optimizers.linear_schedule(1 / 26, 1.0, 25), optimizers.cosine_decay(1.0, 75)], [25]
    )
    for schedule, name, colour in (
        (lines, "straight lines", plotting.BLUE), (cosine, "half a cosine", plotting.ORANGE)
    ):  # fmt: skip
        ax.plot(steps, [float(schedule(array(i)).item()) for i in steps], color=colour, label=name)
    ax.set(xlabel="step", ylabel="rate, as a share of the peak")
    ax.legend()
    save(fig, out, "cycle")


def white(out: Path) -> None:
    """The kernels of a whitening layer, largest variance first."""
    weight, _ = whitening(core.array(shapes.load(1000, 10).train.x), 3)
    fig, axes = plotting.figure(3, 9, width=9, height=3.2)
    for ax, kernel in zip(axes.flat, weight, strict=True):
        ax.imshow((0.5 + 0.5 * kernel / core.max(core.abs(kernel))).tolist())
        ax.axis("off")
    save(fig, out, "white")


# The project


def curves(out: Path) -> None:
    """What the project printed on two cores with the photographs."""
    fig, (left, right) = plotting.figure(1, 2, width=9.0, height=3.8)
    epochs = range(1, len(PHOTOGRAPHS) + 1)
    training, held_out, shares = zip(*PHOTOGRAPHS, strict=True)
    left.plot(epochs, training, color=plotting.BLUE, label="training, changed and smoothed")
    left.plot(epochs, held_out, color=plotting.ORANGE, label="held out")
    left.set(xlabel="epoch", ylabel="cross entropy (nats)", ylim=(0, None))
    left.legend()
    right.plot(epochs, [100 * s for s in shares], color=plotting.ORANGE, label="held out")
    right.set(xlabel="epoch", ylabel="right answers (%)", ylim=(0, 100))
    right.legend(loc="lower right")
    save(fig, out, "curves")


def project(out: Path) -> None:
    """Two of the pictures of the project's quick setting."""
    script = runpy.run_path(str(Path(__file__).parent.parent / "project.py"))
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        script["main"](Path(folder), quick=True)
        for name in FROM_PROJECT:
            (out / name).write_bytes((Path(folder) / name).read_bytes())


if __name__ == "__main__":
    main(Path(__file__).parent)
