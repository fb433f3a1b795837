"""Judges of 16.7: places, and pictures read there."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("16.7")
@pytest.mark.parametrize("height, width", [(4, 6), (1, 3), (5, 1), (3, 3)])
def test_places(check, draw, height, width):
    """The width first; the middle of the first pixel is not -1; one matrix for each picture."""
    check("places", theta=draw.normal(3, 2, 3), height=height, width=width,
          g=draw.normal(3, height, width, 2), terms=height * width)  # fmt: skip


@exercise("16.7")
def test_places_in_half_precision(check, draw):
    """Half precision stays half precision."""
    check("places", theta=draw.normal(2, 2, 3, dtype="float16"), height=3, width=2,
          g=draw.normal(2, 3, 2, 2, dtype="float16"), terms=8)  # fmt: skip


@exercise("16.7")
@pytest.mark.parametrize("padding", ["zeros", "border"])
@pytest.mark.parametrize(
    "shape, size",
    [
        ((2, 5, 4, 3), (3, 6)),
        ((3, 3, 7, 1), (7, 3)),
        ((1, 1, 1, 2), (2, 4)),
        ((2, 2, 2, 2), (2, 2)),
    ],
)
def test_a_picture_at_other_places(check, draw, shape, size, padding):
    """Inside, at the border and beyond; slopes of pictures and of places."""
    n, _, _, channels = shape
    grid = draw.uniform(n, *size, 2, low=-1.7, high=1.7)
    # A place in units of pixels is 4 times one of the grid, and so is its rounding.
    check("sampled", x=draw.normal(*shape), grid=grid, padding=padding,
          g=draw.normal(n, *size, channels), terms=size[0] * size[1], scale=30)  # fmt: skip


@exercise("16.7")
@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_between_the_last_pixel_and_the_edge(check, draw, padding):
    """Half a pixel beyond the outer middles, on all four sides."""
    grid = np.array(
        [[-0.95, 0.1], [0.95, 0.1], [0.1, -0.95], [0.1, 0.95], [-0.9, 0.93]], np.float32
    )
    check("sampled", x=draw.normal(1, 4, 4, 2), grid=grid.reshape(1, 1, 5, 2), padding=padding,
          g=draw.normal(1, 1, 5, 2), terms=5, scale=20)  # fmt: skip


@exercise("16.7")
def test_far_away(probe, draw):
    """Places a billion pictures away are black, or the border; nothing is not a number."""
    x = draw.uniform(1, 4, 5, 2, low=1, high=2)
    grid = np.array([[-3e9, 0.5], [3e9, -3e9], [0.0, 4e9], [-1e30, 1e30]], np.float32)
    grid = np.concatenate([grid, [[0.0, 0.25]]]).astype(np.float32).reshape(1, 1, 5, 2)
    g = np.ones((1, 1, 5, 2), np.float32)
    zeros = probe("sampled", x=x, grid=grid, padding="zeros", g=g)
    assert agree(zeros["y"][0, 0, :4], np.zeros((4, 2)))
    assert agree(zeros["y"][0, 0, 4], x[0, 2, 2])
    assert agree(zeros["grid"][0, 0, :4], np.zeros((4, 2)))
    border = probe("sampled", x=x, grid=grid, padding="border", g=g)
    assert agree(border["y"][0, 0, 1], x[0, 0, 4])
    assert agree(border["y"][0, 0, 3], x[0, 3, 0])
    assert agree(border["grid"][0, 0, 3], np.zeros(2))


@exercise("16.7")
def test_exactly_on_pixels(probe, draw):
    """The identity is the picture itself; and zeros are the default."""
    x = draw.normal(2, 4, 8, 3)
    u, v = np.meshgrid((2 * np.arange(8) + 1) / 8 - 1, (2 * np.arange(4) + 1) / 4 - 1)
    grid = np.broadcast_to(np.stack([u, v], -1), (2, 4, 8, 2)).astype(np.float32)
    assert agree(probe("sampled_by_default", x=x, grid=grid)["y"], x)
    beyond = grid + np.array([2, 0], np.float32)
    found = probe("sampled_by_default", x=x, grid=np.concatenate([grid, beyond], axis=2))["y"]
    assert agree(found[:, :, 8:], 0 * x)
    assert agree(found[:, :, :8], x)


@exercise("16.7")
@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_the_edges_of_a_picture_are_no_neighbours(probe, padding):
    """Behind the last column comes nothing, though in memory the next row does: an infinity there
    is not read, not even with a weight of 0."""
    x = np.ones((1, 4, 3, 1), np.float32)
    x[0, 2, 0] = np.inf
    found = probe("sampled", x=x, grid=np.array([2 / 3, -0.25], np.float32).reshape(1, 1, 1, 2),
                  padding=padding, g=np.ones((1, 1, 1, 1), np.float32))  # fmt: skip
    assert agree(found["y"], np.ones((1, 1, 1, 1)))


@exercise("16.7")
@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_wide_pictures_in_half_precision(check, draw, padding):
    """3000 columns: half precision can't count them, so places are computed in float32."""
    x = draw.uniform(1, 2, 3000, 1, low=0.5, high=1).astype(np.float16).astype(np.float32)
    grid = draw.uniform(1, 3, 50, 2, low=-1, high=1).astype(np.float16).astype(np.float32)
    # The last digit of the result in float16; places are exact in both.
    check("sampled_half", x=x, grid=grid, padding=padding, scale=500)


@exercise("16.7")
def test_another_padding(check, probe, draw):
    """Reflections are not offered."""
    x, grid = draw.normal(1, 3, 3, 1), np.zeros((1, 1, 1, 2), np.float32)
    assert agree(probe("sampled_by_default", x=x, grid=grid)["y"], x[:, 1:2, 1:2])
    check.raises("sampled", "ValueError", match="padding", x=x, grid=grid, padding="reflection",
                 g=np.ones((1, 1, 1, 1), np.float32))  # fmt: skip
