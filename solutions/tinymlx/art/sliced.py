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
    x = core.random.normal((count, dims), key=key)
    return x / core.linalg.norm(x, axis=1, keepdims=True)


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
    sizes = {x.shape[1] if x.ndim == 2 and x.shape[0] else 0 for x in (a, b, directions)}
    if len(sizes) != 1 or sizes == {0}:
        raise ValueError(
            f"[sliced_wasserstein] Clouds and directions should be tables with as many features, "
            f"and not empty; they are {a.shape}, {b.shape} and {directions.shape}."
        )
    lines = directions.astype(core.float32).T
    first = core.sort(a.astype(core.float32) @ lines, axis=0)  # (N, P)
    second = core.sort(b.astype(core.float32) @ lines, axis=0)  # (M, P)
    n, m = a.shape[0], b.shape[0]
    if n == m:
        return core.mean(core.square(first - second))
    # Where either steps, counted in shares of 1 / (n m): whole numbers, that nothing rounds.
    ends = core.sort(core.concatenate([_multiples(n, m), _multiples(m, n)]))
    widths = (ends - core.concatenate([core.zeros((1,), core.int64), ends[:-1]])) / (n * m)
    apart = first[(ends - 1) // m] - second[(ends - 1) // n]
    return core.mean(core.sum(widths[:, None] * core.square(apart), axis=0))


def _multiples(count: int, step: int) -> array:
    """``step``, ``2 * step`` and so on, ``count`` of them, in int64."""
    return core.arange(1, count + 1, dtype=core.int64) * step
