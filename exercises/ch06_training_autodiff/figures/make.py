"""Draws the lesson's figures: ``main(out)`` writes them as SVG files into the folder ``out``."""

import gc
import math
import runpy
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import mlx.core as mx

from tinymlx import core, nn, optimizers, plotting, utils
from tinymlx.core import array
from tinymlx.core.jacobians import hessian_vector_product
from tinymlx.training import LossScaler, Trainer, WeightAverage

INK = "#333333"
PALE = "#F2F2F2"
TINTS = ("#CFE5F3", "#FBE6BF", "#CDEBDF", "#F5C6A8")
# Of the pictures that the project draws.
FROM_PROJECT = ("curves.svg", "mistakes.svg")


def save(fig, out: Path, name: str) -> None:
    plotting.save(fig, out, name, formats=("svg",))


def main(out: Path, quick: bool = False) -> None:
    """``quick``: for a test that asks only whether all is drawn."""
    layers(out)
    transposition(out)
    alignment(out)
    curvature(out)
    memory(out, 2 if quick else 8)
    half(out)
    scale(out)
    average(out)
    if not quick:  # its own test draws them
        project(out)


# Pieces


def blank(width: float, height: float, right: float, top: float):
    """A figure without axes; the origin is top left."""
    fig, ax = plotting.figure(width=width, height=height)
    ax.set(xlim=(0, right), ylim=(top, 0))
    ax.axis("off")
    return fig, ax


def box(ax, x: float, y: float, width: float, text: str, colour: str, height: float = 0.8, **font):
    """A box centred at a point."""
    from matplotlib.patches import FancyBboxPatch

    corner = (x - width / 2, y - height / 2)
    style = "round,pad=0,rounding_size=0.12"
    ax.add_patch(
        FancyBboxPatch(corner, width, height, boxstyle=style, facecolor=colour, edgecolor=INK, lw=1)
    )
    note(ax, x, y, text, **font)


def note(ax, x: float, y: float, text: str, colour: str = INK, **style) -> None:
    ax.text(
        x, y, text, **{"ha": "center", "va": "center", "color": colour, "fontsize": 11, **style}
    )


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


# The backward pass


def layers(out: Path) -> None:
    """The row of values forward, the row of slopes backward, and where they meet."""
    fig, ax = blank(9, 3.9, 14.4, 6.2)
    xs = (1.2, 4.8, 8.4, 12.0)
    values = ("$h_0 = x$", "$h_1$", "$h_2$", "$z$")
    for k, (x, text) in enumerate(zip(xs, values, strict=True)):
        box(ax, x, 1.1, 1.5, text, TINTS[0])
        if k < 3:
            arrow(ax, (x + 0.78, 1.1), (xs[k + 1] - 0.78, 1.1))
            words = f"$W_{k}, b_{k}$, relu" if k < 2 else "$W_2, b_2$"
            note(ax, x + 1.8, 0.72, words, fontsize=10)
    arrow(ax, (12.78, 1.1), (13.55, 1.1))
    note(ax, 13.9, 1.1, "$L$", fontsize=13)
    for k in (3, 2, 1):
        box(ax, xs[k], 3.5, 1.5, f"$\\delta_{k}$", TINTS[3])
        if k > 1:
            arrow(ax, (xs[k] - 0.78, 3.5), (xs[k - 1] + 0.78, 3.5), plotting.RED)
            words = f"times $W_{k - 1}$,\nwhere $h_{k - 1} > 0$"
            note(ax, xs[k] - 1.6, 2.95, words, plotting.RED, fontsize=9)
    arrow(ax, (13.9, 1.5), (12.8, 3.5), plotting.RED, bend=-0.35)
    note(ax, 12.75, 2.3, "(softmax$(z) - t) \\,/\\, N$", plotting.RED, fontsize=9)
    for k in (0, 1, 2):
        middle = xs[k] + 1.8
        box(ax, middle, 5.4, 2.6, f"$\\delta_{k + 1}^\\top h_{k}$", TINTS[2])
        arrow(ax, (xs[k] + 0.45, 1.52), (middle - 0.6, 4.98), plotting.GREY)
        arrow(ax, (xs[k + 1] - 0.2, 3.92), (middle + 0.6, 4.98), plotting.GREY)
    note(ax, 0.1, 5.4, "slope\nof the\nweights", fontsize=9, ha="left")
    save(fig, out, "layers")


