"""Project 9: a network that draws digits, and how one knows that it does.

First 25 Gaussians, where the best discriminator is known in closed form and every mode can be
counted. Then handwritten digits: MNIST where the data folder has it, the small ones of
scikit-learn otherwise. What is made is judged by the course's frozen judge. Two generators are
trained, one that draws what it likes and one that can be asked for a digit; the full setting adds
the first GAN of all, made of linear layers, for comparison. Training can be stopped with Ctrl-C:
the same command goes on.
"""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import mlx.core as mx
from rich.console import Console
from rich.progress import track

from tinymlx import core, nn, optimizers, plotting
from tinymlx.core import array
from tinymlx.core.arrays import bare
from tinymlx.data import digits, gaussians, mnist
from tinymlx.data.dataset import Dataset
from tinymlx.data.judge import Verdict, judge
from tinymlx.generative.augmentation import random_view
from tinymlx.generative.coverage import class_shares, classes_covered, modes_found
from tinymlx.generative.duel import Duel
from tinymlx.generative.frechet import frechet_distance, frechet_ratio
from tinymlx.generative.interpolation import spherical
from tinymlx.generative.losses import discriminator_loss
from tinymlx.generative.neighbours import nearest, precision_and_recall
from tinymlx.generative.optimum import least_loss
from tinymlx.generative.penalties import zero_centred_penalty
from tinymlx.generative.shadow import Shadow
from tinymlx.models.conditional_gan import ConditionalGenerator, ProjectionDiscriminator
from tinymlx.models.dcgan import Discriminator, Generator, dcgan_start, scaled, unscaled
from tinymlx.models.mixture_gan import MixtureGenerator
from tinymlx.models.perceptron import Perceptron, Waves
from tinymlx.nn import Module
from tinymlx.training import checkpoints
from tinymlx.utils import tree_flatten

LATENT = 64
Curve = list[dict[str, float]]


@dataclass(frozen=True)
class Setting:
    """How large and how long."""

    name: str
    kinds: tuple[str, ...]  # which generators are trained on digits
    steps: int
    width: int
    judged: int  # how many samples are judged
    gaussians: int  # steps on the 25 Gaussians
    batch: int = 64
    rate: float = 5e-4
    average: float = 0.998
    shift: int = 2  # how far views are moved, in pixels
    light: float = 0.2  # how much their ink changes
    penalty: float = 0.0  # on the slope at real digits; 0 for the paper's game without one
    clouds: int = 1  # of latent vectors, where nobody asks for a digit


QUICK = Setting("quick", ("dcgan",), 800, 32, 500, 600, rate=2e-3, average=0.99)
DEFAULT = Setting("default", ("dcgan", "conditional"), 2000, 32, 2000, 1000)
FULL = Setting(
    "full",
    ("plain", "dcgan", "conditional"),
    20_000,
    64,
    10_000,
    1000,
    batch=128,
    average=0.9995,
    shift=1,
    light=0.0,
    penalty=10.0,
    clouds=10,
)


def main(
    out: Path, quick: bool = False, full: bool = False, trained: bool = False
) -> dict[str, float]:
    """Train, judge, draw; pictures and numbers go into ``out``.

    Args:
        out: the folder.
        quick: small digits, for seconds.
        full: three generators, for minutes on a GPU; the weights of two are written, too.
        trained: no training; the generators of ``full`` with the weights that came with the course.

    Returns:
        What was measured.
    """
    setting = QUICK if quick else FULL if full or trained else DEFAULT
    console, numbers = Console(), {}
    out.mkdir(parents=True, exist_ok=True)
    if not trained:
        numbers |= known_optimum(console, setting)
        numbers |= twenty_five(console, setting, out)
    data = digits.load() if quick else mnist.load_or_digits()
    console.print(f"[bold]{data.source}[/], setting {setting.name}.")
    runs = []
    for kind in setting.kinds:
        if trained and kind == "plain":
            continue
        training = Training(setting, kind, data)
        if trained:
            read_weights(training)
        else:
            file = out / f"{kind}_{setting.name}.safetensors"
            training.resume(file, console)
            training.fit(file, console)
        runs.append(training)
    numbers |= judged(console, setting, data, runs, out)
    if full:
        write_weights(out, runs)
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    return numbers


