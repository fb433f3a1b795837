r"""The distance of two clouds of features, one direction at a time.

Sources: J. Rabin et al., Wasserstein barycenter and its application to texture mixing (2011);
E. Heitz et al. (2020), https://arxiv.org/abs/2006.07229
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def random_directions(count: int, dims: int, key: array | None = None) -> array:
    """Directions, each drawn anew, each as likely as any other: normal numbers, of length 1.

    Args:
        count: how many.
        dims: of the space, at least 1.
        key: what the draw follows from; by default the global random state.

    Returns:
        ``(count, dims)`` float32, rows of length 1.
    """
    raise NotImplementedError(
        "18.4 random_directions - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def sliced_wasserstein(a: array, b: array, directions: array) -> array:
    r"""The mean squared Wasserstein distance of the shadows of two clouds on lines.

    On a line the best way to carry one cloud to another keeps the order. Let :math:`A(u)` be the
    number below which a share :math:`u` of the shadow of the first cloud lies, :math:`B` likewise;
    then

    .. math:: W^2 = \int_0^1 (A(u) - B(u))^2 \, du

    For clouds of one size that is the mean squared difference of the sorted numbers. For others
    both are steps: :math:`A` has the ``i``-th smallest number for :math:`u` from :math:`i/N` to
    :math:`(i+1)/N`. The result is exact for any two sizes, in ``O((N + M) P)`` memory for ``P``
    directions. Computed in float32. Slopes reach both clouds.

    Args:
        a, b: ``(N, C)`` and ``(M, C)``, at least one point each.
        directions: ``(P, C)``.

    Returns:
        A scalar in float32: the mean over the directions.

    Raises:
        ValueError: the clouds and the directions have not all the same number of features, or
            something is empty; the message has the word "features".
    """
    raise NotImplementedError(
        "18.4 sliced_wasserstein - exercises/ch18_generative_art/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def _multiples(count: int, step: int) -> array:
    """``step``, ``2 * step`` and so on, ``count`` of them, in int64."""
    return core.arange(1, count + 1, dtype=core.int64) * step
