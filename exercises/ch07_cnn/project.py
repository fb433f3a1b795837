"""Project 7: a residual network looks at photographs.

CIFAR-10 where the data folder has it, otherwise rendered shapes on busy backgrounds. A twentieth of
the training pictures is held out and draws the curve; the test pictures are looked at once, in the
end, and from both sides. The run can be stopped with Ctrl-C: the same command goes on.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import mlx.core as mx
import numpy as np
from rich.console import Console

from tinymlx import core, nn, optimizers, plotting
from tinymlx.core import array
from tinymlx.data import cifar10, shapes
from tinymlx.data.dataset import Dataset, Part, divided
from tinymlx.models import ResNet
from tinymlx.training import Batches, Trainer, WeightAverage, metrics, one_cycle
from tinymlx.utils import tree_flatten
from tinymlx.vision.augmentation import random_crop, random_flip
from tinymlx.vision.averaging import averaged, itself, mirrored
from tinymlx.vision.mixing import mixup, one_hot, random_cutout
from tinymlx.vision.saliency import class_activation

History = list[dict[str, float]]


@dataclass(frozen=True)
class Setting:
    """How long, and with which network."""

    name: str
    epochs: int
    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    strides: tuple[int, ...]
    stem: tuple[int, int] = (4, 2)  # a stem with stride 2 makes everything behind it cheaper
    batch: int = 128
    rate: float = 0.1
    hole: int = 0  # the side of the square that is cut out
    mix: bool = False
    average: float | None = None


QUICK = Setting("quick", 7, (16, 32, 64), (1, 1, 1), (1, 2, 2), batch=32)
DEFAULT = Setting("default", 16, (32, 64, 128), (1, 1, 1), (1, 2, 2), batch=64)
FULL = Setting(
    "full",
    epochs=300,
    widths=(64, 128, 256),
    blocks=(2, 2, 1),
    strides=(1, 2, 2),
    stem=(3, 1),
    batch=256,
    rate=0.2,
    hole=8,
    mix=True,
    average=0.998,
)


def main(
    out: Path, quick: bool = False, full: bool = False, trained: bool = False
) -> dict[str, float]:
    """Train, test, draw; write pictures into ``out``; return what was measured.

    Args:
        out: the folder.
        quick: a small network, for seconds.
        full: a large one, for minutes on a GPU; its weights are written, too, in half precision.
        trained: no training; the large network with the weights that came with the course.
    """
    setting = QUICK if quick else FULL if full or trained else DEFAULT
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    data = things(2400, 600) if quick else cifar10.load_or_shapes()
    console.print(f"[bold]{data.source}[/], setting {setting.name}.")
    mean, deviation = statistics(data.train.x)
    test = Part((data.test.x - mean) / deviation, data.test.y)
    training = Part((data.train.x - mean) / deviation, data.train.y)
    train, held_out = divided(*training, test_share=0.05, seed=1)
    core.random.seed(0)
    model = network(setting, len(data.classes))
    if trained:
        read_weights(model)
    trainer = fit(replace(setting, epochs=0) if trained else setting, model, train, held_out, out)
    with trainer.validating():
        probabilities = answers(model, test.x)
        both = answers(model, test.x, mirror=True)
        draw_maps(out, model, data, test, both)
    labels = core.array(test.y)
    numbers = {
        "parameters": float(sum(w.size for _, w in tree_flatten(model.parameters()))),
        "epochs": float(len(trainer.history)),
        "test accuracy": metrics.accuracy(probabilities, labels).item(),
        "test accuracy, both sides": metrics.accuracy(both, labels).item(),
        "right among three": metrics.top_k_accuracy(both, labels, 3).item(),
    }
    if trainer.history:
        numbers["held-out accuracy"] = trainer.history[-1]["validation accuracy"]
        draw_curves(out, trainer.history, numbers["test accuracy, both sides"])
    console.print(f"{numbers['test accuracy, both sides']:.1%} of {len(test.y)} test pictures.")
    draw_filters(out, model)
    draw_mistakes(out, data, both)
    if full:
        with trainer.validating():
            write_weights(out, model)
        results = {"source": data.source, "setting": asdict(setting), "numbers": numbers}
        (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    return numbers


def things(train: int, test: int, seed: int = 0) -> Dataset:
    """Single things of the shape world in noise: which shape is it? Easier than photographs."""
    rng = np.random.default_rng(seed)
    scenes = [shapes.Scene((thing,)) for thing in shapes.things()]

    def part(count: int) -> Part:
        chosen = [scenes[i] for i in rng.integers(0, len(scenes), count)]
        x = np.stack([shapes.render(scene, rng) for scene in chosen])
        x = np.clip(x + rng.normal(0, 0.2, x.shape), 0, 1).astype(np.float32)
        y = [shapes.SHAPES.index(scene.things[0].shape) for scene in chosen]
        return Part(mx.array(x), mx.array(y, mx.int32))

    source = f"{train + test} rendered things in noise, 32 x 32"
    return Dataset(source, shapes.SHAPES, part(train), part(test))


def statistics(x: mx.array) -> tuple[mx.array, mx.array]:
    """Mean and standard deviation of each channel of the training pictures."""
    return mx.mean(x, axis=(0, 1, 2)), mx.std(x, axis=(0, 1, 2))


def network(setting: Setting, classes: int) -> ResNet:
    """The residual network of a setting."""
    return ResNet(setting.widths, setting.blocks, setting.strides, setting.stem, classes)


def loss_of(setting: Setting, classes: int):
    """The loss of a setting. In training pictures are changed first, and labels smoothed."""

    def loss(model: nn.Module, x: array, y: array) -> array:
        if not model.training:
            return nn.losses.cross_entropy(model(x), y, reduction="mean")
        x = random_crop(random_flip(x), padding=4 if classes == 10 else 2)
        if setting.hole:
            x = random_cutout(x, setting.hole)
        targets = one_hot(y, classes)
        if setting.mix:
            x, targets = mixup(x, targets)
        targets = 0.9 * targets + 0.1 / classes
        return nn.losses.cross_entropy(model(x), targets, reduction="mean")

    return loss


def accuracy(model: nn.Module, x: array, y: array) -> array:
    """The share of right answers."""
    return metrics.accuracy(model(x), y)


def fit(setting: Setting, model: ResNet, train: Part, held_out: Part, out: Path) -> Trainer:
    """Train to the end, from the beginning or from where an earlier run was stopped."""
    classes = model.linear.weight.shape[0]
    batches = Batches(*train, batch_size=setting.batch, drop_last=True)
    rate = one_cycle(setting.rate, max(setting.epochs * len(batches), 1))
    average = None if setting.average is None else WeightAverage(model, setting.average)
    trainer = Trainer(
        model,
        optimizers.SGD(rate, momentum=0.9, weight_decay=5e-4, nesterov=True),
        loss_of(setting, classes),
        metrics={"accuracy": accuracy},
        average=average,
    )
    file = out / f"unfinished-{setting.name}-{classes}-{len(train.y)}.safetensors"
    trainer.fit(
        batches,
        setting.epochs,
        validation=Batches(*held_out, batch_size=250, shuffle=False),
        checkpoint=str(file),
    )
    for path in (file, file.with_suffix(".json")):
        path.unlink(missing_ok=True)
    return trainer


def answers(model: ResNet, x: mx.array, mirror: bool = False, size: int = 250) -> array:
    """The probabilities of each class; with ``mirror`` the mean of both sides."""
    views = [itself, mirrored] if mirror else [itself]
    parts = []
    for start in range(0, x.shape[0], size):
        parts.append(averaged(model, core.array(x[start : start + size]), views))
        core.eval(parts[-1])
    return core.concatenate(parts)


def write_weights(out: Path, model: ResNet) -> None:
    """All parameters in half precision, for those who have no GPU."""
    named = tree_flatten(model.parameters(), destination={})
    halves = {name: w.astype(core.float16) for name, w in named.items()}
    core.save_safetensors(str(out / "weights.safetensors"), halves)


def read_weights(model: ResNet) -> None:
    """The weights that :func:`write_weights` wrote, as they came with the course. Where they are
    from, and what they reached, stands beside them in ``provenance.toml``.

    Raises:
        ValueError: they tell other classes.
    """
    path = Path(__file__).parent / "trained" / "weights.safetensors"
    found = core.load(str(path))
    if found["linear.bias"].shape != model.linear.bias.shape:
        raise ValueError("they tell photographs apart; fetch some with `tinymlx data cifar10`.")
    model.load_weights([(name, w.astype(core.float32)) for name, w in found.items()])


# Pictures


def draw_curves(out: Path, history: History, test_accuracy: float) -> None:
    """Loss and accuracy after each epoch."""
    fig, (left, right) = plotting.figure(1, 2, width=9.0, height=3.8)
    epochs = range(1, len(history) + 1)
    left.plot(epochs, [h["loss"] for h in history], color=plotting.BLUE, label="training, changed")
    losses = [h["validation loss"] for h in history]
    left.plot(epochs, losses, color=plotting.ORANGE, label="held out")
    left.set(xlabel="epoch", ylabel="cross entropy (nats)", ylim=(0, None))
    left.legend()
    shares = [100 * h["validation accuracy"] for h in history]
    right.plot(epochs, shares, color=plotting.ORANGE, label="held out")
    right.axhline(
        100 * test_accuracy, color=plotting.GREEN, linestyle="--", label="test, in the end"
    )
    right.set(xlabel="epoch", ylabel="right answers (%)", ylim=(0, 100))
    right.legend(loc="lower right")
    plotting.save(fig, out, "curves")


def draw_filters(out: Path, model: ResNet) -> None:
    """The kernels of the first convolution, each stretched to its full range of colours."""
    weight = model.conv.weight
    weight = weight - core.min(weight, axis=(1, 2, 3), keepdims=True)
    weight = (weight / core.max(weight, axis=(1, 2, 3), keepdims=True)).tolist()
    rows = 2 if len(weight) <= 16 else 4
    columns = -(-len(weight) // rows)
    fig, axes = plotting.figure(rows, columns, width=9.0, height=9.0 * rows / columns)
    for ax, kernel in zip(axes.flat, weight, strict=False):
        ax.imshow(kernel)
    for ax in axes.flat:
        ax.axis("off")
    plotting.save(fig, out, "filters")


def draw_maps(
    out: Path, model: ResNet, data: Dataset, test: Part, probabilities: array, count: int = 8
) -> None:
    """Test pictures, and below each where the network looked for what it saw."""
    found = core.argmax(probabilities[:count], axis=1)
    x = core.array(test.x[:count])
    maps = class_activation(model.features, model.head, x, found).tolist()
    fig, axes = plotting.figure(2, count, width=1.25 * count, height=3.0)
    pixels = data.test.x.shape[1]
    for i in range(count):
        picture = data.test.x[i].tolist()
        axes[0, i].imshow(picture)
        axes[0, i].set_title(data.classes[int(found[i].item())], fontsize=9)
        axes[1, i].imshow(picture, extent=(0, pixels, pixels, 0))
        axes[1, i].imshow(
            maps[i],
            cmap="inferno",
            alpha=0.6,
            interpolation="bilinear",
            extent=(0, pixels, pixels, 0),
        )
    for ax in axes.flat:
        ax.axis("off")
    plotting.save(fig, out, "maps")


def draw_mistakes(out: Path, data: Dataset, probabilities: array, count: int = 12) -> None:
    """The wrong answers of which the network was surest."""
    sureness = core.max(probabilities, axis=1).tolist()
    found, labels = core.argmax(probabilities, axis=1).tolist(), data.test.y.tolist()
    wrong = [i for i in range(len(labels)) if found[i] != labels[i]]
    wrong = sorted(wrong, key=lambda i: -sureness[i])[:count]
    fig, axes = plotting.figure(2, count // 2, width=9.0, height=3.9)
    for ax in axes.flat:
        ax.axis("off")
    for i, ax in zip(wrong, axes.flat, strict=False):
        ax.imshow(data.test.x[i].tolist())
        names = f"{data.classes[labels[i]]}, taken\nfor {data.classes[found[i]]}"
        ax.set_title(f"{names}, {sureness[i]:.0%}", fontsize=9)
    plotting.save(fig, out, "mistakes")


# Export

#: Of the photographs that the shipped weights were trained with, from 0 to 1.
MEAN, DEVIATION = (0.4911, 0.4827, 0.4465), (0.2433, 0.2412, 0.2595)
SIDE = 32


def exported() -> tuple[nn.Module, Callable[[array], array], tuple[int, ...], dict[str, str]]:
    """What ``tinymlx export 7`` writes: the large network with the weights that came with it.

    Returns:
        The model; a function from pictures, ``(N, 32, 32, 3)`` from 0 to 1, to logits; the shape of
        one picture; and what a program without Python has to be told.

    Raises:
        ValueError: the weights do not fit.
    """
    model = network(FULL, len(cifar10.CLASSES))
    read_weights(model)
    model.eval()
    mean, deviation = core.array(MEAN), core.array(DEVIATION)

    def logits(x: array) -> array:
        return model((x - mean) / deviation)

    told = {"classes": ",".join(cifar10.CLASSES), "shape": f"{SIDE},{SIDE},3"}
    return model, logits, (SIDE, SIDE, 3), told
