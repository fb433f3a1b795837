"""Waves that meet: rings around a few stones in the water, in two inks."""

import numpy as np

from .canvas import Rng, grid, palette, ramp


def waves(rng: Rng, size: int) -> np.ndarray:
    """The sum of rings around three to five points; where crests meet it is brightest."""
    count = int(rng.integers(3, 6))
    stones = rng.uniform(-0.1, 1.1, (count, 2))
    lengths = rng.uniform(0.05, 0.11, count)
    colours = palette(rng, 4, (0.1, 1.0))
    x, y = grid(size)
    total = np.zeros_like(x)
    for (sx, sy), length in zip(stones, lengths):
        total += np.cos(2 * np.pi * np.hypot(x - sx, y - sy) / length)
    return ramp(colours, 0.5 + 0.5 * total / count * 1.6)
