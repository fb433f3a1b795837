"""Judges of ``tinymlx/basics/measure.py``: all durations are whole numbers of a made-up clock."""

import math

import pytest

from course.grading.marks import exercise


def durations(draw, n):
    return [float(d) for d in draw.integers(n, low=2, high=200)]


@exercise("2.1")
@pytest.mark.parametrize("backlog", [0.0, 64.0])
def test_the_whole_computation_is_timed(check, backlog):
    """Recording, evaluating and the device's own time, but nothing of what was queued before."""
    check("time_once", dispatch=1.0, host=32.0, device=512.0, backlog=backlog)


@exercise("2.1")
@pytest.mark.parametrize("host, device", [(128.0, 0.0), (0.0, 128.0)])
def test_on_either_kind_of_device(check, host, device):
    """A CPU works while we evaluate; a GPU may still be busy afterwards."""
    check("time_once", dispatch=2.0, host=host, device=device, backlog=16.0)


@exercise("2.1")
def test_a_real_product_takes_time(probe):
    """With MLX's own clock and evaluation: a plain positive number of seconds."""
    seconds = probe("time_for_real", size=64)["seconds"]
    assert isinstance(seconds, float) and 0 < seconds < 60


@exercise("2.2")
@pytest.mark.parametrize("n", [5, 6, 7, 8, 2, 1])
def test_quartiles_lie_between_neighbours(check, draw, n):
    """Odd and even counts, positions between two samples, a single sample."""
    samples = durations(draw, n)
    check("summarize", samples=[samples[0] + 300, *samples[1:]])


@exercise("2.2")
def test_one_interruption_moves_nothing(check):
    """A sample a thousand times too long; the samples stay in the order in which they came."""
    check("summarize", samples=[3.0, 5000.0, 4.0, 6.0, 2.0, 7.0, 5.0])
    check.raises("summarize", "ValueError", samples=[])


@exercise("2.2")
def test_the_callers_list_is_its_own(probe, draw):
    """It is not sorted in place, and what is appended to it later is no sample."""
    samples = [9.0, *durations(draw, 4), 1.0]
    found = probe("summarize_list", samples=samples)
    assert found["left"] == samples, "the caller's list was changed"
    assert found["samples"] == samples, "the timing's samples changed with the caller's list"


@exercise("2.3")
def test_refused_before_anything_is_measured(probe, check):
    """Counts that make no sense are refused at once: the function is not called."""
    for warmup, repeats in [(2, 0), (-1, 2)]:
        found = probe("called_before_refusal", warmup=warmup, repeats=repeats)["measure"]
        assert found == ["ValueError", 0], f"for {warmup} and {repeats}: error and calls {found}"
    given = {"durations": [5.0, 7.0], "cold": 0, "extra": 0.0}
    check("measured", **given, warmup=1, repeats=1)


@exercise("2.4")
def test_a_race_is_refused_before_it_starts(probe):
    """Counts that make no sense are refused at once: nobody is called."""
    for warmup, rounds in [(2, 0), (-1, 2)]:
        found = probe("called_before_refusal", warmup=warmup, repeats=rounds)["compare"]
        assert found == ["ValueError", 0], f"for {warmup} and {rounds}: error and calls {found}"


@exercise("2.3")
@pytest.mark.parametrize("warmup, repeats", [(3, 7), (1, 2), (0, 5), (2, 1)])
def test_repeats_after_the_warmup(check, draw, warmup, repeats):
    """The first calls are slow, and are not counted."""
    slow = [1000.0 + d for d in durations(draw, warmup)]
    check(
        "measured",
        durations=[*slow, *durations(draw, repeats)],
        cold=0,
        extra=0.0,
        warmup=warmup,
        repeats=repeats,
    )


@exercise("2.3")
def test_the_warmup_really_computes(check, draw):
    """What is slow is the first evaluations: warm-up calls that are not evaluated warm nothing."""
    times = durations(draw, 8)
    check("measured", durations=times, cold=3, extra=5000.0, warmup=3, repeats=5)


@exercise("2.3")
def test_impossible_counts_are_refused(check, draw):
    """No repeats, and less than no warm-up."""
    given = {"durations": durations(draw, 4), "cold": 0, "extra": 0.0}
    check.raises("measured", "ValueError", **given, warmup=1, repeats=0)
    check.raises("measured", "ValueError", **given, warmup=-1, repeats=2)


@exercise("2.4")
@pytest.mark.parametrize("warmup, rounds", [(2, 5), (0, 4), (1, 1)])
def test_the_candidates_take_turns(check, draw, warmup, rounds):
    """On a machine that slows down from call to call: turns, and ratios within each round."""
    first, second = (float(d) for d in draw.integers(2, low=100, high=200))
    check("compare", first=first, second=second + 100, drift=16.0, warmup=warmup, rounds=rounds)


@exercise("2.4")
def test_a_slowing_machine_does_not_pick_the_winner(probe):
    """Equal candidates: by turns the ratio is 1 within 2 %, one after the other it is 0.7."""
    found = probe("compare", first=100.0, second=100.0, drift=2.0, warmup=2, rounds=20)
    assert math.isclose(found["ratio"]["median"], 1.0, abs_tol=0.02)
    assert found["calls"][:4] == ["first", "second", "first", "second"]


@exercise("2.4")
def test_a_race_without_rounds_is_refused(check):
    """No rounds, and less than no warm-up."""
    given = {"first": 5.0, "second": 6.0, "drift": 0.0}
    check.raises("compare", "ValueError", **given, warmup=1, rounds=0)
    check.raises("compare", "ValueError", **given, warmup=-1, rounds=2)
