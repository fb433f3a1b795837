"""Judges of 9.15 to 9.18: distances of clouds, coverage, neighbours, and arcs."""

import math

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("9.15")
@pytest.mark.parametrize("shape", [(9, 4), (2, 3), (30, 1)], ids=str)
def test_moments(check, draw, shape):
    """Unbiased, over the examples, in float64."""
    check("moments", features=3 + 2 * draw.normal(*shape), terms=shape[0], scale=32.0)


@exercise("9.15")
def test_moments_far_from_zero(probe, draw):
    """Centred before it is multiplied: a mean of 3,000 leaves the covariance as it is."""
    x = 3000 + draw.normal(50, 3)
    found = probe("moments", features=x)["covariance"]["value"]
    assert agree(found, np.cov(x.astype(np.float64), rowvar=False), terms=50)


@exercise("9.15")
def test_moments_of_fine_numbers(probe, draw):
    """float64 from the first step to the last."""
    x = draw.normal(20, 3)
    found, y = probe("fine_moments", features=x), x.astype(np.float64) / 3
    assert agree(found["mean"], y.mean(0).sum(), "float64", terms=60)
    assert agree(found["covariance"], np.cov(y, rowvar=False).sum(), "float64", terms=60)


@exercise("9.15")
@pytest.mark.parametrize("shape", [(1, 4), (0, 4), (4,), (2, 2, 2)], ids=str)
def test_no_cloud(check, draw, shape):
    """One example has no covariance; and a table that has."""
    check("moments", features=draw.normal(4, 2), terms=4, scale=8.0)
    check.raises("moments", "ValueError", match="at least", features=draw.normal(*shape))


def covariance(draw, n, rank, scale=1.0):
    x = draw.normal(rank, n).astype(np.float64) * scale
    return (x.T @ x / rank).astype(np.float32)


@exercise("9.15")
@pytest.mark.parametrize("n", [1, 3, 12])
def test_the_trace_of_a_root(probe, draw, n):
    """Against SciPy's root of the product, in float64."""
    a, b = covariance(draw, n, n + 2), covariance(draw, n, n + 3, 2.0)
    expected = np.trace(sqrtm(a.astype(np.float64) / 3 @ b.astype(np.float64) / 7).real)
    assert agree(probe("root_trace", a=a, b=b)["trace"], expected, "float64", terms=n**4 * 10**6)


@exercise("9.15")
def test_flat_clouds(probe, draw):
    """A covariance without full rank: roots of tiny negative numbers are 0, not nan.

    The root of a product of one matrix with itself, a third and a seventh, has that matrix's trace
    by the root of 21. A root makes 1e-16 of rounding into 1e-8: the tolerance is that of float32.
    """
    x = draw.normal(3, 8).astype(np.float64)
    a = (x.T @ x).astype(np.float32)
    expected = np.trace(x.T @ x) / math.sqrt(21)
    assert agree(probe("root_trace", a=a, b=a)["trace"], expected, terms=8)
    zero = np.zeros_like(a)
    zero[0, 0] = 4.0
    expected = 2 * np.sqrt(a[0, 0].astype(np.float64) / 21)
    assert agree(probe("root_trace", a=zero, b=a)["trace"], expected, terms=8)


def by_scipy(x, y):
    x, y = x.astype(np.float64), y.astype(np.float64)
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = np.trace(sqrtm(a @ b).real)
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * root


@exercise("9.15")
@pytest.mark.parametrize("sizes", [(40, 40), (30, 60)], ids=str)
def test_distances_of_clouds(probe, draw, sizes):
    """Of two clouds, either way round; and of one from itself, moved."""
    x, y = draw.normal(sizes[0], 6), 1 + 2 * draw.normal(sizes[1], 6)
    found = probe("clouds", first=x, second=y)["distance"]
    assert agree(found, by_scipy(x, y), terms=40)
    assert agree(probe("clouds", first=y, second=x)["distance"], found, terms=40)
    moved = np.round(x * 8) / 8
    assert agree(probe("clouds", first=moved, second=moved + 2)["distance"], 24.0, terms=40)
    assert agree(probe("clouds", first=x, second=x)["distance"], 0.0, terms=40)


