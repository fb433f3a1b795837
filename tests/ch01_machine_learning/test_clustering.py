"""Judges of ``tinymlx/basics/clustering.py``."""

import numpy as np
import pytest

from course.grading.marks import exercise


def blobs(draw, n, centres, spread=0.3):
    """``n`` points around each of the centres."""
    centres = np.asarray(centres, dtype=np.float32)
    noise = draw.normal(len(centres), n, centres.shape[1], scale=spread)
    return (centres[:, None] + noise).reshape(-1, centres.shape[1])


@exercise("1.14")
@pytest.mark.parametrize("n, k, d", [(8, 3, 2), (3, 8, 5), (1, 4, 3), (6, 1, 1)])
def test_every_point_to_every_centre(check, draw, n, k, d):
    """More points than centres and the reverse; one of either; one column."""
    check("squared_distances", x=draw.normal(n, d), centroids=draw.normal(k, d) + 2, terms=d)


@exercise("1.14")
def test_digits_survive_far_from_the_origin(check, draw):
    """Points near (1000, 1000), a few units apart: the expanded form has no digits left.

    Measured on 200 seeds, in units of this tolerance: the differences at most 0.04, the expanded
    form 3700 or more.
    """
    x, centroids = draw.normal(20, 2) + 1000, draw.normal(3, 2) + 1000
    check("squared_distances", x=x, centroids=centroids, terms=2)


@exercise("1.14")
def test_distances_of_integers_and_wrong_shapes(check, draw):
    """Counts as coordinates; columns that do not match; a point without its axis."""
    check(
        "squared_distances",
        x=draw.integers(5, 2, low=-4, high=5),
        centroids=draw.normal(3, 2) + 9,
        terms=2,
    )
    check.raises(
        "squared_distances", "ValueError", x=draw.normal(5, 2), centroids=draw.normal(3, 1)
    )
    check.raises("squared_distances", "ValueError", x=draw.normal(2), centroids=draw.normal(3, 2))


@exercise("1.15")
@pytest.mark.parametrize("n, k, d", [(30, 3, 2), (25, 4, 3), (9, 1, 2), (1, 1, 2), (12, 2, 1)])
def test_one_step_of_lloyd(check, draw, n, k, d):
    """Labels by the old centres, centres at the new means."""
    x = draw.normal(n, d, scale=3) + 1
    check("kmeans_step", x=x, centroids=draw.normal(k, d, scale=3) + 2, terms=n, scale=10.0)


@exercise("1.15")
def test_a_centre_without_points_stays(check, draw):
    """Neither NaN nor the origin: where it was."""
    x = draw.normal(12, 2)
    centroids = np.float32([[0, 0], [50, -60], [1, 1]])
    check("kmeans_step", x=x, centroids=centroids, terms=12, scale=60.0)


@exercise("1.15")
def test_ties_go_to_the_first_centre(check):
    """Two centres at one place: the second gets nothing and stays."""
    x = np.float32([[1, 0], [3, 0], [9, 0]])
    check("kmeans_step", x=x, centroids=np.float32([[2, 5], [2, 5], [8, 0]]), terms=3)


@exercise("1.16")
def test_three_groups_are_found(check, draw):
    """Until no label changes: the same path as the reference, step for step.

    (A point within rounding of the border could differ; the groups lie ten spreads apart.)
    """
    x = blobs(draw, 15, [[0, 0], [4, 0], [0, 4]])
    check("kmeans", x=x, centroids=x[[0, 1, 20]], max_steps=50, terms=45, scale=300.0)


@exercise("1.16")
def test_it_stops_when_told(check, draw):
    """One step only; and a single cluster, which needs two steps to notice that it is done."""
    x = blobs(draw, 10, [[0, 0, 1], [5, 0, 1]])
    check("kmeans", x=x, centroids=x[[0, 1]], max_steps=1, terms=20, scale=300.0)
    check("kmeans", x=x, centroids=x[:1], max_steps=50, terms=20, scale=300.0)
    check.raises("kmeans", "ValueError", match="max_steps", x=x, centroids=x[:2], max_steps=0)


@exercise("1.16")
def test_inertia_never_grows(probe, draw):
    """Each step lowers the sum of squared distances, or leaves it: from any start."""
    x = draw.normal(200, 2)
    found = probe("kmeans", x=x, centroids=x[:5], max_steps=100)
    inertia = found["inertia"].astype(np.float64)
    assert 2 <= len(inertia) < 100, "it should stop after a few dozen steps, when no label changes"
    assert inertia[0] > inertia[-1] > 0
    assert np.all(np.diff(inertia) <= 1e-5 * inertia[0])  # rounding of a float32 sum of 200 numbers
    distances = ((x[:, None] - found["centroids"]) ** 2).sum(axis=2)
    assert abs(distances.min(axis=1).sum() - inertia[-1]) < 1e-3 * inertia[-1]
