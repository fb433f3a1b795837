"""18.7: colours that are kept; 18.8: pictures a discriminator cannot cram."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("18.7")
@pytest.mark.parametrize("own", [2, 1])
def test_colours_of_another(check, draw, own):
    """There and back by YIQ, cut off at 0 and 1, with slopes; one picture for all."""
    x, colours = draw.uniform(2, 5, 4, 3), draw.uniform(own, 5, 4, 3)
    check("coloured", x=x, colours=colours, g=draw.normal(2, 5, 4, 3), scale=8.0)


@exercise("18.7")
def test_luminance_and_colour(probe, draw):
    """Grey pictures stay grey; the luminance is the first one's; the same picture stays."""
    x = draw.uniform(1, 4, 4, 3, low=0.4, high=0.6)
    colours = draw.uniform(1, 4, 4, 3, low=0.4, high=0.6)
    y = probe("coloured_only", x=x, colours=colours)["y"].astype(np.float64)
    weights = np.array([0.299, 0.587, 0.114])
    assert agree(y @ weights, x.astype(np.float64) @ weights)
    assert agree(y[..., 0] - y[..., 1], colours[..., 0].astype(np.float64) - colours[..., 1])
    assert agree(probe("coloured_only", x=x, colours=x)["y"], x)
    bright = probe("coloured_only", x=np.ones_like(x), colours=colours)["y"]
    assert bright.max() == 1 and bright.min() > 0.8
    found = probe("coloured_half", x=x, colours=colours)
    assert found["dtype"] == "float16" and abs(found["y"] - y).max() < 2e-3


@exercise("18.7")
def test_pictures_of_another_size(check, probe, draw):
    """Other sides; one channel; four."""
    x = draw.uniform(1, 4, 4, 3)
    assert probe("coloured_only", x=x, colours=x)["y"].any()
    for other in (x[:, :3], x[:, :, :3], x[..., :1]):
        check.raises("coloured_only", "ValueError", match="pictures", x=x, colours=other)
    four = draw.uniform(1, 4, 4, 4)
    check.raises("coloured_only", "ValueError", match="pictures", x=four, colours=four)


@exercise("18.7")
@pytest.mark.parametrize("side, other, own", [((4, 5), (4, 5), 2), ((3, 3), (5, 7), 1),
                                              ((6, 5), (1, 4), 2), ((2, 2), (1, 1), 1),
                                              ((1, 1), (3, 3), 1)])  # fmt: skip
def test_matched_histograms(check, draw, side, other, own):
    """As scikit-image, for any two sizes; one reference for all."""
    check("matched", x=draw.uniform(2, *side, 3), other=draw.uniform(own, *other, 3), terms=8)


@exercise("18.7")
def test_values_that_occur_often(check, draw):
    """Levels of 8 and of 5: shares jump, and lines lead between different values."""
    x = (draw.integers(2, 6, 7, 3, low=0, high=8) / 8).astype(np.float32)
    reference = (draw.integers(2, 5, 9, 3, low=0, high=5) / 5).astype(np.float32)
    check("matched", x=x, other=reference, terms=8)
    check("matched", x=x, other=draw.uniform(2, 5, 9, 3), terms=8)
    check("matched", x=draw.uniform(2, 6, 7, 3), other=reference, terms=8)
    check("matched", x=np.full((1, 3, 3, 1), 0.3, np.float32), other=reference[:1, ..., :1])


@exercise("18.7")
def test_a_large_picture(probe):
    """240 x 240 pixels against 300 x 300: products of ranks beyond uint32."""
    x = np.linspace(0, 1, 240 * 240, dtype=np.float32).reshape(1, 240, 240, 1)
    reference = np.linspace(2, 3, 300 * 300, dtype=np.float32).reshape(1, 300, 300, 1)
    y = probe("matched", x=x, other=reference)["y"]
    assert abs(y - (x + 2)).max() < 1e-4
    half = probe("matched_half", x=x[:, :4, :4], other=reference[:, :9, :9])
    assert half["dtype"] == "float16" and half["y"].min() > 1.9


@exercise("18.7")
def test_pixels_and_channels_that_are_missing(check, probe, draw):
    """No pictures, no pixels, other channels."""
    x = draw.uniform(1, 3, 3, 3)
    assert probe("matched", x=x, other=x)["y"].any()
    for a, b in ((x[:0], x), (x[:, :0], x), (x, x[:, :, :0])):
        check.raises("matched", "ValueError", match="pixels", x=a, other=b)
    check.raises("matched", "ValueError", match="channels", x=x, other=x[..., :2])
    check.raises("matched", "ValueError", match="channels", x=x[..., :1], other=x)


@exercise("18.8")
@pytest.mark.parametrize("shape", [(3, 4, 5, 3), (2, 3, 3, 1), (1, 2, 6, 4)])
def test_other_tones(check, draw, shape):
    """Given factors, slopes of pictures and factors; nothing is cut off."""
    n = shape[0]
    check("toned", x=2 * draw.normal(*shape), brightness=draw.normal(n),
          saturation=draw.uniform(n, high=2), contrast=0.5 + draw.uniform(n),
          g=draw.normal(*shape), terms=60, scale=20.0)  # fmt: skip
    found = probe_half(check, draw)
    assert found["dtype"] == "float16" and found["y"].any()


def probe_half(check, draw):
    one = np.ones(1, np.float32)
    x = draw.normal(1, 2, 2, 3)
    return check.bench.probe("toned_half", x=x, brightness=one, saturation=one, contrast=one)


GREY = {"shift": 0.0, "hole": 0.0}


@exercise("18.8")
def test_the_draw_follows_from_the_key(probe, draw):
    """One key, one result; without one the global state, which moves on."""
    x = draw.normal(4, 8, 8, 3)
    found = probe("augmented", x=x, shift=0.25, hole=0.5, share=0.6, seed=draw.seed())
    assert found["again"] and not found["other"] and found["moves"] and found["decides"]
    found = probe("augmented_half", x=x, seed=draw.seed())
    assert found["dtype"] == "float16" and found["y"].shape == x.shape


@exercise("18.8")
def test_brightness_saturation_contrast(probe, draw):
    """Told from three pixels, uniform in their ranges.

    2,000 draws of each; means and extremes lie further off with a probability below 1e-6: five
    deviations of a mean, and (1 - 0.02)^2000 = 3e-18 for an empty fiftieth at an end.
    """
    n = 2000
    x = np.zeros((n, 1, 2, 3), np.float32)
    x[:, 0, 0] = [0.3, 0.0, -0.3]  # a colour, whose grey is 0
    x[:, 0, 1] = 1.0  # white
    y = probe("augmented", x=x, share=1.0, seed=draw.seed(), **GREY)["y"].astype(np.float64)
    middle = y.mean((1, 2, 3))  # 0.5 + brightness: neither of the others changes it
    contrast = y[:, 0, 1, 0] - y[:, 0, 0, 1]  # white less grey
    saturation = (y[:, 0, 0, 0] - y[:, 0, 0, 1]) / (0.3 * contrast)
    for found, low, high in ((middle - 0.5, -0.5, 0.5), (contrast, 0.5, 1.5), (saturation, 0, 2)):
        wide = high - low
        assert low - 1e-4 <= found.min() <= low + 0.02 * wide
        assert high - 0.02 * wide <= found.max() <= high + 1e-4
        assert abs(found.mean() - (low + high) / 2) < 5 * wide / np.sqrt(12 * n)
    together = np.corrcoef([middle, contrast, saturation])
    assert abs(together - np.eye(3)).max() < 5 / np.sqrt(n), "three draws that know of each other"


