"""Trains the frozen judge of styles: ``python -m course.style_judge_training [FOLDER]``.

For authors, and only when there is a reason: every number that was measured with the old weights
would have to be measured again. It prints what belongs into ``tinymlx/data/style_judge.py``.
Drawing takes three minutes of one core; with a folder the paintings are kept there. With
``--board`` nothing is trained: the features of paintings that the board of chapter 18 compares
with are written.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

from course import blas
from course.cli.project import implementation
from course.paths import find_project
from course.registry import load_registry

#: Seeds of collections that nothing else uses: to learn from, and to be tested on.
LEARNED, HELD = (900, 3600), (901, 900)
EPOCHS, BATCH, SEED = 12, 50, 0


def main(folder: Path | None = None) -> None:
    """Draw, train, test; write the weights."""
    blas.load()
    project = find_project()
    with implementation(project, load_registry(project), "solutions"):
        import mlx.core as mx

        from tinymlx.data import style_judge

        model = trained(*drawn(*LEARNED, folder))
        weights = {name: w._value.astype(mx.float16) for name, w in flat(model)}
        mx.save_safetensors(str(style_judge.WEIGHTS), weights)
        style_judge.SHA256 = hashlib.sha256(style_judge.WEIGHTS.read_bytes()).hexdigest()
        style_judge.weights.cache_clear()
        x, y = drawn(*HELD, folder)
        small = x.reshape(len(x), 32, 2, 32, 2, 3).mean((2, 4))
        scores = {}
        for side, pictures in ((64, x), (32, small)):
            found = np.array(style_judge.judge_styles(mx.array(pictures)).styles)
            scores[side] = f"{np.mean(found == y):.2%} of {len(y)}"
        sys.stdout.write(f"SHA256 = {style_judge.SHA256!r}\n{scores}\n")


def board(folder: Path | None) -> None:
    """Features of 900 paintings that are learned from and of 450 others, at two sizes."""
    blas.load()
    project = find_project()
    with implementation(project, load_registry(project), "solutions"):
        import mlx.core as mx

        from tinymlx.data import style_judge

        found: dict[str, Any] = {}
        for name, seed, count in (("known", 0, 900), ("held", 1, 450)):
            x, _ = drawn(seed, count, folder)
            small = x.reshape(count, 32, 2, 32, 2, 3).mean((2, 4))
            for side, pictures in ((64, x), (32, small)):
                features = style_judge.judge_styles(mx.array(pictures)).features
                found[f"{name}{side}"] = np.array(features).astype(np.float16)
        file = project.exercises / "ch18_generative_art" / "board_features.npz"
        np.savez_compressed(file, **found)
        sys.stdout.write(f"{file}: {file.stat().st_size:,} bytes\n")


def drawn(seed: int, count: int, folder: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """A collection, from 0 to 1, and its styles."""
    from tinymlx.data.paintings import collection

    file = None if folder is None else folder / f"c{seed}.npz"
    if file is not None and file.is_file():
        with np.load(file) as kept:
            return kept["x"].astype(np.float32) / 255, kept["y"]
    x, y = collection(count, 64, seed=seed)
    bytes_ = (255 * x + 0.5).astype(np.uint8)
    if file is not None:
        np.savez(file, x=bytes_, y=y)
    return bytes_.astype(np.float32) / 255, y


def network() -> Any:
    """The judge as a module."""
    from tinymlx import core, nn

    class Judge(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 24, 3, padding=1)
            self.conv2 = nn.Conv2d(24, 48, 3, padding=1)
            self.conv3 = nn.Conv2d(48, 64, 3, padding=1)
            self.conv4 = nn.Conv2d(64, 64, 3, padding=1)
            self.pool = nn.MaxPool2d(2)
            self.styles = nn.Linear(64, 9)

        def __call__(self, x: Any) -> Any:
            for conv in (self.conv1, self.conv2, self.conv3):
                x = self.pool(nn.relu(conv(x)))
            return self.styles(core.mean(nn.relu(self.conv4(x)), axis=(1, 2)))

    return Judge()


def changed(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A batch turned and mirrored; half of it, as a whole, seen at half of its pixels."""
    x = x[:, ::-1] if rng.uniform() < 0.5 else x
    x = x.swapaxes(1, 2) if rng.uniform() < 0.5 else x
    if rng.uniform() < 0.4:
        from tinymlx.data import style_judge

        small = x.reshape(len(x), 32, 2, 32, 2, 3).mean((2, 4))
        import mlx.core as mx

        x = np.array(style_judge.resized(mx.array(small)))
    noise = rng.normal(0, rng.uniform(0, 0.03), x.shape)
    return (x + noise).astype(np.float32)


def trained(x: np.ndarray, y: np.ndarray) -> Any:
    """The network after :data:`EPOCHS` epochs."""
    from tinymlx import core, nn, optimizers
    from tinymlx.training import Trainer, one_cycle

    core.random.seed(SEED)
    rng = np.random.default_rng(SEED)
    steps = EPOCHS * (len(y) // BATCH)

    def loss(model: Any, x: Any, y: Any) -> Any:
        return nn.losses.cross_entropy(model(x), y, label_smoothing=0.05, reduction="mean")

    model = network()
    trainer = Trainer(model, optimizers.AdamW(one_cycle(3e-3, steps), weight_decay=0.01), loss)
    for epoch in range(EPOCHS):
        order, total = rng.permutation(len(y)), 0.0
        for start in range(0, len(y) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            total += trainer.step(core.array(changed(x[rows], rng)), core.array(y[rows]))
        sys.stdout.write(f"epoch {epoch + 1}: loss {total * BATCH / len(y):.4f}\n")
        sys.stdout.flush()
    return model


def flat(model: Any) -> list[tuple[str, Any]]:
    """All weights by name."""
    from tinymlx.utils import tree_flatten

    return tree_flatten(model.parameters())


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--board"]
    (board if "--board" in sys.argv else main)(Path(words[0]) if words else None)
