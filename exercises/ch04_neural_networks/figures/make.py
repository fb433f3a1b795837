"""Draws the lesson's figures: ``main(out)`` writes them as SVG files into the folder ``out``."""

from pathlib import Path

import mlx.core as mx
import numpy as np
from rich.console import Console

from course.cli.project import load_script
from tinymlx import core, nn, optimizers, plotting
from tinymlx.basics import two_layers
from tinymlx.core import array

INK = "#333333"


def save(fig, out: Path, name: str) -> None:
    plotting.save(fig, out, name, formats=("svg",))


def main(out: Path) -> None:
    question(out)
    bends(out)
    activations(out)
    overflow(out)
    prices(out)
    backward(out)
    zigzag(out)
    correction(out)
    rank_one(out)
    polynomial(out)
    schedules(out)
    project(out)


def project_script():
    return load_script(Path(__file__).parents[1] / "project.py")


def numbers(x) -> np.ndarray:
    return np.array(x.tolist())


# Networks


def question(out: Path) -> None:
    """The two moons, and the best straight line."""
    script = project_script()
    x, targets = script.moons(script.POINTS, seed=4)
    line = numbers(script.straight_line(x, targets, steps=3000))
    points, moon = np.array(x), np.array(targets) > 0.5
    fig, ax = plotting.figure(width=5.2, height=3.4)
    ax.plot(*points[~moon].T, "o", color=plotting.BLUE, ms=4)
    ax.plot(*points[moon].T, "^", color=plotting.RED, ms=4)
    across = np.array([-1.8, 2.8])
    ax.plot(across, -(line[0] * across + line[2]) / line[1], color="black")
    ax.set(xlim=(-1.8, 2.8), ylim=(-1.3, 1.9), xlabel="first coordinate", ylabel="second")
    save(fig, out, "question")


def bends(out: Path) -> None:
    """Two tanh neurons, one turned round, make a bump."""
    fig, (left, right) = plotting.figure(1, 2, width=9, height=3.2, sharex=True)
    x = np.linspace(-4, 4, 161)
    first, second = np.tanh(2 * (x + 1)), np.tanh(2 * (x - 1))
    left.plot(x, first, color=plotting.BLUE, label="tanh(2x + 2)")
    left.plot(x, second, "--", color=plotting.ORANGE, label="tanh(2x − 2)")
    left.set(title="two hidden neurons", xlabel="x", ylim=(-1.2, 1.9))
    right.plot(x, first / 2 - second / 2, color=plotting.GREEN)
    right.set(title="half the first minus half the second", xlabel="x", ylim=(-1.2, 1.9))
    left.legend(loc="upper left")
    save(fig, out, "bends")


def activations(out: Path) -> None:
    """Six activations, and their slopes."""
    shown = (
        ("sigmoid", nn.sigmoid),
        ("tanh", nn.tanh),
        ("relu", nn.relu),
        ("leaky_relu, slope 0.1", lambda x: nn.leaky_relu(x, 0.1)),
        ("softplus", nn.softplus),
        ("gelu", nn.gelu),
    )
    fig, axes = plotting.figure(2, 3, width=10, height=5.2, sharex=True, sharey=True)
    x = core.linspace(-4, 4, 200)  # an even number: no point lies on a corner
    for ax, (name, function) in zip(axes.ravel(), shown, strict=True):
        slope = core.grad(lambda x, f=function: f(x).sum())(x)
        ax.plot(numbers(x), numbers(function(x)), color=plotting.BLUE)
        ax.plot(numbers(x), numbers(slope), "--", color=plotting.RED, lw=1.6)
        ax.set(title=name, ylim=(-1.3, 2.6))
    for ax in axes[1]:
        ax.set_xlabel("x")
    fig.legend(axes[0, 0].get_lines(), ["value", "slope"], loc="outside lower center", ncols=2)
    save(fig, out, "activations")


