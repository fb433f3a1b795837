"""Julia sets: how soon a number runs away when it is squared again and again."""

import numpy as np

from .canvas import Rng, grid, palette, ramp

STEPS = 60


def julia(rng: Rng, size: int) -> np.ndarray:
    """The time of escape of ``z -> z^2 + c``, smooth, in turning colours.

    The constant lies just outside of the Mandelbrot set's large heart, where pictures are rich.
    """
    angle = rng.uniform(0, 2 * np.pi)
    rim = np.exp(1j * angle) / 2 - np.exp(2j * angle) / 4
    c = rim * rng.uniform(1.02, 1.08)
    zoom, turn = rng.uniform(2.2, 3.0), np.exp(1j * rng.uniform(0, np.pi))
    colours = palette(rng, 6, (0.1, 1.0))
    x, y = grid(size)
    z = turn * zoom * ((x - 0.5) + 1j * (y - 0.5))
    escape = np.full(z.shape, float(STEPS))
    alive = np.ones(z.shape, bool)
    for step in range(STEPS):
        z[alive] = z[alive] ** 2 + c
        gone = alive & (np.abs(z) > 8)
        escape[gone] = step + 1 - np.log2(np.log(np.abs(z[gone])) / np.log(8))
        alive &= ~gone
    wave = 0.5 - 0.5 * np.cos(2 * np.pi * np.sqrt(np.maximum(escape, 0) / STEPS) * 2.5)
    picture = ramp(colours, wave)
    picture[alive] = colours[0] * 0.3
    return picture
