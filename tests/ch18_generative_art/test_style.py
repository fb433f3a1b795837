"""18.1: Gram matrices and three losses; 18.4: shadows on lines."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("18.1")
@pytest.mark.parametrize("shape", [(2, 4, 5, 3), (1, 1, 1, 4), (3, 7, 2, 6), (2, 3, 3, 1)])
def test_gram_matrices(check, draw, shape):
    """Values and slopes; one position, one channel."""
    g = draw.normal(shape[0], shape[-1], shape[-1])
    check("gram_of", maps=draw.normal(*shape), g=g, terms=shape[1] * shape[2])


@exercise("18.1")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_gram_matrices_of_half_precision(check, draw, probe, dtype):
    """4,096 places with squares of 400: float16 ends at 65,504."""
    maps = np.round(draw.uniform(1, 64, 64, 2, low=18, high=22) * 4) / 4  # exact in both
    found = probe("gram_half", maps=maps, dtype=dtype)
    assert found["dtype"] == "float32"
    rows = maps.astype(np.float64).reshape(-1, 2)
    assert agree(found["y"][0], rows.T @ rows / len(rows), terms=len(rows))


@exercise("18.1")
def test_gram_matrices_fit_into_memory(probe, draw):
    """No table of all products at all places."""
    found = probe("gram_memory", maps=draw.normal(1, 64, 64, 32))
    assert found["waits"], "nothing should be computed before it is asked for"
    assert not found["much"], "more memory than three times the maps was taken"
    assert found["y"].shape == (1, 32, 32) and found["y"].any()


@exercise("18.1")
def test_maps_that_are_none(check, draw, probe):
    """Three axes; no positions."""
    assert probe("gram_of", maps=draw.normal(1, 2, 2, 3), g=draw.normal(1, 3, 3))["y"].any()
    g = draw.normal(1, 3, 3)
    check.raises("gram_of", "ValueError", match="maps", maps=draw.normal(4, 5, 3), g=g)
    for shape in ((1, 0, 4, 3), (1, 4, 0, 3)):
        check.raises("gram_of", "ValueError", match="maps", maps=np.zeros(shape, np.float32), g=g)


@exercise("18.1")
@pytest.mark.parametrize(
    "shape, own", [((3, 4, 2), 3), ((2, 5), 2), ((3, 4, 2), 1), ((1, 2, 2, 3), 1)]
)
def test_relative_errors(check, draw, shape, own):
    """Each picture by its own target; one target for all."""
    target = draw.normal(own, *shape[1:]) * np.arange(1, own + 1).reshape(
        -1, *[1] * (len(shape) - 1)
    )
    terms = int(np.prod(shape[1:]))
    check("relative", x=draw.normal(*shape), target=target.astype(np.float32),
          g=draw.normal(), terms=terms, scale=10.0)  # fmt: skip


@exercise("18.1")
def test_a_target_of_zeros(check, draw):
    """It divides by 1; a tiny one divides by itself."""
    target = draw.normal(3, 4, 2)
    target[1] = 0
    check("relative", x=draw.normal(3, 4, 2), target=target, g=draw.normal(), scale=20.0)
    small = (1e-6 * draw.normal(2, 5)).astype(np.float32)
    check("relative", x=3 * small, target=small, g=np.full((), 1e-6, np.float32), terms=5)


@exercise("18.1")
def test_relative_errors_in_half_precision(probe):
    """The sum of 5,000 squares of 20 is beyond float16."""
    x, target = np.full((1, 5000), 22, np.float32), np.full((1, 5000), 20, np.float32)
    found = probe("relative_half", x=x, target=target)
    assert found["dtype"] == "float32"
    assert agree(found["y"], 0.01, terms=5000)


def layers(draw, n=2):
    shapes = ((n, 6, 5, 3), (n, 3, 2, 4), (n, 2, 2, 2))
    sizes = (1.0, 40.0, 3.0)
    maps = [(s * draw.normal(*shape)).astype(np.float32) for s, shape in zip(sizes, shapes)]
    targets = [draw.normal(n, m.shape[-1], m.shape[-1]) * s * s for m, s in zip(maps, sizes)]
    return maps, [t.astype(np.float32) for t in targets]


@exercise("18.1")
@pytest.mark.parametrize("weights", [[0.5, 2.0, 1.0], [0.0, 1.0, 0.0]])
def test_style_losses(check, draw, weights):
    """Three layers, whose numbers are of different sizes; slopes of maps and targets."""
    maps, targets = layers(draw)
    check("style", maps=maps, targets=targets, weights=weights, g=draw.normal(), terms=30, scale=50)


@exercise("18.1")
def test_style_losses_without_weights(check, draw):
    """The mean over layers; one style for all pictures; another style is another loss."""
    maps, targets = layers(draw)
    check("style_by_default", maps=maps, targets=targets, terms=30, scale=20)
    check("style_by_default", maps=maps[:1], targets=targets[:1], terms=30, scale=20)
    check("style_by_default", maps=maps[:2], targets=[t[:1] for t in targets[:2]], terms=30,
          scale=20)  # fmt: skip


@exercise("18.1")
def test_not_as_many_layers(check, draw, probe):
    """None; more targets than layers; fewer weights."""
    maps, targets = layers(draw)
    assert probe("style_by_default", maps=maps, targets=targets)["y"] > 0
    check.raises("style_by_default", "ValueError", match="layers", maps=[], targets=[])
    check.raises("style_by_default", "ValueError", match="layers", maps=maps[:2], targets=targets)
    check.raises("style_by_default", "ValueError", match="layers", maps=maps, targets=targets[:2])
    g = draw.normal()
    check.raises("style", "ValueError", match="layers", maps=maps, targets=targets,
                 weights=[1.0, 1.0], g=g)  # fmt: skip
    check.raises("style", "ValueError", match="layers", maps=maps[:2], targets=targets[:2],
                 weights=[1.0, 1.0, 1.0], g=g)  # fmt: skip


@exercise("18.1")
def test_total_variation(check, draw):
    """Both directions, all pictures; sides that differ."""
    check("variation", x=draw.normal(2, 4, 7, 3), g=draw.normal(), terms=150)
    check("variation", x=10 + draw.normal(1, 9, 2, 1), g=draw.normal(), terms=20, scale=20.0)


@exercise("18.1")
def test_variation_along_a_line(probe, draw):
    """One row, one column, one pixel: an axis without neighbours costs nothing."""
    x = draw.normal(1, 1, 5, 2)
    expected = np.mean(np.diff(x.astype(np.float64), axis=2) ** 2)
    assert agree(probe("variation_only", x=x)["y"], expected, terms=8)
    assert agree(probe("variation_only", x=x.swapaxes(1, 2))["y"], expected, terms=8)
    assert agree(probe("variation_only", x=x[:, :, :1])["y"], 0.0)
    found = probe("variation_only", x=x.astype(np.float16))
    assert found["dtype"] == "float16" and found["y"] > 0


@exercise("18.4")
@pytest.mark.parametrize("count, dims", [(1, 1), (7, 3), (50, 16)])
def test_directions(probe, draw, count, dims):
    """Rows of length 1, that follow from the key."""
    found = probe("directions", count=count, dims=dims, seed=draw.seed())
    x = found["x"].astype(np.float64)
    assert x.shape == (count, dims) and found["dtype"] == "float32"
    assert agree((x**2).sum(1), np.ones(count), terms=dims)
    assert found["again"]
    assert found["other"] == (dims == 1 and count == 1) or dims == 1


@exercise("18.4")
def test_no_direction_is_preferred(probe, draw):
    """In the plane, angles fill eight sectors evenly: 4,000 of them, chi squared below 35.

    With 7 degrees of freedom a value above 35 has probability 1.1e-5.
    """
    x = probe("directions", count=4000, dims=2, seed=draw.seed())["x"]
    angle = np.arctan2(x[:, 1], x[:, 0])
    counts = np.bincount(((angle + np.pi) / (2 * np.pi) * 8).astype(int) % 8, minlength=8)
    shifted = np.bincount(
        ((angle + np.pi + np.pi / 8) / (2 * np.pi) * 8).astype(int) % 8, minlength=8
    )
    for found in (counts, shifted):
        assert ((found - 500) ** 2 / 500).sum() < 35, found


@exercise("18.4")
@pytest.mark.parametrize("n, m", [(6, 6), (1, 1), (5, 7), (4, 6), (1, 3), (8, 2), (9, 3)])
def test_clouds_of_any_size(check, draw, n, m):
    """As many points, a divisor, neither; slopes reach both."""
    lines = draw.normal(4, 3)
    check("apart", a=draw.normal(n, 3), b=2 + draw.normal(m, 3), lines=lines, g=draw.normal(),
          terms=n + m, scale=30.0)  # fmt: skip


@exercise("18.4")
def test_against_scipy(probe, draw):
    """Two points at one place each: the squared distance of SciPy's on every line."""
    a, b = draw.normal(1, 2), draw.normal(5, 2)
    b = (b[:1] + np.zeros((5, 1))).astype(np.float32)
    lines = draw.normal(3, 2)
    expected = [wasserstein_distance(*(x.astype(np.float64) @ line for x in (a, b))) ** 2
                for line in lines.astype(np.float64)]  # fmt: skip
    assert agree(probe("apart_only", a=a, b=b, lines=lines)["y"], np.mean(expected), terms=6)
    shift = np.float32([3, 0])
    many = draw.normal(40, 2)
    found = probe("apart_only", a=many, b=many + shift, lines=np.eye(2, dtype=np.float32))
    assert agree(found["y"], 4.5, terms=40), "moved by 3 along one of two lines: 9 / 2"


