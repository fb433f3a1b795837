"""Draws the lesson's figures: ``main(out)`` writes them as SVG files into the folder ``out``."""

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

from tinymlx import core, nn, optimizers, plotting
from tinymlx.core import array
from tinymlx.data import digits
from tinymlx.latent import bounds, codebook, gaussian
from tinymlx.latent.likelihoods import binarized
from tinymlx.latent.pca import PCA
from tinymlx.latent.quality import mean_squared_error, ssim
from tinymlx.models.vae import VAE
from tinymlx.models.vqvae import VQVAE

INK = "#333333"
MISCONCEPTIONS = Path(__file__).parents[1] / "misconceptions.py"

# What `tinymlx run 10` measured on two cores with MNIST: bits a digit and decibels.
RATES = {
    "PNG": ((264, 21.83), (444, 26.15), (456, 29.03), (698, 33.04)),
    "gzip": ((251, 21.83), (360, 26.15), (433, 29.03), (535, 33.04)),
    "JPEG": ((285, 19.08), (369, 20.69), (531, 23.04), (768, 25.33), (1118, 28.23)),
    "this chapter's file": ((124, 22.27), (260, 24.86)),
}


def save(fig, out: Path, name: str) -> None:
    plotting.save(fig, out, name, formats=("svg",))


def main(out: Path, quick: bool = False) -> None:
    """``quick``: for a test that asks only whether all is drawn."""
    plane(out)
    same_error(out)
    bugs(out, 5 if quick else 600)
    interval(out)
    rates(out)


# Plane and error


