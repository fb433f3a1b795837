"""Means of windows that count only what is there."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn.layers.pooling import cut


def average_inside(x: array, size: int, stride: int, padding: int) -> array:
    """The mean of every window over those of its pixels that lie inside of the picture.

    ``nn.AvgPool2d`` pads with zeros and divides by ``size * size`` everywhere, so that the border
    becomes darker. Here each window is divided by the number of its pixels that are no padding.
    :func:`.cut` returns the windows of a padded picture, ``(N, H', W', size, size, C)``.

    Args:
        x: pictures, ``(N, H, W, C)``.
        size: the side of a window.
        stride: the step from one window to the next.
        padding: how far windows may reach beyond the picture, at most ``size // 2``, so that no
            window is empty.

    Returns:
        ``(N, H', W', C)`` with ``(H + 2 padding - size) // stride + 1`` rows, and columns likewise.

    Raises:
        ValueError: ``padding`` is negative or more than ``size // 2``.
    """
    if not 0 <= padding <= size // 2:
        raise ValueError(
            f"[average_inside] padding should be from 0 to {size // 2} for size {size}; it is "
            f"{padding}."
        )
    border = [(0, 0), (padding, padding), (padding, padding), (0, 0)]
    there = core.ones((1, *x.shape[1:3], 1), dtype=x.dtype)
    totals, counts = (
        core.sum(cut(core.pad(each, border), (size, size), (stride, stride)), axis=(3, 4))
        for each in (x, there)
    )
    return totals / counts