@exercise("18.4")
def test_many_points_of_two_sizes(probe, draw):
    """300 and 70,000 points: ends at multiples up to 2.1e7, indices that float32 would miss."""
    a = np.linspace(0, 1, 300, dtype=np.float32)[:, None]
    b = np.linspace(0, 1, 70_000, dtype=np.float32)[:, None] ** 2
    u = (np.arange(2_100_000) + 0.5) / 2_100_000
    expected = np.mean((a[(u * 300).astype(int), 0].astype(np.float64)
                        - b[(u * 70_000).astype(int), 0]) ** 2)  # fmt: skip
    found = probe("apart_only", a=a, b=b, lines=np.ones((1, 1), np.float32))["y"]
    assert abs(found - expected) < 2e-6, (found, expected)


@exercise("18.4")
def test_clouds_in_half_precision(probe):
    """Squares of 300 are beyond float16."""
    a, b = np.zeros((4, 1), np.float32), np.full((4, 1), 300, np.float32)
    found = probe("apart_half", a=a, b=b, lines=np.ones((2, 1), np.float32))
    assert found["dtype"] == "float32"
    assert agree(found["y"], 90_000.0)


@exercise("18.4")
@pytest.mark.parametrize("n, m", [(2000, 2000), (2000, 1500)])
def test_clouds_fit_into_memory(probe, draw, n, m):
    """No table of each point with each."""
    found = probe("apart_memory", a=draw.normal(n, 4), b=draw.normal(m, 4), lines=draw.normal(3, 4))
    assert found["waits"], "nothing should be computed before it is asked for"
    assert not found["much"], "memory grows with the product of both sizes"
    assert found["y"] > 0


@exercise("18.4")
def test_features_that_do_not_fit(check, probe, draw):
    """Other numbers of features; empty clouds; no directions."""
    a, b, lines = draw.normal(4, 3), draw.normal(5, 3), draw.normal(2, 3)
    assert probe("apart_only", a=a, b=b, lines=lines)["y"] > 0
    bad = ((a[:, :2], b, lines), (a, b[:, :2], lines), (a, b, lines[:, :2]),
           (a[:0], b, lines), (a, b[:0], lines), (a, b, lines[:0]), (a[0], b, lines),
           (a[:0, :1], b[:, :1], lines[:, :1]), (a[:0], b[:0], lines[:0]))  # fmt: skip
    for x, y, z in bad:
        check.raises("apart_only", "ValueError", match="features", a=x, b=y, lines=z)
