"""Draws the lesson's figures: ``main(out)`` writes them into the folder ``out``."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import image

from tinymlx import core, nn, plotting
from tinymlx.art.gram import gram_matrix
from tinymlx.art.lbfgs import minimize
from tinymlx.art.tiles import seamless
from tinymlx.core import array
from tinymlx.data.paintings import paint


def main(out: Path) -> None:
    draw_gram(out)
    draw_valley(out)
    draw_quantiles(out)
    draw_tile(out)


def save(fig: Any, out: Path, name: str) -> None:
    plotting.save(fig, out, name, formats=("svg",))


def draw_gram(out: Path) -> None:
    """A painting, its pixels in disorder, and what random filters make of both."""
    core.random.seed(0)
    filters = core.random.normal((12, 5, 5, 3)) / 5
    x = paint("glass", 3, 48)
    mixed = np.random.default_rng(0).permutation(x.reshape(-1, 3)).reshape(x.shape)
    fig, axes = plotting.figure(1, 4, width=8.8, height=2.5)
    for i, (picture, title) in enumerate(((x, "a painting"), (mixed, "its pixels, shuffled"))):
        maps = nn.relu(core.conv2d(core.array(picture[None]) - 0.5, filters, padding=2))
        matrix = np.array(gram_matrix(maps)[0].tolist())
        axes[2 * i].imshow(picture)
        axes[2 * i].set_title(title, fontsize=10)
        axes[2 * i + 1].imshow(np.sqrt(matrix), cmap="viridis", vmin=0, vmax=0.7)
        axes[2 * i + 1].set_title("Gram matrix", fontsize=10)
    for ax in axes:
        ax.axis("off")
    save(fig, out, "gram")


def draw_valley(out: Path) -> None:
    """Where gradient descent and L-BFGS ask, in Rosenbrock's valley."""
    places: list[list[float]] = []

    def value(p: array) -> array:
        a, b = p[0], p[1]
        return 100 * (b - a * a) ** 2 + (1 - a) ** 2

    both = core.value_and_grad(value)

    def asked(p: array) -> tuple[array, array]:
        places.append(p.tolist())
        return both(p)

    minimize(asked, core.array([-1.2, 1.0]), 60, 8, 1e-4)
    p, slow = np.array([-1.2, 1.0]), []
    for _ in range(60):
        slow.append(p.copy())
        slope = [-400 * p[0] * (p[1] - p[0] ** 2) - 2 * (1 - p[0]), 200 * (p[1] - p[0] ** 2)]
        p = p - 1.5e-3 * np.array(slope)
    fig, ax = plotting.figure(width=7.0, height=3.6)
    a, b = np.meshgrid(np.linspace(-1.6, 1.4, 120), np.linspace(-0.6, 1.6, 100))
    levels = np.geomspace(0.1, 500, 9)
    ax.contour(
        a, b, 100 * (b - a * a) ** 2 + (1 - a) ** 2, levels, colors="#BBBBBB", linewidths=0.8
    )
    for points, colour, name in ((np.array(slow), plotting.ORANGE, "gradient descent, 60 steps"),
                                 (np.array(places), plotting.BLUE, "L-BFGS")):  # fmt: skip
        label = name if "60" in name else f"{name}, {len(points)} questions"
        ax.plot(points[:, 0], points[:, 1], ".-", color=colour, label=label, linewidth=1)
    ax.plot(1, 1, "k*", markersize=10)
    ax.set(xlabel="a", ylabel="b", xlim=(-1.6, 1.4), ylim=(-0.6, 1.6))
    ax.legend(loc="lower right")
    save(fig, out, "valley")


def draw_quantiles(out: Path) -> None:
    """Four and six sorted numbers as staircases."""
    first, second = np.array([0.5, 1.0, 2.2, 3.0]), np.array([0.2, 0.6, 1.5, 1.7, 2.4, 3.6])
    fig, ax = plotting.figure(width=6.6, height=3.2)
    ends = sorted({i / 4 for i in range(5)} | {i / 6 for i in range(7)})
    for left, right in zip(ends, ends[1:]):
        u = (left + right) / 2
        low, high = sorted((first[int(4 * u)], second[int(6 * u)]))
        ax.fill_between([left, right], low, high, color="#DDDDDD", linewidth=0)
        ax.axvline(right, color="#CCCCCC", linewidth=0.7)
    for numbers, colour, name in ((first, plotting.BLUE, "A, 4 numbers"),
                                  (second, plotting.ORANGE, "B, 6 numbers")):  # fmt: skip
        ax.stairs(
            numbers, np.linspace(0, 1, len(numbers) + 1), color=colour, label=name, linewidth=2
        )
    ax.set(xlabel="share u", ylabel="value", xlim=(0, 1), ylim=(0, 4))
    ax.grid(False)
    ax.legend(loc="upper left")
    save(fig, out, "quantiles")


def draw_tile(out: Path) -> None:
    """A painting twice in both directions, before and after."""
    x = paint("flow", 5, 96)
    y = np.array(seamless(core.array(x[None]))[0].tolist())
    gap = np.ones((192, 12, 3))
    both = np.concatenate([np.tile(x, (2, 2, 1)), gap, np.tile(y, (2, 2, 1))], axis=1)
    image.imsave(out / "tile.png", (255 * both + 0.5).astype(np.uint8))