def overflow(out: Path) -> None:
    """The exponentials of three logits, before and after the maximum is subtracted."""
    fig, (left, right) = plotting.figure(1, 2, width=9, height=3.2, width_ratios=(1, 1))
    x = np.linspace(-100, 100, 201)
    left.semilogy(x, np.exp(x), color=plotting.BLUE)
    for limit, name, where in ((65504, "float16", 11.1), (3.4e38, "float32", 88.7)):
        left.axhline(limit, color=plotting.RED, lw=1.2, ls="--")
        left.annotate(f"largest {name}", (-98, limit), xytext=(0, 3), textcoords="offset points")
        left.plot(where, limit, "o", color=plotting.RED)
    left.set(xlabel="x", ylabel="exp x", title="one step too far right is infinite")
    right.bar([0, 1, 2], np.exp([-2.0, 0.0, -1.0]), color=plotting.BLUE, width=0.5)
    right.set_xticks([0, 1, 2], ["998 − 1000", "1000 − 1000", "999 − 1000"])
    right.set(ylabel="exp(x − max)", title="after the maximum is subtracted", ylim=(0, 1.1))
    save(fig, out, "overflow")


def prices(out: Path) -> None:
    """What losses charge: for a probability, and for a distance."""
    fig, (left, right) = plotting.figure(1, 2, width=9.5, height=3.6)
    q = np.linspace(0.005, 1, 200)
    left.plot(q, -np.log(q), color=plotting.BLUE, label="−log q")
    left.plot(q, (1 - q) ** 2, "--", color=plotting.ORANGE, label="(1 − q)²")
    left.set(xlabel="probability q of the right class", ylabel="loss", ylim=(0, 5))
    left.set_title("a class")
    d = np.linspace(-4, 4, 201)
    delta = 1.0
    huber = np.where(abs(d) < delta, d * d / 2, delta * (abs(d) - delta / 2))
    right.plot(d, d * d / 2, "--", color=plotting.ORANGE, label="d² / 2")
    right.plot(d, abs(d), "-.", color=plotting.GREEN, label="|d|")
    right.plot(d, huber, color=plotting.BLUE, label="Huber, δ = 1")
    right.axvspan(-delta, delta, color="#EEEEEE", zorder=0)
    right.set(xlabel="distance d", ylim=(0, 5), title="a number")
    left.legend()
    right.legend(loc="upper center")
    save(fig, out, "prices")


def backward(out: Path) -> None:
    """The network of two layers, its shapes, and what comes back."""
    fig, ax = plotting.figure(width=10, height=3.3)
    ax.set(xlim=(0, 20), ylim=(0, 6.4))
    ax.axis("off")
    steps = (
        (1.2, "x", "N × D"),
        (5.4, "a = x W₁ᵀ + b₁", "N × H"),
        (10.0, "h = tanh a", "N × H"),
        (14.4, "z = h w₂ + b₂", "N"),
        (18.6, "L", "one number"),
    )
    box = {"boxstyle": "round,pad=0.45", "edgecolor": INK}
    for k, (x, text, shape) in enumerate(steps):
        colour = "white" if k == 0 else "#D6E9F5"
        ax.text(x, 4.4, text, ha="center", va="center", bbox={**box, "facecolor": colour})
        ax.text(x, 5.7, shape, ha="center", va="center", fontsize=10, color=plotting.GREY)
    arrow = {"arrowstyle": "-|>", "color": INK, "lw": 1.3}
    edges = ((1.75, 3.4), (7.4, 8.6), (11.4, 12.5), (16.3, 18.15))
    for start, end in edges:
        ax.annotate("", (end, 4.4), (start, 4.4), arrowprops=arrow)
    back = (
        (5.4, "∂L/∂a = ∂L/∂h ⊙ (1 − h²)"),
        (10.2, "∂L/∂h = ∂L/∂z w₂ᵀ"),
        (14.6, "∂L/∂z = (σ(z) − t) / N"),
    )
    style = {"arrowstyle": "-|>", "color": plotting.RED, "lw": 1.3}
    for x, text in back:
        ax.text(x, 2.5, text, ha="center", va="center", fontsize=9.5, color=plotting.RED)
    for start, end in ((18.6, 16.9), (12.6, 12.1), (8.25, 7.7)):
        ax.annotate("", (end, 2.5), (start, 2.5), arrowprops=style)
    below = (
        (5.4, "W₁: (∂L/∂a)ᵀ x\nb₁: the sum over the rows"),
        (14.6, "w₂: hᵀ ∂L/∂z\nb₂: the sum"),
    )
    for x, text in below:
        ax.annotate("", (x, 1.35), (x, 2.2), arrowprops=style)
        ax.text(x, 0.65, text, ha="center", va="center", fontsize=9.5, color=plotting.RED)
    save(fig, out, "backward")


