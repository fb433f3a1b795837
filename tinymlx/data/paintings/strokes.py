"""Brush strokes, from broad to fine, along the contours of a scene (after Hertzmann, 1998)."""

import numpy as np

from .canvas import Rng, edge, grid, noise, over, palette, ramp
from .points import near

LAYERS = ((60, 0.16, 0.040), (220, 0.09, 0.018), (420, 0.05, 0.009))  # count, length, half width


def strokes(rng: Rng, size: int) -> np.ndarray:
    """Straight strokes at right angles to the slope of a soft scene, each of one colour."""
    colours = palette(rng, 6, (0.2, 1.0))
    scene = rng.spawn(1)[0]
    x, y = grid(48)
    height = noise(scene, x, y, 3, 2)
    down, across = np.gradient(height)
    x, y = grid(size)
    picture = np.broadcast_to(colours[2], (size, size, 3)).copy()
    for count, length, width in LAYERS:
        for middle in rng.uniform(0, 1, (count, 2)):
            i, j = np.minimum((middle * 48).astype(int), 47)
            angle = np.arctan2(across[j, i], -down[j, i]) + rng.normal(0, 0.15)
            tone = ramp(colours, np.array(0.5 + 0.8 * height[j, i] + rng.normal(0, 0.06)))
            rows, columns = near(middle, length / 2 + width, size)
            dx, dy = x[rows, columns] - middle[0], y[rows, columns] - middle[1]
            along = dx * np.cos(angle) + dy * np.sin(angle)
            beside = dy * np.cos(angle) - dx * np.sin(angle)
            distance = np.hypot(np.maximum(np.abs(along) - length / 2, 0), beside) - width
            bristles = 0.8 + 0.2 * np.sin(beside * 2.5 / width * np.pi)
            cover = edge(distance, size) * bristles
            picture[rows, columns] = over(picture[rows, columns], tone, cover)
    return picture
