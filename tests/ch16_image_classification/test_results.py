"""Judges of 16.10 and 16.11: how sure a number is, and what a network looked at."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("16.10")
@pytest.mark.parametrize(
    "right, total, confidence",
    [(85, 100, 0.95), (0, 20, 0.95), (20, 20, 0.9), (1, 1, 0.5), (0, 1, 0.99), (7123, 10000, 0.68),
     (9, 12, 0.05)],
)  # fmt: skip
def test_an_interval(check, right, total, confidence):
    """Against SciPy; all right and none right, too."""
    check("interval", right=right, total=total, confidence=confidence)


@exercise("16.10")
def test_an_interval_by_default(check, probe):
    """95 %; and never outside of 0 to 1."""
    check("interval_by_default", reference="interval_95", right=412, total=500)
    for total in range(1, 41):  # without a limit rounding reaches beyond 1 for most of them
        for right in (0, total):
            found = probe("interval", right=right, total=total, confidence=0.5)
            assert 0 <= found["low"] < found["high"] <= 1, found
    assert probe("interval", right=5, total=5, confidence=0.9)["high"] == 1


@exercise("16.10")
def test_intervals_that_cannot_be(check, probe):
    """More right than there are; no examples; a confidence that is none."""
    assert probe("interval", right=1, total=2, confidence=0.9)["high"] < 1
    for right, total in ((3, 2), (-1, 2), (0, 0), (1, -1)):
        check.raises("interval", "ValueError", match="right", right=right, total=total,
                     confidence=0.9)  # fmt: skip
    for confidence in (0.0, 1.0, -1.0, 95.0, 0.99999999):
        check.raises("interval", "ValueError", match="confidence", right=1, total=2,
                     confidence=confidence)  # fmt: skip


@exercise("16.10")
@pytest.mark.parametrize(
    "one, other, both", [(3, 9, 50), (9, 3, 0), (0, 6, 10), (5, 5, 2), (1, 0, 0), (40, 75, 300)]
)
def test_a_difference(check, draw, one, other, both):
    """Only where exactly one of the two is right; the sides do not matter."""
    first = np.array([1] * one + [0] * other + [1] * both + [0] * 4, bool)
    second = np.array([0] * one + [1] * other + [1] * both + [0] * 4, bool)
    order = draw.permutation(len(first))
    check("paired", first=first[order], second=second[order])


@exercise("16.10")
def test_no_difference(check, probe, draw):
    """They never disagree: nothing is known, and it is not 0 / 0; two lengths are refused."""
    first = draw.booleans(20)
    assert probe("paired", first=first, second=first)["p"] == 1
    assert probe("paired", first=first[:0], second=first[:0])["p"] == 1
    for second in (first[:19], first[:1], first.reshape(4, 5)):
        check.raises("paired", "ValueError", match="length", first=first, second=second)
    matrix = first.reshape(4, 5)
    check.raises("paired", "ValueError", match="length", first=matrix, second=matrix)


@exercise("16.10")
def test_thousands_of_differences(check, draw):
    """2 to the power of 3000 is no float; the answer is exact all the same."""
    first = np.array([1] * 1450 + [0] * 1550, bool)
    check("paired", first=first, second=~first)
    # A probability below all floats is 0.
    first = np.zeros(2000, bool)
    first[:7] = True
    found = check.bench.probe("paired", first=first, second=~first)["p"]
    assert found == 0
    first[:480] = True
    found = check.bench.probe("paired", first=first[:1000], second=~first[:1000])["p"]
    expected = check.bench.expected("paired", {"first": first[:1000], "second": ~first[:1000]})["p"]
    assert agree(np.float64(found), np.float64(expected))


@exercise("16.10")
@pytest.mark.parametrize("count", [2, 3, 7])
def test_a_power_law(check, draw, count):
    """Least squares in logarithms; an error that grows, too."""
    examples = (1000 * 2.0 ** np.arange(count)).tolist()
    errors = (0.9 * np.array(examples) ** -0.3 * np.exp(0.2 * draw.normal(count))).tolist()
    check("law", examples=examples, errors=errors, scale=10)
    check("law", examples=examples[::-1], errors=errors, scale=10)


@exercise("16.10")
def test_the_same_number_twice(check, draw):
    """Several runs of one size count each; whole numbers are numbers, too."""
    check("law", examples=[100, 100, 400, 1600, 1600], errors=[0.5, 0.6, 0.4, 0.2, 0.25], scale=10)


@exercise("16.10")
def test_laws_that_cannot_be(check, probe):
    """One size only, two lengths, nothing below zero."""
    assert probe("law", examples=[1.0, 10.0], errors=[1.0, 0.1])["exponent"] > 0.9
    for examples, errors in [([5.0], [0.1]), ([5.0, 5.0], [0.1, 0.2]), ([], []),
                             ([1.0, 2.0], [0.1]), ([1.0, 2.0], [0.1, 0.2, 0.3])]:  # fmt: skip
        check.raises("law", "ValueError", match="two", examples=examples, errors=errors)
    for examples, errors in [([0.0, 1.0], [0.1, 0.2]), ([1.0, 2.0], [0.1, 0.0]),
                             ([1.0, 2.0], [-0.1, 0.2]), ([-1.0, 2.0], [0.1, 0.2]),
                             ([np.nan, 2.0], [0.1, 0.2]), ([1.0, 2.0], [0.1, np.nan]),
                             ([1.0, np.inf], [0.1, 0.2]), ([1.0, 2.0], [np.inf, 0.2])]:  # fmt: skip
        check.raises("law", "ValueError", match="above", examples=examples, errors=errors)


def attention(draw, *shape):
    z = np.exp(draw.normal(*shape))
    return (z / z.sum(-1, keepdims=True)).astype(np.float32)


@exercise("16.11")
@pytest.mark.parametrize("blocks", [1, 2, 4])
@pytest.mark.parametrize("heads", [1, 3])
def test_a_rollout(check, draw, blocks, heads):
    """Each picture, all heads, the first block first; rows sum to 1."""
    attentions = [attention(draw, 2, heads, 5, 5) for _ in range(blocks)]
    found = check("passed", attentions=attentions, terms=15)
    assert agree(found["y"].sum(-1), np.ones((2, 5)), terms=15)


@exercise("16.11")
def test_a_rollout_in_half_precision(check, probe, draw):
    """Half precision stays half precision; without blocks there is nothing to roll out."""
    attentions = [attention(draw, 1, 2, 4, 4).astype(np.float16) for _ in range(2)]
    check("passed", attentions=attentions, terms=8)
    check.raises("passed", "ValueError", match="blocks", attentions=[])


@exercise("16.11")
@pytest.mark.parametrize(
    "shape, side, stride", [((3, 6, 5, 2), 2, 1), ((2, 7, 8, 1), 3, 2), ((1, 4, 4, 3), 4, 1),
                            ((3, 5, 5, 1), 1, 3), ((4, 4, 6, 2), 2, 2)]
)  # fmt: skip
def test_covered_squares(check, draw, shape, side, stride):
    """Every place, each picture's own class; one call for each place, with all pictures."""
    classes = draw.integers(shape[0], low=0, high=4)
    w = draw.normal(int(np.prod(shape[1:])), 4)
    check("covered", x=draw.normal(*shape), w=w, classes=classes, side=side, stride=stride,
          fill=0.7, terms=60, scale=10)  # fmt: skip


@exercise("16.11")
def test_covered_with_nothing(check, draw):
    """Black by default."""
    check("covered_by_default", reference="covered_black", x=draw.normal(2, 4, 5, 1) + 1,
          w=draw.normal(20, 3), classes=np.array([2, 0], np.int32), side=2, stride=1, terms=40,
          scale=10)  # fmt: skip


@exercise("16.11")
def test_the_memory_of_covered_pictures(probe):
    """225 places: at no time are their pictures in memory at once.

    Measured in batches of pictures: 4.1; with all places at once more than 225.
    """
    found = probe("covered_memory", side=32, count=8)
    assert found["y"].shape == (8, 15, 15)
    assert np.abs(found["y"]).max() > 0
    assert found["memory"] == "few batches", "16 batches of pictures or more at once"


@exercise("16.11")
def test_covered_in_half_precision(check, draw):
    """Half precision stays half precision."""
    x, w = draw.normal(2, 3, 3, 1, dtype="float16"), draw.normal(9, 3, dtype="float16")
    check("covered_half", x=x, w=w, classes=np.array([0, 2], np.int32), terms=30, scale=4)