# Optimizers


def walk(optimizer, slope, start, steps: int) -> np.ndarray:
    """The points on the way of one parameter."""
    w, state = array(start), {}
    optimizer.init_single(w, state)
    path = [w.tolist()]
    for _ in range(steps):
        optimizer.state["step"] = optimizer.state["step"] + 1
        w = optimizer.apply_single(slope(w), w, state)
        path.append(w.tolist())
    return np.array(path)


def zigzag(out: Path) -> None:
    """A narrow bowl: three rates of plain descent, and momentum."""
    curvature = array([1.0, 25.0])
    slope = core.grad(lambda w: (curvature * w * w).sum() / 2)
    fig, axes = plotting.figure(1, 3, width=11, height=2.9, sharex=True, sharey=True)
    root = 4 / 6  # of the momentum that suits curvatures of 1 and 25
    shown = (
        ("rate 0.01: slow", optimizers.SGD(0.01)),
        ("rate 0.077: as fast as it can be", optimizers.SGD(2 / 26)),
        ("momentum 0.44, rate 0.11", optimizers.SGD((1 + root) ** 2 / 25, momentum=root**2)),
    )
    xs, ys = np.meshgrid(np.linspace(-11, 11, 120), np.linspace(-2.6, 2.6, 80))
    for ax, (name, optimizer) in zip(axes, shown, strict=True):
        levels = np.array([0.02, 0.1, 0.4, 1.2, 3, 6, 12, 20, 32, 50])
        ax.contour(xs, ys, (xs**2 + 25 * ys**2) / 2, levels, colors="#BBBBBB", linewidths=0.8)
        path = walk(optimizer, slope, [-10.0, 1.0], 25)
        ax.plot(*path.T, "o-", color=plotting.BLUE, ms=3, lw=1.2)
        ax.plot(0, 0, "*", color=plotting.RED, ms=10)
        ax.set(title=name, xlim=(-11, 11), ylim=(-2.6, 2.6))
        ax.grid(False)
    save(fig, out, "zigzag")


def correction(out: Path) -> None:
    """A running mean that starts at 0, and what that does to Adam's steps."""
    fig, (left, right) = plotting.figure(1, 2, width=9.5, height=3.4)
    t = np.arange(1, 61)
    random = np.random.default_rng(0)
    g = 1 + 0.4 * random.normal(size=60)
    m, means = 0.0, []
    for value in g:
        m = 0.9 * m + 0.1 * value
        means.append(m)
    left.plot(t, g, ".", color="#BBBBBB", label="gradients around 1")
    left.plot(t, means, "--", color=plotting.ORANGE, label="running mean, β = 0.9")
    left.plot(t, np.array(means) / (1 - 0.9**t), color=plotting.BLUE, label="corrected")
    left.set(xlabel="step t", ylim=(0, 2.6))
    left.legend(loc="upper right")
    t = np.unique(np.geomspace(1, 10000, 200).astype(int))
    right.semilogx(t, (1 - 0.9**t) / np.sqrt(1 - 0.999**t), "--", color=plotting.ORANGE)
    right.axhline(1, color=plotting.BLUE)
    right.set(xlabel="step t", ylabel="step / learning rate", ylim=(0, 7.5))
    right.set_title("gradients that are all alike, β = 0.9 and 0.999")
    save(fig, out, "correction")


