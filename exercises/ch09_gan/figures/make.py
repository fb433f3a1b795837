"""Draws the lesson's figures: ``main(out)`` writes them into the folder ``out``."""

import ast
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import mlx.core as mx

from tinymlx import core, nn, optimizers, plotting
from tinymlx.core import array
from tinymlx.core.arrays import bare
from tinymlx.data import gaussians
from tinymlx.generative import duel, losses, penalties
from tinymlx.generative.frechet import frechet_distance, frechet_ratio
from tinymlx.generative.optimum import least_loss, optimal_logits
from tinymlx.generative.shadow import Shadow
from tinymlx.models.perceptron import Perceptron, Waves

INK = "#333333"
MISTAKES = Path(__file__).parents[1] / "misconceptions.py"


def save(fig, out: Path, name: str, kind: str = "svg") -> None:
    plotting.save(fig, out, name, formats=(kind,))


def main(out: Path, quick: bool = False) -> None:
    """``quick``: for a test that asks only whether all is drawn."""
    optimum(out)
    slopes(out)
    turns(out)
    steps = 10 if quick else 420
    right = played(corners, steps)
    collapse(out, right, steps)
    bridges(out, right, steps)
    frechet(out)


# What is known


def optimum(out: Path) -> None:
    """The best discriminator between two normal densities, and what it pays as they part."""
    fig, (left, right) = plotting.figure(1, 2, width=9.6, height=3.8)
    x = core.arange(-5, 8, 0.02)
    real, made = -core.square(x) / 2, -core.square(x - 2.5) / 2
    xs = x.tolist()
    left.plot(xs, (core.exp(real) / math.sqrt(2 * math.pi)).tolist(), color=plotting.BLUE)
    left.plot(xs, (core.exp(made) / math.sqrt(2 * math.pi)).tolist(), color=plotting.ORANGE)
    best = nn.sigmoid(optimal_logits(real, made)).tolist()
    left.plot(xs, best, color=plotting.GREEN, linestyle="--")
    for place, height, text, colour in (
        (-1.7, 0.42, "real, p", plotting.BLUE),
        (2.6, 0.42, "made, q", plotting.ORANGE),
        (-4.9, 0.93, "best D", plotting.GREEN),
    ):
        left.text(place, height, text, color=colour, fontweight="bold")
    left.set(xlabel="x", ylabel="density, or probability", ylim=(0, 1.05))
    wide = core.arange(-12, 24, 0.02)
    shifts = [i / 8 for i in range(65)]
    p = nn.softmax(-core.square(wide) / 2)
    pays = [least_loss(p, nn.softmax(-core.square(wide - s) / 2)).item() for s in shifts]
    right.plot(shifts, pays, color=plotting.GREEN)
    right.axhline(math.log(4), color=plotting.GREY, linestyle="--", linewidth=1.2)
    right.text(4.5, math.log(4) - 0.1, "log 4: nobody can tell", color=plotting.GREY)
    right.set(xlabel="how far q is from p", ylabel="loss of the best D (nats)", ylim=(0, 1.5))
    save(fig, out, "optimum")


def slopes(out: Path) -> None:
    """What the generator is told, by two losses, over the logit of what it made."""
    fig, (left, right) = plotting.figure(1, 2, width=9.6, height=3.6, sharex=True)
    logits = core.arange(-8, 8, 0.1)
    kinds = (
        ("minimax", losses.minimax_loss, plotting.ORANGE),
        ("non-saturating", losses.nonsaturating_loss, plotting.BLUE),
    )
    for name, loss, colour in kinds:
        values = [loss(logits[i : i + 1]).item() for i in range(len(logits))]
        slope = [core.grad(loss)(logits[i : i + 1]).item() for i in range(len(logits))]
        left.plot(logits.tolist(), values, color=colour, label=name)
        right.plot(logits.tolist(), slope, color=colour, label=name)
    left.set(xlabel="logit of what was made", ylabel="loss of the generator", ylim=(-8, 8))
    right.set(xlabel="logit of what was made", ylabel="its slope", ylim=(-1.1, 0.1))
    right.text(-7.8, -0.12, "a bad start: flat", color=plotting.ORANGE, fontweight="bold", va="top")
    left.legend(loc="upper right")
    save(fig, out, "losses")


