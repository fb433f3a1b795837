"""Pictures that continue at their edges, so that copies beside each other show no seam.

Source for the contrast of mixtures: E. Heitz and F. Neyret, High-performance by-example noise using
a histogram-preserving blending operator (2018).
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def seamless(x: array) -> array:
    r"""A tile from each picture: copies of it can be laid beside each other in both directions.

    How is up to you. What is promised, for each picture and channel, and any sides from 1 on:

    * the pixel in the middle, row ``H // 2`` and column ``W // 2``, stays what it is;
    * nothing is darker than the darkest pixel of the picture's channel or brighter than its
      brightest;
    * a picture of one colour stays as it is; and :math:`a x + b` becomes :math:`a y + b` where
      :math:`x` becomes :math:`y`, for :math:`a > 0`: no colour is special;
    * no seam: on a picture that is a straight ramp along an axis with :math:`n` pixels, from 0 to
      1, no two neighbours differ by more than :math:`8 / n`, where the last row's neighbour is the
      first one, and likewise for columns;
    * it is not blurred: on independent random pixels, the standard deviation in each row and
      in each column, averaged over many pictures, is at least 0.8 of the input's.

    Pictures do not depend on others of the batch, nor on chance.

    Args:
        x: pictures, ``(N, H, W, C)``, any floating numbers.

    Returns:
        ``(N, H, W, C)`` in the dtype of ``x``.
    """
    y = x.astype(core.float32)
    low, high = core.min(y, axis=(1, 2), keepdims=True), core.max(y, axis=(1, 2), keepdims=True)
    mean = core.mean(y, axis=(1, 2), keepdims=True)
    for axis in (1, 2):
        n = y.shape[axis]
        # The same picture, moved by half, continues at the edges; its own seam is in the middle.
        moved = core.roll(y, n // 2, axis=axis)
        u = core.minimum(core.arange(n), n - core.arange(n)) / max(n // 2, 1)  # 0 at the edge
        share = (core.minimum(u, 1.0)).reshape(-1, 1, 1) if axis == 1 else u.reshape(-1, 1)
        share = core.square(core.sin(share * (core.pi / 2)))
        kept = core.sqrt(core.square(share) + core.square(1 - share))  # of the deviation
        y = mean + (share * (y - mean) + (1 - share) * (moved - mean)) / kept
    return core.clip(y, low, high).astype(x.dtype)
