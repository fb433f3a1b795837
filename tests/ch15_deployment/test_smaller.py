"""Judges of 15.11 to 15.13: halves, palettes, zeros."""

import math

import numpy as np
import pytest

from course.grading.marks import exercise

# 15.11


@exercise("15.11")
def test_some_stages_in_halves(check, probe, draw):
    """The first ones, none, all; in float32 behind them, and at the end."""
    x = draw.uniform(5, low=0.5, high=2)
    for count in range(5):
        found = probe("run_in_part", x=x, count=4, how_many=count)
        assert found["dtypes"] == ["float16"] * count + ["float32"] * (4 - count)
        assert found["y"].dtype == np.float32
        assert abs(found["y"] - x).max() < 1e-2
    half = x.astype(np.float16)
    expected = [((x + np.float32(0.1)) / np.float32(3)) * np.float32(7)]
    first = half + np.float16(0.1)
    expected.append(first.astype(np.float32) / np.float32(3) * np.float32(7))
    expected.append((first / np.float16(3)).astype(np.float32) * np.float32(7))
    for count, y in enumerate(expected):
        found = probe("rounded_stages", x=x, count=count)["y"]
        assert abs(found - y).max() < 1e-6, f"{count} stages in halves: not rounded where it should"


def search(probe, x, count, losing, **more):
    """The stage is found, in few runs, of which none is done twice."""
    found = probe("lost", x=x, count=count, losing=losing, **more)
    assert found["stage"] == min(losing, default=None), found
    runs = found["halves"]
    assert runs[0] == 0 and len(set(runs)) == len(runs), f"runs with so many in halves: {runs}"
    assert len(runs) <= 2 + math.ceil(math.log2(count)), f"{len(runs)} runs for {count} stages"


@exercise("15.11")
@pytest.mark.parametrize("count", [1, 2, 3, 7, 16])
def test_planted_overflow(probe, draw, count):
    """Inside of one stage: nothing that goes in or comes out is large. Each place."""
    x = draw.uniform(6, low=1, high=2)
    for place in range(count):
        search(probe, x, count, [place])


@exercise("15.11")
@pytest.mark.parametrize("kind", ["infinite", "small", "shifted", "lowered", "one of all"])
def test_other_losses(probe, draw, kind):
    """What is infinite, what is zero, what is only a little different, up or down, in one place;
    the first of several."""
    x = draw.uniform(6, low=0.5, high=1)
    for losing in ([0], [3], [5], [2, 4], [4, 5]):
        search(probe, x, 6, losing, kind=kind)


@exercise("15.11")
def test_nothing_is_lost(probe, draw):
    """Two runs say so: all in float32, and all in float16."""
    x = draw.uniform(6, low=0.5, high=1)
    assert probe("run_in_part", x=x, count=3, how_many=3)["y"].all()
    found = probe("lost", x=x, count=16, losing=[])
    assert found == {"stage": None, "halves": [0, 16]}


@exercise("15.11")
def test_relative_to_the_output(probe, draw):
    """Small outputs are compared as strictly as large ones."""
    x = draw.uniform(6, low=0.5, high=1)
    search(probe, x * np.float32(1e-2), 5, [3], kind="shifted", tolerance=0.1)
    found = probe("lost", x=x * np.float32(100), count=5, losing=[3], kind="shifted")
    assert found == {"stage": None, "halves": [0, 5]}
    search(probe, x, 5, [3], kind="shifted", tolerance=1e-2)
    found = probe("lost", x=x, count=5, losing=[3], kind="shifted", tolerance=0.1)
    assert found["stage"] is None
    assert probe("lost_among_large_ones", x=x)["stage"] == 2
    # Relative to the largest magnitude, also among small and negative ones.
    x = np.array([-2, 0.001, 0.5], np.float32)
    found = probe("lost", x=x, count=5, losing=[3], kind="shifted", tolerance=0.012)
    assert found["stage"] is None
    # A difference may be equal to what is allowed.
    found = probe("lost", x=np.ones(3, np.float32), count=4, losing=[], tolerance=0.0)
    assert found["stage"] is None