# In turns


def box(ax, x: float, y: float, text: str, colour: str, frozen: bool) -> None:
    from matplotlib.patches import FancyBboxPatch

    style = "round,pad=0,rounding_size=0.1"
    edge = plotting.GREY if frozen else INK
    ax.add_patch(
        FancyBboxPatch(
            (x - 0.9, y - 0.4),
            1.8,
            0.8,
            boxstyle=style,
            facecolor="#EEEEEE" if frozen else colour,
            edgecolor=edge,
            lw=1,
            linestyle="--" if frozen else "-",
        )
    )
    ax.text(x, y, text, ha="center", va="center", color=edge if frozen else INK, fontsize=11)


def arrow(ax, start, end, colour: str = INK) -> None:
    line = {"arrowstyle": "-|>", "color": colour, "lw": 1.5, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=line)


def turns(out: Path) -> None:
    """Who is frozen in each of the two steps, and how far the gradient comes."""
    fig, axes = plotting.figure(1, 2, width=10.4, height=3.2)
    for ax, step in zip(axes, ("discriminator", "generator"), strict=True):
        ax.set(xlim=(-0.6, 7.6), ylim=(-1.5, 1.6), title=f"the {step}'s step")
        ax.axis("off")
        own = step == "generator"
        box(ax, 1.5, 0, "generator", "#FBE6BF", frozen=not own)
        box(ax, 4.6, 0, "discriminator", "#CFE5F3", frozen=own)
        ax.text(-0.4, 0.1, "z", ha="center", va="center", fontsize=12)
        ax.text(7.0, 0.1, "loss", ha="center", va="center", fontsize=12)
        for start, end in ((-0.2, 0.6), (2.4, 3.7), (5.5, 6.6)):
            arrow(ax, (start, 0.1), (end, 0.1))
        if not own:
            ax.text(4.6, 1.25, "real", ha="center", va="center", fontsize=12)
            arrow(ax, (4.6, 1.05), (4.6, 0.45))
            ax.plot([3.05, 3.05], [-0.75, 0.4], color=plotting.RED, linestyle=":", lw=2)
            ax.text(3.05, -1.0, "cut", color=plotting.RED, ha="center", fontsize=11)
        arrow(ax, (6.6, -0.2), (5.5, -0.2), plotting.RED)
        if own:
            arrow(ax, (3.7, -0.2), (2.4, -0.2), plotting.RED)
            ax.text(3.05, -0.75, "slope by pixels", color=plotting.RED, ha="center", fontsize=11)
    save(fig, out, "turns")


# What the bug looks like


