"""Project 3: a curve, fitted by a network that your own tape differentiates, and its graph.

The data are 120 noisy points of a curve that swings faster and faster. A network with one hidden
layer of tanh units is fitted to them: every step needs the gradient of the loss by all parameters,
and it comes from ``tinymlx.core.value_and_grad``. Before the first step that gradient is compared
with finite differences. At the end the graph of the loss is drawn, as the tape recorded it.
"""

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tinymlx import core, plotting
from tinymlx.core import array
from tinymlx.core.check import finite_differences
from tinymlx.core.draw import Edge, Vertex, graph_of, record, to_dot

POINTS = 120
NOISE = 0.1  # standard deviation
HIDDEN = 24
RATE = 0.02

Parameters = dict[str, array]


# The data


def curve(x: array) -> array:
    """What the points come from: a wave that swings faster towards the right."""
    return core.sin(2 * x + x * x)


def sample(count: int, key: array) -> tuple[array, array]:
    """Places, shape ``(count, 1)``, and noisy values of the curve there, of the same shape."""
    place, noise = core.random.split(key)
    x = core.random.uniform(-2, 2, (count, 1), key=place)
    return x, curve(x) + NOISE * core.random.normal((count, 1), key=noise)


# The model and its loss


def start(hidden: int, key: array) -> Parameters:
    """Random weights: the bends of the hidden units lie all over the interval."""
    bends, slopes, outputs = core.random.split(key, 3)
    w1 = 2 * core.random.normal((1, hidden), key=slopes)
    return {
        "w1": w1,
        "b1": -w1[0] * core.random.uniform(-2, 2, (hidden,), key=bends),
        "w2": core.random.normal((hidden, 1), key=outputs) / math.sqrt(hidden),
        "b2": core.zeros((1,)),
    }


def predict(p: Parameters, x: array) -> array:
    """Two layers: ``(N, 1)`` to ``(N, hidden)`` to ``(N, 1)``."""
    h = core.tanh(x @ p["w1"] + p["b1"])
    return h @ p["w2"] + p["b2"]


def mean_squared_error(p: Parameters, x: array, y: array) -> array:
    return core.mean(core.square(predict(p, x) - y))


# Fitting


class Adam:
    """A step for each parameter of its own: mean slope over root mean squared slope.

    Both means run and forget, and are corrected for their start at 0. Chapter 4 derives it.

    Source: D. P. Kingma and J. Ba, Adam: A Method for Stochastic Optimization (2015).
    """

    def __init__(self, p: Parameters, rate: float) -> None:
        self.rate, self.steps = rate, 0
        self.mean = {name: core.zeros_like(v) for name, v in p.items()}
        self.square = {name: core.zeros_like(v) for name, v in p.items()}

    def step(self, p: Parameters, gradient: Parameters) -> Parameters:
        """The parameters after one step."""
        self.steps += 1
        moved = {}
        for name, g in gradient.items():
            m = self.mean[name] = 0.9 * self.mean[name] + 0.1 * g
            v = self.square[name] = 0.999 * self.square[name] + 0.001 * g * g
            m, v = m / (1 - 0.9**self.steps), v / (1 - 0.999**self.steps)
            moved[name] = p[name] - self.rate * m / (core.sqrt(v) + 1e-8)
        return moved


def fit(p: Parameters, x: array, y: array, steps: int) -> Iterator[tuple[int, float, Parameters]]:
    """Before every step, and after the last: its number, the loss, the parameters."""
    loss_and_gradient = core.value_and_grad(mean_squared_error)
    optimizer = Adam(p, RATE)
    for step in range(steps + 1):
        loss, gradient = loss_and_gradient(p, x, y)
        core.eval(loss, gradient)
        yield step, loss.item(), p
        optimizer.rate = RATE * (1 + math.cos(math.pi * step / max(steps, 1))) / 2  # down to 0
        p = optimizer.step(p, gradient)
        core.eval(p, optimizer.mean, optimizer.square)


def recorded_graph(p: Parameters, x: array, y: array) -> tuple[list[Vertex], list[Edge]]:
    """What a tape records while the loss is computed; only the parameters are watched."""

    def loss(*values: array) -> array:
        return mean_squared_error(dict(zip(p, values, strict=True)), x, y)

    return graph_of(record(loss, *p.values()))


def gradient_error(p: Parameters, x: array, y: array) -> float:
    """The largest difference of the gradient from finite differences, over its largest entry."""
    gradient = core.grad(mean_squared_error)(p, x, y)
    worst, largest = 0.0, 0.0
    for name, g in gradient.items():

        def alone(v: array, name: str = name) -> array:
            return mean_squared_error({**p, name: v}, x, y)

        expected = finite_differences(alone, p[name], array(1.0), 1e-2)
        worst = max(worst, core.abs(g - expected).max().item())
        largest = max(largest, core.abs(expected).max().item())
    return worst / largest


# The whole


