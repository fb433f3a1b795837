"""Single things in a little noise, 16 x 16: a problem that is learned in seconds."""

import mlx.core as mx
import numpy as np

from tinymlx.data import shapes
from tinymlx.data.dataset import Dataset, Part

KINDS = ("square", "triangle", "cross", "ring")


def things(train: int, test: int, seed: int = 0, noise: float = 0.05) -> Dataset:
    """Which of four shapes is it? Any colour and place; large ones only."""
    rng = np.random.default_rng(seed)
    large = [t for t in shapes.things() if t.size == "large" and t.shape in KINDS]
    scenes = [shapes.Scene((thing,)) for thing in large]

    def part(count: int) -> Part:
        chosen = [scenes[i] for i in rng.integers(0, len(scenes), count)]
        x = np.stack([shapes.render(scene, rng) for scene in chosen])
        x = x.reshape(count, 16, 2, 16, 2, 3).mean((2, 4))
        x = np.clip(x + rng.normal(0, noise, x.shape), 0, 1).astype(np.float32)
        y = [KINDS.index(scene.things[0].shape) for scene in chosen]
        return Part(mx.array(x), mx.array(y, mx.int32))

    source = f"{train + test} rendered things in a little noise, 16 x 16"
    return Dataset(source, KINDS, part(train), part(test))