# The rule of a rule


def transposition(out: Path) -> None:
    fig, ax = blank(8, 2.9, 12.4, 4.4)
    rows = (
        (0.75, "the step", r"$x$", r"$y = f(x)$", r"$J$", INK),
        (2.15, "its rule", r"$J^\top g$", r"$g$", r"$J^\top$", plotting.RED),
        (3.55, "the rule, transposed", r"$\dot x$", r"$J \dot x$", r"$J$", plotting.BLUE),
    )
    for i, (y, name, left, right, matrix, colour) in enumerate(rows):
        note(ax, 0.1, y, name, colour, ha="left", fontweight="bold")
        box(ax, 5.6, y, 2.2, left, TINTS[(0, 3, 0)[i]])
        box(ax, 10.9, y, 2.4, right, TINTS[(0, 3, 0)[i]])
        start, end = ((9.68, y), (6.72, y)) if i == 1 else ((6.72, y), (9.68, y))
        arrow(ax, start, end, colour)
        note(ax, 8.2, y - 0.28, "times " + matrix, colour, fontsize=10)
    save(fig, out, "transposition")


# Batches


def alignment(out: Path) -> None:
    """Where the axes of size 1 go."""
    fig, ax = blank(9, 2.5, 18, 5.0)

    def row(x: float, y: float, sizes, places: int, faint=()) -> None:
        for i, n in enumerate(sizes):
            place = x + (places - len(sizes) + i) * 1.15
            batch = n == 5
            colour = TINTS[0] if batch else "white" if i in faint else TINTS[1]
            box(ax, place, y, 1.0, str(n), colour, height=0.85)

    panels = (
        (1.6, "one example", ((4,), ()), ((3, 4), ()), plotting.GREEN, "fits"),
        (7.4, "a batch of 5", ((5, 4), ()), ((5, 3, 4), ()), plotting.RED, "5 meets 3"),
        (13.8, "aligned", ((5, 1, 4), (1,)), ((5, 3, 4), ()), plotting.GREEN, "fits"),
    )
    for x, title, (first, faint), (second, _), colour, verdict in panels:
        places = len(second)
        middle = x + (places - 1) * 1.15 / 2
        note(ax, middle, 0.5, title, fontweight="bold")
        row(x, 1.7, first, places, faint)
        row(x, 2.9, second, places)
        note(ax, middle, 4.2, verdict, colour, fontweight="bold")
    save(fig, out, "alignment")


# Curvature

grid = core.linspace(-1, 1, 50)


def curve_loss(w: array) -> array:
    """Eight tanh units on a sine; all 25 parameters in a row."""
    hidden = core.tanh(grid[:, None] * w[:8] + w[8:16])
    return core.mean(core.square(hidden @ w[16:24] + w[24] - core.sin(3 * grid)))


@core.compile
def curved(w: array, v: array) -> array:
    return hessian_vector_product(curve_loss, w, v)


def largest_curvature(w: array, rounds: int) -> float:
    v = core.random.normal((25,), key=core.random.key(1))
    size = array(0.0)
    for _ in range(rounds):
        v = curved(w, v)
        size = core.linalg.norm(v)
        v = v / size
    return size.item()


