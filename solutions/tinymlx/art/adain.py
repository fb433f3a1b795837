r"""Adaptive instance normalization: one picture's statistics, given to the maps of another.

Source: X. Huang and S. Belongie (2017), https://arxiv.org/abs/1703.06868
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def statistics(maps: array, mask: array | None = None, eps: float = 1e-5) -> tuple[array, array]:
    r"""Mean and deviation of each channel of each picture over its places.

    .. math:: \mu = \frac{\sum_p m_p F_p}{\sum_p m_p}, \qquad
              \sigma = \sqrt{\frac{\sum_p m_p (F_p - \mu)^2}{\sum_p m_p} + \epsilon}

    where :math:`m` is 1 everywhere without a mask. A picture whose mask is 0 everywhere has mean 0
    and deviation :math:`\sqrt\epsilon`. Computed in float32, with the mean taken away first. Slopes
    reach maps and mask.

    Args:
        maps: ``(N, H, W, C)``.
        mask: how much each place counts, ``(N, H, W)`` or ``(1, H, W)``, at least 0.
        eps: :math:`\epsilon`.

    Returns:
        Both ``(N, 1, 1, C)``, float32.
    """
    if mask is None:
        mask = core.ones((1, *maps.shape[1:3]))
    share = mask.astype(core.float32)[..., None]
    total = core.sum(share, axis=(1, 2), keepdims=True)
    share = share / core.where(total > 0, total, 1.0)
    mean = core.sum(share * maps, axis=(1, 2), keepdims=True)
    variance = core.sum(share * core.square(maps - mean), axis=(1, 2), keepdims=True)
    return mean, core.sqrt(variance + eps)


def adain(
    content: array,
    style: array,
    strength: float = 1.0,
    mask: array | None = None,
    eps: float = 1e-5,
) -> array:
    r"""Maps of the content with mean and deviation of the style.

    .. math:: y = \sigma_s \frac{x - \mu_x}{\sigma_x} + \mu_s

    and of that a share :math:`\alpha`, the strength: :math:`x + \alpha \, m \, (y - x)`. With a
    mask :math:`m` the statistics of the *content* are taken within it, those of the style from all
    of it, and only within the mask something changes. Both deviations have the same
    :math:`\epsilon`: a picture with itself stays as it is. All is computed in float32; the result
    has the dtype of the content. Slopes reach content, style and mask.

    Args:
        content: ``(N, H, W, C)``.
        style: ``(N, H', W', C)``, or one for all with 1 in the place of ``N``.
        strength: :math:`\alpha`, any number; 0 changes nothing.
        mask: from 0 to 1, ``(N, H, W)`` or ``(1, H, W)``.
        eps: as for :func:`statistics`.

    Returns:
        ``(N, H, W, C)``.

    Raises:
        ValueError: content and style have not the same channels; the message has the word
            "channels".
    """
    if content.shape[-1] != style.shape[-1]:
        raise ValueError(
            f"[adain] Content and style should have the same channels; they have "
            f"{content.shape[-1]} and {style.shape[-1]}."
        )
    mean, deviation = statistics(content, mask, eps)
    new_mean, new_deviation = statistics(style, None, eps)
    y = new_deviation * ((content - mean) / deviation) + new_mean
    share = strength if mask is None else strength * mask.astype(core.float32)[..., None]
    return (content + share * (y - content)).astype(content.dtype)
