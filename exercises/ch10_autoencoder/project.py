"""Project 10: digits as a few numbers, as nats, and as a file.

First a linear model whose best bound is known. Then autoencoders against PCA at equal numbers of a
code; a variational autoencoder with its bound on black-and-white test digits; a map of codes; and a
compressor whose files are measured beside PNG and gzip. MNIST where the data folder has it, the
smaller digits of scikit-learn otherwise. The run can be stopped with Ctrl-C: the same command goes
on.
"""

import gzip
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path

import mlx.core as mx
import numpy as np
from rich.console import Console

from tinymlx import core, nn, optimizers, plotting
from tinymlx.compression import pictures
from tinymlx.core import array
from tinymlx.data import mnist
from tinymlx.data.dataset import Dataset, Part
from tinymlx.data.judge import judge
from tinymlx.latent import bounds, walks
from tinymlx.latent.codebook import perplexity, usage
from tinymlx.latent.likelihoods import binarized
from tinymlx.latent.pca import PCA
from tinymlx.latent.probabilistic_pca import ProbabilisticPCA
from tinymlx.latent.quality import psnr, ssim
from tinymlx.latent.schedules import warm_up
from tinymlx.models.autoencoder import ConvAutoencoder
from tinymlx.models.vae import VAE, ConditionalVAE, ConvVAE, Given, LinearVAE
from tinymlx.models.vqvae import VQVAE
from tinymlx.training import Batches, Trainer, WeightAverage
from tinymlx.utils import tree_flatten
from tinymlx.vision.augmentation import random_crop

Numbers = dict[str, float]


@dataclass(frozen=True)
class Setting:
    """How large and how long."""

    name: str
    codes: tuple[int, ...]  # numbers of a code, for PCA and the autoencoders
    autoencoder_epochs: int
    vae_epochs: int
    latent: int
    hidden: tuple[int, ...]
    small_epochs: int  # of the map and of the conditional model
    books: tuple[int, ...]  # sizes of codebooks
    book_epochs: int
    draws: int  # of the importance-weighted bound
    channels: tuple[int, ...] = ()  # of a convolutional variational autoencoder; dense without
    batch: int = 100
    shift: int = 1  # pixels by which digits are moved in training the variational autoencoder
    compile: bool = True
    average: float = 0.998  # the decay of the averaged weights
    examples: int | None = None  # how many digits; all if left out


QUICK = Setting(
    "quick",
    (8,),
    10,
    15,
    16,
    (256,),
    10,
    (32,),
    10,
    20,
    batch=32,
    shift=0,
    compile=False,
    average=0.98,
    examples=2000,
)
DEFAULT = Setting("default", (8, 16, 32), 25, 60, 32, (512, 256), 30, (16, 128), 12, 100)
FULL = Setting(
    "full",
    (8, 16, 32),
    100,
    300,
    32,
    (384,),
    60,
    (16, 64, 256),
    60,
    5000,
    channels=(1, 32, 64, 128),
    batch=200,
    shift=2,
    compile=False,  # on CUDA every new kernel takes seconds to compile, and there are many models
)


#: The weights of the full setting, and fewer draws of fewer digits.
TRAINED = replace(FULL, name="trained", draws=100)


