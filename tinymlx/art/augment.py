"""Pictures that a discriminator cannot learn by heart: DiffAugment.

Source: S. Zhao et al. (2020), https://arxiv.org/abs/2006.10738
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array
from tinymlx.vision.augmentation import cropped, several
from tinymlx.vision.mixing import cutout


def recoloured(x: array, brightness: array, saturation: array, contrast: array) -> array:
    r"""Every picture brighter, more or less colourful, and with more or less contrast.

    In this order, for picture :math:`n`: :math:`b_n` is added; with :math:`g` the mean over the
    channels of each pixel, :math:`x \leftarrow g + s_n (x - g)`; with :math:`m` the mean over the
    whole picture, :math:`x \leftarrow m + c_n (x - m)`. Nothing is cut off: what is cut has no
    slope. Nothing is evaluated, here and below, so that a step may be compiled.

    Args:
        x: pictures, ``(N, H, W, C)``.
        brightness, saturation, contrast: :math:`b`, :math:`s` and :math:`c`, ``(N,)`` each, any
            numbers.

    Returns:
        An array of the shape and dtype of ``x``.
    """
    raise NotImplementedError(
        "18.8 recoloured - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def diff_augment(
    x: array, shift: float = 0.125, hole: float = 0.5, share: float = 1.0, key: array | None = None
) -> array:
    """Every picture in other colours, moved, and with a hole; with a slope all the way.

    Three changes in this order, all drawn anew for each picture:

    * :func:`recoloured` with a brightness uniform from -0.5 to 0.5, a saturation from 0 to 2 and a
      contrast from 0.5 to 1.5;
    * moved by whole pixels, up to ``int(shift * H + 0.5)`` up or down and up to
      ``int(shift * W + 0.5)`` left or right, each as likely as the others; zeros come in;
    * a hole of zeros, a square with ``int(hole * H + 0.5)`` pixels a side, around any
      pixel (:func:`.cutout`); none if that is 0.

    Each picture is changed with probability ``share``, otherwise it comes back as it is.

    Args:
        x: pictures, ``(N, H, W, C)``, usually from -1 to 1.
        shift: how far a picture may move, as a share of its sides.
        hole: the side of the hole, as a share of the height.
        share: of the pictures that are changed.
        key: what the draw follows from; by default the global random state. Real and made
            pictures go through the same function, each with draws of its own.

    Returns:
        An array of the shape and dtype of ``x``.

    Raises:
        ValueError: ``shift``, ``hole`` or ``share`` is not from 0 to 1; the message names it.
    """
    raise NotImplementedError(
        "18.8 diff_augment - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
