"""Turned, sheared, scaled and shifted pictures, by one sampler."""

from __future__ import annotations

import math

from tinymlx import core
from tinymlx.core import array
from tinymlx.vision.augmentation import several


def affine_grid(theta: array, height: int, width: int) -> array:
    r"""Where each pixel of a result comes from.

    Places are counted from -1 to 1 from the outer edge of the first pixel to the outer edge of the
    last one: column :math:`j` of :math:`W` has its middle at :math:`(2 j + 1) / W - 1`, a row
    likewise.
    The pixel of the result at :math:`(u, v)` comes from :math:`\theta \, (u, v, 1)^\top`, where
    :math:`u` counts along the width and :math:`v` along the height.

    Args:
        theta: ``(N, 2, 3)``; the first row makes places along the width.
        height: of the result.
        width: of the result.

    Returns:
        ``(N, height, width, 2)``, the place along the width first, in the dtype of ``theta``.
    """
    raise NotImplementedError(
        "16.7 affine_grid - exercises/ch16_image_classification/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def grid_sample(x: array, grid: array, padding: str = "zeros") -> array:
    r"""Pictures read at any places, with straight lines between the pixels.

    A place :math:`u` from -1 to 1 (as in :func:`affine_grid`) lies at :math:`((u + 1) W - 1) / 2`
    among
    the columns 0 to W - 1. Of the four pixels around it each counts with the product of 1 less its
    distance along both axes. Pixels outside of the picture are zeros; with ``"border"`` places are
    first moved to the nearest place within the middles of the outer pixels.

    Places are computed in float32, also in half precision, where a column above 2048 would not
    exist; the result has the dtype of ``x``. Slopes reach both ``x`` and ``grid``. Places may be
    far outside. All pictures are read at once: the number of operations does not grow with N.

    Args:
        x: pictures, ``(N, H, W, C)``.
        grid: ``(N, H', W', 2)``, the place along the width first.
        padding: ``"zeros"`` or ``"border"``.

    Returns:
        ``(N, H', W', C)``.

    Raises:
        ValueError: another padding; the message has the word "padding".

    Source: M. Jaderberg et al. (2015), https://arxiv.org/abs/1506.02025
    """
    raise NotImplementedError(
        "16.7 grid_sample - exercises/ch16_image_classification/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def matrices(angle: array, scale: array, shear: array, shift: array) -> array:
    """The matrices that turn, scale, shear and shift pictures, for :func:`affine_grid`.

    Args:
        angle: by how many radians to turn, ``(N,)``.
        scale: how many times larger things become, ``(N,)``.
        shear: by how much rows slide per row, ``(N,)``.
        shift: along the width and the height, ``(N, 2)``, in half pictures.

    Returns:
        ``(N, 2, 3)``.
    """
    c, s = core.cos(angle) / scale, core.sin(angle) / scale
    first = core.stack([c, s + shear * c, -shift[:, 0]], axis=-1)
    second = core.stack([-s, c - shear * s, -shift[:, 1]], axis=-1)
    return core.stack([first, second], axis=1)


def random_affine(x: array, strength: float = 0.5, key: array | None = None) -> array:
    """The geometric part of RandAugment: every picture turned, scaled, sheared and shifted.

    Args:
        x: pictures, ``(N, H, W, C)``.
        strength: at 1 up to 30 degrees, 30 % and a third of the picture.
        key: what the draw follows from; by default the global random state.

    Source: E. Cubuk et al. (2019), https://arxiv.org/abs/1909.13719
    """
    n = x.shape[0]
    draws = [core.random.uniform(-strength, strength, (n,), key=k) for k in several(key, 5)]
    angle, larger, shear, across, down = draws
    shift = core.stack([across, down], axis=-1) / 3
    theta = matrices(angle * (math.pi / 6), 1 + 0.3 * larger, shear / 3, shift)
    return grid_sample(x, affine_grid(theta, *x.shape[1:3]), "border").astype(x.dtype)
