"""A step back, with noise: the mean of the posterior, and its variance."""

from __future__ import annotations

from typing import NamedTuple

from tinymlx import core
from tinymlx.core import array


class Posterior(NamedTuple):
    """What is known of the step before: its mean and its variance."""

    mean: array
    variance: array


def posterior(x: array, x0: array, signal: array, before: array) -> Posterior:
    r"""The distribution of the step before, given this one and the data: a Gaussian.

    The lesson derives its mean, a mixture of ``x0`` and ``x``, and its variance, from two Gaussians
    that are multiplied. Nothing is divided by :math:`\bar\alpha_t`, which may be 0 at the last
    step of a schedule, or by :math:`1 - \bar\alpha_{t'}`, which is 0 at the data.

    Args:
        x: :math:`x_t`, ``(N, ...)``.
        x0: the data, or what a network takes for them.
        signal: :math:`\bar\alpha_t`.
        before: :math:`\bar\alpha_{t'}`, above 0; 1 for the data themselves.

    Returns:
        Mean, in the shape of ``x``, and variance, in that of ``signal``.

    Source: J. Ho et al. (2020), equation 7, https://arxiv.org/abs/2006.11239
    """
    alpha = signal / before
    of_data = core.sqrt(before) * (1 - alpha) / (1 - signal)
    of_x = core.sqrt(alpha) * (1 - before) / (1 - signal)
    return Posterior(of_data * x0 + of_x * x, (1 - before) / (1 - signal) * (1 - alpha))


def ddpm_step(x: array, x0: array, signal: array, before: array, noise: array) -> array:
    """One step back: the posterior's mean, and noise with its variance.

    The last step ends at the data: its variance is 0, so no noise is added.

    Args:
        x, x0, signal, before: as for :func:`posterior`.
        noise: standard normal, in the shape of ``x``.
    """
    mean, variance = posterior(x, x0, signal, before)
    return mean + core.sqrt(variance) * noise
