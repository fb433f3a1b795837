"""Judges of 14.24: grids, the derivative that passes through, and ranges that are looked at."""

import numpy as np
import pytest

from course.grading.marks import exercise


@exercise("14.24")
@pytest.mark.parametrize("low, high", [(-128, 127), (0, 255), (-8, 7)], ids=str)
def test_the_grid_of_a_range(check, draw, low, high):
    """Around zero, of one sign, one end at zero, one point: zero is on every grid."""
    least = np.concatenate([-draw.uniform(4) - 0.1, [0.5, -3.0, 0.0, -2.5, 0.0, 2.0]])
    most = np.concatenate([draw.uniform(4) * 5 + 0.1, [2.5, -1.0, 4.0, 0.0, 0.0, 2.0]])
    ends = {"least": least.astype(np.float32), "most": most.astype(np.float32)}
    check("grid_of", low=low, high=high, **ends)


@exercise("14.24")
@pytest.mark.parametrize("low, high, zero", [(-128, 127, 5), (0, 15, 7), (-7, 7, 0)], ids=str)
def test_rounded_forward_and_straight_through(check, draw, low, high, zero):
    """On the grid, between, in halves, and cut off at both ends."""
    scale = np.float32(0.125)
    x = draw.uniform(6, 9, low=scale * (low - zero - 6), high=scale * (high - zero + 6))
    x[0] = scale * (np.arange(9) - 4.5)
    x[1] = scale * np.array(
        [low - zero, high - zero, low - zero - 1, high - zero + 1, 0, 1, 2, 3, 4]
    )
    inputs = {"x": x.astype(np.float32), "cotangent": draw.normal(6, 9), "low": low, "high": high}
    check("fake", step=np.full((1, 1), scale), zero=np.full((1, 1), zero, np.float32), **inputs)
    scales = (2.0 ** draw.integers(6, low=-5, high=0)).astype(np.float32)[:, None]
    zeros = np.clip(draw.integers(6, low=-3, high=9), low, high).astype(np.float32)[:, None]
    check("fake", step=scales, zero=zeros, **inputs)


@exercise("14.24")
@pytest.mark.parametrize("share, low, high", [(0.25, -128, 127), (0.1, 0, 15)], ids=str)
def test_a_range_follows_the_batches(check, draw, share, low, high):
    """The first batch sets it, later ones move it, and in evaluation mode nothing does."""
    sizes = (1.0, 3.0, 0.5, 4.0, 9.0)
    batches = np.stack([size * draw.normal(5, 7) + 0.3 for size in sizes]).astype(np.float32)
    inputs = {"cotangents": draw.normal(5, 5, 7), "share": share, "low": low, "high": high}
    check("ranged", batches=batches, terms=5, **inputs)
    check("ranged", batches=abs(batches) + 1, terms=5, **inputs)


@exercise("14.24")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_dtype_of_what_is_rounded(check, draw, dtype):
    """What comes in halves goes out in halves; the grid itself is precise."""
    x = (draw.permutation(16).reshape(4, 4) - 8) / 2
    cotangent = draw.normal(4, 4, dtype=dtype)
    check("halves", x=x.astype(cotangent.dtype), cotangent=cotangent)


@exercise("14.24")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_codes_of_halves_are_found_precisely(check, draw, dtype):
    """A scale that halves cannot hold: the code follows from the precise one."""
    x = draw.uniform(40, 25, low=-9, high=9, dtype=dtype)
    grid = {"step": np.full(1, 0.0713, np.float32), "zero": np.full(1, 3, np.float32)}
    check("fake_halves", x=x, kind=dtype, **grid)


@exercise("14.24")
def test_a_range_that_has_seen_nothing_and_one_that_is_compiled(check, draw):
    """Evaluation mode changes nothing, not even at first; the state is one of arrays; no slope."""
    first, second = (draw.uniform(4, 5, low=-size, high=size) for size in (1.0, 3.0))
    check("looking", first=first, second=second, terms=4)
