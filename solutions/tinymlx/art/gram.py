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
    if maps.ndim != 4 or maps.shape[0] * maps.shape[1] * maps.shape[2] == 0:
        raise ValueError(
            f"[gram_matrix] maps should be (N, H, W, C) with at least one position; they are "
            f"{maps.shape}."
        )
    n, height, width, channels = maps.shape
    rows = maps.astype(core.float32).reshape(n, height * width, channels)
    return rows.swapaxes(1, 2) @ rows / (height * width)


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
    if x.shape[0] == 0:
        raise ValueError("[relative_error] There should be at least one picture.")
    x, target = x.astype(core.float32), target.astype(core.float32)
    axes = tuple(range(1, x.ndim))
    size = core.sum(core.square(target), axis=axes)
    apart = core.sum(core.square(x - target), axis=axes)
    return core.mean(apart / core.where(size > 0, size, 1.0))


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
    count = len(maps)
    if weights is None:
        weights = [1 / max(count, 1)] * count
    if not count or len(targets) != count or len(weights) != count:
        raise ValueError(
            f"[style_loss] There should be as many targets and weights as layers, and at least "
            f"one; there are {count} layers, {len(targets)} targets and {len(weights)} weights."
        )
    total = core.zeros((), core.float32)
    for layer, target, weight in zip(maps, targets, weights):
        total = total + weight * relative_error(gram_matrix(layer), target)
    return total


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
    down, across = x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1]
    parts = [core.mean(core.square(step)) for step in (down, across) if step.size]
    return sum(parts, core.zeros((), x.dtype))