def main(out: Path, quick: bool = False) -> dict[str, float]:
    """Check, fit, draw into ``out``, and return what was measured."""
    console = Console()
    data, weights, unseen = core.random.split(core.random.key(3), 3)
    x, y = sample(POINTS, data)
    p = start(HIDDEN, weights)
    size = sum(v.size for v in p.values())
    console.print(
        f"[bold]A curve from {POINTS} noisy points[/]: 1 → {HIDDEN} → 1 units, {size} parameters."
    )
    difference = gradient_error(p, x, y)
    console.print(f"The gradient differs from finite differences by {difference:.1e} of its size.")

    steps = 600 if quick else 3000
    moments = (0, steps // 100, steps // 10, steps)
    kept, losses = {}, []
    began = time.perf_counter()
    with _progress(console) as progress:
        task = progress.add_task("fitting", total=steps, loss="")
        for step, loss, parameters in fit(p, x, y, steps):
            losses.append(loss)
            if step in moments:
                kept[step] = parameters
            progress.update(task, completed=step, loss=f"loss {loss:.4f}")
    seconds = (time.perf_counter() - began) / (steps + 1)

    test_x, test_y = sample(1000, unseen)
    vertices, edges = recorded_graph(kept[steps], x, y)
    numbers = {
        "gradient error": difference,
        "loss at the start": losses[0],
        "final loss": losses[-1],
        "loss on 1000 new points": mean_squared_error(kept[steps], test_x, test_y).item(),
        "seconds a step": seconds,
        "nodes of the graph": float(len(vertices)),
    }
    console.print(
        f"Loss {losses[0]:.3f} → [bold]{losses[-1]:.4f}[/] in {steps} steps of "
        f"{1e3 * seconds:.2f} ms; {numbers['loss on 1000 new points']:.4f} on new points "
        f"(the noise alone: {NOISE**2:.4f})."
    )
    draw_fit(kept, x, y, losses, out)
    draw_graph(vertices, edges, out)
    (out / "network.dot").write_text(to_dot(vertices, edges) + "\n", encoding="utf-8")
    return numbers


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}  {task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True)


# Pictures


def draw_fit(
    kept: dict[int, Parameters], x: array, y: array, losses: Sequence[float], out: Path
) -> None:
    """The curve at several moments, and what it leaves over."""
    fig, axes = plotting.figure(
        2, len(kept), width=10.5, height=4.6, sharex=True, sharey="row", height_ratios=(2, 1)
    )
    grid = core.linspace(-2, 2, 161).reshape(-1, 1)
    places, values = x.reshape(-1).tolist(), y.reshape(-1).tolist()
    for k, (step, p) in enumerate(kept.items()):
        above, below = axes[0, k], axes[1, k]
        above.plot(places, values, ".", color="#999999", ms=4)
        above.plot(grid.tolist(), curve(grid).tolist(), "--", color=plotting.ORANGE, lw=1.5)
        above.plot(grid.tolist(), predict(p, grid).tolist(), color=plotting.BLUE)
        above.set_title(f"{step} steps: loss {losses[step]:.3f}", fontsize=11)
        above.set(xlim=(-2.2, 2.2), ylim=(-2, 2))
        residuals = (predict(p, x) - y).reshape(-1).tolist()
        below.axhline(0, color="black", lw=0.8)
        below.plot(places, residuals, ".", color=plotting.RED, ms=4)
        below.set(xlabel="x", ylim=(-3, 3))
    axes[0, 0].set(ylabel="y", yticks=[-2, -1, 0, 1, 2])
    axes[1, 0].set_ylabel("residual")
    names = ["the points", "the curve behind them", "the network"]
    fig.legend(axes[0, 0].get_lines(), names, loc="outside lower center", ncols=3)
    plotting.save(fig, out, "fit")


def layout(count: int, edges: Sequence[Edge]) -> list[tuple[float, float]]:
    """A place for each vertex: across by the longest way that leads to it, down by its neighbours.

    The vertices stand in an order of computation, so one pass finds the longest ways. A vertex
    without arguments moves to just before its first use.
    """
    arguments: list[list[int]] = [[] for _ in range(count)]
    uses: list[list[int]] = [[] for _ in range(count)]
    for a, b in edges:
        arguments[b].append(a)
        uses[a].append(b)
    depth = [0] * count
    for v in range(count):
        depth[v] = max((depth[a] + 1 for a in arguments[v]), default=0)
    for v in range(count):
        if not arguments[v] and uses[v]:
            depth[v] = min(depth[b] for b in uses[v]) - 1
    rows = [0.0] * count
    for column in range(max(depth) - 1, -1, -1):  # from the result back: near what uses it
        inside = [v for v in range(count) if depth[v] == column]
        wanted = {v: sum(rows[b] for b in uses[v]) / max(len(uses[v]), 1) for v in inside}
        inside.sort(key=lambda v: (wanted[v], not arguments[v]))
        middle = sum(wanted.values()) / len(inside)
        for i, v in enumerate(inside):
            rows[v] = middle + i - (len(inside) - 1) / 2
    return [(float(depth[v]), rows[v]) for v in range(count)]


def draw_graph(vertices: Sequence[Vertex], edges: Sequence[Edge], out: Path) -> None:
    """The computation graph from left to right: inputs white, operations blue."""
    places = layout(len(vertices), edges)
    columns, rows = (sorted({p[i] for p in places}) for i in (0, 1))
    fig, ax = plotting.figure(
        width=1.25 * (columns[-1] + 1), height=1.2 + 0.95 * (rows[-1] - rows[0])
    )
    ax.set(xlim=(-0.6, columns[-1] + 0.6), ylim=(rows[-1] + 0.6, rows[0] - 0.6))
    ax.axis("off")
    boxes = []
    for (name, shape), place in zip(vertices, places, strict=True):
        colour = "white" if name == "input" else "#D6E9F5"
        box = {"boxstyle": "round,pad=0.35", "facecolor": colour, "edgecolor": "#333333"}
        size = " × ".join(str(n) for n in shape) or "scalar"
        label = ax.annotate(f"{name}\n{size}", place, ha="center", va="center", bbox=box)
        boxes.append(label.get_bbox_patch())
    for a, b in edges:
        style = {"arrowstyle": "-|>", "color": plotting.GREY, "shrinkA": 1, "shrinkB": 1}
        style |= {"patchA": boxes[a], "patchB": boxes[b]}
        ax.annotate("", places[b], places[a], arrowprops=style)
    plotting.save(fig, out, "network")
