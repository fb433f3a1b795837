"""Networks that learn to make what they have seen, by playing against each other (chapter 9).

=====================  ==============================================================
:mod:`.optimum`        the best discriminator of two known densities
:mod:`.losses`         minimax and non-saturating, least squares, hinge
:mod:`.wasserstein`    the loss of a critic, and the exact distance on a line
:mod:`.pairing`        relativistic losses: a real one against a made one
:mod:`.duel`           a step of each side, with the other one frozen
:mod:`.penalties`      on the slope of the critic by its input
:mod:`.spectral`       weights divided by their largest singular value
:mod:`.minibatch`      how much the examples of a batch differ
:mod:`.shadow`         a moving average of the generator
:mod:`.augmentation`   pictures changed for both sides, with a slope
:mod:`.interpolation`  from one latent vector to another, on a sphere
:mod:`.frechet`        the distance of two clouds of features
:mod:`.coverage`       which classes are made, which modes are found
:mod:`.neighbours`     precision, recall, and whether it copies
=====================  ==============================================================

The networks stand in :mod:`tinymlx.models`: ``dcgan`` and ``conditional_gan``.
"""

from . import (
    augmentation,
    coverage,
    duel,
    frechet,
    interpolation,
    losses,
    minibatch,
    neighbours,
    optimum,
    pairing,
    penalties,
    shadow,
    spectral,
    wasserstein,
)

__all__ = [
    "augmentation",
    "coverage",
    "duel",
    "frechet",
    "interpolation",
    "losses",
    "minibatch",
    "neighbours",
    "optimum",
    "pairing",
    "penalties",
    "shadow",
    "spectral",
    "wasserstein",
]
