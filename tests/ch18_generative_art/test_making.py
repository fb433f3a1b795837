"""18.9: modulated kernels and mixed styles; 18.10: copies and diversity; 18.11: tiles."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("18.9")
@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("kernel", [(3, 3), (1, 1), (5, 3), (3, 5)])
def test_modulated_kernels(check, draw, demodulate, kernel):
    """As with kernels of each picture; slopes of maps, kernels and styles."""
    x, weight = draw.normal(3, 5, 6, 4), draw.normal(2, *kernel, 4)
    check("modulated", x=x, weight=weight, style=1 + draw.normal(3, 4), demodulate=demodulate,
          eps=0.3, g=draw.normal(3, 5, 6, 2), terms=200, scale=30.0)  # fmt: skip


@exercise("18.9")
def test_a_style_without_strength(probe, draw):
    """Ten times the style is the same picture; kernels of zeros stay finite."""
    x, weight, style = draw.normal(2, 4, 4, 3), draw.normal(5, 3, 3, 3), 1 + draw.uniform(2, 3)
    first = probe("modulated_only", x=x, weight=weight, style=style)["y"]
    again = probe("modulated_only", x=x, weight=weight, style=10 * style)["y"]
    assert agree(again, first, terms=60)
    assert first.std() > 0.5
    tiny = probe("modulated_only", x=x, weight=1e-6 * weight, style=style)["y"]
    wanted = first / np.sqrt(1 + 1e-8 / ((1e-6 * weight) ** 2 * style[:, None, None, None] ** 2)
                             .sum((2, 3, 4)))[:, None, None]  # fmt: skip
    assert agree(tiny, wanted, terms=60)


@exercise("18.9")
def test_no_kernels_of_single_pictures(probe, draw):
    """64 pictures: in memory there are not 64 times the kernels."""
    found = probe("modulated_memory", x=draw.normal(64, 2, 2, 48), weight=draw.normal(48, 3, 3, 48),
                  style=draw.normal(64, 48))  # fmt: skip
    assert not found["much"], "kernels of every picture were made"
    assert found["y"].shape == (64, 2, 2, 48) and found["y"].any()


@exercise("18.9")
def test_styles_of_another_size(check, probe, draw):
    """For other pictures, for other channels, one for all."""
    x, weight = draw.normal(2, 4, 4, 3), draw.normal(2, 3, 3, 3)
    assert probe("modulated_only", x=x, weight=weight, style=draw.normal(2, 3))["y"].any()
    for shape in ((1, 3), (2, 2), (3,)):
        check.raises("modulated_only", "ValueError", match="style", x=x, weight=weight,
                     style=draw.normal(*shape))  # fmt: skip


@exercise("18.9")
@pytest.mark.parametrize("shape, depth", [((4, 6), 3), ((2, 5, 6), 1), ((1, 6), 4)])
def test_styles_of_latent_vectors(check, draw, shape, depth):
    """Any axes before the last; leaky relu also in the end; slopes."""
    w = {}
    for i in range(depth):
        w |= {f"layers.{i}.weight": draw.normal(6, 6), f"layers.{i}.bias": draw.normal(6)}
    z = (3 * draw.normal(*shape)).astype(np.float32)
    check("mapped", z=z, w=w, g=draw.normal(*shape), terms=6**depth, scale=50.0)


@exercise("18.9")
def test_only_the_direction_counts(check, probe, draw):
    """A hundred times the vector is the same style; a vector of zeros has one, too."""
    w = {"layers.0.weight": draw.normal(4, 4), "layers.0.bias": draw.normal(4)}
    z = draw.normal(3, 4)
    first = probe("mapped", z=z, w=w, g=z)["y"]
    assert agree(probe("mapped", z=100 * z, w=w, g=z)["y"], first, terms=16)
    check("mapped", z=(1e-4 * z).astype(np.float32), w=w, g=z, terms=16, scale=1e4)
    found = probe("mapped", z=0 * z, w=w, g=z)
    bias = w["layers.0.bias"]
    assert agree(found["y"], np.tile(np.where(bias > 0, bias, 0.2 * bias), (3, 1)))
    assert np.isfinite(found["dx"]).all()


@exercise("18.9")
def test_mixed_styles(check, draw):
    """From nothing of the first to all of it."""
    first, second = draw.normal(6, 3), draw.normal(6, 3)
    crossover = np.array([0, 1, 2, 3, 4, 2], np.int32)
    check("mixed", first=first, second=second, crossover=crossover, layers=4)
    check("mixed", first=first[:1], second=second[:1], crossover=crossover[1:2], layers=1)


@exercise("18.9")
def test_mixed_shapes(check, probe, draw):
    """Two that do not fit."""
    z, c = draw.normal(2, 3), np.array([1, 1], np.int32)
    assert probe("mixed", first=z, second=z, crossover=c, layers=2)["y"].any()
    for other in (draw.normal(1, 3), draw.normal(2, 4)):
        check.raises("mixed", "ValueError", match="shapes", first=z, second=other, crossover=c,
                     layers=2)  # fmt: skip


@exercise("18.10")
@pytest.mark.parametrize("level", [0.05, 0.3, 0.99])
def test_copies(check, draw, level):
    """Some are copies, some are far away."""
    known, other = draw.normal(60, 4), draw.normal(47, 4)
    made = np.concatenate([known[:9] + 0.01 * draw.normal(9, 4), draw.normal(30, 4)])
    check("copies", made=made.astype(np.float32), known=known, other=other, level=level, terms=16,
          scale=100.0)  # fmt: skip
    check("copies_by_default", made=made.astype(np.float32), known=known, other=other, terms=16,
          scale=100.0)  # fmt: skip


@exercise("18.10")
def test_as_near_is_not_nearer(probe):
    """On a line: limits, ties and the smallest of few."""
    known = np.zeros((1, 1), np.float32)
    other = np.float32([[4], [1], [3], [2]])
    made = np.float32([[0.5], [1], [2], [9]])
    found = probe("copies", made=made, known=known, other=other, level=0.1)
    assert (found["limit"], found["share"]) == (1, 0.25), "at least the smallest; not as near"
    found = probe("copies", made=made, known=known, other=other, level=0.5)
    assert (found["limit"], found["share"]) == (2, 0.5)
    found = probe("copies", made=made, known=known, other=other, level=0.6)
    assert (found["limit"], found["share"]) == (2, 0.5), "floor(0.6 * 4) = 2"
    one = probe("copies", made=made[:1], known=known, other=other[:1], level=0.9)
    assert one["share"] == 1 and one["limit"] == 4 and one["low"] < 0.3 < one["high"]


@exercise("18.10")
def test_levels_and_what_is_empty(check, probe, draw):
    """Out of range; each of the three empty."""
    x = draw.normal(5, 2)
    good = {"made": x, "known": x, "other": x + 1, "level": 0.5}
    assert probe("copies", **good)["share"] == 1
    for level in (0.0, 1.0, -0.2):
        check.raises("copies", "ValueError", match="level", **good | {"level": level})
    for name in ("made", "known", "other"):
        check.raises("copies", "ValueError", match="empty", **good | {name: x[:0]})


@exercise("18.10")
@pytest.mark.parametrize("n", [3, 5, 40])
def test_diversity(check, draw, n):
    """The mean distance of two, and what the jackknife says of it."""
    check("spread", features=draw.normal(n, 6), terms=n * 6, scale=20.0)
    far = (np.float32([1000, -3000]) + draw.normal(n, 2)).astype(np.float32)
    check("spread", features=far, terms=n * 6, scale=20.0)
    half = 2048 + draw.integers(n, 2, low=0, high=9).astype(np.float32) * 2  # exact in float16
    check("spread_half", reference="spread", features=half, terms=n * 6, scale=20.0)


@exercise("18.10")
def test_diversity_of_equals(probe, draw):
    """No distance to oneself: not even by rounding; two places only; an interval that ends at 0."""
    same = np.tile(1000 * draw.normal(1, 8), (6, 1)).astype(np.float32)
    assert probe("spread", features=same)["mean"] < 1e-2
    two = np.zeros((4, 1), np.float32)
    two[0] = 1
    found = probe("spread", features=two)
    assert agree(found["mean"], 0.5)
    assert found["low"] == 0 and found["high"] > 1
    big = (1e4 * draw.normal(1, 4) + 0.0 * draw.normal(3, 4)).astype(np.float32)
    big[0] += 3000
    wanted = 2 / 3 * 3000 * 2
    assert abs(probe("spread", features=big)["mean"] / wanted - 1) < 1e-2


@exercise("18.10")
def test_an_interval_that_holds(probe):
    """Of 200 samples of 30, at least 175 intervals hold the truth: P(fewer) < 1e-4 at 93 %."""
    rng = np.random.default_rng(5)
    truth = pdist(rng.normal(size=(3000, 2))).mean()
    held = 0
    for _ in range(200):
        found = probe("spread", features=rng.normal(size=(30, 2)).astype(np.float32))
        held += found["low"] <= truth <= found["high"]
    assert held >= 175, held


@exercise("18.10")
def test_too_few_for_diversity(check, probe, draw):
    """Two, one, none."""
    assert probe("spread", features=draw.normal(3, 2))["mean"] > 0
    for n in (0, 1, 2):
        check.raises("spread", "ValueError", match="three", features=draw.normal(3, 2)[:n])


@exercise("18.10")
@pytest.mark.parametrize("n, d", [(1, 3), (7, 4), (4, 7), (20, 2)])
def test_vendi_scores(check, draw, n, d):
    """From singular values; more examples than features, and fewer."""
    check("vendi", features=draw.normal(n, d), terms=n * d, scale=float(n))


@exercise("18.10")
def test_vendi_scores_at_the_ends(check, probe, draw):
    """All alike, all at right angles, half and half, a feature of zeros, numbers of any size."""
    x = draw.normal(1, 5)
    sizes = np.float32([[1], [3], [0.01], [1000]])
    assert abs(probe("vendi", features=sizes * x)["y"] - 1) < 1e-3
    assert abs(probe("vendi", features=1e-3 * np.eye(5, dtype=np.float32))["y"] - 5) < 1e-3
    two = np.float32([[1, 0], [1, 0], [0, 1], [0, 2]])
    assert abs(probe("vendi", features=two)["y"] - 2) < 1e-3
    zero = np.float32([[0, 0], [1, 0], [2, 0]])
    p = np.array([1 / 3, 2 / 3])
    assert abs(probe("vendi", features=zero)["y"] - np.exp(-(p * np.log(p)).sum())) < 1e-3
    check.raises("vendi", "ValueError", match="examples", features=two[:0])


# 18.11: by behaviour alone


def steps(y):
    """The largest difference of neighbours, also across the edges, along both axes."""
    return [float(abs(np.diff(y, axis=a, append=np.take(y, [0], axis=a))).max()) for a in (1, 2)]


SIDES = [(24, 24), (25, 31), (8, 40), (9, 9), (64, 2)]


@exercise("18.11")
@pytest.mark.parametrize("side", SIDES)
def test_no_seam_on_a_ramp(probe, side):
    """Along either axis, for even, odd and small sides; and on a slant."""
    i, j = (np.arange(n, dtype=np.float32) / max(n - 1, 1) for n in side)
    down = np.broadcast_to(i[:, None, None], (*side, 2))
    across = np.broadcast_to(j[None, :, None], (*side, 2))
    for ramp, n in ((down, side[0]), (across, side[1])):
        y = probe("tiled", x=ramp[None])["y"]
        assert max(steps(y)) <= 8 / n + 1e-5, (side, steps(y))
        middle = (0, side[0] // 2, side[1] // 2)
        assert agree(y[middle], ramp[middle[1:]], terms=30)
    y = probe("tiled", x=(down + across)[None] / 2)["y"]
    assert max(steps(y)) <= 8 / min(side) + 1e-5


@exercise("18.11")
@pytest.mark.parametrize("side", [*SIDES, (1, 1), (1, 7), (2, 3)])
def test_what_stays(probe, draw, side):
    """The middle, the range, the shape; each picture by itself."""
    x = 5 * draw.normal(3, *side, 2)
    y = probe("tiled", x=x)["y"]
    assert y.shape == x.shape
    middle = (slice(None), side[0] // 2, side[1] // 2)
    assert agree(y[middle], x[middle], terms=30)
    low, high = x.min((1, 2), keepdims=True), x.max((1, 2), keepdims=True)
    assert (y >= low - 1e-5).all() and (y <= high + 1e-5).all()
    assert agree(y[..., 1:], probe("tiled", x=x[..., 1:])["y"], terms=30)
    alone = probe("tiled", x=x[1:2])["y"]
    assert agree(y[1:2], alone, terms=30)
    assert agree(probe("tiled", x=x)["y"], y)


@exercise("18.11")
@pytest.mark.parametrize("side", [(12, 13), (1, 1), (1, 6)])
def test_no_colour_is_special(probe, draw, side):
    """Constant pictures; brighter pictures with more contrast; negative numbers; half precision."""
    x = draw.normal(2, *side, 3)
    y = probe("tiled", x=x)["y"].astype(np.float64)
    z = probe("tiled", x=(3 * x - 7).astype(np.float32))["y"]
    assert agree(z, 3 * y - 7, terms=30)
    constant = np.full((1, *side, 3), -2.5, np.float32)
    assert agree(probe("tiled", x=constant)["y"], constant)
    half = probe("tiled_half", x=x)
    assert half["dtype"] == "float16" and abs(half["y"] - y).max() < 2e-2
    large = np.float32(300) + 20 * np.round(x)
    assert abs(probe("tiled_half", x=large)["y"] - probe("tiled", x=large)["y"]).max() < 1


@exercise("18.11")
@pytest.mark.parametrize("side", [(16, 24), (15, 11)])
def test_it_is_not_blurred(probe, draw, side):
    """2,000 pictures of noise: in every row and column 0.8 of the deviation is left."""
    x = draw.uniform(400, *side, 2)
    y = probe("tiled", x=x)["y"]
    whole = x.std()
    for axis in (1, 2):
        deviations = np.sqrt(y.var((0, 3, 3 - axis)))
        assert (deviations >= 0.8 * whole).all(), deviations / whole
