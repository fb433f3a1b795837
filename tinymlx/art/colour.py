"""The style of one picture in the colours of another.

Source: L. Gatys et al. (2016), https://arxiv.org/abs/1606.05897
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array

#: Luminance, and two differences of colour, of red, green and blue: the NTSC's YIQ.
YIQ = ((0.299, 0.587, 0.114), (0.59590059, -0.27455667, -0.32134392),
       (0.21153661, -0.52273617, 0.31119955))  # fmt: skip


def with_colours_of(x: array, colours: array) -> array:
    r"""The light and dark of one picture, the colours of another.

    Every pixel is written as luminance and two differences of colour, :data:`YIQ` times its red,
    green and blue. The luminance is taken from ``x``, both differences from ``colours``, and the
    result is turned back by the inverse matrix. What lies outside of 0 to 1 then, and only then,
    is cut off.
    Nothing else need be known of the differences: only the luminance changes, by
    the same amount in all three channels.

    Args:
        x: pictures, ``(N, H, W, 3)``.
        colours: pictures of the same shape, or one for all with 1 in the place of ``N``.

    Returns:
        ``(N, H, W, 3)`` in the dtype of ``x``.

    Raises:
        ValueError: the pictures have not the same height and width, or not three channels; the
            message has the word "pictures".
    """
    raise NotImplementedError(
        "18.7 with_colours_of - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def match_histograms(x: array, reference: array) -> array:
    """Pictures whose colours are as often as in a reference: channel by channel.

    A value of which (or less) there is a share ``q`` in its channel becomes the value at which the
    share in the reference is ``q``: between two *different* values of the reference, next to each
    other, with their shares, lies a straight line; below the first share is the smallest value.
    Equal values stay equal, and the order of all others is kept.

    Args:
        x: pictures, ``(N, H, W, C)``.
        reference: pictures ``(N, H', W', C)`` of any size, or one for all with 1 in the place of
            ``N``.

    Returns:
        ``(N, H, W, C)`` in the dtype of ``x``; every picture by itself.

    Raises:
        ValueError: the channels differ, or there are no pixels; the message has the word "pixels"
            or "channels".
    """
    raise NotImplementedError(
        "18.7 match_histograms - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
