"""Judges of 10.1 to 10.6: components, measures of pictures, plain autoencoders."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles

from course.grading.compare import agree
from course.grading.marks import exercise


def stretched(draw, rows, lengths):
    """Rows whose variances along some directions are well apart, around a mean that is not 0."""
    dims = len(lengths)
    q, _ = np.linalg.qr(draw.normal(dims, dims))
    x = (draw.normal(rows, dims) * np.array(lengths)) @ q + 3
    return x.astype(np.float32)


@exercise("10.1")
@pytest.mark.parametrize("count", [1, 2, 5])
def test_components(check, draw, count):
    """Mean, directions, variances, shares; codes of other rows and back."""
    x = stretched(draw, 40, [6, 3, 1.5, 0.7, 0.3])
    # A direction moves by the error of x over the distance to the next variance.
    check("components", x=x, count=count, new=draw.normal(3, 5) + 3, terms=200, scale=20.0)


@exercise("10.1")
def test_more_columns_than_rows(check, draw):
    """As many directions as rows at most."""
    x = (np.diag([9.0, 4.0, 1.0]) @ draw.normal(3, 6)).astype(np.float32)
    check("components", x=x, count=2, new=draw.normal(2, 6), terms=200, scale=20.0)


@exercise("10.1")
@pytest.mark.parametrize("count", [0, -1, 4])
def test_counts_that_are_none(check, probe, draw, count):
    """More directions than rows or columns, or none at all."""
    x = stretched(draw, 12, [4, 2, 1])
    assert np.abs(probe("components", x=x, count=3, new=x)["components"]).max() > 0.1
    check.raises("components", "ValueError", match="count", x=x, count=count, new=x)


@exercise("10.1")
def test_memory_of_many_rows(probe, draw):
    """Nothing of the size N x N is made: for 1500 rows that would be 1500 arrays of N numbers."""
    found = probe("memory_of_components", x=stretched(draw, 1500, [4, 2, 1, 0.5]))
    assert np.abs(found["components"]).max() > 0.1
    assert not found["large"], "more than 300 times N numbers are needed"


@exercise("10.2")
@pytest.mark.parametrize("peak", [None, 1.0, 255.0])
@pytest.mark.parametrize("shape", [(3, 5, 4, 1), (2, 7), (1, 3, 3, 2)], ids=str)
def test_decibels(check, draw, peak, shape):
    """Each picture by itself, and the slope."""
    factor = 1.0 if peak is None else peak
    x, y = (factor * draw.uniform(*shape) for _ in range(2))
    y[0] = 0.9 * x[0] + 0.1 * y[0]  # one that is much better than the others
    x, y = x.astype(np.float32), y.astype(np.float32)
    g = [draw.normal(shape[0]), draw.normal(shape[0])]
    check("decibels", x=x, y=y, peak=peak, g=g, terms=20)


@exercise("10.2")
def test_decibels_in_half_precision(check, draw):
    """The dtype is that of the pictures."""
    x, y = draw.uniform(2, 3, 4, 1, dtype="float16"), draw.uniform(2, 3, 4, 1, dtype="float16")
    g = [draw.normal(2, dtype="float16"), draw.normal(2, dtype="float16")]
    check("decibels", x=x, y=y, peak=None, g=g, terms=12)


@exercise("10.2")
def test_bytes_in_half_precision(probe, draw):
    """Computed in float32: neither the sum of squares nor the quotient is too large for float16."""
    x = draw.integers(2, 20, 20, 1, low=0, high=255).astype(np.float16)
    y = x.copy()
    y[0] += np.where(draw.uniform(20, 20, 1) < 0.5, 0.5, -0.5).astype(np.float16)
    y[1] = 255 - x[1]
    g = [np.zeros(2, np.float16), np.zeros(2, np.float16)]
    error, ratio = probe("decibels", x=x, y=y, peak=255.0, g=g)["outputs"]
    expected = np.square(x.astype(float) - y).reshape(2, -1).mean(1)
    assert agree(error, expected, "float16", terms=1)
    assert agree(ratio, 10 * np.log10(255**2 / expected), "float16", terms=1)


@exercise("10.2")
def test_equal_pictures(probe, draw):
    """Infinitely many decibels, for that picture."""
    x = draw.uniform(2, 3, 3, 1)
    y = x.copy()
    y[1] += 0.5
    g = [np.zeros(2, np.float32), np.zeros(2, np.float32)]
    error, ratio = probe("decibels", x=x, y=y, peak=None, g=g)["outputs"]
    assert error[0] == 0 and agree(error[1], np.array(0.25), terms=9)
    assert ratio[0] == np.inf and agree(ratio[1], np.array(10 * np.log10(4)), terms=9)


@exercise("10.3")
@pytest.mark.parametrize("shape", [(2, 13, 16, 3), (1, 11, 12, 1)], ids=str)
def test_means_around_a_place(check, draw, shape):
    """Weighted by the bell, where the window fits; channels one after the other."""
    n, height, width, channels = shape
    g = draw.normal(n * channels, height - 10, width - 10, 1)
    check("around", x=draw.normal(*shape), g=g, terms=121)


@exercise("10.3")
@pytest.mark.parametrize("peak", [None, 255.0])
@pytest.mark.parametrize("shape", [(3, 17, 14, 1), (2, 12, 13, 3), (1, 11, 11, 1)], ids=str)
def test_likeness(check, draw, peak, shape):
    """Values and slopes for pictures that are more and less alike."""
    factor = 1.0 if peak is None else peak
    x = draw.uniform(*shape)
    y = np.clip(x + 0.3 * draw.normal(*shape), 0, 1)
    x, y = ((factor * a).astype(np.float32) for a in (x, y))
    # Variances are differences of squares, divided again: errors grow tenfold.
    check("likeness", x=x, y=y, peak=peak, g=draw.normal(shape[0]), terms=1000, scale=10.0)


@exercise("10.3")
@pytest.mark.parametrize("peak", [None, 255.0])
def test_dark_pictures(check, draw, peak):
    """Where the constants count as much as the pictures."""
    factor = 0.02 * (1.0 if peak is None else peak)
    x, y = (factor * draw.uniform(2, 12, 13, 1) for _ in range(2))
    x, y = x.astype(np.float32), y.astype(np.float32)
    found = factor if peak is None else factor / 255
    check("likeness", x=x, y=y, peak=peak, g=found * draw.normal(2), terms=1000)


@exercise("10.3")
def test_likeness_in_half_precision(check, draw):
    """The dtype is that of the pictures."""
    x, y = draw.uniform(2, 12, 11, 1, dtype="float16"), draw.uniform(2, 12, 11, 1, dtype="float16")
    check("around", x=x, g=draw.normal(2, 2, 1, 1, dtype="float16"), terms=121)
    g = draw.normal(2, dtype="float16")
    check("likeness", x=x, y=y, peak=None, g=g, terms=121, scale=4.0)


@exercise("10.3")
def test_variances_in_half_precision(check, draw):
    """White paper and a little noise: in float16 the variances would be nothing but rounding."""
    x = np.full((3, 14, 13, 1), 0.9) + 0.01 * draw.normal(3, 14, 13, 1)
    y = x + 0.01 * draw.normal(3, 14, 13, 1)
    x[0] = 0.9
    x, y = x.astype(np.float16), y.astype(np.float16)
    check("likeness", x=x, y=y, peak=None, g=np.zeros(3, np.float16), terms=1)


@exercise("10.3")
def test_likeness_of_equals(probe, draw):
    """1, also where nothing happens on the picture."""
    x = draw.uniform(2, 12, 12, 1)
    x[1] = 0.25
    found = probe("likeness", x=x, y=x, peak=None, g=np.zeros(2, np.float32))
    assert agree(found["outputs"][0], np.ones(2), terms=121)


@exercise("10.3")
@pytest.mark.parametrize("shape", [(1, 10, 20, 1), (1, 20, 10, 1)], ids=str)
def test_pictures_smaller_than_the_window(check, draw, shape):
    """An error, while 11 are enough."""
    x = draw.uniform(1, 11, 11, 1)
    check("likeness", x=x, y=x + 0.1, peak=None, g=draw.normal(1), terms=1000, scale=10.0)
    x = draw.uniform(*shape)
    check.raises("likeness", "ValueError", match="window", x=x, y=x, peak=None, g=draw.normal(1))


@exercise("10.4")
@pytest.mark.parametrize("dims, latent", [(5, 2), (3, 4), (4, 1)])
def test_one_matrix_two_uses(check, draw, dims, latent):
    """Codes, pictures, both; the matrix and the bias learn from every use."""
    check(
        "tied",
        x=draw.normal(6, dims),
        z=draw.normal(6, latent),
        weight=draw.normal(latent, dims),
        bias=draw.normal(dims),
        g=[draw.normal(6, latent), draw.normal(6, dims), draw.normal(6, dims)],
        terms=100,
    )


@exercise("10.4")
def test_one_matrix_in_half_precision(check, draw):
    """The dtype is that of the inputs."""
    shapes = {"x": (3, 4), "z": (3, 2), "weight": (2, 4), "bias": (4,)}
    inputs = {name: draw.normal(*shape, dtype="float16") for name, shape in shapes.items()}
    g = [draw.normal(*shape, dtype="float16") for shape in ((3, 2), (3, 4), (3, 4))]
    check("tied", **inputs, g=g, terms=20, scale=8.0)


@exercise("10.4")
def test_gradient_descent_finds_the_plane_of_pca(probe, draw):
    """The rows of the trained matrix span the plane of the largest variances.

    With slopes from both uses it comes as near as 0.001 rad; with a decoder that stands still it
    does not come near.
    """
    x = stretched(draw, 60, [3, 2, 0.3, 0.2])
    found = probe("tied_plane", x=x, weight=0.5 * draw.normal(2, 4), steps=400, rate=0.03)
    _, _, vt = np.linalg.svd(x - x.mean(0))
    angle = subspace_angles(found["weight"].T.astype(float), vt[:2].T)[0]
    assert angle < 0.02, f"the planes are {angle:.3f} rad apart"


@exercise("10.5")
@pytest.mark.parametrize("share", [0.1, 0.5, 0.7])
@pytest.mark.parametrize("name", ["masked", "salted"])
def test_spoiled(probe, draw, name, share):
    """The right share of zeros and ones, everything else as it was; a key repeats them.

    Among 20,000 numbers a share is off by more than six standard deviations in one of 10^9 runs.
    """
    x = draw.uniform(100, 200, low=0.2, high=0.8)
    found = probe("spoiled", name=name, x=x, share=share, seed=draw.seed() % 10**6)
    assert found["same key"] and found["the state moves on"]
    expected = {"masked": (share, 0.0), "salted": (share / 2, share / 2)}[name]
    for key in ("first", "drawn"):
        y = found[key]
        assert y.shape == x.shape and y.dtype == x.dtype
        for value, part in zip((0, 1), expected, strict=True):
            off = abs(np.mean(y == value) - part)
            assert off <= 6 * np.sqrt(part * (1 - part) / y.size), f"{value}: off by {off:.3f}"
        kept = (y != 0) & (y != 1)
        assert np.array_equal(y[kept], x[kept])
        assert len(np.unique(y.mean(0))) > 100  # not whole rows or columns


@exercise("10.5")
@pytest.mark.parametrize("name", ["masked", "salted"])
def test_nothing_and_everything(probe, draw, name):
    """A share of 0 leaves all as it is, one of 1 nothing; half precision stays what it is."""
    x = draw.uniform(30, 40, low=0.2, high=0.8, dtype="float16")
    assert np.array_equal(probe("spoiled", name=name, x=x, share=0.0, seed=1)["first"], x)
    y = probe("spoiled", name=name, x=x, share=1.0, seed=1)["first"]
    assert y.dtype == x.dtype
    assert set(np.unique(y)) == ({0.0} if name == "masked" else {0.0, 1.0})


@exercise("10.5")
@pytest.mark.parametrize("training", [True, False])
def test_the_loss_of_mending(check, draw, training):
    """Compared with the clean picture; in evaluation nothing is spoiled."""
    check(
        "mended",
        x=draw.normal(4, 6),
        w=draw.normal(6),
        spoil=draw.normal(4, 6),
        training=training,
        g=[draw.normal()],
        terms=24,
    )


@exercise("10.5")
def test_mending_in_half_precision(check, draw):
    """The dtype is that of the pictures."""
    x, w, spoil = (draw.normal(6, dtype="float16") for _ in range(3))
    g = [draw.normal(dtype="float16")]
    check("mended", x=x, w=w, spoil=spoil, training=True, g=g, terms=6)


@exercise("10.6")
@pytest.mark.parametrize("size, times", [((28, 28), 3), ((7, 12), 2), ((1, 5), 3), ((9, 4), 0)])
def test_sizes(check, size, times):
    """As a convolution with stride 2 finds them, rows and columns by themselves."""
    check("sizes", size=list(size), times=times)


def decoder_weights(draw, size, channels, latent):
    for _ in channels[1:]:
        size = [(n + 1) // 2 for n in size]
    rows = size[0] * size[1] * channels[-1]
    weights = [draw.normal(rows, latent), draw.normal(rows)]
    for outputs, inputs in reversed(list(zip(channels, channels[1:], strict=False))):
        weights += [0.5 * draw.normal(outputs, 3, 3, inputs), draw.normal(outputs)]
    return weights


@exercise("10.6")
@pytest.mark.parametrize(
    "size, channels",
    [
        ((8, 7), (2, 3)),
        ((7, 10), (1, 3, 2)),
        ((6, 6), (2, 2, 3)),
        ((5, 3), (3, 2, 2, 4)),
        ((1, 2), (1, 2)),
    ],
    ids=str,
)
@pytest.mark.parametrize("leading", [(2,), (2, 3)], ids=str)
def test_back_to_every_size(check, draw, size, channels, leading):
    """Values and gradients; the sizes of the picture again, whatever they are."""
    check(
        "drawn",
        z=draw.normal(*leading, 4),
        size=list(size),
        channels=list(channels),
        weights=decoder_weights(draw, size, channels, 4),
        g=[draw.normal(*leading, *size, channels[0])],
        terms=2000,
        scale=30.0,
    )


@exercise("10.6")
def test_a_decoder_in_half_precision(check, draw):
    """The dtype is that of codes and weights."""
    weights = [w.astype(np.float16) for w in decoder_weights(draw, (3, 4), (1, 2), 3)]
    z, g = draw.normal(2, 3, dtype="float16"), [draw.normal(2, 3, 4, 1, dtype="float16")]
    inputs = {"size": [3, 4], "channels": [1, 2], "weights": weights}
    check("drawn", z=z, **inputs, g=g, terms=30, scale=8.0)
