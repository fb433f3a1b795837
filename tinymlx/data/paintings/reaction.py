"""Reaction and diffusion: the patterns of Gray and Scott (1984), as on fish and shells."""

import numpy as np

from .canvas import Rng, grid, palette, ramp

SIDE, STEPS = 64, 1400
#: Feed and kill rates of patterns that fill the plane: spots, mazes, worms, holes.
RATES = ((0.035, 0.065), (0.029, 0.057), (0.046, 0.063), (0.039, 0.058))


def reaction(rng: Rng, size: int) -> np.ndarray:
    """Two substances, of which one feeds on the other, on a torus of 64 x 64 cells."""
    feed, kill = RATES[rng.integers(len(RATES))]
    u, v = np.ones((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32)
    for _ in range(24):
        i, j = rng.integers(0, SIDE, 2)
        rows, columns = np.ix_(np.arange(i, i + 4) % SIDE, np.arange(j, j + 4) % SIDE)
        u[rows, columns], v[rows, columns] = 0.5, 0.25
    v += rng.uniform(0, 0.02, v.shape).astype(np.float32)
    for _ in range(STEPS):
        eaten = u * v * v
        u += 0.16 * spread(u) - eaten + feed * (1 - u)
        v += 0.08 * spread(v) + eaten - (feed + kill) * v
    colours = palette(rng, 4, (0.15, 1.0))
    return ramp(colours, smoothly(v, size) / max(float(v.max()), 1e-6))


def spread(a: np.ndarray) -> np.ndarray:
    """What flows in from the four neighbours, less what flows out."""
    sides = np.roll(a, 1, 0) + np.roll(a, -1, 0) + np.roll(a, 1, 1) + np.roll(a, -1, 1)
    return sides - 4 * a


def smoothly(a: np.ndarray, size: int) -> np.ndarray:
    """The cells of a torus, read at the pixels' places, straight lines between them."""
    x, y = grid(size)
    x, y = x * SIDE - 0.5, y * SIDE - 0.5
    i, j = np.floor(x).astype(int), np.floor(y).astype(int)
    u, v = x - i, y - j
    top = a[j % SIDE, i % SIDE] * (1 - u) + a[j % SIDE, (i + 1) % SIDE] * u
    bottom = a[(j + 1) % SIDE, i % SIDE] * (1 - u) + a[(j + 1) % SIDE, (i + 1) % SIDE] * u
    return top * (1 - v) + bottom * v
