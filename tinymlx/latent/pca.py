"""Principal component analysis: the best code that is a linear map."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


class PCA:
    r"""The directions in which rows of numbers differ most.

    Attributes:
        mean: the mean of the rows, ``(D,)``.
        components: ``(count, D)``, orthonormal rows, the direction of the largest variance first.
            A direction and its opposite are the same direction; of the two it is the one whose
            element of largest size is positive.
        variances: of the rows along each component, ``(count,)``. Like scikit-learn's they are sums
            of squares divided by :math:`N - 1`.
        shares: each variance as a share of the sum over *all* directions, ``(count,)``.

    Source: K. Pearson, On lines and planes of closest fit to systems of points in space (1901).
    """

    def __init__(self, x: array, count: int) -> None:
        r"""Find the first ``count`` components of the rows of ``x``.

        With the centred rows :math:`X - \bar x = U S V^\top`, the components are the first rows
        of :math:`V^\top`. ``core.linalg.svd`` makes all of :math:`U`, which is :math:`N \times N`.
        The triangle :math:`R` of :math:`X - \bar x = QR` has the same :math:`S` and
        :math:`V^\top`, and is no larger than :math:`D \times D`.

        Args:
            x: ``(N, D)``, float32.
            count: how many; at most the smaller one of ``N`` and ``D``.

        Raises:
            ValueError: ``count`` is less than 1 or too large.
        """
        raise NotImplementedError(
            "10.1 __init__ - exercises/ch10_autoencoder/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def encode(self, x: array) -> array:
        """``(N, D)`` to ``(N, count)``: how far each row lies along each component, seen from the
        mean."""
        raise NotImplementedError(
            "10.1 encode - exercises/ch10_autoencoder/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def decode(self, z: array) -> array:
        """``(N, count)`` to ``(N, D)``: the row of the components' plane that has this code."""
        raise NotImplementedError(
            "10.1 decode - exercises/ch10_autoencoder/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )
