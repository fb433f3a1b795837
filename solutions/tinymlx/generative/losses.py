r"""What each side wants, from logits.

The discriminator returns a *logit* :math:`l` for each example, and holds it for real with
probability :math:`\sigma(l)`. A loss of the discriminator takes the logits of real and of made
examples, one of the generator only those of what it made. All are means over the batch.

``softplus`` is :math:`\log(1 + e^x)`, so that :math:`-\log \sigma(l) = \text{softplus}(-l)` and
:math:`-\log(1 - \sigma(l)) = \text{softplus}(l)`, for logits of any size.

Sources: I. Goodfellow et al. (2014), https://arxiv.org/abs/1406.2661; X. Mao et al. (2016),
https://arxiv.org/abs/1611.04076; J. Lim and J. Ye (2017), https://arxiv.org/abs/1705.02894
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn import relu, softplus


def discriminator_loss(real: array, fake: array) -> array:
    r"""Cross entropy of real against made:
    :math:`-\text{E}[\log \sigma(\text{real})] - \text{E}[\log(1 - \sigma(\text{fake}))]`.

    The sum of two means, not their mean: a discriminator that knows nothing has log 4.

    Args:
        real, fake: logits, ``(N,)`` and ``(M,)``.

    Returns:
        A scalar, finite for finite logits, and so are its slopes.
    """
    return core.mean(softplus(-real)) + core.mean(softplus(fake))


def minimax_loss(fake: array) -> array:
    r"""What the generator minimizes if it wants exactly what the discriminator does not:
    :math:`\text{E}[\log(1 - \sigma(\text{fake}))]`.

    Args:
        fake: logits of what the generator made, ``(N,)``.

    Returns:
        A scalar, at most 0.
    """
    return -core.mean(softplus(fake))


def nonsaturating_loss(fake: array) -> array:
    r"""What the generator minimizes in practice: :math:`-\text{E}[\log \sigma(\text{fake})]`.

    Args:
        fake: logits of what the generator made, ``(N,)``.

    Returns:
        A scalar, at least 0.
    """
    return core.mean(softplus(-fake))


def least_squares_discriminator_loss(real: array, fake: array) -> array:
    r"""Distance to the labels 1 and 0:
    :math:`\tfrac12 \text{E}[(\text{real} - 1)^2] + \tfrac12 \text{E}[\text{fake}^2]`.

    Args:
        real, fake: outputs of the discriminator, ``(N,)`` and ``(M,)``; no sigmoid is applied.
    """
    return (core.mean(core.square(real - 1)) + core.mean(core.square(fake))) / 2


def least_squares_generator_loss(fake: array) -> array:
    r"""The generator wants to be labelled 1: :math:`\tfrac12 \text{E}[(\text{fake} - 1)^2]`."""
    return core.mean(core.square(fake - 1)) / 2


def hinge_discriminator_loss(real: array, fake: array) -> array:
    r"""Real above 1, made below -1, and no more than that:
    :math:`\text{E}[\max(0, 1 - \text{real})] + \text{E}[\max(0, 1 + \text{fake})]`.

    Args:
        real, fake: outputs of the discriminator, ``(N,)`` and ``(M,)``.
    """
    return core.mean(relu(1 - real)) + core.mean(relu(1 + fake))


def hinge_generator_loss(fake: array) -> array:
    r"""The generator has no margin: :math:`-\text{E}[\text{fake}]`."""
    return -core.mean(fake)
