"""Draws the lesson's figures: ``main(out)`` writes them as SVG files into the folder ``out``."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from tinymlx import core, plotting
from tinymlx.classification.duplicates import difference_hash, shares
from tinymlx.classification.rates import steepest, sweep
from tinymlx.data import shapes
from tinymlx.models.vit import resized


def main(out: Path) -> None:
    draw_hash(out)
    draw_positions(out)
    draw_sweep(out)
    draw_sampler(out)
    draw_temperature(out)


def save(fig: Any, out: Path, name: str) -> None:
    plotting.save(fig, out, name, formats=("svg",))


def draw_hash(out: Path) -> None:
    """A picture, its cells, its bits."""
    data = shapes.load(6, 1)
    x = core.array(data.train.x[2:3])
    grey = core.mean(x, axis=-1)
    cells = shares(32, 8) @ grey @ shares(32, 9).T
    bits = difference_hash(x).reshape(8, 8)
    fig, axes = plotting.figure(1, 3, width=8.4, height=2.9)
    axes[0].imshow(data.train.x[2].tolist())
    axes[1].imshow(cells[0].tolist(), cmap="gray", vmin=0, vmax=1, aspect="auto")
    axes[2].imshow(bits.astype(core.int32).tolist(), cmap="gray")
    titles = ("32 x 32 pixels", "8 x 9 cells", "brighter than to its left?")
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title, fontsize=11)
        ax.axis("off")
    save(fig, out, "hash")


def draw_positions(out: Path) -> None:
    """One number of a learned position along a row of 4, read at 6 and at 10 places."""
    learned = np.array([0.2, 1.0, 0.4, 0.7], np.float32)
    grid = core.array(learned.reshape(1, 4, 1))
    fig, ax = plotting.figure(width=7.0, height=3.2)
    middles = (np.arange(4) + 0.5) / 4
    line = np.concatenate([[0], middles, [1]])
    ax.plot(line, np.concatenate([learned[:1], learned, learned[-1:]]), color=plotting.GREY)
    ax.plot(middles, learned, "o", color=plotting.BLUE, markersize=9, label="4 learned")
    for count, colour, marker in ((6, plotting.ORANGE, "s"), (10, plotting.GREEN, "^")):
        places = (np.arange(count) + 0.5) / count
        values = resized(grid, 1, count).reshape(-1).tolist()
        ax.plot(places, values, marker, color=colour, label=f"{count} read")
    for i in range(5):
        ax.axvline(i / 4, color="#DDDDDD", linewidth=1)
    ax.set(xlabel="place in the picture", ylabel="value", xlim=(0, 1), ylim=(0, 1.15))
    ax.legend(loc="upper right")
    save(fig, out, "positions")


def draw_sweep(out: Path) -> None:
    """Gradient descent on a noisy bowl while the rate grows."""
    random = np.random.default_rng(1)
    curvatures = np.array([50.0, 5.0, 0.5])
    w = np.ones(3)
    raw: list[float] = []

    def step(rate: float) -> float:
        nonlocal w
        loss = float((curvatures * w * w).sum() / 2 + 1) * math.exp(0.04 * random.normal())
        raw.append(loss)
        w = w - rate * curvatures * w
        return loss

    found = sweep(step, 1e-5, 1.0, 90, decay=0.8)
    best = steepest(found)
    fig, ax = plotting.figure(width=7.0, height=3.4)
    ax.plot(found.rates, raw[: len(found.rates)], ".", color=plotting.GREY, label="each step")
    ax.plot(found.rates, found.losses, color=plotting.BLUE, label="smoothed")
    ax.axvline(best, color=plotting.ORANGE, linestyle="--", label="falls fastest")
    ax.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(0, 60))
    ax.legend(loc="upper center")
    save(fig, out, "sweep")


def draw_sampler(out: Path) -> None:
    """A place between four middles, and the area with which each of them counts."""
    fig, ax = plotting.figure(width=5.2, height=3.4)
    right, down = 0.3, 0.6
    for i in range(4):
        ax.axvline(i - 0.5, color="#DDDDDD")
    for i in range(3):
        ax.axhline(i - 0.5, color="#DDDDDD")
    parts = {
        (0, 0): (1 - right) * (1 - down),
        (1, 0): right * (1 - down),
        (0, 1): (1 - right) * down,
        (1, 1): right * down,
    }
    for (j, i), weight in parts.items():
        ax.plot(j, i, "o", color=plotting.BLUE, markersize=6 + 28 * weight)
        ax.annotate(f"{weight:.2f}", (j, i), (j + (0.14 if j else -0.14), i), va="center",
                    ha="left" if j else "right")  # fmt: skip
    ax.plot([2, 2], [0, 1], "o", color=plotting.GREY)
    ax.plot(right, down, "D", color=plotting.RED, markersize=8)
    ax.plot([0, right, right], [down, down, 0], color=plotting.RED, linewidth=1)
    ax.plot([right, right, 1], [1, down, down], color=plotting.RED, linewidth=1)
    ax.set(xlim=(-0.5, 2.5), ylim=(1.5, -0.5), xlabel="column", ylabel="row", xticks=[0, 1, 2],
           yticks=[0, 1])  # fmt: skip
    ax.grid(False)
    save(fig, out, "sampler")


def draw_temperature(out: Path) -> None:
    """Cross entropy over 1 / T, and Newton's steps in an interval."""
    random = np.random.default_rng(0)
    z = 1.5 * random.normal(size=(400, 5))
    y = (z + random.gumbel(size=z.shape)).argmax(1)
    z = 3 * z

    def at(b: float) -> tuple[float, float, float]:
        e = np.exp(b * (z - z.max(1, keepdims=True)))
        p = e / e.sum(1, keepdims=True)
        mean = (p * z).sum(1)
        own = z[np.arange(400), y]
        loss = np.mean(np.log(e.sum(1)) - b * (own - z.max(1)))
        return float(loss), float((mean - own).mean()), float(((p * z**2).sum(1) - mean**2).mean())

    fig, ax = plotting.figure(width=7.0, height=3.4)
    b = np.linspace(0.05, 1.2, 200)
    ax.plot(b, [at(x)[0] for x in b], color=plotting.BLUE)
    place, low, high = 1.0, 0.05, 20.0
    steps = [place]
    for _ in range(5):
        _, first, second = at(place)
        low, high = (low, place) if first > 0 else (place, high)
        place -= first / second
        place = place if low < place < high else (low + high) / 2
        steps.append(place)
    ax.plot(steps, [at(x)[0] for x in steps], "o--", color=plotting.ORANGE, linewidth=1)
    for i, x in enumerate(steps[:4]):
        ax.annotate(str(i), (x, at(x)[0]), (x, at(x)[0] + 0.12), ha="center")
    ax.set(xlabel="1 / T", ylabel="cross entropy (nats)", ylim=(0.8, None))
    save(fig, out, "temperature")