def mistake(start: str, module) -> Callable:
    """The misconception whose sentence begins so, as a function in the place of its module."""
    for node in ast.parse(MISTAKES.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            sentence = node.decorator_list[0].args[1].value  # type: ignore[attr-defined]
            if sentence.startswith(start):
                node.decorator_list = []
                names = dict(vars(module))
                exec(compile(ast.Module([node], []), str(MISTAKES), "exec"), names)
                return names[node.name]
    raise ValueError(f"No misconception begins with {start!r}.")


@contextmanager
def instead(owner, function: Callable) -> Iterator[None]:
    """While the context lasts, a function or method is another one."""
    own = getattr(owner, function.__name__)
    setattr(owner, function.__name__, function)
    try:
        yield
    finally:
        setattr(owner, function.__name__, own)


def corners(count: int) -> array:
    """Latent vectors around the corners of a cube."""
    return core.sign(core.random.normal((count, 8))) + 0.1 * core.random.normal((count, 8))


def cloud(count: int) -> array:
    """Latent vectors as usual."""
    return core.random.normal((count, 8))


def played(latents: Callable[[int], array], steps: int) -> mx.array:
    """What a small GAN makes of the 25 Gaussians, with whatever is wrong at the moment."""
    core.random.seed(1)
    rate = optimizers.cosine_decay(1e-2, steps, 2e-4)
    game = duel.Duel(
        Perceptron(8, (64, 64), (2,)),
        Waves(2, 24, 2.0, Perceptron(50, (64,))),
        *(optimizers.Adam(rate, [0.5, 0.99]) for _ in range(2)),
        discriminator_loss=losses.discriminator_loss,
        generator_loss=losses.nonsaturating_loss,
        penalty=lambda critic, real, fake: 0.03 * penalties.zero_centred_penalty(critic, real),
    )
    shadow = Shadow(game.generator, 0.98)
    for _ in range(steps):
        loss = game.discriminator_step(array(gaussians.sample(96)), latents(96))
        game.generator_step(latents(96))
        shadow.update()
        core.eval(loss, game.state, shadow.state)
    return bare(shadow(latents(2500)))


BUGS = (
    ("sigmoid twice", losses, losses, "You apply the sigmoid twice"),
    ("nothing is cut", duel, duel.Duel, "Nothing is cut between the two"),
    ("cut in the wrong step", duel, duel.Duel, "You stop the gradient between the two"),
    ("a penalty without a slope", penalties, penalties, "The penalty's value is right"),
)


def collapse(out: Path, right: mx.array, steps: int) -> None:
    """What is real, the right program, and four with one mistake each."""
    fig, axes = plotting.figure(2, 3, width=9.0, height=6.2, sharex=True, sharey=True)
    found = [("real", gaussians.sample(2500, mx.random.key(0))), ("the right program", right)]
    for name, module, owner, start in BUGS:
        with instead(owner, mistake(start, module)):
            found.append((name, played(corners, steps)))
    colours = [plotting.GREY, plotting.BLUE, *(plotting.RED for _ in BUGS)]
    for ax, (name, x), colour in zip(axes.flat, found, colours, strict=True):
        dots(ax, x, name, colour)
    save(fig, out, "collapse", "png")


def bridges(out: Path, right: mx.array, steps: int) -> None:
    """The same program with latent vectors without gaps, and with gaps."""
    fig, axes = plotting.figure(1, 3, width=9.0, height=3.3, sharex=True, sharey=True)
    dots(axes[0], gaussians.sample(2500, mx.random.key(0)), "real", plotting.GREY)
    dots(axes[1], played(cloud, steps), "made of a cloud", plotting.ORANGE)
    dots(axes[2], right, "made of corners", plotting.BLUE)
    save(fig, out, "gaussians", "png")


def dots(ax, x: mx.array, name: str, colour: str) -> None:
    ax.scatter(x[:, 0].tolist(), x[:, 1].tolist(), s=2, color=colour, linewidths=0)
    ax.set(title=name, xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal")


# A distance that depends on how many


def frechet(out: Path) -> None:
    """Two samples of the same cloud, and one of another: distance and ratio over the size."""
    fig, (left, right) = plotting.figure(1, 2, width=9.6, height=3.6, sharex=True)
    core.random.seed(0)
    sizes = [30, 60, 125, 250, 500, 1000]
    kinds = ((0.0, "as it is", plotting.BLUE), (0.15, "moved a little", plotting.ORANGE))
    for shift, name, colour in kinds:
        distances, ratios = [], []
        for n in sizes:
            made, real, other = core.random.normal((3, n, 32))
            distances.append(frechet_distance(made + shift, real).item())
            ratios.append(frechet_ratio(made + shift, real, other).item())
        left.plot(sizes, distances, "o-", color=colour, label=name)
        right.plot(sizes, ratios, "o-", color=colour, label=name)
    left.set(xlabel="examples", ylabel="distance to the same cloud", xscale="log", yscale="log")
    right.set(xlabel="examples", ylabel="ratio to real against real", xscale="log", ylim=(0, None))
    left.legend()
    save(fig, out, "frechet")


if __name__ == "__main__":
    main(Path(__file__).parent)
