r"""The Frechet distance: how far one cloud of features is from another.

Take both clouds for normal distributions. The distance of two of these has a closed form,

.. math:: d^2 = \|\mu_1 - \mu_2\|^2 + \text{tr}(C_1) + \text{tr}(C_2)
          - 2 \, \text{tr}\left((C_1 C_2)^{1/2}\right)

(it is their Wasserstein distance for squared ways). With features of an Inception network it is
called FID; here they are those of the course's judge, ``tinymlx.data.judge``.

Sources: D. Dowson and B. Landau (1982); M. Heusel et al. (2017), https://arxiv.org/abs/1706.08500
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def mean_and_covariance(features: array) -> tuple[array, array]:
    r"""The mean and the unbiased covariance of features, in float64.

    .. math:: C = \frac{1}{N - 1} \sum_n (f_n - \mu)(f_n - \mu)^\top

    Args:
        features: ``(N, D)`` with N at least 2.

    Returns:
        ``(D,)`` and ``(D, D)``.

    Raises:
        ValueError: it is no table of at least two rows.
    """
    raise NotImplementedError(
        "9.15 mean_and_covariance - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def trace_of_root(a: array, b: array) -> array:
    r"""The trace of :math:`(A B)^{1/2}` for two covariances.

    :math:`A B` is not symmetric. But :math:`A^{1/2} B A^{1/2}` is, and has the same eigenvalues;
    the trace of a root is the sum of their roots. Of a symmetric matrix
    :math:`V \text{diag}(\lambda) V^\top` the root is :math:`V \text{diag}(\lambda^{1/2}) V^\top`.
    Eigenvalues of a covariance are never negative; where rounding makes one so, it is 0.

    Args:
        a, b: ``(D, D)``, float64, symmetric, of any rank.

    Returns:
        A scalar.
    """
    raise NotImplementedError(
        "9.15 trace_of_root - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def frechet_distance(first: array, second: array) -> array:
    r"""The squared distance :math:`d^2` of two clouds of features.

    Args:
        first, second: ``(N, D)`` and ``(M, D)``.

    Returns:
        A scalar in float64, at least 0.
    """
    (mu1, c1), (mu2, c2) = mean_and_covariance(first), mean_and_covariance(second)
    with core.stream(core.cpu):
        apart = core.sum(core.square(mu1 - mu2))
        spread = core.trace(c1) + core.trace(c2) - 2 * trace_of_root(c1, c2)
        return core.maximum(apart + spread, 0)


def frechet_ratio(made: array, real: array, other: array) -> array:
    """The distance of made from real, as a multiple of that of real from real.

    Two samples of the same distribution are not at distance 0: the fewer examples, the further
    apart. So all three are cut to the length of the shortest, the first rows of each, and the
    distance of ``made`` to ``real`` is divided by that of ``other`` to ``real``. A perfect
    generator has about 1.

    Args:
        made: features of what a generator made, ``(N, D)``.
        real: features of real examples.
        other: features of *other* real examples.

    Returns:
        A scalar.
    """
    raise NotImplementedError(
        "9.15 frechet_ratio - exercises/ch09_gan/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
