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
        pca = PCA(x, x.shape[1])
        self.mean = pca.mean
        self.noise = core.mean(pca.variances[count:]).item()
        lengths = core.sqrt(core.maximum(pca.variances[:count] - self.noise, 0.0))
        self.weight = pca.components[:count].T * lengths

    def log_likelihood(self, x: array) -> array:
        r"""The logarithm of the density of each row, ``(N, D)`` to ``(N,)``, in nats.

        A row is Gaussian, with mean :math:`\mu` and the covariance :math:`C = W W^\top + s^2 I`.
        """
        dims = x.shape[1]
        c = self.weight @ self.weight.T + self.noise * core.eye(dims)
        lower = core.linalg.cholesky(c, stream=core.cpu)
        away = core.linalg.solve_triangular(lower, (x - self.mean).T, stream=core.cpu)
        half_log_det = core.sum(core.log(core.diag(lower)))
        distance = core.sum(core.square(away), axis=0)
        return -0.5 * (dims * math.log(2 * math.pi) + distance) - half_log_det

    def posterior(self, x: array) -> tuple[array, array]:
        r"""What is known of the code of each row.

        It is Gaussian, with the covariance :math:`s^2 M^{-1}` and the mean
        :math:`M^{-1} W^\top (x - \mu)`, where :math:`M = W^\top W + s^2 I`. The columns of
        :math:`W` are orthogonal, so :math:`M` is diagonal.

        Returns:
            The mean of each code, ``(N, count)``, and the variance of its numbers, ``(count,)``,
            the same for all rows.
        """
        diagonal = core.sum(core.square(self.weight), axis=0) + self.noise
        return (x - self.mean) @ self.weight / diagonal, self.noise / diagonal
