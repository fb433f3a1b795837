"""Cases at the edge of exercises 18.5 to 18.10, found by a newcomer's wrong solutions."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("18.5")
def test_masks_of_small_numbers(check, draw):
    """A billionth everywhere is as good as 1 everywhere."""
    g, h = draw.normal(2, 1, 1, 3), draw.normal(2, 1, 1, 3)
    maps, mask = draw.normal(2, 4, 5, 3), (1e-9 * (0.5 + draw.uniform(2, 4, 5))).astype(np.float32)
    check("moments", maps=maps, mask=mask, eps=0.3, g=g, h=h, terms=20, scale=5.0)


@exercise("18.5")
def test_means_between_two_halves(probe):
    """300 and 300.25 are neighbours in float16; their mean lies between them."""
    maps = np.full((1, 4, 4, 1), 300, np.float32)
    maps[:, :2] += 0.25
    found = probe("moments_half", maps=maps)
    assert agree(found["mean"].item(), 300.125)
    assert agree(found["deviation"].item(), np.sqrt(0.125**2 + 1e-5))


@exercise("18.5")
@pytest.mark.parametrize("strength", [1.5, -0.5])
def test_more_than_all_of_a_style(check, draw, strength):
    """A strength beyond 0 to 1 is a step, too."""
    check("given", content=2 + draw.normal(2, 4, 5, 3), style=draw.normal(2, 3, 6, 3) * 2 - 1,
          strength=strength, mask=None, eps=0.05, g=draw.normal(2, 4, 5, 3), terms=20,
          scale=20.0)  # fmt: skip


@exercise("18.5")
def test_a_mask_is_the_contents(check, draw):
    """A style as large as the content: its statistics are those of all of it."""
    check("given", content=2 + draw.normal(2, 4, 5, 3), style=draw.normal(2, 4, 5, 3) * 2 - 1,
          strength=0.7, mask=draw.uniform(2, 4, 5), eps=0.05, g=draw.normal(2, 4, 5, 3), terms=20,
          scale=20.0)  # fmt: skip


@exercise("18.5")
def test_two_dtypes(probe, draw):
    """The result has the dtype of the content, not of the style."""
    x = draw.normal(1, 4, 4, 2)
    found = probe("given_mixed", content=x, style=x)
    assert found["dtype"] == "float16" and abs(found["y"] - x).max() < 5e-3


@exercise("18.6")
def test_integers_of_any_kind(check, probe, draw):
    """uint32, int64 and uint8 are numbers of styles; a table of integers is not."""
    x = draw.normal(2, 3, 3, 2)
    wanted = probe("conditional_only", x=x, styles=np.array([0, 1], np.int32), count=2)["y"]
    for kind in (np.uint32, np.int64, np.uint8):
        y = probe("conditional_only", x=x, styles=np.array([0, 1], kind), count=2)["y"]
        assert np.array_equal(y, wanted) and y.any()
    check.raises("conditional_only", "ValueError", match="styles", x=x,
                 styles=np.eye(2, dtype=np.int32), count=2)  # fmt: skip


@exercise("18.7")
def test_colours_beyond_the_range(check, draw):
    """Pictures below 0 and above 1: only the result is cut off."""
    x, colours = 0.5 + draw.normal(2, 5, 4, 3), 0.5 + draw.normal(2, 5, 4, 3)
    check("coloured", x=x, colours=colours, g=draw.normal(2, 5, 4, 3), scale=8.0)


@exercise("18.8")
def test_factors_of_any_size(check, draw):
    """Negative ones and large ones: the recolouring itself cuts nothing off."""
    factors = {name: (3 * draw.normal(4)).astype(np.float32)
               for name in ("brightness", "saturation", "contrast")}  # fmt: skip
    check("toned", x=2 * draw.normal(4, 3, 5, 3), g=draw.normal(4, 3, 5, 3), terms=60, scale=100.0,
          **factors)  # fmt: skip


@exercise("18.8")
def test_half_a_pixel_goes_up(probe, draw):
    """int(2.5 + 0.5) = 3 and int(6.5 + 0.5) = 7: `round` would say 2 and 6."""
    n = 1500
    x = np.full((n, 5, 26, 1), 5.0, np.float32)
    found = probe("augmented", x=x, shift=0.0, hole=0.5, share=1.0, seed=draw.seed())["y"]
    assert (found == 0).reshape(n, -1).sum(1).max() == 9
    x[:, 2, 13] = 50.0
    found = probe("augmented", x=x, shift=0.25, hole=0.0, share=1.0, seed=draw.seed())["y"]
    columns = found.reshape(n, -1).argmax(1) % 26 - 13
    assert set(columns) == set(range(-7, 8))


@exercise("18.8")
def test_a_hole_does_not_move(probe, draw):
    """Its middle may lie where zeros came in, so that one column of three is left of it.

    Of 1,500 pictures about 660 move to the right, and 1 in 16 of those has its hole there: none
    has a probability below 1e-17.
    """
    n, width = 1500, 16
    x = np.full((n, 7, width, 1), 5.0, np.float32)
    x[:, 3, 8] = 50.0
    y = probe("augmented", x=x, shift=0.25, hole=0.4, share=1.0, seed=draw.seed())["y"][..., 0]
    narrow = 0
    for picture in y[y.max((1, 2)) > 10]:
        moved = picture.argmax() % width - 8
        if moved < 1:
            continue
        rows = (picture[:, moved:] != 0).any(1)  # where something of the picture is
        empty = (picture[rows] == 0).any(0)[moved:]
        narrow += empty[0] and empty.sum() == 1
    assert narrow > 0


@exercise("18.8")
def test_chance_decides_for_each(probe, draw):
    """Of two pictures sometimes none, sometimes one, sometimes both: 60 draws, P < 1e-7."""
    found = probe("augmented_often", x=5 + draw.normal(2, 2, 2, 1), share=0.5, times=60,
                  seed=draw.seed())  # fmt: skip
    assert set(found["counts"]) == {0, 1, 2}


@exercise("18.8")
def test_no_numbers_at_all(check, probe, draw):
    """nan is not from 0 to 1."""
    good = {"x": draw.normal(2, 4, 4, 1), "shift": 0.5, "hole": 0.5, "share": 0.5, "seed": 3}
    assert probe("augmented", **good)["y"].any()
    for name in ("shift", "hole", "share"):
        check.raises("augmented", "ValueError", match=name, **good | {name: float("nan")})


@exercise("18.8")
def test_other_colours_in_a_compiled_step(probe, draw):
    """Nothing is evaluated on the way, whatever is drawn."""
    factors = [1 + draw.uniform(3) for _ in range(3)]
    found = probe(
        "augmented_compiled", x=draw.normal(3, 8, 8, 3), seed=draw.seed(), factors=factors
    )
    assert all(y.any() for y in found.values())


@exercise("18.9")
def test_styles_in_a_compiled_step(probe, draw):
    """Nothing is evaluated on the way, a crossover neither."""
    found = probe("styles_compiled", x=draw.normal(2, 4, 4, 3), weight=draw.normal(2, 3, 3, 3),
                  style=draw.normal(2, 3), crossover=np.array([1, 2], np.int32))  # fmt: skip
    assert all(y.any() for y in found.values())


@exercise("18.9")
@pytest.mark.parametrize("size, unit", [(300.0, 0.01), (1e-3, 1.0), (1.0, 1e-4)])
def test_modulated_kernels_of_half_precision(probe, draw, size, unit):
    """Squares of 300 are beyond float16, those of 0.0001 below; a style of zeros gives zeros."""
    x, weight = np.float16(draw.normal(3, 4, 4, 8)), np.float16(unit * draw.normal(5, 3, 3, 8))
    style = np.float16(size * (1 + draw.uniform(3, 8)))
    style[1] = 0
    kernels = weight.astype(np.float64) * style[:, None, None, None].astype(np.float64)
    length = np.sqrt((kernels**2).sum((2, 3, 4)) + 1e-8)
    around = np.pad(x.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    patches = np.lib.stride_tricks.sliding_window_view(around, (3, 3), (1, 2))
    y = np.einsum("nhwikl,nokli->nhwo", patches, kernels) / length[:, None, None]
    given = {"x": x, "weight": weight, "style": style}
    given = {name: a.astype(np.float32) for name, a in given.items()}
    found = probe("modulated_half", demodulate=True, **given)
    assert found["dtypes"] == ["float16", "float16"]
    assert agree(found["y"], y, "float16", terms=72) and y[0].std() > 0.1
    assert probe("modulated_half", demodulate=False, **given)["dtypes"] == ["float16", "float16"]


@exercise("18.9")
@pytest.mark.parametrize("size", [400.0, 1e-3])
def test_latent_vectors_of_half_precision(probe, draw, size):
    """The mean square of 400 is beyond float16; so is the 1e-8 that keeps zeros finite."""
    w = {"layers.0.weight": draw.normal(6, 6), "layers.0.bias": draw.normal(6)}
    z = np.float16(size * draw.normal(4, 6))
    z[1] = 0
    found = probe("mapped_half", z=z.astype(np.float32), w=w)
    z, w = z.astype(np.float64), {n: np.float16(a).astype(np.float64) for n, a in w.items()}
    y = z / np.sqrt((z**2).mean(-1, keepdims=True) + 1e-8)
    y = y @ w["layers.0.weight"].T + w["layers.0.bias"]
    assert found["dtype"] == "float16"
    assert agree(found["y"], np.where(y > 0, y, 0.2 * y), "float16", terms=6)


@exercise("18.9")
def test_one_convolution_for_all(probe, draw):
    """Five pictures take as many operations as one."""
    found = probe("modulated_calls", x=draw.normal(5, 4, 4, 3), weight=draw.normal(2, 3, 3, 3),
                  style=draw.normal(5, 3))  # fmt: skip
    assert found["all"] <= found["one"] + 3, "more operations for more pictures"
    assert found["all"] > 0 and found["y"].any()


@exercise("18.10")
def test_copies_far_from_zero(probe, draw):
    """What all have in common costs no digits: thousands more, in steps of 1/1024."""
    known, other, made = (np.round(1024 * draw.normal(n, 4)) / 1024 for n in (40, 40, 30))
    made[:10] = known[:10] + 1 / 64
    near = {"known": known, "other": other, "made": made, "level": 0.3}
    offset = np.array([3000, -2000, 5000, 0])
    far = {name: (x + offset).astype(np.float32) for name, x in near.items() if name != "level"}
    near = {n: np.float32(x) if n != "level" else x for n, x in near.items()}
    wanted, found = probe("copies", **near), probe("copies", **far, level=0.3)
    assert found["limit"] == pytest.approx(wanted["limit"], rel=1e-3) and found["limit"] > 0
    assert abs(found["share"] - wanted["share"]) <= 1 / 30 + 1e-6


@exercise("18.10")
def test_copies_in_half_precision(probe):
    """Squares of 300 are beyond float16: on a line, as in float32."""
    line = {"known": [[0], [900]], "other": [[300], [600], [500]], "made": [[250], [450]]}
    line = {name: np.float32(x) for name, x in line.items()}
    found = probe("copies_half", level=0.4, **line)
    assert found["limit"] == pytest.approx(300, rel=1e-5) and found["share"] == 0.5


@exercise("18.10")
def test_cost_of_diversity(probe, draw):
    """No operation for each example: 100 more take a few lines of Python each at most."""
    found = probe("spread_cost", features=draw.normal(120, 3), sizes=[20, 120])
    few, many = found["lines"]
    assert min(found["means"]) > 0.5
    assert many - few < 100 * 6, f"{few} lines of Python for 20 examples, {many} for 120"


@exercise("18.10")
def test_distances_fit_into_memory(probe, draw):
    """No table of each example with each in all features."""
    found = probe("novelty_memory", made=draw.normal(300, 64), known=draw.normal(250, 64),
                  other=draw.normal(200, 64))  # fmt: skip
    assert found["much"] == [False, False]
    assert found["limit"] > 0 and found["mean"] > 0


@exercise("18.10")
def test_vendi_scores_of_any_units(probe, draw):
    """A billionth of features has their score; small eigenvalues; half precision."""
    x = draw.normal(6, 4)
    wanted = float(probe("vendi", features=x)["y"])
    for unit in (1e-4, 1e-11, 1e-30, 1e25):
        assert agree(probe("vendi", features=(unit * x).astype(np.float32))["y"], wanted, terms=60)
    x = np.float32([[0, 2], [-1, -1], [1, -2], [0, 0]])
    wanted = float(probe("vendi", features=x)["y"])
    units = np.float32([[1e-30], [1e-32], [1e25], [1]])
    assert agree(probe("vendi", features=units * x)["y"], wanted, terms=60)
    close = np.float32([[1, 0], [1, 0.01]])
    share = (1 - 1 / np.sqrt(1 + 0.01**2)) / 2
    entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
    assert abs(probe("vendi", features=close)["y"] - np.exp(entropy)) < 3e-5
    half = np.float32([[300, 0, 0], [0, 200, 100]])
    found = probe("vendi_half", features=half)
    assert found["dtype"] == "float32" and abs(found["y"] - 2) < 1e-4
