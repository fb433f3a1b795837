"""Our own solution of all milestones."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from tinymlx import core, nn, optimizers
from tinymlx.classification import comparison as statistics
from tinymlx.classification.duplicates import difference_hash, duplicate_groups
from tinymlx.classification.partition import grouped_split
from tinymlx.classification.temperature import fitted_temperature
from tinymlx.models import ResNet
from tinymlx.training import Batches, Trainer, one_cycle
from tinymlx.vision.augmentation import random_crop, random_flip


def array(x: core.array) -> np.ndarray:
    """One of ours as one of NumPy's."""
    return np.array(x.tolist(), np.float32)


def split(x: np.ndarray, y: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Near copies by difference hash, 6 of 64 bits apart at most; groups stay together."""
    groups = duplicate_groups(difference_hash(core.array(x)), radius=6)
    labels = core.array(np.asarray(y).astype(np.int32))
    train, test = grouped_split(labels, groups, share, core.random.key(seed))
    return np.array(train.tolist(), np.int64), np.array(test.tolist(), np.int64)


def scaled(train: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each channel of the training part."""
    mean = train.mean((0, 1, 2), dtype=np.float64)
    deviation = np.maximum(train.std((0, 1, 2), dtype=np.float64), 1e-6)
    first, second = ((x - mean) / deviation for x in (train, other))
    return first.astype(np.float32), second.astype(np.float32)


def changed(x: np.ndarray, seed: int) -> np.ndarray:
    """Flipped and moved by up to an eighth of the picture."""
    flip, crop = core.random.split(core.random.key(seed), 2)
    y = random_crop(random_flip(core.array(x), flip), x.shape[1] // 8, crop)
    return array(y).reshape(x.shape)


def fitted(
    x: np.ndarray, y: np.ndarray, classes: int, seconds: float
) -> Callable[[np.ndarray], np.ndarray]:
    """A small residual network, for as many epochs as there is time."""
    core.random.seed(0)
    mean, deviation = x.mean((0, 1, 2)), np.maximum(x.std((0, 1, 2)), 1e-6)
    model = ResNet((16, 32), (1, 1), (1, 2), (3, 1), classes)
    small = min(16, len(y))
    batches = Batches(
        ((x - mean) / deviation).astype(np.float32), y.astype(np.int32), batch_size=small,
        drop_last=True,
    )  # fmt: skip
    padding = max(x.shape[1] // 16, 1)

    def loss(model: nn.Module, x: core.array, y: core.array) -> core.array:
        x = random_crop(random_flip(x), padding)
        return nn.losses.cross_entropy(model(x), y, label_smoothing=0.05, reduction="mean")

    start = time.perf_counter()
    epochs = 8
    rate = one_cycle(0.1, epochs * len(batches))
    trainer = Trainer(model, optimizers.SGD(rate, momentum=0.9, weight_decay=5e-4), loss)
    for _ in range(epochs):
        trainer.train(batches)
        if time.perf_counter() - start > seconds:
            break
    model.eval()

    def predict(x: np.ndarray) -> np.ndarray:
        z = core.array(((x - mean) / deviation).astype(np.float32))
        return array(nn.softmax(model(z), axis=-1)).reshape(len(x), classes)

    return predict


def temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Newton's method in an interval."""
    z, y = np.asarray(logits, np.float32), np.asarray(labels).astype(np.int32)
    return fitted_temperature(core.array(z), core.array(y))


def comparison(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """McNemar's exact test, Wilson's interval."""
    low, high = statistics.wilson(int(first.sum()), len(first))
    p = statistics.mcnemar(core.array(first), core.array(second))
    difference = float(first.mean() - second.mean())
    return {"difference": difference, "p": p, "low": low, "high": high}
