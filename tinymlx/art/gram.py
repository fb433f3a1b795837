r"""What style is to a network: which of its maps are strong together; and three losses.

Source: L. Gatys, A. Ecker and M. Bethge (2015), https://arxiv.org/abs/1508.06576
"""

from __future__ import annotations

from collections.abc import Sequence

from tinymlx import core
from tinymlx.core import array


def gram_matrix(maps: array) -> array:
    r"""Which channels are strong at the same places, wherever these are.

    .. math:: G_{ij} = \frac{1}{H W} \sum_p F_{pi} F_{pj}

    over all positions :math:`p` of one picture: a mean, so that pictures of different sizes can be
    compared. It is computed in float32, also for maps in half precision, whose products and sums
    soon leave the range of float16. No array with more than ``N * C * max(H * W, C)`` entries is
    made.

    Args:
        maps: ``(N, H, W, C)``, at least one picture and one position.

    Returns:
        ``(N, C, C)`` float32, symmetric.

    Raises:
        ValueError: there are not four axes, or no positions, or no pictures; the message has the
            word "maps".
    """
    raise NotImplementedError(
        "18.1 gram_matrix - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def relative_error(x: array, target: array) -> array:
    r"""How far ``x`` is from a target, as a share of the target's own size.

    .. math:: \frac{\sum (x - t)^2}{\sum t^2}

    for each picture, and then the mean over the pictures. A target that is exactly 0 everywhere
    divides by 1, and no other one does. Computed in float32, and nothing before it is asked for,
    here and below: a loss belongs into a compiled step.

    Args:
        x: ``(N, ...)``, at least one picture.
        target: of the same shape, or with 1 in the place of ``N``.

    Returns:
        A scalar in float32.

    Raises:
        ValueError: there is no picture, whose mean would be nan; the message has the word
            "picture".
    """
    raise NotImplementedError(
        "18.1 relative_error - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def style_loss(
    maps: Sequence[array], targets: Sequence[array], weights: Sequence[float] | None = None
) -> array:
    r"""How different the Gram matrices of several layers are from those of a style.

    .. math:: \sum_l w_l \; \frac{\|G_l - T_l\|^2}{\|T_l\|^2}

    Each layer is measured by its own target (:func:`relative_error`), so that one whose numbers
    are large does not drown the others.

    Args:
        maps: of each layer, ``(N, H, W, C)``; layers may have different shapes.
        targets: the Gram matrices of the style, ``(N, C, C)`` or ``(1, C, C)``.
        weights: of each layer; by default 1 / the number of layers each.

    Returns:
        A scalar in float32.

    Raises:
        ValueError: there is no layer, or not the same number of all three; the message has the
            word "layers".
    """
    raise NotImplementedError(
        "18.1 style_loss - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def total_variation(x: array) -> array:
    """How much neighbouring pixels differ: the price of noise.

    The mean squared difference of vertical neighbours plus that of horizontal ones, over all
    pictures, places and channels. Along an axis with one pixel there are no neighbours, and
    nothing to pay. A picture with a nan costs nan.

    Args:
        x: ``(N, H, W, C)``.

    Returns:
        A scalar in the dtype of ``x``.
    """
    raise NotImplementedError(
        "18.1 total_variation - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
