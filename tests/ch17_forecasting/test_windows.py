"""Judges of 17.3: windows, and where they may stand."""

import numpy as np
import pytest

from course.grading.marks import exercise


@exercise("17.3")
@pytest.mark.parametrize("shape", [(9,), (9, 3), (9, 2, 4)])
def test_sliding(check, draw, shape):
    for length in (1, 4, 8, 9):
        check("sliding", x=draw.normal(*shape), length=length)
    check("sliding", x=draw.integers(7, 2, low=0, high=9), length=3)


@exercise("17.3")
def test_sliding_over_what_lies_elsewhere(check, draw):
    """A column of a table, its transposition, every second row."""
    check("sliding_views", x=draw.normal(8, 7), length=3)


@exercise("17.3")
def test_sliding_is_a_view(probe, draw):
    """1,000 windows of 1,000 rows in the memory of 2,000 rows."""
    x = draw.normal(2000, 4)
    found = probe("sliding_memory", x=x, length=1000)
    assert found["bytes"] <= 64_000, f"{found['bytes']} bytes for windows of 32,000 bytes of rows"
    assert np.array_equal(found["last"], x[1000:])


@exercise("17.3")
def test_sliding_that_does_not_fit(check, draw):
    for length in (0, 5, -1):
        check.raises("sliding", "ValueError", match="length", x=draw.normal(4, 2), length=length)
    check.raises("sliding", "ValueError", match="length", x=np.array(3, np.float32), length=1)


@exercise("17.3")
@pytest.mark.parametrize("past, future", [(1, 1), (3, 1), (1, 4), (4, 3), (6, 6)])
def test_origins(check, draw, past, future):
    """Bad rows and breaks at every place, against a search of all windows."""
    for share in (0.0, 0.05, 0.2):
        usable, breaks = draw.uniform(80) >= share, draw.uniform(80) < share
        for start, stop in ((0, 80), (7, 60), (3, 3 + past + future), (80, 80), (0, 3), (30, 31)):
            inputs = {"past": past, "future": future, "start": start, "stop": stop}
            check("origins", usable=usable, breaks=breaks, **inputs)


@exercise("17.3")
def test_one_bad_row_or_break(check):
    """Each place by itself; a break in front of the first row of the part is harmless."""
    for place in range(12):
        one = np.arange(12) == place
        none = np.zeros(12, bool)
        inputs = {"past": 3, "future": 2, "start": 2, "stop": 11}
        check("origins", usable=~one, breaks=none, **inputs)
        check("origins", usable=~none, breaks=one, **inputs)
        check("origins", usable=~one, breaks=one, **inputs)


@exercise("17.3")
def test_origins_cost_no_windows(probe, draw):
    """4,000 rows and windows of 2,000: no table of all windows, which has 4 million places."""
    usable = np.ones(4_000, bool)
    usable[20] = False
    inputs = {"usable": usable, "breaks": ~usable, "past": 1600, "future": 400}
    found = probe("origins_memory", **inputs)
    assert found["count"] == 4_000 - 21 - 1999 and found["first"] == 21 + 1599, found
    assert found["bytes"] < 800_000, f"{found['bytes']} bytes for 4,000 rows"


@exercise("17.3")
def test_origins_in_one_pass(probe):
    """Windows of 10 rows or of 300: nobody walks through each of them."""
    usable = np.ones(400, bool)
    found = probe("origins_lines", usable=usable, breaks=~usable, sizes=[5, 150])
    assert found["ends"] == [[4, 394], [149, 249]]
    assert found["one pass"] is True, "the wider the windows, the more steps it takes"


@exercise("17.3")
def test_origins_that_do_not_fit(check, draw):
    usable = np.ones(10, bool)
    good = {"usable": usable, "breaks": ~usable, "past": 1, "future": 1, "start": 0, "stop": 10}
    check("origins", **good)
    for wrong in (
        {"past": 0},
        {"future": 0},
        {"start": -1},
        {"stop": 11},
        {"start": 6, "stop": 5},
        {"breaks": np.zeros(9, bool)},
    ):
        check.raises("origins", "ValueError", **{**good, **wrong})
    square = np.ones((4, 4), bool)
    check.raises("origins", "ValueError", **{**good, "usable": square, "breaks": square, "stop": 4})


@exercise("17.3")
@pytest.mark.parametrize("gap", [0, 1, 5])
def test_rolling(check, gap):
    for longest in (None, 1, 8, 40):
        for count, folds, test in ((30, 3, 4), (30, 1, 1), (23, 2, 7), (30, 6, 4), (31, 4, 6)):
            inputs = {"count": count, "folds": folds, "test": test, "longest": longest}
            check("rolling", gap=gap, **inputs)


@exercise("17.3")
def test_rolling_that_does_not_fit(check):
    good = {"count": 20, "folds": 3, "test": 5, "gap": 4, "longest": None}
    check("rolling", **good)
    wrongs = [{"gap": 5}, {"folds": 4}, {"folds": 0}, {"gap": -1}, {"longest": 0}]
    for wrong in (*wrongs, {"test": 0}, {"test": -1}):
        check.raises("rolling", "ValueError", **{**good, **wrong})
