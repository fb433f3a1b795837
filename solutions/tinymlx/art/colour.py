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
    if x.shape[1:] != colours.shape[1:] or x.shape[-1] != 3:
        raise ValueError(
            f"[with_colours_of] Both pictures should be (N, H, W, 3) and equally large; they are "
            f"{x.shape} and {colours.shape}."
        )
    weights = core.array(YIQ[0], core.float32)
    kept = colours.astype(core.float32)
    lighter = core.sum((x - kept) * weights, axis=-1, keepdims=True)
    return core.clip(kept + lighter, 0.0, 1.0).astype(x.dtype)


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
    if x.shape[-1] != reference.shape[-1]:
        raise ValueError(
            f"[match_histograms] Both should have the same channels; they have {x.shape[-1]} and "
            f"{reference.shape[-1]}."
        )
    if x.size == 0 or reference.size == 0:
        raise ValueError("[match_histograms] There should be at least one picture with pixels.")

    def exchanged(x: array, reference: array) -> array:
        """The values of one channel of one picture, both ``(pixels,)``."""
        n, m = x.size, reference.size
        ordered = core.sort(reference)
        rank = core.searchsorted(core.sort(x), x, side="right").astype(core.int64)
        place = (rank * m + n - 1) // n - 1  # of the first value whose share is at least rank / n
        value = ordered[place]
        first = core.searchsorted(ordered, value).astype(core.int64)
        last = core.searchsorted(ordered, value, side="right")
        before = ordered[core.maximum(first - 1, 0)]
        along = (rank * m - first * n) / ((last - first) * n)
        return before + (value - before) * along

    n, channels = x.shape[0], x.shape[-1]
    rows = x.reshape(n, -1, channels)
    known = core.broadcast_to(reference, (n, *reference.shape[1:])).reshape(n, -1, channels)
    pictures = []
    for i in range(n):
        matched = [exchanged(rows[i, :, c], known[i, :, c]) for c in range(channels)]
        pictures.append(core.stack(matched, axis=-1))
    return core.stack(pictures).reshape(x.shape).astype(x.dtype)
