"""Judges of 6.12 to 6.16: what a long run needs."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("6.12")
@pytest.mark.parametrize("rows, pieces", [(12, 3), (10, 3), (10, 4), (5, 1), (3, 8), (7, 6)])
def test_a_gradient_in_pieces(check, draw, rows, pieces):
    """Loss and gradient of the whole batch, also where the last piece is smaller."""
    x, y, w = draw.normal(rows, 3), draw.normal(rows), draw.normal(3)
    check("gradient_in_pieces", x=x, y=y, w=w, pieces=pieces, terms=3 * rows)


@exercise("6.12")
@pytest.mark.parametrize("rows, pieces", [((4, 3), 2), ((4, 4), 0), ((0, 0), 2)])
def test_batches_that_do_not_fit(check, draw, rows, pieces):
    """Arrays that disagree about the number of examples, none, no pieces."""
    x, y = (draw.normal(n, 2) for n in rows)
    check.raises("pieces_fail", "ValueError", x=x, y=y, pieces=pieces)


@exercise("6.12")
def test_an_error_before_the_first_batch(check, draw, probe):
    """No pieces at all is a mistake of who makes the function."""
    assert probe("pieces_of_nothing", pieces=2)["function"] is True
    for pieces in (0, -1):
        check.raises("pieces_of_nothing", "ValueError", pieces=pieces)


@exercise("6.12")
@pytest.mark.parametrize("pieces", [2, 4])
def test_a_piece_is_done_before_the_next_begins(check, draw, pieces):
    """Otherwise all of them are in memory together, as graphs that wait."""
    check("pieces_are_computed", x=draw.normal(8, 3), pieces=pieces, terms=24)


FLAGS = {
    "all good": [True] * 7,
    "one bad": [True, True, False, True, True, True, True],
    "many bad": [False, False, True, False],
    "bad in the moment of growth": [True, True, False, True, True, True],
}


@exercise("6.13")
@pytest.mark.parametrize("name", FLAGS)
def test_the_scale_after_each_step(check, name):
    """Halved by a bad step, doubled after three good ones in a row."""
    check("scales", flags=FLAGS[name], start=1024.0, growth_interval=3)


@exercise("6.13")
@pytest.mark.parametrize("good", [True, False], ids=["growing", "shrinking"])
def test_a_scale_at_its_limits(check, good):
    """After hundreds of good or bad steps it is still a number that can come back."""
    check("scales", flags=[good] * 300 + [not good] * 3, start=1024.0, growth_interval=1)


@exercise("6.13")
def test_the_scale_in_a_compiled_step(check):
    """Nothing is decided by `if`: one graph serves good steps and bad ones."""
    check("compiled_scales", flags=FLAGS["one bad"], start=8.0, growth_interval=2)
    check("scales", flags=[True, False, True], start=8.0, growth_interval=1)


@exercise("6.13")
@pytest.mark.parametrize("bad", [None, np.inf, -np.inf, np.nan], ids=str)
@pytest.mark.parametrize("place", [0, 1])
def test_gradients_without_the_scale(check, draw, bad, place):
    """Divided by the scale; whether all are finite, wherever the bad number is."""
    gradients = {"a": draw.normal(3), "b": [draw.normal(2, 2)]}
    gradients["a"][0] = 3e38  # finite, although the sum of two such numbers is not
    gradients["b"][0][0, 0] = 3e38
    if bad is not None:
        (gradients["a"] if place == 0 else gradients["b"][0])[..., 1] = bad
    check("unscaled_gradients", gradients=gradients, start=512.0, scale=3e38 / 512)
    small = {"a": draw.normal(3), "b": [draw.normal(2, 2)]}
    check("unscaled_gradients", gradients=small, start=512.0)


@exercise("6.14")
@pytest.mark.parametrize("frozen", [[], ["bias"]], ids=["all", "bias frozen"])
@pytest.mark.parametrize("decay", [0.9, 0.0])
def test_averages_of_weights(check, draw, decay, frozen):
    """Five steps; a tree that was handed out before does not change."""
    ws, bs = [draw.normal(2, 3) for _ in range(6)], [draw.normal(2) for _ in range(6)]
    check("averages", ws=ws, bs=bs, decay=decay, frozen=frozen, terms=6)


@exercise("6.14")
@pytest.mark.parametrize("raises", [False, True])
def test_the_average_in_the_place_of_the_weights(check, draw, raises):
    """Inside the context the averages compute, afterwards the weights, whatever happened."""
    inputs = {name: draw.normal(2, 3) for name in ("w", "w2")}
    inputs |= {name: draw.normal(2) for name in ("b", "b2")}
    check("applied_average", **inputs, x=draw.normal(4, 3), raises=raises, terms=3)


NAN = float("nan")
VALUES = {
    "better and worse": ([3.0, 2.0, 2.5, 1.0, 1.5, 1.2, 1.1, 0.5], {"patience": 3}),
    "greater is better": ([0.5, 0.7, 0.6, 0.6, 0.8], {"patience": 2, "mode": "max"}),
    "too little": ([1.0, 0.95, 0.93, 0.7, 0.65], {"patience": 3, "min_delta": 0.1}),
    "equal is not better": ([1.0, 1.0, 1.0, 1.0], {"patience": 2}),
    "not a number at first": ([NAN, 2.0, NAN], {"patience": 3, "mode": "max"}),
    "not a number": ([NAN, 2.0, NAN, NAN, 1.0], {"patience": 2}),
    "at once": ([1.0, 2.0], {"patience": 1}),
}


@exercise("6.15")
@pytest.mark.parametrize("name", VALUES)
def test_when_to_stop(check, name):
    """After each value: was it better, the best, how long ago, stop or not."""
    values, options = VALUES[name]
    check("patience", values=values, options=options)


RUNS = {
    "in the first epoch": {"after": 1},
    "after its last batch": {"after": 3},
    "with an average": {"after": 2, "average": True},
    "with a scaler": {"after": 2, "scaler": True},
    "compiled": {"after": 2, "compile": True, "average": True, "scaler": True, "used": True},
    "in the place of another run": {"after": 2, "used": True},
}


def examples(draw):
    return {"x": draw.normal(14, 5), "y": draw.integers(14, low=0, high=3)}


@exercise("6.16")
@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_went_on(probe, draw, name):
    """Bit for bit what a run has that never stopped: weights, optimizer, random numbers."""
    found = probe("resumed", **examples(draw), options={"seed": 3, **RUNS[name]})
    assert found["steps"] == [12, 12]
    assert found["never stopped"].size > 200 and np.isfinite(found["never stopped"]).all()
    different = np.flatnonzero(found["never stopped"] != found["resumed"])
    assert different.size == 0, f"{different.size} of {found['resumed'].size} numbers differ"
    assert found["history"] == found["resumed history"] and len(found["history"]) == 3
    assert found["stopping"][0] == found["stopping"][1]


@exercise("6.16")
@pytest.mark.parametrize(
    "case, words",
    [
        ("lacks", "average"),
        ("batches", "batches"),
        ("stopping", "stopping"),
        ("stopping kept", "stopping"),
        ("shape", "Expected shape"),
        ("name", "layers.0.scale"),
    ],
)
def test_a_checkpoint_that_does_not_fit(probe, draw, case, words):
    """A clear error, and nothing has changed."""
    found = probe("restore_fails", **examples(draw), case=case)
    assert found["message"] is not None, "no ValueError"
    assert words in found["message"] and found["same"]


@exercise("6.16")
@pytest.mark.parametrize("seed", [0, 7, 2**40 + 12345])
def test_random_numbers_go_on(probe, seed):
    """The numbers after a state, the same again. (Of five normal numbers none is 0.)"""
    for count in (1, 1000):
        found = probe("random_numbers", seed=seed, count=count)
        assert np.array_equal(found["first"], found["again"]) and (found["first"] != 0).all()
        assert found["state"].dtype == np.uint32 and found["state"].shape == (2,)
    assert agree(found["again"], found["first"])
