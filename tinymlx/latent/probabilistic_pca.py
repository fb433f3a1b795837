"""Probabilistic PCA: a linear decoder whose likelihood, posterior and optimum are known."""

from __future__ import annotations

import math

from tinymlx import core
from tinymlx.core import array
from tinymlx.latent.pca import PCA


class ProbabilisticPCA:
    r"""Codes :math:`z \sim \mathcal N(0, I)`, rows :math:`x \sim \mathcal N(W z + \mu, s^2 I)`.

    Attributes:
        mean: :math:`\mu`, ``(D,)``.
        weight: :math:`W`, ``(D, count)``.
        noise: :math:`s^2`, a number.

    Source: M. Tipping and C. Bishop, Probabilistic principal component analysis (1999).
    """

    def __init__(self, x: array, count: int) -> None:
        r"""The most likely parameters for the rows of ``x``.

        With the variances :math:`v_1 \ge v_2 \ge \dots \ge v_D` of all components :math:`u_i`
        (:class:`.PCA`), :math:`s^2` is the mean of those beyond the first ``count``, and column
        :math:`i` of :math:`W` is :math:`\sqrt{v_i - s^2} \, u_i`.

        Args:
            x: ``(N, D)``, with more rows than ``D``.
            count: the numbers of a code, less than ``D``.
        """
        raise NotImplementedError(
            "10.12 __init__ - exercises/ch10_autoencoder/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def log_likelihood(self, x: array) -> array:
        r"""The logarithm of the density of each row, ``(N, D)`` to ``(N,)``, in nats.

        A row is Gaussian, with mean :math:`\mu` and the covariance :math:`C = W W^\top + s^2 I`.
        """
        raise NotImplementedError(
            "10.12 log_likelihood - exercises/ch10_autoencoder/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def posterior(self, x: array) -> tuple[array, array]:
        r"""What is known of the code of each row.

        It is Gaussian, with the covariance :math:`s^2 M^{-1}` and the mean
        :math:`M^{-1} W^\top (x - \mu)`, where :math:`M = W^\top W + s^2 I`. The columns of
        :math:`W` are orthogonal, so :math:`M` is diagonal.

        Returns:
            The mean of each code, ``(N, count)``, and the variance of its numbers, ``(count,)``,
            the same for all rows.
        """
        raise NotImplementedError(
            "10.12 posterior - exercises/ch10_autoencoder/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )
