"""Training of the three networks, each resumable."""

from collections.abc import Callable
from pathlib import Path

from tinymlx import core, nn, optimizers
from tinymlx.classification.distillation import distilled
from tinymlx.classification.rates import adamw, steepest, sweep, untouched
from tinymlx.core import array
from tinymlx.data.dataset import Part
from tinymlx.nn import Module
from tinymlx.training import Batches, Trainer, WeightAverage, metrics, one_cycle
from tinymlx.vision.affine import random_affine
from tinymlx.vision.augmentation import random_crop, random_flip
from tinymlx.vision.mixing import mixup, one_hot, random_cutout

from .settings import Setting

Loss = Callable[..., array]


def changed(setting: Setting) -> Callable[[array], array]:
    """What happens to training pictures: flipped, moved, perhaps turned, perhaps with a hole."""

    def change(x: array) -> array:
        x = random_crop(random_flip(x), padding=setting.side // 8)
        if setting.stretch:
            x = random_affine(x, setting.stretch)
        return random_cutout(x, setting.hole) if setting.hole else x

    return change


def labelled(setting: Setting, classes: int) -> Loss:
    """Cross entropy with smoothed labels; in training pictures are changed, perhaps mixed."""
    change = changed(setting)

    def loss(model: Module, x: array, y: array) -> array:
        if not model.training:
            return nn.losses.cross_entropy(model(x), y, reduction="mean")
        x, targets = change(x), one_hot(y, classes)
        if setting.mix:
            x, targets = mixup(x, targets)
        targets = 0.9 * targets + 0.1 / classes
        return nn.losses.cross_entropy(model(x), targets, reduction="mean")

    return loss


def taught(setting: Setting, teacher: Module) -> Loss:
    """The teacher's doubts about the same changed pictures."""
    return distilled(teacher, changed(setting), temperature=4.0, share=0.9)


def accuracy(model: Module, x: array, y: array) -> array:
    """The share of right answers."""
    return metrics.accuracy(model(x), y)


def found_rate(model: Module, loss: Loss, train: Part, batch: int, count: int) -> float:
    """Where the loss of a transformer falls fastest while the rate grows; a third of the largest
    that was survived, if it falls nowhere."""
    batches = Batches(*train, batch_size=min(batch, len(train.y)), drop_last=True)
    with untouched(model):
        model.train()
        optimizer = adamw(1e-6, 0.05)
        optimizer.init(model.trainable_parameters())
        step = nn.value_and_grad(model, loss)
        iterator = iter(batches)

        def one(rate: float) -> float:
            nonlocal iterator
            try:
                x, y = next(iterator)
            except StopIteration:
                iterator = iter(batches)
                x, y = next(iterator)
            optimizer.learning_rate = rate
            value, gradients = step(model, x, y)
            optimizer.update(model, gradients)
            core.eval(model.parameters(), optimizer.state)
            return value.item()

        found = sweep(one, 1e-5, 1.0, count, decay=0.8)
    try:
        return steepest(found)
    except ValueError:
        return found.rates[-1] / 3


def optimizer_of(name: str, rate: float, steps: int) -> optimizers.Optimizer:
    """SGD for convolutions, AdamW for attention."""
    schedule = one_cycle(rate, max(steps, 1))
    if name == "transformer":
        return adamw(schedule, 0.05)
    return optimizers.SGD(schedule, momentum=0.9, weight_decay=5e-4, nesterov=True)


def fit(
    name: str,
    setting: Setting,
    model: Module,
    loss: Loss,
    rate: float,
    epochs: int,
    parts: tuple[Part, Part],
    out: Path,
) -> Trainer:
    """Train to the end, from the beginning or from where an earlier run was stopped."""
    train, held_out = parts
    batches = Batches(*train, batch_size=min(setting.batch, len(train.y)), drop_last=True)
    trainer = Trainer(
        model,
        optimizer_of(name, rate, epochs * len(batches)),
        loss,
        metrics={"accuracy": accuracy},
        max_norm=1.0 if name == "transformer" else None,
        average=None if setting.average is None else WeightAverage(model, setting.average),
    )
    trainer.fit(
        batches,
        epochs,
        validation=Batches(*held_out, batch_size=250, shuffle=False),
        checkpoint=str(unfinished(out, setting, name)),
    )
    if trainer.average is not None:
        model.update(trainer.average.state["parameters"])
    model.eval()
    return trainer


def unfinished(out: Path, setting: Setting, name: str) -> Path:
    """The checkpoint of a network; it stays until all three are done."""
    return out / f"unfinished-{setting.name}-{name}.safetensors"