# Where everything is known


def known_optimum(console: Console, setting: Setting) -> dict[str, float]:
    """A discriminator alone, between the 25 Gaussians and one broad normal distribution."""
    line = mx.arange(-6, 6, 0.04)
    grid = mx.stack([a.reshape(-1) for a in mx.meshgrid(line, line)], axis=1)
    parts = [grid[i : i + 15_000] for i in range(0, len(grid), 15_000)]
    logs = [mx.concatenate([f(part) for part in parts]) for f in DENSITIES]
    p, q = (core.array(mx.softmax(log)) for log in logs)
    floor = least_loss(p, q).item()

    core.random.seed(0)
    network = Waves(2, 64, 3.0, Perceptron(130, (128, 128)))
    steps = setting.gaussians
    optimizer = optimizers.Adam(optimizers.cosine_decay(2e-3, steps))

    def loss(real: array, fake: array) -> array:
        return discriminator_loss(network(real), network(fake))

    gradient = nn.value_and_grad(network, loss)
    for _ in range(steps):
        _, gradients = gradient(*both_kinds(256))
        optimizer.update(network, gradients)
        core.eval(network.state, optimizer.state)
    logits = core.concatenate([network(core.array(part)) for part in parts])
    found = core.sum(p * nn.softplus(-logits) + q * nn.softplus(logits)).item()
    console.print(
        f"25 Gaussians against one broad one: a discriminator that is trained has the loss "
        f"{found:.4f}; the best there is has {floor:.4f}."
    )
    return {"least loss": floor, "loss of a discriminator": found, "gap": found - floor}


DENSITIES = (gaussians.log_density, gaussians.log_normal)


def both_kinds(count: int) -> tuple[array, array]:
    """Points of the 25 Gaussians, and of the broad one."""
    return core.array(gaussians.sample(count)), 1.5 * core.random.normal((count, 2))


def connected(count: int) -> array:
    """Latent vectors as usual: a cloud without a gap."""
    return core.random.normal((count, 8))


def corners(count: int) -> array:
    """Latent vectors around the 256 corners of a cube of 8 dimensions."""
    return core.sign(core.random.normal((count, 8))) + 0.1 * core.random.normal((count, 8))


def twenty_five(console: Console, setting: Setting, out: Path) -> dict[str, float]:
    """A small GAN on the 25 Gaussians: which are found, and what is between.

    A continuous function makes something connected of a connected cloud: with the usual latent
    vectors there are bridges between the modes, whatever the generator learns.
    """
    numbers, made = {}, {}
    for name, latents in (("cloud", connected), ("corners", corners)):
        made[name], loss = small_gan(latents, setting.gaussians)
        places = core.array(gaussians.centres())
        found, between = modes_found(made[name], places, 4 * gaussians.SPREAD)
        gap = math.log(4) - loss
        console.print(
            f"A GAN on the 25 Gaussians, latent vectors of one kind ({name}): {found.item()} of 25 "
            f"found, {between.item():.1%} of the points between; the discriminator's loss is "
            f"{gap:.3f} below log 4, where nobody could tell them apart."
        )
        numbers |= {
            f"{name}: modes found": found.item(),
            f"{name}: between": between.item(),
            f"{name}: below log 4": gap,
        }
    draw_points(out, made)
    return numbers