def plane(out: Path) -> None:
    """A cloud, its two components, and what is left of some points on the first one."""
    core.random.seed(3)
    x = core.random.normal((150, 2)) * array([2.0, 0.6]) @ array([[0.87, 0.5], [-0.5, 0.87]])
    pca = PCA(x + array([1.0, 0.5]), 2)
    points = x + array([1.0, 0.5])
    line = PCA(points, 1)
    near = np.array(line.decode(line.encode(points)).tolist())
    points = np.array(points.tolist())
    fig, ax = plotting.figure(width=6.6, height=3.9)
    for i in range(0, 150, 4):
        ax.plot(*zip(points[i], near[i], strict=True), color=plotting.GREY, linewidth=0.8)
    ax.plot(points[:, 0], points[:, 1], "o", color=plotting.BLUE, markersize=3, alpha=0.6)
    ax.plot(near[::4, 0], near[::4, 1], "o", color=plotting.ORANGE, markersize=3.5)
    middle = pca.mean.tolist()
    for i, colour in enumerate((plotting.RED, plotting.GREEN)):
        length = pca.variances[i].item() ** 0.5
        end = (pca.mean + length * pca.components[i]).tolist()
        style = {"arrowstyle": "-|>", "color": colour, "lw": 2.5, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", end, middle, arrowprops=style)
        place = ((end[0], end[1] - 0.35), (end[0] - 1.0, end[1] + 0.6))[i]
        style = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
        plotting.direct_label(ax, *place, f"component {i + 1}", colour, bbox=style)
    ax.set(xlabel="first number", ylabel="second number", aspect="equal", ylim=(-2.6, 3.6))
    save(fig, out, "plane")


def same_error(out: Path) -> None:
    """Four ways to be equally wrong."""
    data = digits.load()
    x = core.array(data.test.x[2:3])
    x = nn.Upsample(4, "linear", align_corners=True)(x)
    core.random.seed(0)
    shifted = core.roll(x, 3, axis=2)
    goal = core.sqrt(mean_squared_error(x, shifted)).item()
    noise = core.random.normal(x.shape)
    kernel = core.ones((1, 9, 9, 1)) / 81
    blurred = core.conv2d(x, kernel, padding=4) - x
    changes = {"brighter": core.ones(x.shape), "noisy": noise, "blurred": blurred}
    pictures = {"the original": x}
    for name, change in changes.items():
        size = core.sqrt(core.mean(core.square(change))).item()
        pictures[name] = x + goal / size * change
    pictures["moved"] = shifted
    fig, axes = plotting.figure(1, 5, width=9.6, height=2.5)
    for ax, (name, picture) in zip(axes, pictures.items(), strict=True):
        ax.imshow(picture[0, ..., 0].tolist(), cmap="Greys", vmin=-0.4, vmax=1.4)
        error = mean_squared_error(x, picture).item()
        ax.set_title(f"{name}\nMSE {error:.3f}, SSIM {ssim(x, picture).item():.2f}", fontsize=9.5)
        ax.axis("off")
    save(fig, out, "same_error")


# What the bug looks like


def wrong(name: str, words: str, module: ModuleType) -> Callable:
    """A misconception's function, in the module that it belongs to."""
    tree = ast.parse(MISCONCEPTIONS.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            sentence = ast.literal_eval(node.decorator_list[0].args[1])
            if words in sentence:
                node.decorator_list = []
                space = dict(vars(module))
                exec(compile(ast.Module([node], []), str(MISCONCEPTIONS), "exec"), space)
                return space[name]
    raise LookupError(f"No misconception {name} says {words!r}.")


@contextmanager
def replaced(home: ModuleType, user: ModuleType, name: str, words: str | None) -> Iterator[None]:
    """While the context lasts, ``user`` uses a misconception of a function of ``home``, if one is
    named."""
    kept = getattr(user, name)
    if words is not None:
        setattr(user, name, wrong(name, words, home))
    try:
        yield
    finally:
        setattr(user, name, kept)


def steps_of(model: nn.Module, loss: Callable, steps: int) -> Iterator[None]:
    """Train, step by step."""
    data = digits.load()
    x = core.array(data.train.x)
    optimizer = optimizers.Adam(optimizers.cosine_decay(3e-3, steps, 1e-4))
    gradient = nn.value_and_grad(model, loss)
    for _ in range(steps):
        some = core.random.randint(0, x.shape[0], (64,))
        value, gradients = gradient(x[some])
        optimizer.update(model, gradients)
        core.eval(value, model.state, optimizer.state)
        yield


def samples(name: str, words: str | None, steps: int) -> array:
    """What a variational autoencoder draws that was trained with a mistake, or without one."""
    core.random.seed(0)
    model = VAE((8, 8, 1), (128,), 8)

    def loss(x: array) -> array:
        noise = core.random.normal((x.shape[0], 8))
        return -core.mean(bounds.elbo(*bounds.terms(model, binarized(x), noise)))

    home = gaussian if name == "reparameterized" else bounds
    with replaced(home, bounds, name, words):
        for _ in steps_of(model, loss, steps):
            pass
    return nn.sigmoid(model.decode(core.random.normal((20, 8), key=core.random.key(5))))


def movement(words: str | None, steps: int) -> list[float]:
    """How far the vectors of a codebook are from where they began, on average."""
    core.random.seed(0)
    model = VQVAE(16, 4, 8, moving=False)
    start, found = core.array(model.codebook), []

    def loss(x: array) -> array:
        back, code, _ = model(x)
        return core.mean(core.square(back - x)) + code

    with replaced(codebook, sys.modules[VQVAE.__module__], "quantized", words):
        for _ in steps_of(model, loss, steps):
            apart = core.linalg.norm(model.codebook - start, axis=1)
            found.append(core.mean(apart).item())
    return found


def bugs(out: Path, steps: int) -> None:
    """Draws from five models, and two codebooks."""
    kinds = {
        "right": ("terms", None),
        "mean of pixels,\nsum of the code": ("terms", "Mean against sum"),
        "nothing drawn": ("terms", "Nothing is drawn"),
        "no divergence": ("elbo", "left the divergence out"),
        "variance taken\nfor deviation": ("reparameterized", "variance for the deviation"),
    }
    fig, axes = plotting.figure(1, 6, width=12.0, height=2.7, width_ratios=[1] * 5 + [1.9])
    for ax, (title, (name, words)) in zip(axes, kinds.items(), strict=False):
        drawn = core.pad(samples(name, words, steps), [(0, 0), (1, 1), (2, 2), (0, 0)])
        ax.imshow(plotting.sheet(drawn, 4), cmap="Greys", vmin=0, vmax=1)
        ax.set_title(title, fontsize=10)
        ax.axis("off")
    ax = axes[-1]
    ax.plot(movement(None, steps // 5), color=plotting.BLUE, label="right")
    ax.plot(
        movement("straight-through line. It has", steps // 5),
        color=plotting.RED,
        label="losses after the line",
    )
    ax.set(xlabel="step", title="how far codes moved")
    ax.title.set_fontsize(10)
    ax.legend(loc="center right")
    save(fig, out, "bugs")


# The coder


def interval(out: Path) -> None:
    """Three symbols narrow an interval."""
    parts = (0.0, 0.6, 0.9, 1.0)
    names, colours = "abc", ("#CFE5F3", "#FBE6BF", "#CDEBDF")
    fig, ax = plotting.figure(width=8.4, height=3.4)
    low, high = 0.0, 1.0
    for row, chosen in enumerate((1, 0, 0)):
        y = -1.5 * row
        for k in range(3):
            ax.barh(y, parts[k + 1] - parts[k], 0.7, parts[k], color=colours[k], edgecolor=INK)
            here = (parts[k] + parts[k + 1]) / 2
            weight = "bold" if k == chosen else "normal"
            ax.text(here, y, names[k], ha="center", va="center", fontsize=12, fontweight=weight)
        for place, value in ((0, low), (1, high)):
            ax.text(place, y + 0.45, f"{value:.3f}", ha="center", va="bottom", fontsize=9)
        if row < 2:
            for k, end in ((chosen, 0), (chosen + 1, 1)):
                ends = ([parts[k], end], [y - 0.35, y - 1.15])
                ax.plot(*ends, color=plotting.RED, linewidth=1, linestyle="--")
        width = high - low
        low, high = low + width * parts[chosen], low + width * parts[chosen + 1]
    ax.text(0.5, -3.75, f"b, a, a: from {low:.3f} up to {high:.3f}", ha="center", va="top")
    ax.set(xlim=(-0.05, 1.05), ylim=(-4.2, 0.9))
    ax.axis("off")
    save(fig, out, "interval")


# The project


def rates(out: Path) -> None:
    """What the project measured: decibels against bits."""
    fig, ax = plotting.figure(width=7.4, height=4.2)
    styles = {
        "PNG": (plotting.BLUE, "s-"),
        "gzip": (plotting.GREEN, "^-"),
        "JPEG": (plotting.ORANGE, "D-"),
        "this chapter's file": (plotting.RED, "o-"),
    }
    for kind, points in RATES.items():
        colour, style = styles[kind]
        ax.plot(*zip(*points, strict=True), style, color=colour, label=kind)
    ax.set(xlabel="bits a digit", ylabel="PSNR (dB)", xscale="log")
    ax.legend(loc="lower right")
    save(fig, out, "rates")


if __name__ == "__main__":
    main(Path(__file__).parent)
