"""A published network that goes on learning: its last layer quickly, its first ones hardly.

What the first layers see, edges and colours, is the same in all photographs; what the last ones see
belongs to the classes that the network was made for. So the rate of learning falls with the
distance from the output (J. Howard, S. Ruder, ULMFiT, 2018, section 3.2).
"""

from collections.abc import Callable
from pathlib import Path

from tinymlx import core, nn, optimizers
from tinymlx.classification.rates import decays
from tinymlx.core import array
from tinymlx.data.dataset import Part
from tinymlx.models.efficientnet import EfficientNetLite, prepared
from tinymlx.training import Batches, Trainer, WeightAverage, metrics, one_cycle
from tinymlx.vision.augmentation import random_crop, random_flip
from tinymlx.vision.mixing import mixup, one_hot, random_cutout

SIDE, EPOCHS, BATCH = 192, 20, 50
RATE, SLOWER, WEIGHT_DECAY = 1e-3, 0.7, 0.05
#: Where a parameter is, from the output backwards, by the beginning of its path.
GROUPS = (
    ("fc.",),
    ("conv_head.", "bn1.", *(f"blocks.{i}." for i in range(11, 16))),
    tuple(f"blocks.{i}." for i in range(5, 11)),
    ("conv_stem.", "bn0.", *(f"blocks.{i}." for i in range(5))),
)


def group(path: str) -> int:
    """Which of :data:`GROUPS` a parameter belongs to; 0 is the output."""
    return next(i for i, starts in enumerate(GROUPS) if path.startswith(starts))


def layerwise(rate: float, steps: int) -> optimizers.MultiOptimizer:
    """AdamW whose rate falls by :data:`SLOWER` from group to group, decay for matrices only."""
    parts, filters = [], []
    for i in range(len(GROUPS)):
        schedule = one_cycle(rate * SLOWER**i, steps)
        for decay in (0.0, WEIGHT_DECAY):
            parts.append(optimizers.AdamW(schedule, weight_decay=decay))
            filters.append(belongs(i, decay > 0))
    return optimizers.MultiOptimizer(parts, filters[:-1])


def belongs(i: int, decaying: bool) -> Callable[[str, array], bool]:
    """The filter of one optimizer: a group, and whether weights there decay."""
    return lambda path, g: group(path) == i and decays(path, g) == decaying


def enlarged(x: array, side: int) -> array:
    """Pictures of another size, straight lines between the old pixels.

    Shape: ``(N, H, W, 3)`` to ``(N, side, side, 3)``.
    """
    scale = (side / x.shape[1], side / x.shape[2])
    return nn.Upsample(scale, mode="linear", align_corners=False)(x)


def loss_of(classes: int, side: int) -> Callable[[nn.Module, array, array], array]:
    """Cross entropy of changed, mixed, enlarged pictures; in evaluation of pictures as they are."""

    def loss(model: nn.Module, x: array, y: array) -> array:
        if not model.training:
            return nn.losses.cross_entropy(logits(model, x, side), y, reduction="mean")
        keep_statistics(model)
        x = random_crop(random_flip(x), padding=x.shape[1] // 8)
        x, targets = mixup(random_cutout(x, x.shape[1] // 4), one_hot(y, classes), least=0.8)
        targets = 0.9 * targets + 0.1 / classes
        return nn.losses.cross_entropy(logits(model, x, side), targets, reduction="mean")

    return loss


def keep_statistics(model: nn.Module) -> None:
    """Normalize by the means of a million photographs, also in training.

    Those of 50 pictures at a time, enlarged from 32 pixels, would not be as good.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm):
            module.eval()


def logits(model: nn.Module, x: array, side: int) -> array:
    """``(N, H, W, 3)``, from 0 to 1, to ``(N, classes)``."""
    return model(prepared(enlarged(x, side)))


def finetuned(
    model: EfficientNetLite,
    train: Part,
    held_out: Part,
    classes: int,
    out: Path,
    side: int = SIDE,
    epochs: int = EPOCHS,
    decay: float = 0.99,
) -> Trainer:
    """Train all of the network, from the beginning or from where an earlier run was stopped.

    Its last layer is replaced by a random one for so many classes. While that learns, the rates of
    all are still small: they rise for a quarter of the run. The result is the moving average of the
    weights with ``decay``.
    """
    batches = Batches(*train, batch_size=min(BATCH, len(train.y)), drop_last=True)

    def right(model: nn.Module, x: array, y: array) -> array:
        return metrics.accuracy(logits(model, x, side), y)

    model.fc = nn.Linear(model.fc.weight.shape[1], classes)
    model.train()
    trainer = Trainer(
        model,
        layerwise(RATE, epochs * len(batches)),
        loss_of(classes, side),
        metrics={"accuracy": right},
        average=WeightAverage(model, decay),
    )
    trainer.fit(
        batches,
        epochs,
        validation=Batches(*held_out, batch_size=min(250, len(held_out.y)), shuffle=False),
        checkpoint=str(out / "unfinished-transfer.safetensors"),
    )
    if trainer.average is not None:
        model.update(trainer.average.state["parameters"])
    model.eval()
    return trainer


def foretold(model: EfficientNetLite, x: array, side: int = SIDE) -> array:
    """Probabilities, means of a picture's and its mirror image's: ``(N, classes)``."""
    rows = []
    for start in range(0, x.shape[0], 100):
        part = x[start : start + 100]
        both = [logits(model, p, side) for p in (part, part[:, :, ::-1])]
        rows.append(sum(core.softmax(each, axis=-1) for each in both) / 2)
        core.eval(rows[-1])
    return core.concatenate(rows)