def small_gan(latents: Callable[[int], array], steps: int) -> tuple[array, float]:
    """What a generator makes of 5,000 latent vectors, and the discriminator's loss in the end."""
    core.random.seed(1)
    duel = Duel(
        Perceptron(8, (64, 64), (2,)),
        Waves(2, 24, 2.0, Perceptron(50, (64,))),
        *(optimizers.Adam(optimizers.cosine_decay(1e-2, steps, 2e-4), [0.5, 0.99]) for _ in "gd"),
        penalty=slope_penalty(0.03),
    )
    shadow = Shadow(duel.generator, 0.98)
    losses = []
    for _ in range(steps):
        loss = duel.discriminator_step(core.array(gaussians.sample(128)), latents(128))
        duel.generator_step(latents(128))
        shadow.update()
        losses.append(loss)
        core.eval(loss, duel.state, shadow.state)
    return shadow(latents(5000)), core.mean(core.stack(losses[-200:])).item()


# Digits


class Training:
    """A run of training that can be saved and restored exactly.

    Args:
        setting: how large and how long.
        kind: ``"plain"``, ``"dcgan"`` or ``"conditional"``.
        data: the digits.
    """

    def __init__(self, setting: Setting, kind: str, data: Dataset) -> None:
        core.random.seed(0)
        self.setting, self.kind = setting, kind
        self.x, self.y = scaled(core.array(data.train.x)), core.array(data.train.y)
        plain = kind == "plain"
        weight = 0.0 if plain else setting.penalty
        generator, discriminator = networks(
            kind, self.x.shape[1], setting.width, weight > 0, setting.clouds
        )
        rate = optimizers.cosine_decay(setting.rate, setting.steps, setting.rate / 20)
        betas = [0.0, 0.99] if weight else [0.5, 0.999]
        pair = [optimizers.Adam(rate, betas=betas) for _ in range(2)]
        shift = setting.shift if self.x.shape[1] > 8 else 0
        self.duel = Duel(
            generator,
            discriminator,
            *pair,
            penalty=slope_penalty(weight) if weight else None,
            augment=(lambda x: x) if plain else lambda x: random_view(x, shift, setting.light),
        )
        self.shadow = Shadow(generator, setting.average)
        self.step_number = 0
        self.curve: Curve = []

    def inputs(self, count: int) -> tuple[array, list[array]]:
        """Latent vectors, and labels where the network wants some: every digit in turn."""
        z = core.random.normal((count, LATENT))
        return z, [core.arange(count) % 10] if self.kind == "conditional" else []

    def step(self) -> tuple[array, array]:
        """A step of each side; both losses."""
        count = self.setting.batch
        chosen = core.random.randint(0, self.x.shape[0], (count,))
        labels = [self.y[chosen]] if self.kind == "conditional" else []
        latents = core.random.normal((2, count, LATENT))
        losses = (
            self.duel.discriminator_step(self.x[chosen], latents[0], *labels),
            self.duel.generator_step(latents[1], *labels),
        )
        self.shadow.update()
        return losses

    def fast_step(self) -> Callable[[], tuple[array, array]]:
        """:meth:`step`, compiled where that pays; made anew after :meth:`restore`."""
        if mx.default_device().type == mx.cpu:
            return self.step
        kept = [self.duel.state, self.shadow.state, core.random.state]
        return core.compile(self.step, inputs=kept, outputs=kept)

    def fit(
        self, file: Path | None = None, console: Console | None = None, parts: int = 20
    ) -> None:
        """All steps that are left; the run is saved after each twentieth of them."""
        step, length = self.fast_step(), max(self.setting.steps // parts, 1)
        while self.step_number < self.setting.steps:
            name = f"{self.kind}, to step {self.step_number + length}"
            total = [core.array(0.0), core.array(0.0)]
            hidden = console is None or not console.is_terminal
            for _ in track(range(length), name, disable=hidden, transient=True):
                losses = step()
                total = [a + b for a, b in zip(total, losses, strict=True)]
                core.eval(total, self.duel.state, self.shadow.state)
            self.step_number += length
            means = [t.item() / length for t in total]
            self.curve.append({"discriminator": means[0], "generator": means[1]})
            if console:
                console.print(
                    f"{self.kind} {self.step_number:6d}: discriminator {means[0]:.3f}, "
                    f"generator {means[1]:.3f}"
                )
            if file:
                checkpoints.save(str(file), self.state())

    def state(self) -> dict[str, object]:
        """Everything that a run consists of."""
        return {
            "setting": json.dumps(asdict(self.setting)),
            "kind": self.kind,
            "examples": self.x.shape[0],
            "networks": [self.duel.generator.parameters(), self.duel.discriminator.parameters()],
            "optimizers": [
                self.duel.generator_optimizer.state,
                self.duel.discriminator_optimizer.state,
            ],
            "shadow": self.shadow.state,
            "random": checkpoints.random_state(),
            "step": self.step_number,
            "curve": self.curve,
        }

    def restore(self, state: dict) -> None:
        """Go on where :meth:`state` was taken."""
        duel = self.duel
        duel.generator.update(state["networks"][0])
        duel.discriminator.update(state["networks"][1])
        duel.generator_optimizer.state, duel.discriminator_optimizer.state = state["optimizers"]
        self.shadow.state = state["shadow"]
        checkpoints.set_random_state(state["random"])
        self.step_number, self.curve = state["step"], state["curve"]

    def resume(self, file: Path, console: Console) -> None:
        """Go on with a run that was stopped, if it was one of this setting and data."""
        if not file.is_file():
            return
        try:
            state = checkpoints.load(str(file))
        except ValueError as error:
            console.print(f"{error} It is not used.")
            return
        mine = self.state()
        if any(state.get(name) != mine[name] for name in ("setting", "kind", "examples")):
            console.print(f"{file.name} is of another setting or other data; this run begins anew.")
            return
        self.restore(state)
        console.print(f"Going on after step {self.step_number}. (Delete {file} to begin anew.)")

    def samples(self, count: int, size: int = 500) -> tuple[array, array | None]:
        """What the averaged generator makes, from 0 to 1, and what it was asked for."""
        made, asked = [], []
        for start in range(0, count, size):
            z, labels = self.inputs(min(size, count - start))
            made.append(unscaled(self.shadow(z, *labels)))
            asked += labels
            core.eval(made[-1])
        return core.concatenate(made), core.concatenate(asked) if asked else None


def slope_penalty(weight: float) -> Callable[..., array]:
    """R1: a price on the slope of the discriminator at real examples."""
    return lambda critic, real, fake: weight * zero_centred_penalty(critic, real)


def networks(
    kind: str, side: int, width: int, penalized: bool, clouds: int = 1
) -> tuple[Module, Module]:
    """A generator and a discriminator; one whose slope is penalized judges examples one by one."""
    if kind == "plain":
        # As many weights as the convolutional ones have, within a few hundredths.
        pixels = side * side
        target = sum(
            w.size
            for _, w in tree_flatten(networks("dcgan", side, width, penalized)[0].parameters())
        )
        inner = LATENT + pixels
        hidden = int((math.sqrt(inner**2 + 4 * target) - inner) / 2)
        generator = Perceptron(LATENT, (hidden, hidden), (side, side, 1), bounded=True)
        return generator, Perceptron(pixels, (hidden, hidden))
    options: dict[str, int] = {"side": side, "width": width}
    normalize = "layer" if penalized else "batch"
    if kind == "conditional":
        pair: tuple[Module, Module] = (
            ConditionalGenerator(10, LATENT, **options),
            ProjectionDiscriminator(10, normalize=normalize, **options),
        )
    else:
        several = clouds > 1
        pair = (
            MixtureGenerator(clouds, LATENT, **options)
            if several
            else Generator(LATENT, **options),
            Discriminator(normalize=normalize, **options),
        )
    return pair if penalized else (dcgan_start(pair[0]), dcgan_start(pair[1]))


# What it is worth


class Real(NamedTuple):
    """What the judge says of real digits."""

    train: Verdict
    test: Verdict


def judged(
    console: Console, setting: Setting, data: Dataset, runs: list[Training], out: Path
) -> dict[str, float]:
    """Numbers and pictures of every generator."""
    core.random.seed(2)
    order = core.random.permutation(len(data.train.x))[: len(data.test.x)]
    real = Real(judge(data.train.x[bare(order)]), judge(data.test.x))
    numbers: dict[str, float] = {}
    for run in runs:
        made, asked = run.samples(setting.judged)
        found = measured(made, asked, real, data)
        console.print(
            f"[bold]{run.kind}[/]: {found['classes']} classes, the rarest {found['rarest']:.1%}; "
            f"confidence {found['confidence']:.3f}; Frechet distance {found['distance']:.3g}, "
            f"{found['ratio']:.2f} times that of real from real; precision "
            f"{found['precision']:.2f}, recall {found['recall']:.2f}."
        )
        numbers |= {f"{run.kind}, {name}": value for name, value in found.items()}
        draw_grid(out, run.kind, made)
        if run.kind != "plain":
            draw_neighbours(out, run.kind, made, data)
            draw_interpolation(out, run)
        if run.curve:
            draw_losses(out, run)
    if "plain, distance" in numbers and "dcgan, distance" in numbers:
        share = numbers["dcgan, distance"] / numbers["plain, distance"]
        numbers["distance, as a share of the plain one's"] = share
    return numbers


def measured(made: array, asked: array | None, real: Real, data: Dataset) -> dict[str, float]:
    """How good the samples are, and how many-sided."""
    verdict = judge(bare(core.clip(made, 0, 1)))
    features, train, test = (core.array(v.features) for v in (verdict, *real))
    labels = core.array(verdict.digits)
    n = min(len(test), len(features))
    precision, recall = precision_and_recall(test[:n], features[:n])
    known = core.array(data.train.x).reshape(len(data.train.x), -1)
    copy = nearest(made[:n].reshape(n, -1), known)[1]
    other = nearest(core.array(data.test.x[:n]).reshape(n, -1), known)[1]
    found = {
        "classes": classes_covered(labels, 10).item(),
        "rarest": core.min(class_shares(labels, 10)).item(),
        "confidence": core.mean(core.array(verdict.confidence)).item(),
        "distance": frechet_distance(features[:n], test[:n]).item(),
        "ratio": frechet_ratio(features, test, train).item(),
        "precision": precision.item(),
        "recall": recall.item(),
        "to the nearest training digit": core.median(copy).item(),
        "the same of test digits": core.median(other).item(),
    }
    if asked is not None:
        found["as asked"] = core.mean((labels == asked).astype(core.float32)).item()
    return found


def write_weights(out: Path, runs: list[Training]) -> None:
    """The averaged generators in half precision, for those who have no GPU."""
    halves = {
        f"{run.kind}.{name}": w.astype(core.float16)
        for run in runs
        if run.kind != "plain"
        for name, w in tree_flatten(run.shadow.state["parameters"])
    }
    core.save_safetensors(str(out / "weights.safetensors"), halves)


def read_weights(training: Training) -> None:
    """The weights that :func:`write_weights` wrote, as they came with the course.

    Raises:
        ValueError: they make digits of another size.
    """
    if training.x.shape[1] != 28:
        raise ValueError(
            "they draw digits of 28 x 28 pixels; fetch some with `tinymlx data mnist`."
        )
    generator = training.duel.generator
    load_generator(generator, training.kind)
    training.shadow.state["parameters"] = generator.parameters()


def load_generator(generator: Module, kind: str) -> None:
    """Put the weights that came with the course into a generator of that kind."""
    path = Path(__file__).parent / "trained" / "weights.safetensors"
    prefix = f"{kind}."
    found = {n[len(prefix) :]: w for n, w in core.load(str(path)).items() if n.startswith(prefix)}
    generator.load_weights([(name, w.astype(core.float32)) for name, w in found.items()])


def exported() -> tuple[Module, Callable[[array], array], tuple[int, ...], dict[str, str]]:
    """What ``tinymlx export 9`` writes: the generator without labels that came with the course.

    Returns:
        The generator; a function from noise, ``(N, 64)``, to pictures, ``(N, 28, 28, 1)`` from 0 to
        1; the shape of one row of noise; and what a program without Python has to be told.
    """
    generator, _ = networks("dcgan", 28, FULL.width, FULL.penalty > 0, FULL.clouds)
    load_generator(generator, "dcgan")
    generator.eval()

    def pictures(z: array) -> array:
        return unscaled(generator(z))

    told = {"shape": str(LATENT), "makes": "digits of 28 x 28 pixels, ink is 1"}
    return generator, pictures, (LATENT,), told


# Pictures


def draw_points(out: Path, made: dict[str, array]) -> None:
    """What is made of the 25 Gaussians, beside what is real."""
    fig, axes = plotting.figure(1, 3, width=9.6, height=3.5, sharex=True, sharey=True)
    kinds = [("real", gaussians.sample(5000), plotting.BLUE)]
    kinds += [(f"made of {name}", bare(x), plotting.ORANGE) for name, x in made.items()]
    for ax, (name, x, colour) in zip(axes, kinds, strict=True):
        ax.scatter(x[:, 0].tolist(), x[:, 1].tolist(), s=1, color=colour, rasterized=True)
        ax.set(title=name, xlim=(-3, 3), ylim=(-3, 3), aspect="equal")
    plotting.save(fig, out, "gaussians", formats=("png",))


def show(out: Path, name: str, pictures: array, columns: int) -> None:
    """Save pictures in rows, ink on paper."""
    rows = pictures.shape[0] // columns
    fig, ax = plotting.figure(width=0.55 * columns, height=0.55 * rows)
    ax.imshow(plotting.sheet(pictures, columns, border=1), cmap="gray_r", vmin=0, vmax=1)
    ax.axis("off")
    plotting.save(fig, out, name, formats=("png",))


def draw_grid(out: Path, kind: str, made: array) -> None:
    """A hundred samples; where digits were asked for, each column is one."""
    show(out, f"samples_{kind}", made[:100], 10)


def draw_neighbours(out: Path, kind: str, made: array, data: Dataset) -> None:
    """Samples, and below each the training digit that is nearest."""
    known = core.array(data.train.x)
    flat = known.reshape(known.shape[0], -1)
    rows = []
    for start in (0, 10):
        some = made[start : start + 10]
        rows += [some, known[nearest(some.reshape(10, -1), flat)[0]]]
    show(out, f"neighbours_{kind}", core.concatenate(rows), 10)


def draw_interpolation(out: Path, run: Training, rows: int = 5, columns: int = 10) -> None:
    """From one latent vector to another, on a sphere; where digits are asked for, one a row."""
    core.random.seed(3)
    t = (core.arange(columns) / (columns - 1))[:, None]
    made = []
    for row in range(rows):
        a, b = core.random.normal((2, 1, LATENT))
        labels = [core.full((columns,), row)] if run.kind == "conditional" else []
        made.append(unscaled(run.shadow(spherical(a, b, t), *labels)))
    show(out, f"interpolation_{run.kind}", core.concatenate(made), columns)


def draw_losses(out: Path, run: Training) -> None:
    """The losses of both sides: they say who is ahead, and not how good the pictures are."""
    fig, ax = plotting.figure(width=7.0, height=3.8)
    every = run.setting.steps // len(run.curve)
    steps = [every * (i + 1) for i in range(len(run.curve))]
    for side, colour in (("discriminator", plotting.BLUE), ("generator", plotting.ORANGE)):
        ax.plot(steps, [c[side] for c in run.curve], color=colour, label=side)
    ax.axhline(math.log(4), color=plotting.GREY, linestyle="--", label="log 4: nobody can tell")
    ax.set(xlabel="step", ylabel="loss (nats)", ylim=(0, None))
    ax.legend()
    plotting.save(fig, out, f"losses_{run.kind}")
