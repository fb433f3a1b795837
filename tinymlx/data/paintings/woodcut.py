"""Woodcut: one block, black lines that swell where the scene is dark."""

import numpy as np

from .canvas import Rng, edge, grid, noise, over, palette

LINES = 26


def woodcut(rng: Rng, size: int) -> np.ndarray:
    """Hills under a sun in parallel cuts, bent by the ground that they lie on."""
    x, y = grid(size)
    paper = 0.75 + 0.25 * palette(rng, 3, (0.9, 1.0))[1]
    ink = palette(rng, 3, (0.05, 0.25))[0]
    tilt = rng.uniform(-0.6, 0.6)
    hills = noise(rng, x, y, 2, 3)
    sun, radius = rng.uniform(0.2, 0.8, 2), rng.uniform(0.12, 0.2)
    dark = 0.5 + 0.55 * hills + 0.25 * (y - 0.5)
    inside = np.hypot(x - sun[0], (y - sun[1] * 0.6)) - radius
    dark = np.where(inside < 0, 0.05, dark)
    phase = (y * np.cos(tilt) + x * np.sin(tilt) + 0.09 * hills) * LINES
    away = np.abs(phase - np.round(phase)) / LINES
    width = np.clip(dark, 0.03, 0.92) / (2 * LINES)
    picture = over(np.broadcast_to(paper, (size, size, 3)), ink, edge(away - width, size))
    rim = edge(np.abs(inside) - 0.006, size)
    return over(picture, ink, rim)