@exercise("9.15")
@pytest.mark.parametrize("sizes", [(50, 30, 40), (20, 60, 30), (30, 30, 20)], ids=str)
def test_a_ratio(probe, draw, sizes):
    """Equally many of all three, and real from real below."""
    made, real, other = (draw.normal(n, 4) * s for n, s in zip(sizes, (1.5, 1, 1), strict=True))
    n = min(sizes)
    expected = by_scipy(made[:n], real[:n]) / by_scipy(other[:n], real[:n])
    found = probe("cloud_ratio", made=made, real=real, other=other)["ratio"]
    # SciPy's root of a matrix is good to 1e-10 or so; what float32 loses is 1e-8.
    assert agree(found, expected, "float64", terms=10**10)


# 9.16


@exercise("9.16")
@pytest.mark.parametrize("least", [0.05, 0.2, None])
@pytest.mark.parametrize("n", [40, 7])
def test_shares(check, draw, least, n):
    """Classes that never occur count as classes."""
    labels = draw.integers(n, low=1, high=6)
    labels[labels == 3] = 1
    check("shares", labels=labels, classes=8, least=least)


@exercise("9.16")
def test_a_generator_that_has_collapsed(check):
    """One class for everything; exactly the least share is enough, and a little less is not."""
    check("shares", labels=np.full(20, 3, np.int32), classes=4, least=0.5)
    labels = np.array([0, 0, 1, 1, 2, 2, 2, 3], np.int32)
    check("shares", labels=labels, classes=5, least=0.25)
    check("shares", labels=labels, classes=5, least=0.375)
    labels = np.arange(100, dtype=np.int32) % 10
    labels[0] = 1
    check("shares", labels=labels, classes=10, least=None)
    labels[labels == 5] = 4
    labels[:4] = 5  # four of a hundred are too few
    check("shares", labels=labels, classes=10, least=None)


CENTRES = np.array([[0, 0], [2, 0], [0, 2], [2, 2]], np.float32)


@exercise("9.16")
def test_modes(check, draw):
    """Points around three of four places, and some that belong to nobody."""
    points = np.repeat(CENTRES[:3], 20, axis=0) + 0.1 * draw.normal(60, 2)
    points[::7] = [1, 1]
    check("modes", x=points.astype(np.float32), centres=CENTRES, radius=0.6, terms=60)


@exercise("9.16")
@pytest.mark.parametrize("few", [1, 2, 3])
def test_a_mode_that_is_hardly_there(check, few):
    """With 40 points and four places, two are a fifth of a fair share. Those outside count in the
    share of what is between, and for nobody's place."""
    points = np.repeat(CENTRES[:1], 40, axis=0)
    points[:few] = CENTRES[1]
    points[few : few + 4] = [2.9, 2.9]
    check("modes", x=points, centres=CENTRES, radius=0.5)


@exercise("9.16")
def test_a_radius(check):
    """The rim belongs to it; the radius is a length, and not its square."""
    points = np.array([[0.5, 0], [0, 2.25], [2, 0.75], [1.5, 2]], np.float32)
    for radius in (0.5, 0.25, 0.6, 0.75):
        check("modes", x=points, centres=CENTRES, radius=radius)


@exercise("9.16")
def test_exactly_a_fifth(check):
    """20 of 400 points are a fifth of a fair share among four, and 19 are not."""
    for few in (19, 20):
        points = np.repeat(CENTRES[:1], 400, axis=0)
        points[:few] = CENTRES[1]
        check("modes", x=points, centres=CENTRES, radius=0.5)


@exercise("9.16")
def test_a_fair_share_is_of_all_points(check):
    """Of 100 points 80 lie between: the fair share among four places is 25 still, a fifth of it 5,
    and 4 points are too few."""
    points = np.repeat(np.array([[9, 9]], np.float32), 100, axis=0)
    points[:16] = CENTRES[0]
    points[16:20] = CENTRES[1]
    check("modes", x=points, centres=CENTRES, radius=0.5)


@exercise("9.16")
def test_two_places_in_reach(check):
    """All points sit on one of two places; the other is near enough, and has none of them."""
    points = np.zeros((10, 2), np.float32)
    check("modes", x=points, centres=np.array([[0, 0], [1, 0]], np.float32), radius=1.5)
    check("modes", x=points, centres=np.array([[1, 0], [0, 0]], np.float32), radius=1.5)


@exercise("9.16")
def test_places_in_more_dimensions(check, draw):
    """And with circles that overlap: a point belongs to one place only, the nearest."""
    centres = draw.normal(7, 3)
    x = np.concatenate([centres + 0.3 * draw.normal(7, 3) for _ in range(5)])
    check("modes", x=x.astype(np.float32), centres=centres, radius=1.5)


# 9.17


@exercise("9.17")
@pytest.mark.parametrize("sizes", [(5, 8), (1, 3), (6, 1)], ids=str)
def test_all_distances(probe, draw, sizes):
    """Squared, from each to each."""
    a, b = (draw.normal(n, 4) for n in sizes)
    found = probe("distances", a=a, b=b)["y"]
    assert found.shape == sizes and found.dtype == np.float32
    assert agree(found, cdist(a.astype(np.float64), b.astype(np.float64)) ** 2, terms=8)


@exercise("9.17")
def test_distances_by_one_product(probe, draw):
    """No array of all differences, which would have 128 numbers for each distance."""
    found = probe("distances", a=draw.normal(300, 128), b=draw.normal(400, 128))
    assert found["lean"], "more than 16 numbers are kept for each distance"
    assert found["y"].max() > 100


@exercise("9.17")
def test_a_point_from_itself(probe, draw):
    """Rounding makes no distance negative."""
    x = 30 + draw.normal(40, 16)
    found = probe("distances", a=x, b=x)["y"]
    assert found.min() >= 0 and found.max() > 1
    assert np.diag(found).max() < 1


@exercise("9.17")
@pytest.mark.parametrize("n, k", [(9, 1), (9, 3), (9, 8), (2, 1), (9, None)])
def test_radii(check, draw, n, k):
    """To the k-th of the others; three if nothing is said."""
    check("neighbour_radii", x=draw.normal(n, 3), k=k, terms=20)


@exercise("9.17")
def test_radii_of_twins(check, draw):
    """Two equal points are neighbours of each other."""
    x = np.concatenate([draw.integers(4, 3, low=-3, high=9)] * 2).astype(np.float32)
    for k in (1, 2):
        check("neighbour_radii", x=x, k=k, terms=20, scale=200.0)


@exercise("9.17")
@pytest.mark.parametrize("k", [0, -1, 5, 6])
def test_no_such_neighbour(check, draw, k):
    """Five points have four others each."""
    x = draw.normal(5, 2)
    check("neighbour_radii", x=x, k=4, terms=20)
    check.raises("neighbour_radii", "ValueError", match="k should be", x=x, k=k)


@exercise("9.17")
@pytest.mark.parametrize("k", [1, 4, None])
@pytest.mark.parametrize("spread", [0.3, 1.0, 3.0])
def test_precision_and_recall(check, draw, k, spread):
    """Against scikit-learn's neighbours: narrow ones are precise, wide ones recall."""
    check("precise", real=draw.normal(30, 3), made=spread * draw.normal(25, 3), k=k)


@exercise("9.17")
def test_neighbours_in_half_precision(check, draw):
    """The dtype of the points."""
    x, known = (draw.integers(6, 2, low=-4, high=5).astype("float16") for _ in range(2))
    known[:, 0] += np.arange(6) * 16
    check("nearest_known", x=x + known[:1] * 0, known=known, terms=8, scale=100.0)
    check("neighbour_radii", x=known, k=2, terms=8, scale=10000.0)


