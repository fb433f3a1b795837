"""Flow fields: many threads that follow one current."""

import numpy as np

from .canvas import Rng, grid, noise, palette, ramp

THREADS, STEPS, WORK = 700, 60, 192


def flow(rng: Rng, size: int) -> np.ndarray:
    """Threads of colour through a field of angles, thin ones on top of each other.

    They are drawn on a canvas of 192 pixels or more, and averaged down to ``size``.
    """
    fine = size * max(1, -(-WORK // size))
    colours = palette(rng, 5, (0.25, 1.0))
    ground = colours[0] * 0.5
    lattice, turns = rng.spawn(1)[0], rng.uniform(1.0, 2.2)
    x, y = grid(64)
    angle = np.pi * turns * noise(lattice, x, y, 2, 2)
    place = rng.uniform(-0.1, 1.1, (THREADS, 2))
    tone = ramp(colours, np.clip(place[:, 0] + rng.normal(0, 0.15, THREADS), 0, 1))
    total = np.zeros((fine, fine, 3))
    cover = np.zeros((fine, fine))
    stride = 1.0 / 150
    for _ in range(STEPS):
        cells = np.clip((place * 64).astype(int), 0, 63)
        heading = angle[cells[:, 1], cells[:, 0]]
        for part in np.linspace(0, 1, max(1, round(fine * stride)), endpoint=False):
            step = stride * part
            px = ((place[:, 0] + step * np.cos(heading)) * fine).astype(int)
            py = ((place[:, 1] + step * np.sin(heading)) * fine).astype(int)
            inside = (px >= 0) & (px < fine) & (py >= 0) & (py < fine)
            np.add.at(total, (py[inside], px[inside]), tone[inside])
            np.add.at(cover, (py[inside], px[inside]), 1.0)
        place = place + stride * np.stack([np.cos(heading), np.sin(heading)], axis=1)
    threads = total / np.maximum(cover, 1)[..., None]
    thick = np.minimum(cover, 1.0)[..., None]
    picture = ground * (1 - thick) + threads * thick
    k = fine // size
    return picture.reshape(size, k, size, k, 3).mean(axis=(1, 3))
