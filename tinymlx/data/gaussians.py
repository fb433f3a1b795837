"""Points around 25 places: data whose density is known. Given.

A generator that has learned them finds all 25 places and puts nothing between them. That can be
counted; and because the density is known, so is the best discriminator.
"""

from __future__ import annotations

import math

import mlx.core as mx

SIDE = 5
SPACING = 1.0
SPREAD = 0.1


def centres() -> mx.array:
    """The 25 places, ``(25, 2)``: a grid around 0."""
    line = (mx.arange(SIDE) - (SIDE - 1) / 2) * SPACING
    x, y = mx.meshgrid(line, line, indexing="ij")
    return mx.stack([x.reshape(-1), y.reshape(-1)], axis=1)


def sample(count: int, key: mx.array | None = None) -> mx.array:
    """Points, ``(count, 2)``: each around a place drawn with equal chances."""
    keys = [None, None] if key is None else mx.random.split(key, 2)
    chosen = mx.random.randint(0, SIDE * SIDE, (count,), key=keys[0])
    return centres()[chosen] + SPREAD * mx.random.normal((count, 2), key=keys[1])


def log_density(x: mx.array) -> mx.array:
    """The logarithm of the density at points ``(N, 2)``: ``(N,)``."""
    squares = mx.square(x[:, None] - centres()).sum(axis=-1)  # (N, 25)
    each = -squares / (2 * SPREAD**2) - math.log(2 * math.pi * SPREAD**2 * SIDE**2)
    return mx.logsumexp(each, axis=1)


def log_normal(x: mx.array, spread: float = 1.5) -> mx.array:
    """The logarithm of the density of one broad normal distribution around 0, at ``(N, 2)``."""
    return -mx.square(x).sum(axis=-1) / (2 * spread**2) - math.log(2 * math.pi * spread**2)
