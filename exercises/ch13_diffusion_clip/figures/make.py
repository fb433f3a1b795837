"""Draws the lesson's figures: ``main(out)`` writes them as SVG files into the folder ``out``."""

import math
from pathlib import Path

import numpy as np

from tinymlx import core, nn, optimizers, plotting
from tinymlx.core import array
from tinymlx.diffusion.ddpm import ddpm_step, posterior
from tinymlx.diffusion.few_calls import few_calls
from tinymlx.diffusion.flow import euler, flow_times, heun
from tinymlx.diffusion.forward import signal_to_noise
from tinymlx.diffusion.guidance import guided
from tinymlx.diffusion.optimum import best_denoiser
from tinymlx.diffusion.places import places
from tinymlx.diffusion.schedules import (
    cosine_signal,
    linear_signal,
    scaled_linear_signal,
    zero_terminal,
)
from tinymlx.models.clip import contrastive_loss, normalized

INK = "#333333"
MIXTURE = ([0.3, 0.45, 0.25], [-2.0, 0.5, 2.5], [0.5, 0.35, 0.6])


def save(fig, out: Path, name: str) -> None:
    plotting.save(fig, out, name, formats=("svg",))


def main(out: Path) -> None:
    schedules(out)
    best(out)
    circle(out)
    flows(out)
    guidance(out)
    bugs(out)
    contrast(out)


def numbers(x: array) -> np.ndarray:
    return np.array(x.tolist())


# Schedules


def schedules(out: Path) -> None:
    """What is left of the amplitude, and signal against noise."""
    fig, (left, right) = plotting.figure(1, 2, width=10.4, height=3.8)
    kinds = (
        ("linear", linear_signal(), plotting.BLUE, "-"),
        ("cosine", cosine_signal(), plotting.ORANGE, "-"),
        ("Stable Diffusion", scaled_linear_signal(), plotting.GREEN, "-"),
        ("the same, zero at the end", zero_terminal(scaled_linear_signal()), plotting.RED, "--"),
    )
    for name, signal, colour, style in kinds:
        left.plot(numbers(core.sqrt(signal)), color=colour, linestyle=style, label=name)
        ratio = np.log10(numbers(signal_to_noise(signal)[:-1]))
        right.plot(ratio, color=colour, linestyle=style)
    left.set(xlabel="step", ylabel="amplitude of the signal")
    left.legend(loc="upper right", fontsize=9)
    right.set(xlabel="step", ylabel="log10 of signal to noise", ylim=(-6, 4.5))
    right.axhline(0, color=plotting.GREY, linewidth=1)
    save(fig, out, "schedules")


# The best guess


def spiral(count: int) -> array:
    """Points on a spiral, of deviation 1 or so."""
    angle = core.linspace(1.2, 3.6 * math.pi, count)
    points = angle[:, None] * core.stack([core.cos(angle), core.sin(angle)], axis=-1)
    return points / 6.0


def best(out: Path) -> None:
    """Where the best denoiser leads from each point."""
    data = spiral(40)
    side = core.linspace(-1.9, 1.9, 12)
    grid = core.stack(core.meshgrid(side, side), axis=-1).reshape(-1, 2)
    fig, axes = plotting.figure(1, 3, width=10.8, height=3.8)
    for ax, (share, name) in zip(axes, ((0.1, "much noise"), (0.6, "some"), (0.97, "little"))):
        guess = numbers(best_denoiser(share**0.5 * grid, data, array(share)))
        start, points = numbers(grid), numbers(data)
        ax.quiver(*start.T, *(guess - start).T, color=plotting.SKY, angles="xy", scale_units="xy",
                  scale=1, width=0.004, headwidth=5)  # fmt: skip
        ax.plot(*points.T, ".", color=plotting.BLUE, markersize=7)
        ax.set(
            title=f"{name}: {share:.0%} signal", aspect="equal", xlim=(-2.1, 2.1), ylim=(-2.1, 2.1)
        )
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
    save(fig, out, "best")


# Noise as an angle


