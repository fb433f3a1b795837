"""Truchet tiles (1704; the arcs are Smith's, 1987): one tile, turned at random."""

import numpy as np

from .canvas import Rng, edge, grid, over, palette


def truchet(rng: Rng, size: int) -> np.ndarray:
    """Quarter circles around two opposite corners of each tile make ribbons without end."""
    tiles = int(rng.integers(5, 9))
    turned = rng.integers(0, 2, (tiles, tiles)).astype(bool)
    colours = palette(rng, 4, (0.2, 1.0))
    half = rng.uniform(0.1, 0.17)
    x, y = grid(size)
    i, j = (
        np.minimum((x * tiles).astype(int), tiles - 1),
        np.minimum((y * tiles).astype(int), tiles - 1),
    )
    u, v = x * tiles - i, y * tiles - j
    u = np.where(turned[j, i], 1 - u, u)
    radius = np.minimum(np.hypot(u, v), np.hypot(1 - u, 1 - v))
    away = np.abs(radius - 0.5) / tiles
    ground = np.where(((i + j) % 2)[..., None] == 0, colours[0], colours[0] * 0.8)
    picture = over(ground, colours[1], edge(away - half / tiles, size))
    return over(picture, colours[3], edge(away - half * 0.55 / tiles, size))
