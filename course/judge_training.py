"""Trains the frozen judge of digits: ``TINYMLX_DATA=... python -m course.judge_training``.

For authors, and only when there is a reason: every number that was measured with the old weights
would have to be measured again. It prints what belongs into ``tinymlx/data/judge.py``.
"""

from __future__ import annotations

import hashlib
import sys
import time
from typing import Any

import numpy as np

from course import blas
from course.cli.project import implementation
from course.paths import find_project
from course.registry import load_registry

EPOCHS, BATCH, SEED = 40, 128, 0


def main() -> None:
    """Train on MNIST and scikit-learn's digits, moved a little; write the weights."""
    blas.load()
    project = find_project()
    with implementation(project, load_registry(project), "solutions"):
        from tinymlx.data import digits, judge, mnist

        large, small = mnist.load(), digits.load()
        import mlx.core as mx

        x = np.concatenate([np.array(large.train.x), np.array(judge.enlarged(small.train.x))])
        y = np.concatenate([np.array(large.train.y), np.array(small.train.y)])
        model = trained(x, y)
        weights = {name: w._value.astype(mx.float16) for name, w in flat(model)}
        mx.save_safetensors(str(judge.WEIGHTS), weights)
        judge.SHA256 = hashlib.sha256(judge.WEIGHTS.read_bytes()).hexdigest()
        judge.weights.cache_clear()
        scores = {}
        for name, part in (("MNIST", large.test), ("scikit-learn's digits", small.test)):
            verdict = judge.judge(part.x)
            right = np.mean(np.array(verdict.digits) == np.array(part.y))
            scores[name] = f"{right:.2%} of {len(part.y)}"
        sys.stdout.write(f"SHA256 = {judge.SHA256!r}\n{large.source}; {small.source}\n{scores}\n")


def network() -> Any:
    """The judge as a module."""
    from tinymlx import nn

    class Judge(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
            self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
            self.conv3 = nn.Conv2d(32, 32, 3, padding=1)
            self.pool = nn.MaxPool2d(2)
            self.drop = nn.Dropout(0.3)
            self.features = nn.Linear(288, 64)
            self.digits = nn.Linear(64, 10)

        def __call__(self, x: Any) -> Any:
            for conv in (self.conv1, self.conv2, self.conv3):
                x = self.pool(nn.relu(conv(x)))
            x = self.features(self.drop(x.reshape(x.shape[0], -1)))
            return self.digits(nn.relu(x))

    return Judge()


def trained(x: np.ndarray, y: np.ndarray) -> Any:
    """The network after :data:`EPOCHS` epochs."""
    from tinymlx import core, nn, optimizers

    core.random.seed(SEED)
    rng = np.random.default_rng(SEED)
    model = network()
    steps = EPOCHS * (len(y) // BATCH)
    rate = optimizers.join_schedules(
        [optimizers.linear_schedule(0, 2e-3, 100), optimizers.cosine_decay(2e-3, steps - 100)],
        [100],
    )
    optimizer = optimizers.AdamW(rate, weight_decay=1e-2)

    def loss(model: Any, x: Any, y: Any) -> Any:
        return nn.losses.cross_entropy(model(x), y, label_smoothing=0.05, reduction="mean")

    gradient = nn.value_and_grad(model, loss)
    for epoch in range(EPOCHS):
        start, total = time.time(), 0.0
        order = rng.permutation(len(y))
        for i in range(0, len(y) - BATCH + 1, BATCH):
            chosen = order[i : i + BATCH]
            value, grads = gradient(model, core.array(moved(x[chosen], rng)), core.array(y[chosen]))
            optimizer.update(model, grads)
            core.eval(model.parameters(), optimizer.state)
            total += value.item()
        mean = total / (len(y) // BATCH)
        sys.stdout.write(f"epoch {epoch + 1}: loss {mean:.4f}, {time.time() - start:.1f} s\n")
        sys.stdout.flush()
    model.eval()
    return model


def moved(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each picture turned by up to 10 degrees, stretched a little and shifted by up to 2 pixels."""
    from scipy import ndimage

    result = np.empty_like(x)
    for i, picture in enumerate(x[..., 0]):
        angle = rng.uniform(-10, 10) * np.pi / 180
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        turn = turn / rng.uniform(0.9, 1.1, (2, 1))
        middle = np.array(picture.shape) / 2 - 0.5
        offset = middle - turn @ middle + rng.uniform(-2, 2, 2)
        result[i, ..., 0] = ndimage.affine_transform(picture, turn, offset, order=1)
    return result


def flat(model: Any) -> Any:
    """The weights by their names."""
    from tinymlx.utils import tree_flatten

    return tree_flatten(model.parameters())


if __name__ == "__main__":
    main()