def circle(out: Path) -> None:
    """Signal and noise are the axes; a noisy picture is a turn between them."""
    fig, ax = plotting.figure(width=5.4, height=4.6)
    phi = np.linspace(0, math.pi / 2, 100)
    ax.plot(np.cos(phi), np.sin(phi), color=plotting.GREY, linewidth=1.4)
    at = 0.9
    x, v = np.array([math.cos(at), math.sin(at)]), np.array([-math.sin(at), math.cos(at)])
    line = {"arrowstyle": "-|>", "lw": 2, "shrinkA": 0, "shrinkB": 0}
    for start, end, colour in (
        ((0, 0), (1, 0), plotting.BLUE),
        ((0, 0), (0, 1), plotting.ORANGE),
        ((0, 0), x, INK),
        (x, x + 0.4 * v, plotting.RED),
    ):
        ax.annotate("", end, start, arrowprops={**line, "color": colour})
    ax.plot([x[0], x[0], 0], [0, x[1], x[1]], color=plotting.GREY, linestyle=":", linewidth=1.2)
    words = (
        (1.03, 0.0, "$x_0$: data", plotting.BLUE),
        (-0.1, 1.06, "$\\epsilon$: noise", plotting.ORANGE),
        (x[0] + 0.04, x[1] + 0.02, "$x = a\\, x_0 + b\\, \\epsilon$", INK),
        (x[0] - 0.24, x[1] + 0.32, "$v = a\\, \\epsilon - b\\, x_0$", plotting.RED),
        (x[0] - 0.02, -0.08, "$a$", INK),
        (-0.08, x[1] - 0.02, "$b$", INK),
        (0.16, 0.06, "$\\varphi$", INK),
    )
    for left, low, text, colour in words:
        ax.text(left, low, text, color=colour, fontsize=13)
    ax.set(xlim=(-0.15, 1.45), ylim=(-0.15, 1.3), aspect="equal")
    ax.axis("off")
    save(fig, out, "circle")


# Flows


def velocity(x: array, t: array) -> array:
    """The exact velocity of the flow to the mixture."""
    weights, m, s = (array(part) for part in MIXTURE)
    t = t[:, None]
    v = core.square((1 - t) * s) + core.square(t)
    d = x[:, None] - (1 - t) * m
    shares = core.softmax(core.log(weights) - core.log(v) / 2 - core.square(d) / (2 * v), axis=-1)
    return core.sum(shares * (t / v * d - m - (1 - t) * core.square(s) / v * d), axis=-1)


