"""Paintings without a painter: endless pictures in nine named styles, each from a seed. Given.

Nobody holds a right on them, there are as many as one wants, and which style a picture has is known
for certain: that makes them the data of chapter 18, and the measure of what it generates.

    >>> paint("glass", seed=3, size=64).shape
    (64, 64, 3)

A style is a function in a file of its own, from a generator of random numbers and a size to numbers
from 0 to 1. What it draws is laid out on the unit square, so that the same seed gives the same
picture at another size, finer or coarser.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral

import numpy as np

from .flow import flow
from .glass import glass
from .julia import julia
from .points import points
from .reaction import reaction
from .strokes import strokes
from .truchet import truchet
from .waves import waves
from .woodcut import woodcut

Style = Callable[[np.random.Generator, int], np.ndarray]

#: The styles by name, in the order of their labels.
STYLES: dict[str, Style] = {
    "flow": flow,
    "glass": glass,
    "julia": julia,
    "points": points,
    "reaction": reaction,
    "strokes": strokes,
    "truchet": truchet,
    "waves": waves,
    "woodcut": woodcut,
}
SMALLEST, LARGEST = 16, 1024


def paint(style: str, seed: int, size: int = 64) -> np.ndarray:
    """One painting.

    Args:
        style: a name of :data:`STYLES`.
        seed: which one, a whole number from 0; the same seed is the same painting.
        size: the side in pixels, a whole number from 16 to 1024.

    Returns:
        ``(size, size, 3)`` float32, red, green and blue from 0 to 1.

    Raises:
        ValueError: there is no such style, or the seed or the size is none or out of range.
    """
    if style not in STYLES:
        raise ValueError(f"There is no style {style!r}; there are {', '.join(STYLES)}.")
    if not isinstance(seed, Integral) or seed < 0:
        raise ValueError(f"seed is {seed!r}; it must be a whole number, at least 0.")
    if not isinstance(size, Integral) or not SMALLEST <= size <= LARGEST:
        raise ValueError(
            f"size is {size!r}; it must be a whole number from {SMALLEST} to {LARGEST} pixels."
        )
    size = int(size)  # NumPy's whole numbers are welcome
    rng = np.random.default_rng([list(STYLES).index(style), int(seed)])
    return np.clip(STYLES[style](rng, size), 0, 1).astype(np.float32)


def collection(
    count: int, size: int = 64, styles: Sequence[str] = tuple(STYLES), seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """``count`` paintings, the styles in turn.

    Args:
        count: how many.
        size: the side in pixels.
        styles: which ones.
        seed: the seeds begin at ``seed * 1_000_000``, so that collections of different seeds have
            no painting in common.

    Returns:
        ``(count, size, size, 3)`` float32, and ``(count,)`` int32, places in ``styles``.

    Raises:
        ValueError: fewer than no paintings, or no styles.
    """
    if count < 0 or not len(styles):
        raise ValueError(
            f"There should be at least 0 paintings in at least one style; they are {count} in "
            f"{len(styles)}."
        )
    labels = (np.arange(count) % len(styles)).astype(np.int32)
    return part(0, count, size, styles, seed), labels


def part(
    start: int, stop: int, size: int = 64, styles: Sequence[str] = tuple(STYLES), seed: int = 0
) -> np.ndarray:
    """Those of a :func:`collection` from number ``start`` up to, without, ``stop``."""
    x = np.empty((stop - start, size, size, 3), np.float32)
    for i in range(start, stop):
        name = styles[i % len(styles)]
        x[i - start] = paint(name, seed * 1_000_000 + i // len(styles), size)
    return x
