"""The floor: two numbers instead of a picture, where the best denoiser is known.

Of a finite set the best that a denoiser can say is a formula, so the least loss of every noise
level is a number. A small network is trained, and compared with it level by level. Then both are
asked for new points: what is perfect only copies.
"""

import math

import mlx.core as mx

from tinymlx import core, nn, plotting
from tinymlx.core import array
from tinymlx.diffusion.ddim import ddim_step
from tinymlx.diffusion.forward import noisy, share
from tinymlx.diffusion.optimum import best_denoiser
from tinymlx.diffusion.prediction import parts_of
from tinymlx.models.perceptron import Perceptron, Waves
from tinymlx.nn import Module

from .runs import Batch, Numbers, Run, seeded

POINTS, LEVELS = 24, 10
DRAWS = 20_000  # for each level, where losses are measured
NEAR = 0.05  # what is so near to a point is a copy of it


def floor(run: Run) -> Numbers:
    """Measure the least loss, train, compare, draw."""
    points, signal = spiral(), levels()
    core.eval(points, signal)  # what a compiled step finds outside has to be computed before
    least = losses(lambda x, i: best_denoiser(x, points, signal[i]), points, signal)
    network = trained(run, points, signal, least)
    found = losses(network, points, signal)
    excess = [100 * (a / b - 1) for a, b in zip(found, least, strict=True)]
    for i, rows in enumerate(zip(signal.tolist(), least, found, excess, strict=True)):
        line = "level {:2d}: signal {:.4f}, least loss {:.5f}, the network's {:.5f}: {:.1f} % more"
        run.console.print(line.format(i, *rows))
    fine = levels(0.02, 40)
    made = {
        "the best denoiser": samples(lambda x, i: best_denoiser(x, points, fine[i]), fine),
        "the network": samples(network, signal),
    }
    copies = {name: copied(x, points) for name, x in made.items()}
    draw(run, points, made, (least, found), signal)
    return {
        **run.measured("floor", "worst excess over the least loss (%)", max(excess), "<= 5"),
        **run.measured("floor", "copies, the best denoiser", copies["the best denoiser"], "1"),
        **run.measured("floor", "copies, the network", copies["the network"]),
    }


def spiral() -> array:
    """Points on a spiral, with mean 0 and variance 1."""
    t = core.sqrt(core.linspace(0.06, 1, POINTS)) * 3.2 * math.pi
    x = core.stack([t * core.cos(t), t * core.sin(t)], axis=1)
    x = x - core.mean(x, axis=0)
    return x / core.sqrt(core.mean(core.square(x)))


def levels(least: float = 0.15, count: int = LEVELS) -> array:
    """The share of signal of each level; noise by signal grows from ``least`` to 5, by a factor."""
    return 1 / (1 + core.exp(2 * core.linspace(math.log(least), math.log(5), count)))


def losses(denoiser, points: array, signal: array) -> list[float]:
    """The mean squared error of ``denoiser(x, level)`` at every level, with the same draws."""
    found = []
    chosen = core.random.randint(0, POINTS, (DRAWS,), key=seeded(1))
    noise = core.random.normal((DRAWS, 2), key=seeded(2))
    for i in range(LEVELS):
        x = points[chosen]
        said = denoiser(noisy(x, noise, signal, core.full((DRAWS,), i, core.int32)), i)
        found.append(core.mean(core.square(said - x)).item())
    return found


class Guess(nn.Module):
    """A small network that is told the share of signal and predicts the velocity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = Perceptron(3 + 2 * width, (width, width, width), (2,))
        self.waves = Waves(3, width, 3.0, inner)

    def __call__(self, x: array, signal: array) -> array:
        """The data behind ``x``, ``(N, 2)``; ``signal`` is ``(N, 1)``."""
        told = 0.25 * core.log(signal / (1 - signal))
        velocity = self.waves(core.concatenate([x, told], axis=-1))
        return parts_of("velocity", velocity, x, signal).signal


def trained(run: Run, points: array, signal: array, least: list[float]):
    """A network ``(x, level)`` to what it takes for the data.

    Each level's loss is divided by the least that it can be: 5 % count alike everywhere.
    """
    core.random.seed(0)
    model, plan = Guess(run.setting.floor_width), run.setting.floor
    weight = 1 / core.array(least)
    core.eval(weight)

    def loss(model: Module, x: array, steps: array) -> array:
        y = noisy(x, core.random.normal(x.shape), signal, steps)
        said = model(y, share(signal, steps, x))
        return core.mean(weight[steps] * core.mean(core.square(said - x), axis=-1))

    def batch(i: int) -> Batch:
        keys = mx.random.split(seeded(i), 2)
        chosen = core.random.randint(0, POINTS, (plan.batch,), key=keys[0])
        return points[chosen], core.random.randint(0, LEVELS, (plan.batch,), key=keys[1])

    model = run.fit("floor", model, loss, batch, plan)
    return lambda x, i: model(x, core.broadcast_to(signal[i], (x.shape[0], 1)))


def samples(denoiser, signal: array, count: int = 600) -> array:
    """From noise down the levels, by the steps of DDIM."""
    x = core.random.normal((count, 2), key=seeded(3))
    for i in reversed(range(signal.shape[0])):
        before = signal[i - 1] if i else core.array(1.0)
        x0, noise = parts_of("signal", denoiser(x, i), x, signal[i])
        x = ddim_step(x0, noise, signal[i], before)
    return x


def copied(x: array, points: array) -> float:
    """The share of samples that lie on one of the points."""
    apart = core.sum(core.square(x[:, None] - points), axis=-1)
    return core.mean((core.min(apart, axis=1) < NEAR**2).astype(core.float32)).item()


def draw(run: Run, points: array, made: dict[str, array], both, signal: array) -> None:
    """Losses against the floor, and what comes out."""
    fig, axes = plotting.figure(1, 3, width=11.0, height=4.3)
    ratios = [math.sqrt(1 / s - 1) for s in signal.tolist()]
    axes[0].loglog(ratios, both[0], color=plotting.BLACK, label="the least there is")
    axes[0].loglog(ratios, both[1], "o", color=plotting.ORANGE, label="the network")
    axes[0].set(xlabel="noise by signal", ylabel="mean squared error")
    marks = (0.2, 0.5, 1, 2, 5)
    axes[0].set_xticks(marks, list(map(str, marks)))
    axes[0].set_xticks([], minor=True)
    axes[0].legend()
    for ax, (name, x) in zip(axes[1:], made.items(), strict=True):
        ax.scatter(*x.T.tolist(), s=6, color=plotting.ORANGE, label="made")
        ax.scatter(*points.T.tolist(), s=40, facecolors="none", edgecolors="k", label="data")
        ax.set(title=f"samples of {name}", xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), aspect="equal")
    axes[1].legend(loc="upper left")
    plotting.save(fig, run.out, "floor")