def curvature(out: Path) -> None:
    descend = core.compile(lambda w, rate: w - rate * core.grad(curve_loss)(w))
    start = core.random.normal((25,), key=core.random.key(0))
    for _ in range(1000):
        start = descend(start, array(0.1))
    largest = largest_curvature(start, 50)
    fig, (left, right) = plotting.figure(1, 2, width=9.0, height=3.6)
    for factor, colour, style in ((1.8, plotting.BLUE, "-"), (2.2, plotting.RED, "--")):
        rate = factor / largest
        w, losses, products = start, [], []
        for step in range(201):
            losses.append(curve_loss(w).item())
            if step % 4 == 0:
                products.append(rate * largest_curvature(w, 25))
            w = descend(w, array(rate))
        label = rf"$\eta = {factor} \,/\, k_{{\max}}$"
        left.plot(losses, style, color=colour, label=label)
        right.plot(range(0, 201, 4), products, style, color=colour)
    left.set(yscale="log", xlabel="step", ylabel="loss")
    left.legend()
    right.axhline(2, color=INK, lw=1, ls=":")
    right.text(198, 2.06, "limit", ha="right", fontsize=10, color=INK)
    right.set(xlabel="step", ylabel="rate times largest curvature", ylim=(0, 2.6))
    save(fig, out, "curvature")


# Checkpoints


def peak(depth: int, length: int | None) -> float:
    """Megabytes beyond the input for the gradient of a chain by its first array."""
    x = core.random.normal((1024, 256), key=core.random.key(0))  # 1 MiB

    def chain(x: array, steps: int) -> array:
        for _ in range(steps):
            x = core.tanh(core.sin(x))
        return x

    def loss(x: array) -> array:
        if length is None:
            return core.sum(chain(x, depth))
        for start in range(0, depth, length):
            steps = min(length, depth - start)
            x = core.checkpoint(lambda x, steps=steps: chain(x, steps))(x)
        return core.sum(x)

    core.eval(x)
    gc.collect()
    mx.synchronize()
    mx.clear_cache()
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    limit = mx.set_memory_limit(1)  # waits for memory to be given back before it takes more
    try:
        core.eval(core.grad(loss)(x))
    finally:
        mx.set_memory_limit(limit)
    return (mx.get_peak_memory() - before) / 2**20


def memory(out: Path, last: int = 8) -> None:
    fig, ax = plotting.figure(width=6.6, height=3.9)
    depths = [n * n for n in range(1, last + 1)]
    plain = [peak(n, None) for n in depths]
    pieces = [peak(n, math.isqrt(n)) for n in depths]
    ax.plot(depths, plain, "o-", color=plotting.RED)
    ax.plot(depths, pieces, "s-", color=plotting.BLUE)
    plotting.direct_label(ax, depths[-1], plain[-1], "every step\nkept", plotting.RED)
    plotting.direct_label(ax, depths[-1], pieces[-1], r"$\sqrt{n}$ checkpoints", plotting.BLUE)
    ax.set(xlabel="layers n", ylabel="peak memory (MiB)", xlim=(0, 84), ylim=(0, None))
    save(fig, out, "memory")


# Half precision


def half(out: Path) -> None:
    """The slopes at the logits of a trained classifier, and the numbers float16 has."""
    x = core.random.uniform(-1, 1, (1000, 2), key=core.random.key(8))
    labels = (x[:, 0] * x[:, 1] > 0).astype(core.int32)
    core.random.seed(3)
    model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))

    def loss(x, labels):
        return nn.losses.cross_entropy(model(x), labels, reduction="mean")

    optimizer = optimizers.Adam(0.02)
    state = [model.state, optimizer.state]

    def step():
        value, slopes = nn.value_and_grad(model, loss)(x, labels)
        optimizer.update(model, slopes)
        return value

    step = core.compile(step, inputs=state, outputs=state)
    for _ in range(400):
        core.eval(step(), state)
    slopes = core.grad(
        lambda z: nn.losses.cross_entropy(z, labels, reduction="mean")
    )(model(x))  # fmt: skip
    sizes = core.abs(slopes).reshape(-1).tolist()
    exponents = [math.log2(s) for s in sizes if s > 0]
    fig, ax = plotting.figure(width=9.0, height=3.6)
    ax.axvspan(-60, -25, color=TINTS[3], lw=0)
    ax.axvspan(-25, -14, color=TINTS[1], lw=0)
    ax.axvspan(-14, 16, color=TINTS[2], lw=0)
    ax.axvspan(16, 24, color=TINTS[3], lw=0)
    bins = list(range(-60, 24, 2))
    ax.hist(exponents, bins=bins, color=plotting.GREY, alpha=0.9, label="as they are")
    ax.hist(
        [e + 15 for e in exponents], bins=bins, histtype="step", color=plotting.BLUE, lw=2,
        label=r"times $2^{15}$",
    )  # fmt: skip
    top = ax.get_ylim()[1] * 1.25
    for place, text in (
        (-42, "becomes 0"),
        (-19.5, "loses\ndigits"),
        (1, "11 binary digits"),
        (20, "inf"),
    ):
        ax.text(place, top * 0.97, text, ha="center", va="top", fontsize=10, color=INK)
    ax.set(xlim=(-60, 24), ylim=(0, top), xlabel="power of two", ylabel="slopes")
    ax.set_xticks([-60, -50, -40, -25, -14, 0, 16])
    ax.legend(loc="center left")
    save(fig, out, "half")


