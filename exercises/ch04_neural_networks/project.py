"""Project 4: two half moons, told apart by gradients that you worked out by hand; and a race.

Part one trains the network of two layers on points of two interleaved half moons, by plain
gradient descent with ``two_layers.loss_and_gradients``, and watches the boundary form. Part two
sends five optimizers down two surfaces, a curved valley and a saddle, from the same point.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import mlx.core as mx
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tinymlx import core, nn, optimizers, plotting
from tinymlx.basics import two_layers
from tinymlx.basics.two_layers import Parameters
from tinymlx.core import array

POINTS = 300
NOISE = 0.2  # standard deviation; the moons overlap a little
HIDDEN = 16
RATE = 1.0


# Part one: the moons


def moons(count: int, seed: int) -> tuple[mx.array, mx.array]:
    """Points, shape ``(count, 2)``, and 0 or 1 for the moon of each."""
    from sklearn.datasets import make_moons

    points, moon = make_moons(count, noise=NOISE, random_state=seed)
    return mx.array(points.astype(np.float32)), mx.array(moon.astype(np.float32))


def accuracy(logits: mx.array, targets: mx.array) -> float:
    """The share of points on the right side of the boundary, where the logit is 0."""
    return mx.mean((logits > 0) == (targets > 0.5)).item()


def descend(
    parameters: Parameters, x: mx.array, targets: mx.array, steps: int
) -> Iterator[tuple[int, float, Parameters]]:
    """Before every step of gradient descent, and after the last: its number, loss, parameters."""
    for step in range(steps + 1):
        loss, gradients = two_layers.loss_and_gradients(parameters, x, targets)
        mx.eval(loss, gradients)
        yield step, loss.item(), parameters
        moved = (p - RATE * g for p, g in zip(parameters, gradients, strict=True))
        parameters = Parameters(*moved)


def gradient_error(parameters: Parameters, x: mx.array, targets: mx.array) -> float:
    """The largest difference between the gradients by hand and by ``core.grad``, relative."""

    def loss(p: dict[str, array]) -> array:
        hidden = core.tanh(array(x) @ p["weight1"].T + p["bias1"])
        logits = hidden @ p["weight2"] + p["bias2"]
        return nn.losses.binary_cross_entropy(logits, array(targets))

    _, by_hand = two_layers.loss_and_gradients(parameters, x, targets)
    by_tape = core.grad(loss)({name: array(p) for name, p in parameters._asdict().items()})
    worst = max(core.abs(array(g) - by_tape[k]).max().item() for k, g in by_hand._asdict().items())
    return worst / max(core.abs(g).max().item() for g in by_tape.values())


def straight_line(x: mx.array, targets: mx.array, steps: int = 300) -> mx.array:
    """The weights of the best single neuron, its bias last: what no hidden layer can do."""
    columns = mx.concatenate([x, mx.ones((len(x), 1))], axis=1)
    weights = mx.zeros((3,))
    for _ in range(steps):
        slope = columns.T @ (mx.sigmoid(columns @ weights) - targets) / len(x)
        weights = weights - 1.0 * slope
    return weights


def separate_the_moons(out: Path, quick: bool, console: Console) -> dict[str, float]:
    """Train, draw the boundary as it forms, and compare with a straight line."""
    x, targets = moons(POINTS, seed=4)
    new_x, new_targets = moons(1000, seed=5)
    parameters = two_layers.start(2, HIDDEN, mx.random.key(0))
    difference = gradient_error(parameters, x, targets)
    console.print(
        f"[bold]Two moons[/]: {POINTS} points, 2 → {HIDDEN} → 1 neurons. The gradients by hand "
        f"differ from those of core.grad by {difference:.1e} of their size."
    )
    steps = 1000 if quick else 5000
    moments = [0, 10, 100, steps]
    frames = set(np.unique(np.geomspace(1, steps, 15 if quick else 60).astype(int))) | {0}
    kept, losses = {}, []
    for step, loss, p in track(
        descend(parameters, x, targets, steps), "descending", steps + 1, console=console
    ):
        losses.append(loss)
        if step in frames or step in moments:
            kept[step] = p

    line = straight_line(x, targets)
    by_line = accuracy(new_x @ line[:2] + line[2], new_targets)
    by_network = accuracy(two_layers.forward(kept[steps], new_x)[1], new_targets)
    console.print(
        f"Loss {losses[0]:.3f} → [bold]{losses[-1]:.3f}[/] in {steps} steps. On 1000 new points "
        f"{100 * by_network:.1f} % are right; with a straight line {100 * by_line:.1f} %."
    )
    draw_boundaries({step: kept[step] for step in moments}, losses, x, targets, out)
    animate_boundary(kept, losses, x, targets, out)
    return {
        "gradient error": difference,
        "loss at the start": losses[0],
        "final loss": losses[-1],
        "accuracy": by_network,
        "accuracy of a straight line": by_line,
    }


# Part two: the race


class Surface(NamedTuple):
    """A function of two numbers, where the race begins, and the part of the plane to draw."""

    height: Callable[[array], array]
    start: tuple[float, float]
    corners: tuple[float, float, float, float]  # left, right, bottom, top


def valley(p: array) -> array:
    """Rosenbrock's function with a factor of 20: a curved valley with its lowest point at (1, 1).

    Source: H. Rosenbrock, An Automatic Method for Finding the Greatest or Least Value (1960).
    """
    x, y = p[..., 0], p[..., 1]
    return core.square(1 - x) + 20 * core.square(y - core.square(x))


def saddle(p: array) -> array:
    """Steep by ``y``, and by ``x`` a double well: a pass at (0, 0) between two lowest points."""
    x, y = p[..., 0], p[..., 1]
    return core.square(core.square(x) - 1) / 4 + 10 * core.square(y)


SURFACES = {
    "valley": Surface(valley, (-1.2, 1.6), (-1.7, 1.7, -0.6, 2.4)),
    "saddle": Surface(saddle, (0.001, 1.0), (-0.4, 1.5, -0.8, 1.1)),
}

Maker = Callable[[float], optimizers.Optimizer]
RACERS: dict[str, Maker] = {
    "SGD": lambda rate: optimizers.SGD(rate),
    "momentum": lambda rate: optimizers.SGD(rate, momentum=0.9),
    "Nesterov": lambda rate: optimizers.SGD(rate, momentum=0.9, nesterov=True),
    "RMSprop": lambda rate: optimizers.RMSprop(rate, alpha=0.9),
    "Adam": lambda rate: optimizers.Adam(rate, bias_correction=True),
}
# The rate with the lowest end, of GRID; `search` finds it again.
GRID = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2]
BEST = {
    "valley": {"SGD": 0.01, "momentum": 0.01, "Nesterov": 0.005, "RMSprop": 0.02, "Adam": 0.1},
    "saddle": {"SGD": 0.05, "momentum": 0.05, "Nesterov": 0.05, "RMSprop": 0.01, "Adam": 0.05},
}
STEPS = 150


def run(surface: Surface, optimizer: optimizers.Optimizer, steps: int) -> np.ndarray:
    """The points on the way, one in each row.

    One parameter needs no tree: the state is a dict, and the step is counted here.
    """
    slope = core.grad(surface.height)
    point, state = array(surface.start), {}
    optimizer.init_single(point, state)
    path = [surface.start]
    for _ in range(steps):
        optimizer.state["step"] = optimizer.state["step"] + 1
        point = optimizer.apply_single(slope(point), point, state)
        path.append(tuple(point.tolist()))
    return np.array(path)


def heights(surface: Surface, path: np.ndarray) -> np.ndarray:
    return np.array(surface.height(array(path.astype(np.float32))).tolist())


def search(console: Console) -> dict[str, dict[str, float]]:
    """For each surface and optimizer the rate of ``GRID`` with the lowest end."""
    best: dict[str, dict[str, float]] = {}
    for name, surface in SURFACES.items():
        best[name] = {}
        for racer, make in track(RACERS.items(), f"rates for the {name}", console=console):
            ends = {r: heights(surface, run(surface, make(r), STEPS))[-1] for r in GRID}
            best[name][racer] = min(GRID, key=lambda r: np.nan_to_num(ends[r], nan=np.inf))
    return best


def race(out: Path, quick: bool, console: Console) -> dict[str, float]:
    """Send all optimizers down both surfaces; draw their paths and what they reach."""
    rates = BEST if quick else search(console)
    paths = {
        name: {
            racer: run(surface, make(rates[name][racer]), STEPS) for racer, make in RACERS.items()
        }
        for name, surface in SURFACES.items()
    }
    ends = {
        name: {racer: heights(SURFACES[name], p) for racer, p in found.items()}
        for name, found in paths.items()
    }
    table = Table("optimizer", "rate", "valley after the race", "rate", "saddle after the race")
    for racer in RACERS:
        cells = [(f"{rates[name][racer]:g}", f"{ends[name][racer][-1]:.2g}") for name in SURFACES]
        table.add_row(racer, *cells[0], *cells[1])
    console.print(f"[bold]The race[/]: {STEPS} steps, each with its best rate.", table)
    draw_race(paths, ends, out)
    animate_race(paths, 15 if quick else 60, out)
    return {f"{name}, {racer}": float(e[-1]) for name in ends for racer, e in ends[name].items()}


def main(out: Path, quick: bool = False) -> dict[str, float]:
    """Both parts; their pictures and animations go into ``out``; what was measured is returned."""
    console = Console()
    return separate_the_moons(out, quick, console) | race(out, quick, console)


# Pictures

EXTENT = (-1.9, 2.9, -1.4, 1.9)  # left, right, bottom, top


def probability(p: Parameters, across: int = 120, up: int = 90) -> np.ndarray:
    """How likely each place of a grid over ``EXTENT`` belongs to the second moon."""
    left, right, bottom, top = EXTENT
    xs, ys = np.meshgrid(np.linspace(left, right, across), np.linspace(bottom, top, up))
    places = mx.array(np.stack([xs.ravel(), ys.ravel()], axis=1).astype(np.float32))
    return np.array(mx.sigmoid(two_layers.forward(p, places)[1])).reshape(up, across)


def draw_map(ax, p: Parameters, x: mx.array, targets: mx.array, size: float = 4.0):
    """The probability as a tint, the boundary as a line, the points on top."""
    from matplotlib.colors import LinearSegmentedColormap

    tints = LinearSegmentedColormap.from_list("moons", ["#9CC8E6", "white", "#F4C58B"])
    field = probability(p)
    image = ax.imshow(
        field, extent=EXTENT, origin="lower", cmap=tints, vmin=0, vmax=1, aspect="auto"
    )
    line = boundary(ax, field)
    points, moon = np.array(x), np.array(targets) > 0.5
    for which, colour, marker in ((~moon, plotting.BLUE, "o"), (moon, plotting.RED, "^")):
        ax.plot(*points[which].T, marker, color=colour, ms=size, mec="white", mew=0.4)
    ax.set(xlim=EXTENT[:2], ylim=EXTENT[2:], xticks=[], yticks=[])
    return image, line


def boundary(ax, field: np.ndarray):
    if field.min() < 0.5 < field.max():
        return ax.contour(field, [0.5], extent=EXTENT, colors="black", linewidths=1.8)
    return None


def draw_boundaries(
    kept: dict[int, Parameters], losses: list[float], x: mx.array, targets: mx.array, out: Path
) -> None:
    """The boundary at several moments."""
    fig, axes = plotting.figure(1, len(kept), width=11, height=2.9)
    for ax, (step, p) in zip(axes, kept.items(), strict=True):
        draw_map(ax, p, x, targets, size=3.4)
        ax.set_title(f"{step} steps: loss {losses[step]:.3f}", fontsize=11)
    plotting.save(fig, out, "moons")


def animation(fig, path: Path, frames: Iterator[None], dpi: int = 80) -> None:
    """A GIF with one picture for each turn of ``frames``, which change the figure."""
    from matplotlib.animation import PillowWriter

    fig.canvas.draw()
    fig.set_layout_engine("none")  # nothing may jump from frame to frame
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = PillowWriter(fps=10)
    with writer.saving(fig, str(path), dpi):
        for _ in frames:
            writer.grab_frame()
        for _ in range(10):  # a second to look at the end
            writer.grab_frame()


def animate_boundary(
    kept: dict[int, Parameters], losses: list[float], x: mx.array, targets: mx.array, out: Path
) -> None:
    """The boundary as it forms."""
    fig, ax = plotting.figure(width=5.4, height=3.9)
    image, line = draw_map(ax, kept[0], x, targets)
    title = ax.set_title(f"0 steps: loss {losses[0]:.3f}")

    def frames() -> Iterator[None]:
        nonlocal line
        for step in sorted(kept):
            field = probability(kept[step])
            image.set_data(field)
            if line is not None:
                line.remove()
            line = boundary(ax, field)
            title.set_text(f"{step} steps: loss {losses[step]:.3f}")
            yield

    animation(fig, out / "moons.gif", frames())


def draw_surface(ax, surface: Surface) -> None:
    """Lines of equal height, denser towards the lowest point."""
    left, right, bottom, top = surface.corners
    xs, ys = np.meshgrid(np.linspace(left, right, 120), np.linspace(bottom, top, 120))
    grid = array(np.stack([xs, ys], axis=-1).astype(np.float32))
    height = np.array(surface.height(grid).tolist())
    ax.contour(xs, ys, np.log10(height + 1e-3), 16, cmap="Greys_r", linewidths=0.7, alpha=0.7)
    ax.set(xlim=(left, right), ylim=(bottom, top), xlabel="x", ylabel="y")
    ax.grid(False)


def draw_race(paths: dict, ends: dict, out: Path) -> None:
    """The paths on both surfaces, and below the height at each step."""
    fig, axes = plotting.figure(2, 2, width=10.5, height=7.6, height_ratios=(3, 2))
    for k, (name, surface) in enumerate(SURFACES.items()):
        above, below = axes[0, k], axes[1, k]
        draw_surface(above, surface)
        for i, (racer, path) in enumerate(paths[name].items()):
            colour, marker = plotting.COLOURS[i], plotting.MARKERS[i]
            above.plot(*path.T, color=colour, lw=1.4)
            above.plot(*path[::15].T, marker, color=colour, ms=4.5, mec="white", mew=0.5)
            below.semilogy(
                np.maximum(ends[name][racer], 1e-9),
                color=colour,
                marker=marker,
                markevery=15,
                ms=4.5,
                lw=1.5,
            )
        above.plot(*surface.start, "*", color="black", ms=13)
        above.set_title(f"the {name}")
        below.set(xlabel="step", ylim=(1e-9, 1e2))
    axes[1, 0].set_ylabel("height")
    fig.legend(axes[1, 0].get_lines(), list(RACERS), loc="outside lower center", ncols=len(RACERS))
    plotting.save(fig, out, "race")


def animate_race(paths: dict, count: int, out: Path) -> None:
    """All optimizers on their way."""
    fig, axes = plotting.figure(1, 2, width=9.4, height=4.3)
    shown = []
    for ax, (name, surface) in zip(axes, SURFACES.items(), strict=True):
        draw_surface(ax, surface)
        ax.set_title(f"the {name}")
        for i, (racer, path) in enumerate(paths[name].items()):
            (trail,) = ax.plot([], [], color=plotting.COLOURS[i], lw=1.5, label=racer)
            (head,) = ax.plot([], [], plotting.MARKERS[i], color=plotting.COLOURS[i], ms=8)
            shown.append((path, trail, head))
    axes[1].legend(loc="lower right", fontsize=9)

    def frames() -> Iterator[None]:
        for step in np.linspace(0, STEPS, count).astype(int):
            for path, trail, head in shown:
                trail.set_data(*path[: step + 1].T)
                head.set_data(*path[step : step + 1].T)
            yield

    animation(fig, out / "race.gif", frames())