def flat(n, height, width):
    """One white pixel in the middle of black, -3, which no recolouring makes 0."""
    x = np.full((n, height, width, 1), 5.0, np.float32)
    x[:, height // 2, width // 2] = 50.0
    return x


@exercise("18.8")
def test_how_far_pictures_move(probe, draw):
    """Every place within int(shift * side + 0.5), evenly; zeros come in. Sides that differ."""
    n, height, width = 1500, 6, 24
    y = probe("augmented", x=flat(n, height, width), shift=0.28, hole=0.0, share=1.0,
              seed=draw.seed())["y"][..., 0]  # fmt: skip
    down, across = 2, 7  # int(0.28 * 6 + 0.5), int(0.28 * 24 + 0.5)
    at = y.reshape(n, -1).argmax(1)
    rows, columns = at // width - height // 2, at % width - width // 2
    assert set(rows) == set(range(-down, down + 1)) and set(columns) == set(
        range(-across, across + 1)
    )
    for found, most in ((rows, down), (columns, across)):
        share = n / (2 * most + 1)
        counts = np.bincount(found + most)
        assert ((counts - share) ** 2 / share).sum() < 55, counts  # P < 1e-6 with 14 degrees
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 5 / np.sqrt(n)
    zeros = (y == 0).sum((1, 2))
    expected = height * width - (height - abs(rows)) * (width - abs(columns))
    assert np.array_equal(zeros, expected), "zeros come in, and only there"


@exercise("18.8")
def test_where_holes_are(probe, draw):
    """A square of int(hole * H + 0.5) zeros around any pixel; none with 0."""
    n, height, width = 1500, 7, 5
    x = np.full((n, height, width, 1), 5.0, np.float32)
    found = probe("augmented", x=x, shift=0.0, hole=0.4, share=1.0, seed=draw.seed())
    empty = found["y"][..., 0] == 0
    side = 3  # int(0.4 * 7 + 0.5)
    counts = empty.reshape(n, -1).sum(1)
    assert counts.max() == side * side and counts.min() == 4, "at a corner four pixels are left"
    whole = counts == side * side
    assert abs(whole.mean() - 15 / 35) < 5 * np.sqrt(15 * 20 / 35**2 / n)
    for axis, length in ((2, height), (1, width)):
        first = empty.any(axis).argmax(1)
        last = length - 1 - empty.any(axis)[:, ::-1].argmax(1)
        assert set(zip(first, last)) == {
            (max(m - 1, 0), min(m + 1, length - 1)) for m in range(length)
        }
    none = probe("augmented", x=x, shift=0.0, hole=0.0, share=1.0, seed=draw.seed())["y"]
    assert (none != 0).all()


@exercise("18.8")
def test_draws_know_nothing_of_each_other(probe, draw):
    """One seed, three calls that show different draws: colours, places, holes, who is changed.

    Correlations of 2,000 independent numbers are beyond 0.125 with a probability of 2e-8.
    """
    n, seed = 2000, draw.seed()
    x = np.zeros((n, 1, 2, 3), np.float32)
    x[:, 0, 0], x[:, 0, 1] = [0.3, 0.0, -0.3], 1.0
    y = probe("augmented", x=x, share=1.0, seed=seed, **GREY)["y"].astype(np.float64)
    contrast = y[:, 0, 1, 0] - y[:, 0, 0, 1]
    found = [y.mean((1, 2, 3)), contrast, (y[:, 0, 0, 0] - y[:, 0, 0, 1]) / contrast]
    y = probe("augmented", x=flat(n, 9, 9), shift=0.3, hole=0.0, share=1.0, seed=seed)["y"]
    at = y.reshape(n, -1).argmax(1)
    found += [at // 9, at % 9]
    y = probe("augmented", x=flat(n, 9, 9), shift=0.0, hole=0.12, share=1.0, seed=seed)["y"]
    at = (y == 0).reshape(n, -1).argmax(1)
    found += [at // 9, at % 9]
    x = 5 + draw.normal(n, 2, 2, 1)
    y = probe("augmented", x=x, share=0.5, seed=seed, **GREY)["y"]
    found.append((y == x).all((1, 2, 3)))
    apart = abs(np.corrcoef(np.array(found, np.float64)) - np.eye(8))
    assert apart.max() < 0.125, np.argwhere(apart >= 0.125)


@exercise("18.8")
def test_a_share_of_the_pictures(probe, draw):
    """The others come back as they are; 600 pictures, five deviations."""
    x = 5 + draw.normal(600, 4, 4, 3)
    for share in (0.0, 0.3, 1.0):
        y = probe("augmented", x=x, shift=0.25, hole=0.5, share=share, seed=draw.seed())["y"]
        same = (y == x).all((1, 2, 3))
        assert abs(same.mean() - (1 - share)) <= 5 * np.sqrt(share * (1 - share) / 600)
    y = probe("augmented_by_default", x=x, seed=draw.seed())["y"]
    assert (y != x).any((1, 2, 3)).all()
    assert (y == 0).all(-1).sum((1, 2)).max() >= 4


@exercise("18.8")
def test_a_slope_all_the_way(probe, draw):
    """The result is linear in the pictures but for the brightness: its slope is that of a line."""
    seed, g = draw.seed(), draw.normal(3, 6, 6, 2)
    x, z = 3 + draw.normal(3, 6, 6, 2), draw.normal(3, 6, 6, 2)
    more = {"seed": seed, "shift": 0.2, "hole": 0.3, "share": 0.8, "g": g}
    here = probe("augmented_slope", x=x, **more)
    there = probe("augmented_slope", x=(x + z).astype(np.float32), **more)
    moved = (there["y"].astype(np.float64) - here["y"]) * g
    assert agree(moved.sum(), (here["dx"].astype(np.float64) * z).sum(), terms=10_000)
    assert here["dx"].any()


@exercise("18.8")
def test_numbers_out_of_range(check, probe, draw):
    """Each by its name."""
    good = {"x": draw.normal(2, 4, 4, 1), "shift": 1.0, "hole": 1.0, "share": 1.0, "seed": 3}
    assert probe("augmented", **good)["y"].shape == (2, 4, 4, 1)
    assert probe("augmented", **good | {"hole": 0.0, "shift": 0.0})["y"].any()
    for name in ("shift", "hole", "share"):
        for value in (-0.1, 1.1):
            check.raises("augmented", "ValueError", match=name, **good | {name: value})