@exercise("15.11")
def test_nothing_to_compare_with(check, probe, draw):
    """What is not finite in float32 says nothing about float16."""
    x = draw.uniform(6, low=0.5, high=1)
    search(probe, x, 4, [1])
    check.raises("lost_in_any_case", "ValueError", x=x)


# 15.12


@exercise("15.12")
def test_nearest_entry(check, draw):
    """Tables of several sizes, equal entries among them; any shape."""
    for count in (2, 3, 16):
        table = np.sort(draw.normal(count))
        check("codes_of", table=table, weights=draw.normal(7, 5))
    table = np.array([-1, 0, 0, 2], np.float32)
    weights = np.array([-5, -0.5, -0.4, 0, 0.9, 1, 1.1, 9], np.float32)
    check("codes_of", table=table, weights=weights)


@exercise("15.12")
def test_memory_of_codes(probe, draw):
    """No array of weights times entries. (A search in steps of its own may keep some numbers for
    each of its seven steps.)"""
    found = probe("memory_of_codes", size=1 << 15, count=128)
    assert found["codes"].dtype == np.uint8 and found["codes"].any()
    assert found["numbers"] < 64, f"{found['numbers']:.0f} numbers for each weight at a time"


@exercise("15.12")
@pytest.mark.parametrize("count", [2, 5, 16])
def test_palette(check, draw, count):
    """The table and the codes, after one round, after some, at the end."""
    w = np.round(draw.normal(9, 31), 3)
    for rounds in (0, 1, 3, 50):
        check("palette_of", terms=300, weights=w, count=count, rounds=rounds)
    # What is small does not stop sooner.
    check("palette_of", terms=300, weights=w * np.float32(2**-14), count=count, rounds=50)


@exercise("15.12")
def test_entries_without_weights(check, draw):
    """They stay where they are; groups far apart, few values, one value."""
    w = np.concatenate([draw.normal(20), 100 + draw.normal(20), [40]]).astype(np.float32)
    check("palette_of", terms=64, scale=100, weights=w, count=12, rounds=50)
    few = np.array([[3, 1, 1], [2.1, 2.1, 3]], np.float32)
    check("palette_of", weights=few, count=16, rounds=50)
    check("palette_of", weights=np.full((4,), 2.5, np.float32), count=4, rounds=50)


@exercise("15.12")
def test_palette_of_halves(probe, draw):
    """Means of ten thousand numbers are not sums in float16; the table is in float32."""
    w = (1 + draw.uniform(10000)).astype(np.float16)
    found = probe("palette_of", weights=w, count=2, rounds=3)
    assert found["table"].dtype == np.float32 and found["codes"].dtype == np.uint8
    for k in (0, 1):
        mean = w.astype(np.float64)[found["codes"] == k].mean()
        assert abs(found["table"][k] - mean) < 1e-2


@exercise("15.12")
def test_rounds_of_a_palette(probe, draw):
    """It ends when nothing goes elsewhere; a table that never moved is in float32, too."""
    w = np.array([0, 1, 2, 3] * 9, np.float32)
    assert probe("rounds_of", weights=w, count=4, rounds=50)["calls"] <= 3
    found = probe("rounds_of", weights=w.astype(np.float16), count=4, rounds=0)
    assert found["table"].dtype == np.float32 and found["table"].tolist() == [0, 1, 2, 3]
    thirds = np.array([0, 1, 0.5], np.float16)
    found = probe("rounds_of", weights=thirds, count=7, rounds=0)
    assert abs(found["table"] - np.arange(7) / 6).max() < 1e-6, "the table is one of halves"


@exercise("15.12")
def test_palette_that_is_none(check, draw):
    """Too few entries, too many for a byte, no weights; the ends are allowed."""
    w = np.round(draw.normal(4, 100), 3)
    check("palette_of", weights=w, count=2, rounds=2)
    check("palette_of", terms=100, weights=w, count=256, rounds=1)
    for count, weights in ((1, w), (257, w), (0, w), (16, w[:0])):
        check.raises("palette_of", "ValueError", weights=weights, count=count, rounds=3)


