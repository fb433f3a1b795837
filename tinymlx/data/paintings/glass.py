"""Stained glass: Voronoi cells with leading between them."""

import numpy as np

from .canvas import Rng, edge, grid, noise, over, palette

PIECES = (22, 45)


def glass(rng: Rng, size: int) -> np.ndarray:
    """Pieces of glass, each nearest to a point of its own, in a frame of lead."""
    count = int(rng.integers(*PIECES))
    points = rng.uniform(0, 1, (count, 2))
    colours = palette(rng, 6, (0.45, 1.0))[rng.integers(0, 6, count)]
    x, y = grid(size)
    apart = np.hypot(x[..., None] - points[:, 0], y[..., None] - points[:, 1])
    nearest = np.argsort(apart, axis=-1)[..., :2]
    first, second = (np.take_along_axis(apart, nearest[..., i : i + 1], -1)[..., 0] for i in (0, 1))
    shine = 0.85 + 0.15 * noise(rng, x, y, 6, 2)
    picture = colours[nearest[..., 0]] * shine[..., None]
    # Across a border the difference of both distances grows twice as fast as one walks.
    lead = edge((second - first) / 2 - 0.012, size)
    return over(picture, np.array([0.06, 0.06, 0.07]), lead)