@exercise("9.17")
def test_the_rim_of_a_ball(check):
    """It belongs to it."""
    real = np.array([[0, 0], [2, 0]], np.float32)
    made = np.array([[0, 2], [5, 0], [9, 0]], np.float32)
    check("precise", real=real, made=made, k=1)


@exercise("9.17")
def test_a_copy_and_a_collapse(check, draw):
    """The same set has both 1; one point again and again has no recall."""
    x = draw.integers(12, 3, low=-9, high=9).astype(np.float32)
    check("precise", real=x, made=x, k=2)
    check("precise", real=x, made=np.repeat(x[:1], 6, axis=0), k=2)


@exercise("9.17")
def test_the_nearest(check, draw):
    """Which, and how far: a distance, not its square."""
    x, known = draw.normal(8, 5), draw.normal(20, 5)
    check("nearest_known", x=x, known=known, terms=30)
    check("nearest_known", x=x, known=known[:1], terms=30, scale=16.0)


# 9.18


@exercise("9.18")
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 6)], ids=str)
def test_arcs(check, draw, t, shape):
    """Vectors of any lengths, a number for t; and the slopes of both."""
    a, b = draw.normal(*shape), 2 * draw.normal(*shape)
    check("arc", a=a, b=b, t=t, g=draw.normal(*shape), terms=100, scale=32.0)


@exercise("9.18")
def test_arcs_with_many_ts(check, draw):
    """One vector to another in seven steps: t broadcasts."""
    a, b, t = draw.normal(1, 4), draw.normal(1, 4), draw.uniform(7, 1)
    check("arc", a=a, b=b, t=t, g=draw.normal(7, 4), terms=100, scale=32.0)


@exercise("9.18")
def test_an_arc_in_half_precision(check, draw):
    """The dtype of the vectors."""
    a, b, g = (draw.normal(2, 4, dtype="float16") for _ in range(3))
    check("arc", a=a, b=b, t=0.5, g=g, terms=4)


@exercise("9.18")
def test_cosines_a_little_above_one(probe, draw):
    """Rounding makes a cosine of 1.0000001 now and then, which is no cosine."""
    a = draw.normal(500, 3)
    for factor in (2.5, -2.5):
        y = probe("arc_values", a=a, b=(factor * a).astype(np.float32), t=0.25)["y"]
        expected = (0.75 + 0.25 * factor) * a
        near = np.abs(y - expected).max(axis=1) < 0.05 * np.abs(a).max()
        assert np.isfinite(y).all() and near.mean() > 0.2


@exercise("9.18")
@pytest.mark.parametrize("t", [0.25, 0.5])
def test_nearly_opposite(probe, t):
    """A sine of 0.005 or 0.003 still has an arc, of length 1, where a straight line goes through 0.

    The angle is good to a few roundings of a cosine, 2e-7, divided by the square of the sine: 2 %.
    """
    for missing in (0.005, 0.003):
        angle = math.pi - missing
        a = np.array([[1, 0]], np.float32)
        b = np.array([[math.cos(angle), math.sin(angle)]], np.float32)
        y = probe("arc_values", a=a, b=b, t=t)["y"]
        expected = np.array([[math.cos(t * angle), math.sin(t * angle)]])
        assert np.abs(y - expected).max() < 0.1


@exercise("9.18")
@pytest.mark.parametrize("t", [0.25, 0.5])
def test_the_same_direction(check, t):
    """Nowhere 0 / 0: equal vectors, opposite ones, and one that is an arc."""
    a = np.array([[0, 1, 0], [3, 0, 4], [0.6, 0.8, 0], [1, 0, 0]], np.float32)
    b = np.array([[0, 1, 0], [6, 0, 8], [-0.6, -0.8, 0], [0, 1, 0]], np.float32)
    check("arc_values", a=a, b=b, t=t, terms=10)
