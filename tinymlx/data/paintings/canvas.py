"""What painters need: coordinates, soft noise, palettes, and edges without steps."""

from __future__ import annotations

import colorsys

import numpy as np

Rng = np.random.Generator


def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """The middles of all pixels on the unit square, across and down, each ``(size, size)``."""
    middles = (np.arange(size) + 0.5) / size
    x, y = np.meshgrid(middles, middles)
    return x, y


def noise(rng: Rng, x: np.ndarray, y: np.ndarray, cells: int, octaves: int = 3) -> np.ndarray:
    """Soft noise from -1 to 1: random values on a lattice, joined smoothly, finer and finer.

    Args:
        rng: where the values come from.
        x, y: places on the unit square, and beyond it, where the noise repeats.
        cells: of the coarsest lattice, across.
        octaves: lattices, each twice as fine as the one before and half as strong.
    """
    total, weight = np.zeros_like(x), 0.0
    for octave in range(octaves):
        n = cells << octave
        lattice = rng.uniform(-1, 1, (n, n))
        i, j = np.floor(x * n).astype(int), np.floor(y * n).astype(int)
        u, v = x * n - i, y * n - j
        u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
        a, b = lattice[j % n, i % n], lattice[j % n, (i + 1) % n]
        c, d = lattice[(j + 1) % n, i % n], lattice[(j + 1) % n, (i + 1) % n]
        total += ((a * (1 - u) + b * u) * (1 - v) + (c * (1 - u) + d * u) * v) / (1 << octave)
        weight += 1 / (1 << octave)
    return total / weight


def palette(rng: Rng, count: int, light: tuple[float, float] = (0.35, 0.95)) -> np.ndarray:
    """``(count, 3)`` colours that go together, from dark to light.

    Hues stay within a third of the circle, and one of them is taken from the other side.
    """
    start, width = rng.uniform(), rng.uniform(0.08, 0.33)
    hues = start + width * np.linspace(0, 1, count)
    hues[rng.integers(count)] += 0.5
    values = np.linspace(*light, count)
    shades = rng.uniform(0.35, 0.9, count)
    return np.array([colorsys.hsv_to_rgb(h % 1, s, v) for h, s, v in zip(hues, shades, values)])


def ramp(colours: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Colours along a palette: 0 is the first, 1 the last, between them a straight line."""
    t = np.clip(t, 0, 1) * (len(colours) - 1)
    low = np.minimum(t.astype(int), len(colours) - 2)
    share = (t - low)[..., None]
    return colours[low] * (1 - share) + colours[low + 1] * share


def edge(distance: np.ndarray, size: int) -> np.ndarray:
    """0 outside (a distance above 0) and 1 inside, with a soft step of about a pixel."""
    return np.clip(0.5 - distance * size, 0, 1)


def over(below: np.ndarray, colour: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Paint on what is there: ``cover`` from 0 to 1 says how thick."""
    cover = cover[..., None]
    return below * (1 - cover) + colour * cover
