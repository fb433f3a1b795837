"""Pointillism: a soft scene, seen through dots of pure colour."""

import numpy as np

from .canvas import Rng, edge, grid, noise, over, palette, ramp

ROWS = 22


def points(rng: Rng, size: int) -> np.ndarray:
    """Dots on a jittered lattice; each has the scene's colour at its place, pushed to one side."""
    colours = palette(rng, 5, (0.4, 1.0))
    middles = (np.stack(np.meshgrid(np.arange(ROWS), np.arange(ROWS)), -1) + 0.5) / ROWS
    middles = middles.reshape(-1, 2) + rng.uniform(-0.4, 0.4, (ROWS**2, 2)) / ROWS
    height = noise(rng, middles[:, 0], middles[:, 1], 2, 3)
    tone = ramp(colours, 0.5 + 0.9 * height + 0.3 * (0.5 - middles[:, 1]))
    tone = np.clip(tone + rng.normal(0, 0.13, tone.shape), 0, 1)
    radius = rng.uniform(0.36, 0.62, ROWS**2) / ROWS
    x, y = grid(size)
    picture = np.full((size, size, 3), 0.96)
    for i in rng.permutation(ROWS**2):
        rows, columns = near(middles[i], radius[i], size)
        apart = np.hypot(x[rows, columns] - middles[i, 0], y[rows, columns] - middles[i, 1])
        cover = 0.9 * edge(apart - radius[i], size)
        picture[rows, columns] = over(picture[rows, columns], tone[i], cover)
    return picture


def near(middle: np.ndarray, radius: float, size: int) -> tuple[slice, slice]:
    """The rows and columns of pixels that a circle can touch."""
    low = np.maximum(np.floor((middle - radius) * size).astype(int) - 1, 0)
    high = np.minimum(np.ceil((middle + radius) * size).astype(int) + 1, size)
    return slice(low[1], max(high[1], low[1])), slice(low[0], max(high[0], low[0]))
