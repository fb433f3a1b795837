"""Draws the lesson's figures: ``main(out)`` writes them as SVG files into the folder ``out``."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

from tinymlx import core, plotting
from tinymlx.forecasting.comparing import skill_interval
from tinymlx.forecasting.features import circular
from tinymlx.forecasting.intervals import conformal, coverage
from tinymlx.forecasting.probabilities import pinball

INK = "#333333"
PALE = ("#bcd9ee", "#f8dea6", "#b5e3d3")


def main(out: Path) -> None:
    draw_circle(out)
    draw_windows(out)
    draw_pinball(out)
    draw_coverage(out)
    draw_luck(out)


def save(fig: Any, out: Path, name: str) -> None:
    plotting.save(fig, out, name, formats=("svg",))


def draw_circle(out: Path) -> None:
    """24 hours on a line and on a circle."""
    fig, (line, circle) = plotting.figure(1, 2, width=8.0, height=3.6)
    hours = np.arange(24)
    near = [22, 23, 0]
    line.plot(hours, np.zeros(24), "o", color=plotting.GREY)
    line.plot(near, [0, 0, 0], "o", color=plotting.ORANGE, markersize=8)
    line.set(yticks=[], xticks=[0, 6, 12, 18, 23], xlabel="hour")
    points = np.array(circular(core.array(hours), 24))
    circle.plot(points[:, 0], points[:, 1], "o", color=plotting.GREY)
    circle.plot(points[near, 0], points[near, 1], "o", color=plotting.ORANGE, markersize=8)
    for hour in (0, 6, 12, 18, 23):
        x, y = 1.22 * points[hour]
        circle.text(x, y, str(hour), ha="center", va="center", color=INK)
    circle.set(xlabel="sine", ylabel="cosine", xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal")
    save(fig, out, "circle")


def draw_windows(out: Path) -> None:
    """Three parts of the time, and windows that may and may not be used."""
    fig, ax = plotting.figure(1, 1, width=9.0, height=2.8)
    ax.set_axis_off()
    ax.set(xlim=(-0.5, 40.5), ylim=(-3.4, 1.6))
    for start, stop, name, colour in (
        (0, 20, "training", PALE[0]),
        (20, 30, "validation", PALE[1]),
        (30, 40, "test", PALE[2]),
    ):
        ax.add_patch(Rectangle((start, 0), stop - start, 1, facecolor=colour, edgecolor=INK))
        ax.text((start + stop) / 2, 0.5, name, ha="center", va="center", color=INK)
    for row, (start, fine) in enumerate(((4, True), (14, False), (21, True))):
        y = -1 - 0.9 * row
        ax.plot([start, start + 5], [y, y], color=plotting.BLUE, linewidth=6, solid_capstyle="butt")
        ax.plot(
            [start + 5, start + 8],
            [y, y],
            color=plotting.ORANGE,
            linewidth=6,
            solid_capstyle="butt",
        )
        said = "allowed" if fine else "foretells rows of the validation part"
        ax.text(start + 8.5, y, said, va="center", fontsize=9, color=INK)
    ax.text(0, -3.3, "blue: read   orange: foretold", fontsize=9, color=INK)
    save(fig, out, "windows")


def draw_pinball(out: Path) -> None:
    """Costs of three quantiles by the distance to the truth."""
    fig, ax = plotting.figure(1, 1, width=6.0, height=3.6)
    u = np.linspace(-4, 4, 161).astype(np.float32)
    levels = (0.1, 0.5, 0.9)
    zero = core.zeros((len(u), 3))
    costs = np.array(pinball(zero, core.array(u), core.array(levels)))
    for i, level in enumerate(levels):
        ax.plot(u, costs[:, i], color=plotting.COLOURS[i], label=f"level {level}")
    ax.set(xlabel="truth minus quantile", ylabel="cost")
    ax.legend()
    save(fig, out, "pinball")


def draw_coverage(out: Path) -> None:
    """Errors grow with the steps; a model that believes they do not; what 500 days correct."""
    fig, ax = plotting.figure(1, 1, width=6.5, height=3.6)
    size = core.linspace(0.5, 2.5, 24)
    old, new = (size * core.random.normal((500, 24), key=core.random.key(k)) for k in (1, 2))
    low, high = core.full((500, 24), -1.0), core.full((500, 24), 1.0)
    more = conformal(low, high, old, 0.8)
    steps = np.arange(1, 25)
    ax.plot(
        steps, np.array(coverage(low, high, new)), color=plotting.ORANGE, label="as the model says"
    )
    after = coverage(low - more, high + more, new)
    ax.plot(steps, np.array(after), color=plotting.BLUE, label="after the correction")
    ax.axhline(0.8, color=plotting.BLACK, linewidth=1)
    ax.set(xlabel="hours ahead", ylabel="share of truths inside", ylim=(0, 1))
    ax.legend()
    save(fig, out, "coverage")


def draw_luck(out: Path) -> None:
    """Intervals of a skill by the length of the blocks; errors last a day."""
    fig, ax = plotting.figure(1, 1, width=6.5, height=3.4)
    draw = np.random.default_rng(5)

    def errors(scale: float) -> Any:
        noise = draw.standard_normal(4000 + 47)
        smooth = np.convolve(noise, np.ones(48) / np.sqrt(48), "valid")
        return core.array((scale * smooth).astype(np.float32) ** 2)

    mine, other = errors(0.93), errors(1.0)
    blocks = (1, 6, 24, 72, 168)
    for i, block in enumerate(blocks):
        score, low, high = skill_interval(mine, other, block, core.random.key(3), draws=200)
        ax.plot([low, high], [i, i], color=plotting.BLUE, linewidth=4)
        ax.plot([score], [i], "o", color=plotting.ORANGE, markersize=8)
    ax.axvline(0, color=plotting.BLACK, linewidth=1)
    ax.set(yticks=range(5), yticklabels=[f"{b} h" for b in blocks], ylabel="block", xlabel="skill")
    save(fig, out, "luck")