def scale(out: Path) -> None:
    """The scale over the steps of a real run in float16."""
    core.random.seed(0)
    x = core.random.normal((512, 16), key=core.random.key(0))
    y = core.sin(x.sum(1, keepdims=True))
    model = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 1))

    def loss(model, x, y):
        predictions = model(x).astype(core.float32)
        return nn.losses.mse_loss(predictions, y, reduction="mean")

    scaler = LossScaler(2.0**24, growth_interval=50)
    trainer = Trainer(model, optimizers.Adam(0.003), loss, precision=core.float16, scaler=scaler)
    powers = []
    for _ in range(600):
        powers.append(math.log2(scaler.state["scale"].item()))
        trainer.step(x, y)
    fig, ax = plotting.figure(width=7.4, height=3.4)
    ax.step(range(600), powers, where="post", color=plotting.BLUE)
    lost = [i for i in range(599) if powers[i + 1] < powers[i]]
    ax.plot(
        lost, [powers[i] for i in lost], "v", color=plotting.RED, label="overflow: no step, halved"
    )
    ax.set(xlabel="step", ylabel=r"scale, as a power of 2")
    ax.legend()
    save(fig, out, "scale")


# Averages


def average(out: Path) -> None:
    """A line fitted by batches of four, and the average of its weights."""
    core.random.seed(1)
    x = core.random.normal((2000, 2), key=core.random.key(0)) * array([1.0, 0.5])
    y = x @ array([[1.0], [1.0]]) + core.random.normal((2000, 1), key=core.random.key(1))
    model = nn.Linear(2, 1, bias=False)
    model.weight = array([[-0.5, -0.5]])
    mean = WeightAverage(model, 0.95)
    gradient = nn.value_and_grad(
        model, lambda x, y: nn.losses.mse_loss(model(x), y, reduction="mean")
    )
    path, averages = [model.weight[0].tolist()], [model.weight[0].tolist()]
    for step in range(400):
        rows = slice(4 * step, 4 * step + 4)
        _, slopes = gradient(x[rows], y[rows])
        model.update(utils.tree_map(lambda w, g: w - 0.1 * g, model.parameters(), slopes))
        mean.update()
        path.append(model.weight[0].tolist())
        averages.append(mean.state["parameters"]["weight"][0].tolist())
    fig, ax = plotting.figure(width=6.4, height=4.6)
    ax.plot(*zip(*path, strict=True), color=plotting.GREY, lw=0.9)
    ax.plot(*zip(*averages, strict=True), color=plotting.BLUE)
    best = core.linalg.inv(x.T @ x, stream=mx.cpu) @ (x.T @ y)
    ax.plot(*best[:, 0].tolist(), "*", color=plotting.RED, markersize=15)
    ax.annotate(
        "minimum", best[:, 0].tolist(), xytext=(60, -45), textcoords="offset points",
        color=plotting.RED, fontweight="bold",
        arrowprops={"arrowstyle": "-", "color": plotting.RED},
    )  # fmt: skip
    ax.text(0.15, -0.42, "weights", color=plotting.GREY, fontweight="bold")
    ax.text(-0.48, 0.55, "their average", color=plotting.BLUE, fontweight="bold")
    ax.set(xlabel="first weight", ylabel="second weight")
    save(fig, out, "average")


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
