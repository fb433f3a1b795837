"""Lower bounds of the log-likelihood, for models with ``encode`` and ``decode``.

``model.encode(x)`` returns the mean and the log-variance of the code, ``(N, D)`` each;
``model.decode(z)`` the logits of the pixels for codes ``(..., N, D)``.
"""

from __future__ import annotations

import math

from tinymlx import core
from tinymlx.core import array
from tinymlx.latent.gaussian import kl_to_standard, log_density, reparameterized
from tinymlx.latent.likelihoods import bernoulli, binarized
from tinymlx.nn import Module


def terms(model: Module, x: array, noise: array) -> tuple[array, array]:
    """The two terms of the evidence lower bound.

    Args:
        model: with ``encode`` and ``decode``.
        x: black-and-white pictures, ``(N, ...)``.
        noise: standard normal numbers, ``(N, D)``: one draw of the code of each picture.

    Returns:
        The log-probability of each picture given its code, ``(N,)``, and the divergence of each
        number of each code from the standard Gaussian, ``(N, D)``.
    """
    raise NotImplementedError(
        "10.10 terms - exercises/ch10_autoencoder/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def elbo(log_likelihood: array, kl: array, beta: float | array = 1.0) -> array:
    """The evidence lower bound of each example, in nats; with a ``beta`` other than 1, the goal of
    a beta-VAE.

    Args:
        log_likelihood: ``(N,)``, of each example.
        kl: ``(N, D)``, of each number of each code.
        beta: the weight of the divergence.

    Shape:
        ``(N,)`` and ``(N, D)`` to ``(N,)``.
    """
    raise NotImplementedError(
        "10.10 elbo - exercises/ch10_autoencoder/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def importance_weighted(model: Module, x: array, noise: array) -> array:
    r"""The bound with several draws of each code.

    With :math:`z_1, \dots, z_K` drawn from :math:`q(z | x)`,

    .. math:: \log \frac1K \sum_k \frac{p(x | z_k) \, p(z_k)}{q(z_k | x)} .

    With one draw it is a bound like :func:`elbo`; its expectation grows with ``K`` and tends to
    :math:`\log p(x)`. It is exact also where the quotients are as small as :math:`e^{-1000}`.

    Args:
        model: with ``encode`` and ``decode``.
        x: black-and-white pictures, ``(N, ...)``.
        noise: standard normal numbers, ``(K, N, D)``.

    Returns:
        ``(N,)``, in nats.

    Source: Y. Burda, R. Grosse and R. Salakhutdinov, Importance weighted autoencoders (2015),
    https://arxiv.org/abs/1509.00519
    """
    raise NotImplementedError(
        "10.11 importance_weighted - exercises/ch10_autoencoder/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def held_out(
    model: Module, x: array, dims: int, draws: int = 1, batch_size: int = 100, seed: int = 0
) -> float:
    """The mean bound of pictures that were not trained on, in nats.

    The model is in evaluation mode meanwhile and afterwards in the mode in which it was, also when
    something was raised. The pictures are made black and white, whatever greys they have. Every
    picture counts alike, also if the last batch is smaller; all have noise of their own.

    Args:
        model: with ``encode`` and ``decode``.
        x: pictures from 0 to 1, ``(N, ...)``.
        dims: the numbers of a code.
        draws: the ``K`` of :func:`importance_weighted`.
        batch_size: how many pictures at a time.
        seed: what the noise follows from, ``core.random.key(seed)`` split into one key a batch; the
            global random state is left alone.
    """
    raise NotImplementedError(
        "10.11 held_out - exercises/ch10_autoencoder/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
