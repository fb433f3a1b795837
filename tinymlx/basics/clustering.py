"""k-means: groups in data that nobody has labelled.

``x`` holds one point in each row, shape ``(N, D)``; ``centroids`` one centre in each row,
shape ``(K, D)``. Where nothing else is said the digits of the inputs are kept: float16 stays
float16, and float64 stays float64.
"""

from typing import NamedTuple

import mlx.core as mx

from ._arrays import at_least_float32


class Clusters(NamedTuple):
    """What ``kmeans`` found."""

    centroids: mx.array  # (K, D)
    labels: mx.array  # (N,), the index of each point's centroid
    inertia: mx.array  # (steps,), the sum of squared distances that each step started from


def squared_distances(x: mx.array, centroids: mx.array) -> mx.array:
    r"""How far is each point from each centre: :math:`d_{nk} = \sum_j (x_{nj} - c_{kj})^2`.

    From the differences themselves: the expanded form :math:`|x|^2 - 2 x \cdot c + |c|^2`
    subtracts large numbers when the points lie far from the origin, and has no digits left.

    Shape:
        ``(N, D)`` and ``(K, D)`` to ``(N, K)``.

    Raises:
        ValueError: when the two do not have two axes with the same ``D``.
    """
    raise NotImplementedError(
        "1.14 squared_distances - exercises/ch01_machine_learning/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def kmeans_step(x: mx.array, centroids: mx.array) -> tuple[mx.array, mx.array]:
    """One step of Lloyd's algorithm: label the points, then move the centres.

    Each point takes the label of its nearest centre (of the first, in a tie); each centre moves
    to the mean of the points that took its label. A centre that no point took stays in place.
    Sums and counts are taken in float32 at least (``at_least_float32``): a float16 ends at 65504,
    and counts in steps of two from 2048 on. The new centres have the dtype of the old ones.

    Shape:
        ``(N, D)`` and ``(K, D)`` to the new centroids ``(K, D)`` and the labels ``(N,)``, of any
        integer dtype. The labels belong to the centroids that came in.
    """
    raise NotImplementedError(
        "1.15 kmeans_step - exercises/ch01_machine_learning/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def kmeans(x: mx.array, centroids: mx.array, max_steps: int = 100) -> Clusters:
    """Repeat ``kmeans_step`` from the given centres until no point changes its label.

    The step whose labels equal those of the step before is the last one (its centres are where
    they were); at most ``max_steps`` steps are made. ``inertia[t]`` is the sum, over the points,
    of the squared distance to the nearest of the centres from which step ``t`` started. It never
    grows.

    Shape:
        ``(N, D)`` and ``(K, D)`` to ``Clusters``: centroids ``(K, D)``, labels ``(N,)`` and
        inertia ``(steps,)``.

    Raises:
        ValueError: when ``max_steps`` is less than 1.
    """
    raise NotImplementedError(
        "1.16 kmeans - exercises/ch01_machine_learning/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )


def kmeans_plus_plus(x: mx.array, count: int, key: mx.array) -> mx.array:
    """Starting centres that are spread out (Arthur and Vassilvitskii, 2007). Given.

    The first is a point drawn at random; each further one is a point drawn with a probability
    proportional to its squared distance from the nearest centre so far.

    Shape:
        ``(N, D)`` to ``(count, D)``.

    Raises:
        ValueError: unless ``1 <= count <= N``.
    """
    if not 1 <= count <= len(x):
        raise ValueError(f"kmeans_plus_plus: cannot choose {count} centres from {len(x)} points")
    keys = mx.random.split(key, count)
    chosen = [mx.random.randint(0, len(x), (), key=keys[0])]
    for k in keys[1:]:
        distances = squared_distances(x, x[mx.stack(chosen)])  # (N, len(chosen))
        logits = mx.log(mx.min(distances, axis=1))  # log 0 = -inf: never drawn again
        chosen.append(mx.random.categorical(logits, key=k))
    return x[mx.stack(chosen)].astype(mx.float32)
