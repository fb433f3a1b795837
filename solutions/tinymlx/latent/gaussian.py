"""Gaussians whose numbers are independent: a mean and the logarithm of a variance for each."""

from __future__ import annotations

import math

from tinymlx import core
from tinymlx.core import array


def reparameterized(mean: array, log_variance: array, noise: array) -> array:
    r"""A draw from each Gaussian, made of a draw from the standard one: :math:`\mu + \sigma
    \varepsilon`.

    Args:
        mean: :math:`\mu`, ``(N, D)``.
        log_variance: :math:`\log \sigma^2`, ``(N, D)``.
        noise: :math:`\varepsilon`, standard normal numbers, ``(N, D)``, or ``(K, N, D)`` for ``K``
            draws of each.

    Returns:
        An array of the shape of ``noise``.

    Source: D. Kingma and M. Welling, Auto-encoding variational Bayes (2013).
    """
    return mean + core.exp(0.5 * log_variance) * noise


def kl_divergence(
    mean: array, log_variance: array, other_mean: array, other_log_variance: array
) -> array:
    """The Kullback-Leibler divergence of a Gaussian from another one, number by number.

    It is the mean of log q(z) - log p(z) for z drawn from q, in nats, and is exact: nothing is
    drawn. It is right for log-variances from -80 to 100; a variance of e^100 by itself would be
    infinite in float32.

    Args:
        mean, log_variance: of q.
        other_mean, other_log_variance: of p, in shapes that broadcast with those of q.

    Returns:
        The divergence of each number by itself, in the shape to which all four broadcast. Since the
        numbers are independent, that of the whole is the sum.
    """
    difference = other_log_variance - log_variance
    apart = core.square(mean - other_mean) * core.exp(-other_log_variance)
    return 0.5 * (difference + core.exp(-difference) + apart - 1)


def kl_to_standard(mean: array, log_variance: array) -> array:
    """:func:`kl_divergence` from the Gaussian of mean 0 and variance 1."""
    zero = core.zeros((), mean.dtype)
    return kl_divergence(mean, log_variance, zero, zero)


def log_density(x: array, mean: array, log_variance: array) -> array:
    """The logarithm of the density at ``x``, number by number, in the shape all broadcast to."""
    apart = core.square(x - mean) * core.exp(-log_variance)
    return -0.5 * (math.log(2 * math.pi) + log_variance + apart)
