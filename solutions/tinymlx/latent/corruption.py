"""Spoiled inputs: a network that has to mend them cannot just copy."""

from __future__ import annotations

from collections.abc import Callable

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn import Module


def masked(x: array, share: float, key: array | None = None) -> array:
    """Each number is replaced by 0 with probability ``share``; the others stay as they are.

    Args:
        x: of any shape.
        share: from 0 to 1.
        key: what the draw follows from; by default the global random state.
    """
    return core.where(core.random.uniform(shape=x.shape, key=key) < share, core.zeros_like(x), x)


def salted(x: array, share: float, key: array | None = None) -> array:
    """Each number is replaced with probability ``share``, by 0 or by 1, each in half of the cases.

    Args, shape: as for :func:`masked`.
    """
    draw = core.random.uniform(shape=x.shape, key=key)
    x = core.where(draw < share / 2, core.zeros_like(x), x)
    return core.where((draw >= share / 2) & (draw < share), core.ones_like(x), x)


def noisy(x: array, deviation: float, key: array | None = None) -> array:
    """Gaussian noise of this standard deviation on every number."""
    return x + deviation * core.random.normal(x.shape, key=key).astype(x.dtype)


def denoising_loss(model: Module, x: array, corrupt: Callable[[array], array]) -> array:
    """How far ``model`` is from the clean ``x`` when it sees a spoiled one: the mean of the squared
    differences.

    Args:
        model: a function from pictures to pictures.
        x: clean pictures.
        corrupt: spoils pictures. In evaluation mode (``model.training`` is false) it is not
            called: then the model gets ``x`` itself.

    Returns:
        A number, without axes.

    Source: P. Vincent, H. Larochelle, Y. Bengio and P.-A. Manzagol, Extracting and composing robust
    features with denoising autoencoders (2008).
    """
    seen = corrupt(x) if model.training else x
    return core.mean(core.square(model(seen) - x))


def sparsity(units: array, share: float = 0.05) -> array:
    r"""The penalty for units that are on more, or less, often than asked for.

    With :math:`a_j` the mean of unit :math:`j` over the batch, it is the divergence of two coins,
    :math:`\sum_j \rho \log \frac{\rho}{a_j} + (1 - \rho) \log \frac{1 - \rho}{1 - a_j}`.

    Args:
        units: ``(N, D)``, strictly between 0 and 1 (outputs of a sigmoid).
        share: :math:`\rho`.

    Source: A. Ng, Sparse autoencoder, CS294A lecture notes (2011).
    """
    mean = core.mean(units, axis=0)
    on = share * (core.log(core.array(share)) - core.log(mean))
    off = (1 - share) * (core.log(core.array(1 - share)) - core.log(1 - mean))
    return core.sum(on + off)