def rank_one(out: Path) -> None:
    """Squares of a gradient, the means of its rows and columns, and what they tell of the whole."""
    random = np.random.default_rng(1)
    rows, columns = random.uniform(0.2, 2, (6, 1)), random.uniform(0.2, 2, (1, 9))
    square = (rows * columns * random.uniform(0.6, 1.4, (6, 9))) ** 2
    r, c = square.mean(1, keepdims=True), square.mean(0, keepdims=True)
    fig, axes = plotting.figure(1, 4, width=10.5, height=2.6, width_ratios=(9, 1, 9, 9))
    top = square.max()
    shown = (
        (square, "g²: 54 numbers"),
        (r, "r: 6"),
        (c, "c: 9"),
        (r * c / r.mean(), "r c / mean(r)"),
    )
    for ax, (table, name) in zip(axes, shown, strict=True):
        ax.imshow(table, cmap="Blues", vmin=0, vmax=top)
        ax.set(title=name, xticks=[], yticks=[])
        ax.grid(False)
    save(fig, out, "rank_one")


def polynomial(out: Path) -> None:
    """Muon's polynomial, once and repeated."""
    fig, (left, right) = plotting.figure(1, 2, width=9.5, height=3.4, sharey=True)
    s = np.linspace(0, 1, 201)
    p = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    left.plot(s, p, color=plotting.BLUE)
    left.plot(s, s, ":", color=plotting.GREY)
    left.set(xlabel="singular value", ylabel="afterwards", title="one step", ylim=(0, 1.35))
    s = np.geomspace(1e-4, 1, 400)
    for steps, colour, line in (
        (1, plotting.SKY, ":"),
        (3, plotting.ORANGE, "--"),
        (5, plotting.BLUE, "-"),
    ):
        y = s
        for _ in range(steps):
            y = 3.4445 * y - 4.7750 * y**3 + 2.0315 * y**5
        right.semilogx(s, y, line, color=colour, label=f"{steps} step{'s' if steps > 1 else ''}")
    right.axhspan(0.68, 1.21, color="#EEEEEE", zorder=0)
    right.set(xlabel="singular value", title="repeated")
    right.legend()
    save(fig, out, "polynomial")


def schedules(out: Path) -> None:
    """Four schedules."""
    fig, axes = plotting.figure(1, 4, width=11, height=2.5, sharey=True)
    warm = [optimizers.linear_schedule(0.0, 1.0, 10), optimizers.cosine_decay(1.0, 90)]
    shown = (
        ("exponential_decay", optimizers.exponential_decay(1.0, 0.95)),
        ("step_decay", optimizers.step_decay(1.0, 0.5, 25)),
        ("cosine_decay", optimizers.cosine_decay(1.0, 100, 0.1)),
        ("warm-up, then cosine", optimizers.join_schedules(warm, [10])),
    )
    for ax, (name, schedule) in zip(axes, shown, strict=True):
        rates = [float(schedule(array(t))) for t in range(121)]
        ax.plot(rates, color=plotting.BLUE)
        ax.set(title=name, xlabel="step", ylim=(0, 1.1))
    axes[0].set_ylabel("rate / first rate")
    save(fig, out, "schedules")


# The project's pictures


def project(out: Path) -> None:
    """The project's pictures, from a run of its own parts."""
    script = project_script()
    x, targets = script.moons(script.POINTS, seed=4)
    start = two_layers.start(2, script.HIDDEN, mx.random.key(0))
    kept, losses = {}, []
    for step, loss, p in script.descend(start, x, targets, 1000):
        losses.append(loss)
        if step in (0, 10, 100, 1000):
            kept[step] = p
    as_everywhere = plotting.save
    plotting.save = lambda fig, folder, name: as_everywhere(fig, folder, name, formats=("svg",))
    script.animate_race = lambda paths, count, out: None
    try:
        script.draw_boundaries(kept, losses, x, targets, out)
        script.race(out, True, Console(quiet=True))
    finally:
        plotting.save = as_everywhere