def flows(out: Path) -> None:
    """Paths, and the error by the number of calls."""
    fig, (left, right) = plotting.figure(1, 2, width=10.4, height=4.0)
    noise, times = core.linspace(-2.2, 2.2, 23), flow_times(80)
    path = [noise]
    for pair in zip(times, times[1:]):
        path.append(heun(velocity, path[-1], list(pair)))
    left.plot(times, numbers(core.stack(path)), color=plotting.BLUE, linewidth=1)
    left.set(xlabel="time: from noise (1) to data (0)", ylabel="x", xlim=(1, 0))
    noise = core.linspace(-2.2, 2.2, 41)
    exact = heun(velocity, noise, flow_times(400))
    calls = [4, 6, 8, 12, 16, 24, 32]
    samplers = (
        ("Euler", lambda n: euler(velocity, noise, flow_times(n)), plotting.RED),
        ("Heun", lambda n: heun(velocity, noise, flow_times(n // 2)), plotting.ORANGE),
        ("with what the last step knew", lambda n: few_calls(velocity, noise, n), plotting.BLUE),
    )
    for name, sampler, colour in samplers:
        errors = [core.sqrt(core.mean(core.square(sampler(n) - exact))).item() for n in calls]
        right.plot(calls, errors, "o-", color=colour, label=name)
    right.set(xlabel="calls of the network", ylabel="error", xscale="log", yscale="log")
    right.set_xticks(calls, [str(n) for n in calls])
    right.minorticks_off()
    right.legend(loc="lower left", fontsize=9)
    save(fig, out, "flows")


# Guidance


def guidance(out: Path) -> None:
    """Two classes in the plane, and samples of one of them."""
    key = core.random.key(0)
    keys = core.random.split(key, 4)
    one = array([-0.6, 0.0]) + 0.45 * core.random.normal((150, 2), key=keys[0])
    other = array([0.6, 0.0]) + 0.45 * core.random.normal((150, 2), key=keys[1])
    both = core.concatenate([one, other])
    signal, steps = linear_signal(), places(1000, 60)
    fig, axes = plotting.figure(1, 4, width=11.0, height=3.2)
    for ax, scale in zip(axes, (0.0, 1.0, 3.0, 8.0)):
        x = core.random.normal((200, 2), key=keys[2])
        for t, after in zip(steps, [*steps[1:], None]):
            before = array(1.0) if after is None else signal[after]
            x0 = guided(*(best_denoiser(x, d, signal[t]) for d in (both, one)), scale)
            fresh = core.random.normal(x.shape, key=core.random.split(keys[3], 1000)[t])
            x = ddpm_step(x, x0, signal[t], before, fresh)
        ax.plot(*numbers(other).T, ".", color="#CCCCCC", markersize=4)
        ax.plot(*numbers(one).T, ".", color=plotting.SKY, markersize=4)
        ax.plot(*numbers(x).T, ".", color=plotting.RED, markersize=4)
        ax.set(title=f"w = {scale:g}", xlim=(-3.2, 2.2), ylim=(-2.0, 2.0), aspect="equal")
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
    save(fig, out, "guidance")


# What the bug looks like


def mean_only(x, x0, signal, before, noise):
    return posterior(x, x0, signal, before).mean


def noise_at_the_end(x, x0, signal, before, noise):
    return posterior(x, x0, signal, before).mean + core.sqrt(1 - signal / before) * noise


def old_noise(x, x0, signal, before, noise):
    mean, variance = posterior(x, x0, signal, before)
    return mean + core.sqrt(variance) * (x - core.sqrt(signal) * x0) / core.sqrt(1 - signal)


def variance_for_deviation(x, x0, signal, before, noise):
    mean, variance = posterior(x, x0, signal, before)
    return mean + variance * noise


def bugs(out: Path) -> None:
    """Samples of a spiral by the best denoiser, and what four slips make of them."""
    data, signal, steps = spiral(400), linear_signal(), places(1000, 100)
    kinds = (
        ("right", ddpm_step),
        ("no noise", mean_only),
        ("variance for deviation", variance_for_deviation),
        ("the old noise again", old_noise),
        ("noise in the last step", noise_at_the_end),
    )
    fig, axes = plotting.figure(1, 5, width=12.4, height=2.9)
    for ax, (name, step) in zip(axes, kinds):
        keys = core.random.split(core.random.key(1), 1001)
        x = core.random.normal((300, 2), key=keys[1000])
        for t, after in zip(steps, [*steps[1:], None]):
            before = array(1.0) if after is None else signal[after]
            x0 = best_denoiser(x, data, signal[t])
            x = step(x, x0, signal[t], before, core.random.normal(x.shape, key=keys[t]))
        ax.plot(*numbers(data).T, color="#CCCCCC", linewidth=3)
        colour = plotting.BLUE if name == "right" else plotting.RED
        ax.plot(*numbers(x).T, ".", color=colour, markersize=3)
        ax.set_title(name, fontsize=10.5)
        ax.set(xlim=(-2.3, 2.3), ylim=(-2.3, 2.3), aspect="equal", xticks=[], yticks=[])
        ax.grid(False)
    save(fig, out, "bugs")


# CLIP


class Towers(nn.Module):
    """One layer for patterns, a table for captions, and a scale."""

    def __init__(self) -> None:
        super().__init__()
        self.seen, self.said = nn.Linear(24, 12), nn.Embedding(8, 12)
        self.logit_scale = array(math.log(4.0))

    def vectors(self, pictures: array, captions: array) -> tuple[array, array]:
        return normalized(self.seen(pictures)), normalized(self.said(captions))

    def loss(self, pictures: array, captions: array) -> array:
        return contrastive_loss(*self.vectors(pictures, captions), core.exp(self.logit_scale))


def contrast(out: Path) -> None:
    """Cosines before and after, and the loss on the way."""
    fig, axes = plotting.figure(
        1, 3, width=11.0, height=4.0, gridspec_kw={"width_ratios": [1, 1, 1.5]}
    )
    for name, repeats, colour in (
        ("all different", 1, plotting.BLUE),
        ("each caption twice", 2, plotting.ORANGE),
    ):
        core.random.seed(2)
        model, patterns = Towers(), core.random.normal((8, 24))
        gradient, optimizer = nn.value_and_grad(model, model.loss), optimizers.Adam(0.003)
        captions, losses = core.arange(8) // repeats, []
        if repeats == 1:
            table(axes[0], model, patterns, "before")
        for _ in range(120):
            pictures = patterns[captions] + 0.7 * core.random.normal((8, 24))
            value, slopes = gradient(pictures, captions)
            optimizer.update(model, slopes)
            core.eval(model.state, optimizer.state)
            losses.append(value.item())
        if repeats == 1:
            table(axes[1], model, patterns, "after 120 steps")
        axes[2].plot(losses, color=colour)
        plotting.direct_label(axes[2], 119, losses[-1], name, colour)
    for height, words in ((math.log(8), "chance: log 8"), (math.log(2), "log 2")):
        axes[2].plot([0, 119], [height] * 2, color=plotting.GREY, linestyle="--", linewidth=1)
        axes[2].text(60, height + 0.06, words, color=plotting.GREY, fontsize=10)
    axes[2].set(xlabel="step", ylabel="contrastive loss", xlim=(0, 200), ylim=(-0.12, 2.9))
    save(fig, out, "contrast")


def table(ax, model: Towers, patterns: array, title: str) -> None:
    p, q = model.vectors(patterns, core.arange(8))
    ax.imshow(numbers(p @ q.T), cmap="RdBu", vmin=-1, vmax=1)
    ax.set_title(title, fontsize=11)
    ax.set(xlabel="sentences", ylabel="pictures", xticks=[], yticks=[])
    ax.grid(False)


if __name__ == "__main__":
    main(Path(__file__).parent)