# 15.13


@exercise("15.13")
@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.25, 0.5, 0.77, 0.999, 1.0])
def test_exact_share(check, draw, sparsity):
    """So many as there should be, also where many are equal: the first go first."""
    check("stay", magnitudes=abs(draw.normal(9)), sparsity=0.4)
    for size in (1, 2, 10, 33):
        check("stay", magnitudes=abs(draw.normal(size)), sparsity=sparsity)
        check(
            "stay",
            magnitudes=draw.integers(size, low=0, high=3).astype(np.float32),
            sparsity=sparsity,
        )
    check("stay", magnitudes=np.ones(8, np.float32), sparsity=sparsity)
    # More equal ones than float16 can count.
    check("stay", magnitudes=np.ones(5001, np.float32), sparsity=sparsity)


@exercise("15.13")
def test_share_that_is_none(check, draw):
    """Below 0, above 1; the ends are allowed."""
    x = abs(draw.normal(6))
    for sparsity in (0.0, 1.0):
        check("stay", magnitudes=x, sparsity=sparsity)
    for sparsity in (-0.1, 1.1, 50.0):
        check.raises("stay", "ValueError", magnitudes=x, sparsity=sparsity)


def layers(draw):
    """Layers whose weights are large, small, and of several shapes; both signs."""
    return {
        "large": 5 * draw.normal(4, 5),
        "small": draw.normal(3, 2, 4) / 10,
        "one": draw.normal(1),
    }


@exercise("15.13")
@pytest.mark.parametrize("everywhere", [False, True])
def test_layers_with_zeros(check, draw, everywhere):
    """Each by itself, or all together; what stays stays as it is, with its sign."""
    for sparsity in (0.0, 0.3, 0.5, 0.9):
        check("pruned", weights=layers(draw), sparsity=sparsity, everywhere=everywhere)


@exercise("15.13")
def test_no_layers(check, draw):
    """Nothing of nothing; beside something."""
    for everywhere in (False, True):
        check("pruned", weights=layers(draw), sparsity=0.5, everywhere=everywhere)
        check("pruned", weights={}, sparsity=0.5, everywhere=everywhere)


@exercise("15.13")
def test_equal_weights_in_several_layers(check):
    """Together, those that are named first go first."""
    weights = {"b": np.ones((2, 2), np.float32), "a": -np.ones(4, np.float32)}
    for everywhere in (False, True):
        check("pruned", weights=weights, sparsity=0.5, everywhere=everywhere)
        check("pruned", weights=weights, sparsity=0.25, everywhere=everywhere)


@exercise("15.13")
def test_weights_that_hardly_differ(check):
    """In the eighth digit, in both orders; and larger than float16 goes."""
    x = np.float32(1) + np.arange(8, dtype=np.float32) * np.float32(2**-23)
    for everywhere in (False, True):
        given = {"sparsity": 0.5, "everywhere": everywhere}
        check("pruned", weights={"up": x, "down": -x[::-1].copy()}, **given)
        check("pruned", weights={"large": 1e9 * x[::-1].copy()}, **given)
        wide = np.array([np.inf, 1, -np.inf], np.float32)
        check("pruned", weights={"wide": wide}, sparsity=1.0, everywhere=everywhere)


@exercise("15.13")
def test_layers_of_halves(probe, draw):
    """Shapes and dtypes stay."""
    weights = {"h": draw.normal(2, 4, dtype="float16"), "f": draw.normal(3)}
    for everywhere in (False, True):
        found = probe("pruned", weights=weights, sparsity=0.5, everywhere=everywhere)["weights"]
        assert found["h"].any()
        assert {n: (w.dtype.name, w.shape) for n, w in found.items()} == {
            "h": ("float16", (2, 4)),
            "f": ("float32", (3,)),
        }
