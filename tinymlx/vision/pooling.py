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
    raise NotImplementedError(
        "7.10 average_inside - exercises/ch07_cnn/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
