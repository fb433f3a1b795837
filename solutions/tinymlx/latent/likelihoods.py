"""How probable a picture is, given what the decoder says of its pixels."""

from __future__ import annotations

import math

from tinymlx import core, nn
from tinymlx.core import array


def binarized(x: array, threshold: float = 0.5) -> array:
    """Ink or paper: 1 where ``x`` is above the threshold, else 0, in the dtype of ``x``."""
    return (x > threshold).astype(x.dtype)


def bernoulli(logits: array, x: array) -> array:
    r"""The log-probability of black-and-white pictures, one number for each.

    The decoder gives each pixel a logit :math:`a`; it is 1 with probability
    :math:`p = 1 / (1 + e^{-a})`, independently of the others. So the log-probability of a picture
    is the *sum* of :math:`x \log p + (1 - x) \log (1 - p)` over its pixels. It stays finite for
    logits of any size.

    Args:
        logits: ``(..., *shape)``, where leading axes may stand before those of ``x``.
        x: ``(N, *shape)``, of zeros and ones.

    Shape:
        Logits ``(..., N, *shape)`` and ``(N, *shape)`` to ``(..., N)``, in nats.
    """
    pixels = logits.reshape(*logits.shape[: logits.ndim - x.ndim + 1], -1)
    return -core.sum(nn.softplus(pixels) - x.reshape(x.shape[0], -1) * pixels, axis=-1)


def discretized_logistic(mean: array, log_scale: array, x: array, levels: int = 256) -> array:
    """The log-probability of each pixel that can have a number of levels.

    Under all the levels lies one logistic distribution, whose distribution function is
    sigmoid((v - mean) / scale). A level has the probability of the interval from half a step below
    it to half a step above it; the lowest level has everything below, too, and the highest one
    everything above, so that all probabilities sum to 1.

    Args:
        mean: of the distribution, on the scale from 0 to 1.
        log_scale: the logarithm of its scale.
        x: pixels from 0 to 1, each a multiple of ``1 / (levels - 1)``.
        levels: how many there are.

    Returns:
        Log-probabilities in nats, in the shape to which all broadcast; finite also for levels far
        from the mean and for small scales.

    Source: D. Kingma et al., Improved variational inference with inverse autoregressive flow
    (2016); T. Salimans et al., PixelCNN++ (2017).
    """
    half = 0.5 / (levels - 1)
    scale = core.exp(-log_scale)
    above, below = (x - mean + half) * scale, (x - mean - half) * scale
    up, down = nn.log_sigmoid(above), nn.log_sigmoid(-below)
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), where nothing cancels.
    inside = up + down + core.log(-core.expm1(-2 * half * scale))
    return core.where(x < half, up, core.where(x > 1 - half, down, inside))


def bits_a_dimension(nats: array, dims: int) -> array:
    """What a picture costs, per number of it and in bits.

    Args:
        nats: the *negative* log-probability of a whole picture whose pixels have levels, ``(...)``.
        dims: of how many numbers it consists.
    """
    return nats / (dims * math.log(2))