def main(out: Path, quick: bool = False, full: bool = False, trained: bool = False) -> Numbers:
    """Train, measure, compress, draw; pictures and files go into ``out``.

    Args:
        out: the folder.
        quick: small networks on a part of the digits, for seconds.
        full: a convolutional variational autoencoder, for minutes on a GPU; its weights are
            written, too, in half precision.
        trained: no training: the variational autoencoder of ``full``, with the weights that came
            with the course.

    Returns:
        What was measured.
    """
    setting = QUICK if quick else TRAINED if trained else FULL if full else DEFAULT
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    data = mnist.load_or_digits()
    if setting.examples:
        counts = (setting.examples, setting.examples // 4)
        train, test = (
            Part(p.x[:n], p.y[:n]) for p, n in zip((data.train, data.test), counts, strict=True)
        )
        data = Dataset(data.source, data.classes, train, test)
    console.print(f"[bold]{data.source}[/], setting {setting.name}.")
    run = Run(out, setting, data, console)
    parts = (known_floor, against_pca, variational, small_ones, compressor)
    numbers: Numbers = {}
    for part in (variational,) if trained else parts:
        numbers |= part(run)
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    run.finish()
    return numbers


class Run:
    """What all parts share: where, how large, on what; and training that can be resumed.

    Args:
        out: the folder.
        setting: sizes and lengths.
        data: the digits.
        console: where it is told.
    """

    def __init__(self, out: Path, setting: Setting, data: Dataset, console: Console) -> None:
        self.out, self.setting, self.data, self.console = out, setting, data, console
        self.x, self.y = data.train.x, data.train.y
        self.test = core.array(data.test.x)
        self.shape = tuple(self.x.shape[1:])
        self.files: list[Path] = []

    def fit(
        self,
        name: str,
        make: Callable[[], nn.Module],
        loss: Callable[..., array],
        epochs: int,
        rate: float = 3e-3,
        average: bool = True,
        batch: int | None = None,
    ) -> nn.Module:
        """A trained model, in evaluation mode.

        Args:
            name: what the checkpoint is called.
            make: makes the model.
            loss: of a model, pictures and labels, and as a keyword how many steps were made.
            epochs: how long.
            rate: the greatest rate.
            average: whether to end with the average of the weights.
            batch: how many examples at a time, if not as the setting says.
        """
        setting = self.setting
        core.random.seed(0)
        model = make()
        batches = Batches(self.x, self.y, batch_size=batch or setting.batch, drop_last=True)
        optimizer = optimizers.AdamW(schedule(rate, epochs * len(batches)), weight_decay=0.01)
        running = WeightAverage(model, setting.average) if average else None

        def counted(model: nn.Module, x: array, y: array) -> array:
            return loss(model, x, y, step=optimizer.state["step"])

        trainer = Trainer(model, optimizer, counted, average=running, compile=setting.compile)
        shape = "x".join(map(str, self.x.shape))
        file = self.out / f"unfinished-{setting.name}-{name}-{shape}.safetensors"
        self.files.append(file)
        trainer.fit(batches, epochs, checkpoint=str(file))
        if running is not None:
            model.update(running.state["parameters"])
        model.eval()
        return model

    def finish(self) -> None:
        """The whole run is done: nothing is left to resume."""
        for file in self.files:
            file.unlink(missing_ok=True)


def schedule(peak: float, steps: int) -> Callable:
    """Up in a twentieth of the steps, then down along a cosine."""
    rise = max(steps // 20, 1)
    up = optimizers.linear_schedule(peak / 20, peak, rise)
    down = optimizers.cosine_decay(peak, max(steps - rise, 1), peak / 50)
    return optimizers.join_schedules([up, down], [rise])


# A floor that is known


def known_floor(run: Run, steps: int = 600) -> Numbers:
    """A linear model on rows of which we know the best bound."""
    core.random.seed(0)
    plane = core.random.normal((3, 10))
    x = core.random.normal((2000, 3)) @ plane + 0.5 * core.random.normal((2000, 10)) + 1
    best = core.mean(ProbabilisticPCA(x, 3).log_likelihood(x)).item()
    model = LinearVAE(10, 3)
    optimizer = optimizers.Adam(schedule(0.05, steps))
    gradient = nn.value_and_grad(model, lambda x, noise: -core.mean(model.bound(x, noise)))
    for _ in range(steps):
        _, gradients = gradient(x, core.random.normal((2000, 3)))
        optimizer.update(model, gradients)
        core.eval(model.state, optimizer.state)
    draws = [core.mean(model.bound(x, core.random.normal((2000, 3)))).item() for _ in range(20)]
    found = sum(draws) / len(draws)
    run.console.print(
        f"A linear model: bound {found:.3f} nats, the best possible {best:.3f} (probabilistic PCA)."
    )
    return {"best bound": best, "linear bound": found, "gap to the floor": best - found}


# Autoencoders and PCA


def against_pca(run: Run) -> Numbers:
    """The same number of numbers, once by a plane and once by a network."""
    setting, test = run.setting, run.test
    rows, test_rows = run.x.reshape(len(run.x), -1), test.reshape(test.shape[0], -1)
    shown = {"original": test[:10]}
    numbers = {}
    for count in setting.codes:
        pca = PCA(core.array(rows), count)
        plane = core.clip(pca.decode(pca.encode(test_rows)), 0.0, 1.0).reshape(test.shape)
        model = run.fit(
            f"autoencoder{count}",
            lambda count=count: ConvAutoencoder(run.shape[:2], (1, 16, 32), count),
            lambda model, x, y, step: core.mean(core.square(model(x) - x)),
            setting.autoencoder_epochs,
            rate=5e-3,
            batch=setting.batch // 2,
        )
        back = in_parts(model, test)
        for name, found in ((f"PCA, {count} numbers", plane), (f"network, {count}", back)):
            numbers[f"PSNR of {name} (dB)"] = core.mean(psnr(test, found)).item()
            if run.shape[0] >= 11:
                numbers[f"SSIM of {name}"] = core.mean(ssim(test, found)).item()
            shown[name.replace(",", "").removesuffix(" numbers")] = found[:10]
        names = (f"PSNR of network, {count} (dB)", f"PSNR of PCA, {count} numbers (dB)")
        numbers[f"better than PCA at {count} (dB)"] = numbers[names[0]] - numbers[names[1]]
        run.console.print(
            f"{count} numbers: {numbers[names[0]]:.2f} dB, where PCA has {numbers[names[1]]:.2f}."
        )
    draw_rows(run.out, "reconstructions", shown)
    return numbers


def in_parts(function: Callable[[array], array], x: array, size: int = 250) -> array:
    """A function of pictures, some at a time."""
    parts = []
    for start in range(0, x.shape[0], size):
        parts.append(function(x[start : start + size]))
        core.eval(parts[-1])
    return core.concatenate(parts)


# A variational autoencoder


def variational_loss(setting: Setting, latent: int, shift: int, length: int) -> Callable:
    """Minus the bound of black-and-white digits, moved a little; the divergence warms up."""

    def loss(model: nn.Module, x: array, y: array, step: array) -> array:
        if shift:
            x = random_crop(x, shift)
        noise = core.random.normal((x.shape[0], latent))
        found = bounds.terms(model, binarized(x), noise)
        return -core.mean(bounds.elbo(*found, beta=warm_up(step, length)))

    return loss


def variational(run: Run) -> Numbers:
    """Its bounds on test digits, what its code knows, and what it draws."""
    setting, latent = run.setting, run.setting.latent
    side = run.shape[0]

    def make() -> nn.Module:
        if setting.channels:
            return ConvVAE((side, side), setting.channels, setting.hidden[0], latent, 0.1)
        return VAE(run.shape, setting.hidden, latent, 0.1)

    length = setting.vae_epochs * (len(run.x) // setting.batch) // 10
    shift = setting.shift if side == 28 else 0
    loss = variational_loss(setting, latent, shift, length)
    if setting.name == "trained":
        model = with_weights(make(), side)
    else:
        model = run.fit("vae", make, loss, setting.vae_epochs, rate=2e-3)
    one = -bounds.held_out(model, run.test, latent)
    train = -bounds.held_out(model, core.array(run.x[: len(run.test)]), latent)
    few = run.test if setting.name == "full" else run.test[:200]
    several = -bounds.held_out(model, few, latent, setting.draws, batch_size=10)
    few_once = -bounds.held_out(model, few, latent)
    _, kl = bounds.terms(model, binarized(run.test), core.zeros((run.test.shape[0], latent)))
    by_number = core.mean(kl, axis=0)
    core.random.seed(1)
    samples = nn.sigmoid(model.decode(core.random.normal((1000, latent))))
    verdict = judge(mx.array(np.array(samples.tolist(), np.float32)))
    found = np.bincount(np.array(verdict.digits), minlength=10) / 1000
    numbers = {
        "test bound, 1 draw (nats)": one,
        "training bound, 1 draw (nats)": train,
        f"test bound, 1 draw, {few.shape[0]} digits (nats)": few_once,
        f"test bound, {setting.draws} draws, {few.shape[0]} digits (nats)": several,
        "divergence (nats)": core.sum(by_number).item(),
        "numbers of the code in use": float(core.sum(by_number > 0.01).item()),
        "the judge's confidence in samples": float(verdict.confidence.mean().item()),
        "the rarest digit among samples": float(found.min()),
    }
    run.console.print(
        f"Test digits, black where a pixel is above 0.5: {one:.2f} nats with one draw (training "
        f"digits {train:.2f}); {few.shape[0]} of them with {setting.draws} draws {several:.2f}, "
        f"with one {few_once:.2f}."
    )
    if setting.name == "full":
        named = tree_flatten(model.parameters(), destination={})
        halves = {name: w.astype(core.float16) for name, w in named.items()}
        told = {"setting": json.dumps(asdict(setting)), "numbers": json.dumps(numbers)}
        core.save_safetensors(str(run.out / "weights.safetensors"), halves, told)
    draw_grid(run.out, "samples", samples[:60], 12)
    draw_interpolation(run, model)
    return numbers


def with_weights(model: nn.Module, side: int) -> nn.Module:
    """The model with the weights that came with the course, in evaluation mode.

    Raises:
        ValueError: they are of a model for digits of another size.
    """
    path = Path(__file__).parent / "trained" / "weights.safetensors"
    if side != 28:
        raise ValueError(
            "they know digits of 28 x 28 pixels; fetch some with `tinymlx data mnist`."
        )
    model.load_weights([(n, w.astype(core.float32)) for n, w in core.load(str(path)).items()])
    return model.eval()


def exported() -> tuple[nn.Module, Callable[[array], array], tuple[int, ...], dict[str, str]]:
    """What ``tinymlx export 10`` writes: the variational autoencoder that came with the course.

    Returns:
        The model; its decoder, a function from codes, ``(N, 32)``, to pictures, ``(N, 28, 28, 1)``
        from 0 to 1; the shape of one code; and what a program without Python has to be told.
    """
    make = ConvVAE((28, 28), FULL.channels, FULL.hidden[0], FULL.latent, 0.1)
    model = with_weights(make, 28)

    def pictures(z: array) -> array:
        return nn.sigmoid(model.decode(z))

    told = {"shape": str(FULL.latent), "makes": "digits of 28 x 28 pixels, ink is 1"}
    return model, pictures, (FULL.latent,), told


def draw_interpolation(run: Run, model: nn.Module, steps: int = 11) -> None:
    """From one test digit to another: along an arc between codes, and pixel by pixel."""
    labels = run.data.test.y.tolist()
    rows = []
    for first, last in ((3, 8), (1, 7), (4, 9)):
        pair = [run.test[labels.index(digit)] for digit in (first, last)]
        start, end = model.encode(binarized(core.stack(pair)))[0]
        rows.append(nn.sigmoid(model.decode(walks.along_the_sphere(start, end, steps))))
        share = core.linspace(0, 1, steps).reshape(-1, 1, 1, 1)
        rows.append((1 - share) * pair[0] + share * pair[1])
    draw_grid(run.out, "interpolation", core.concatenate(rows), steps)


# Two small ones: a map, and digits to order


def small_ones(run: Run) -> Numbers:
    """A code of two numbers, which can be drawn; and a model that is told the digit."""
    setting = run.setting
    length = setting.small_epochs * (len(run.x) // setting.batch) // 4
    plane = run.fit(
        "map",
        lambda: VAE(run.shape, (256,), 2),
        variational_loss(setting, 2, 0, length),
        setting.small_epochs,
    )
    draw_map(run, plane)

    def loss(model: ConditionalVAE, x: array, y: array, step: array) -> array:
        found = bounds.terms(Given(model, y), binarized(x), core.random.normal((x.shape[0], 8)))
        return -core.mean(bounds.elbo(*found))

    told = run.fit("told", lambda: ConditionalVAE(run.shape, 10), loss, setting.small_epochs)
    core.random.seed(2)
    labels = core.arange(10).reshape(-1, 1)
    labels = core.broadcast_to(labels, (10, 100)).reshape(-1)
    drawn = nn.sigmoid(told.decode(core.random.normal((1000, 8)), labels))
    verdict = judge(mx.array(np.array(drawn.tolist(), np.float32)))
    right = float(np.mean(np.array(verdict.digits) == np.array(labels.tolist())))
    run.console.print(f"Asked for a digit, the judge sees it in {right:.1%}.")
    first = core.concatenate([drawn[i::100] for i in range(6)])
    draw_grid(run.out, "to order", first, 10)
    return {"digit as asked for": right}


def draw_map(run: Run, model: nn.Module, side: int = 15) -> None:
    """Where test digits lie in the plane of codes, and what the decoder draws all over it."""
    fig, (left, right) = plotting.figure(1, 2, width=10.4, height=5.2)
    mean, _ = model.encode(binarized(run.test))
    mean, labels = np.array(mean.tolist()), np.array(run.data.test.y.tolist())
    colours = (*plotting.COLOURS, plotting.GREY, "#8C510A", "#B2A429")
    for digit, colour in enumerate(colours):
        here = mean[labels == digit]
        left.scatter(here[:, 0], here[:, 1], s=5, color=colour, label=str(digit), linewidths=0)
    left.set(xlabel="first number", ylabel="second number", xlim=(-3.2, 3.2), ylim=(-3.2, 3.2))
    left.legend(ncols=5, loc="upper center", markerscale=3, handletextpad=0.1, columnspacing=0.8)
    axis = core.linspace(-2.2, 2.2, side)
    codes = core.stack([*core.meshgrid(axis, -axis)], axis=-1).reshape(-1, 2)
    drawn = framed(nn.sigmoid(model.decode(codes)))
    right.imshow(plotting.sheet(drawn, side), cmap="Greys", extent=(-2.2, 2.2) * 2)
    right.set(xlabel="first number")
    right.grid(False)
    plotting.save(fig, run.out, "map")


# A compressor


def compressor(run: Run) -> Numbers:
    """Files of all test digits, with several codebooks, beside what else makes files."""
    setting, test = run.setting, run.test
    numbers, ours = {}, []
    for size in setting.books:
        model = run.fit(
            f"book{size}",
            lambda size=size: VQVAE(size),
            lambda model, x, y, step: book_loss(model, x),
            setting.book_epochs,
            average=False,
        )
        data, bits = pictures.compress(model, test)
        (run.out / f"digits-{size}.tmx").write_bytes(data)
        back = pictures.decompress(model, data)
        codes = in_parts(model.codes, test)
        quality = core.mean(psnr(test, back)).item()
        ours.append((8 * len(data) / len(test), quality))
        numbers |= {
            f"file with {size} codes (bytes)": float(len(data)),
            f"file with {size} codes over its bound": 8 * len(data) / bits,
            f"PSNR of {size} codes (dB)": quality,
            f"perplexity of {size} codes": perplexity(usage(codes, size)).item(),
            f"gzip of {size} codes (bytes)": float(
                len(gzip.compress(np.array(codes.tolist(), np.uint16 if size > 256 else np.uint8)))
            ),
        }
    others = other_files(np.array(test.tolist(), np.float32)[..., 0])
    size, (rate, quality) = setting.books[-1], ours[-1]
    for kind in ("PNG", "gzip"):
        fair = [r for r, q in others[kind] if q >= quality]
        numbers[f"{kind} of at least that PSNR (bytes)"] = min(fair) * len(test) / 8
    run.console.print(
        f"{len(test)} digits at {quality:.2f} dB: {rate * len(test) / 8:.0f} bytes, "
        f"{numbers[f'file with {size} codes over its bound']:.4f} of what its tables allow; as PNG "
        f"{numbers['PNG of at least that PSNR (bytes)']:.0f}, as gzip "
        f"{numbers['gzip of at least that PSNR (bytes)']:.0f}."
    )
    draw_rates(run.out, ours, others)
    return numbers


def book_loss(model: VQVAE, x: array) -> array:
    """The error of the pictures, and that of the code."""
    back, code, _ = model(x)
    return core.mean(core.square(back - x)) + code


def other_files(x: np.ndarray) -> dict[str, list[tuple[float, float]]]:
    """Bits a digit and decibels: PNG and gzip with fewer and fewer greys, and JPEG.

    All digits stand on one sheet, which saves the others the beginning of 2000 files. Greys become
    the mean of those that fall together, the best that a decoder can do with them.
    """
    from PIL import Image

    found: dict[str, list[tuple[float, float]]] = {"PNG": [], "gzip": [], "JPEG": []}
    columns = next(n for n in range(int(math.sqrt(len(x))), 0, -1) if len(x) % n == 0)
    whole = plotting.sheet(x[..., None], columns)
    for levels in (2, 3, 4, 6, 8, 16, 256):
        q = np.minimum((x * levels).astype(int), levels - 1).astype(np.uint8)
        means = np.array([x[q == k].mean() if (q == k).any() else 0 for k in range(levels)])
        picture = Image.fromarray(plotting.sheet(q[..., None], columns))
        picture.putpalette([round(255 * m) for m in means for _ in range(3)])
        file = BytesIO()
        depth = 1 if levels == 2 else 2 if levels <= 4 else 4 if levels <= 16 else 8
        picture.save(file, "PNG", optimize=True, bits=depth)
        quality = decibels(x, means[q])
        found["PNG"].append((8 * len(file.getvalue()) / len(x), quality))
        found["gzip"].append((8 * len(gzip.compress(q.tobytes(), 9)) / len(x), quality))
    for strength in (2, 5, 10, 20, 40, 70, 90):
        file = BytesIO()
        Image.fromarray((255 * whole).round().astype(np.uint8)).save(file, "JPEG", quality=strength)
        back = np.asarray(Image.open(file), np.float32) / 255
        error = decibels(cut(whole, x.shape[1], columns), cut(back, x.shape[1], columns))
        found["JPEG"].append((8 * len(file.getvalue()) / len(x), error))
    return found


def decibels(x: np.ndarray, y: np.ndarray) -> float:
    """The mean PSNR of pictures, of NumPy arrays; 99 at most, where nothing is lost."""
    found = psnr(core.array(x.astype(np.float32)), core.array(y.astype(np.float32)))
    return core.mean(core.minimum(found, 99.0)).item()


def framed(x: array) -> array:
    """Small pictures with paper around them; those of 28 x 28 have some of their own."""
    return core.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)]) if x.shape[1] < 28 else x


def cut(whole: np.ndarray, side: int, columns: int) -> np.ndarray:
    """The inverse of :func:`tinymlx.plotting.sheet`, for square pictures."""
    rows = whole.reshape(-1, side, columns, side).swapaxes(1, 2)
    return rows.reshape(-1, side, side)


# Pictures


def draw_rates(
    out: Path, ours: list[tuple[float, float]], others: dict[str, list[tuple[float, float]]]
) -> None:
    """Decibels against bits, of all that makes files."""
    fig, ax = plotting.figure(width=7.4, height=4.4)
    styles = {
        "PNG": (plotting.BLUE, "s"),
        "gzip": (plotting.GREEN, "^"),
        "JPEG": (plotting.ORANGE, "D"),
    }
    for kind, points in others.items():
        colour, marker = styles[kind]
        points = sorted(p for p in points if p[1] < 60)
        ax.plot(*zip(*points, strict=True), marker=marker, color=colour, label=kind)
    ax.plot(*zip(*sorted(ours), strict=True), "o-", color=plotting.RED, label="this chapter's file")
    ax.set(xlabel="bits a digit", ylabel="PSNR (dB)", xscale="log")
    ax.legend(loc="best")
    plotting.save(fig, out, "rates")


def draw_grid(out: Path, name: str, x: array, columns: int) -> None:
    """Pictures on one sheet."""
    x = framed(x[: x.shape[0] // columns * columns])
    rows = x.shape[0] // columns
    fig, ax = plotting.figure(width=9.0, height=9.0 * rows / columns)
    ax.imshow(plotting.sheet(x, columns), cmap="Greys", vmin=0, vmax=1)
    ax.axis("off")
    plotting.save(fig, out, name.replace(" ", "_"))


def draw_rows(out: Path, name: str, rows: dict[str, array]) -> None:
    """Rows of pictures with their names."""
    columns = next(iter(rows.values())).shape[0]
    fig, axes = plotting.figure(len(rows), 1, width=9.0, height=0.85 * len(rows))
    fig.get_layout_engine().set(rect=(0.06, 0, 0.94, 1))  # the names are wider than it believes
    for ax, (title, x) in zip(np.atleast_1d(axes), rows.items(), strict=True):
        ax.imshow(plotting.sheet(framed(x), columns), cmap="Greys", vmin=0, vmax=1)
        ax.set_ylabel(title, rotation=0, ha="right", va="center", labelpad=8)
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
        for spine in ax.spines.values():
            spine.set_visible(False)
    plotting.save(fig, out, name)
