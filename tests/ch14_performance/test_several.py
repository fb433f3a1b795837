"""Judges of 14.19 to 14.23: memory, lengths, the clock, a ring, parts of weights."""

import itertools

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


def peak_of(sizes, again):
    """Bytes at the worst moment: while a block works, it and the kept ones before it."""
    kept, most = 0, 0
    for i, size in enumerate(sizes):
        most = max(most, kept + size)
        kept += 0 if i in again else size
    return most


def least_lost(sizes, seconds, budget):
    """The least seconds of all plans that fit; ``None`` if there is none. By trying all."""
    best = None
    for choice in itertools.product((False, True), repeat=len(sizes)):
        again = {i for i, yes in enumerate(choice) if yes}
        if peak_of(sizes, again) <= budget:
            lost = sum(float(seconds[i]) for i in again)
            best = lost if best is None else min(best, lost)
    return best


def padding(lengths, bounds):
    """What is added when each length grows to the least bound that is not below it."""
    return sum(min(b for b in bounds if b >= n) - n for n in map(int, lengths))


def least_padding(lengths, count):
    """By trying all choices of at most ``count`` bounds."""
    found = sorted({int(n) for n in lengths})
    return min(
        padding(lengths, [*inner, found[-1]])
        for few in range(min(count, len(found)))
        for inner in itertools.combinations(found[:-1], few)
    )


def planned(probe, sizes, seconds, budget):
    """The plan, if it is one: indices in order, and it fits."""
    sizes, seconds = np.array(sizes, np.int64), np.array(seconds, np.float32)
    again = probe("plan", sizes=sizes, seconds=seconds, budget=budget)["again"]
    assert again == sorted(set(again)), f"{again} are not indices in ascending order"
    assert all(0 <= i < len(sizes) for i in again), f"{again} has an index that is no block's"
    used = peak_of(sizes.tolist(), again)
    assert used <= budget, f"the plan {again} needs {used} bytes; the budget is {budget}"
    return sum(float(seconds[i]) for i in again)


@exercise("14.19")
@pytest.mark.parametrize("count", [3, 6, 9])
def test_no_plan_that_fits_is_faster(probe, draw, count):
    """Blocks of many sizes, budgets from the least possible one on."""
    for _ in range(6):
        sizes = draw.integers(count, low=1, high=9).tolist()
        seconds = draw.integers(count, low=1, high=9).astype(np.float32)
        for budget in {max(sizes), sum(sizes) // 2 + max(sizes) // 2, sum(sizes), 10**9}:
            best = least_lost(sizes, seconds, budget)
            if best is not None:
                lost = planned(probe, sizes, seconds, budget)
                assert lost == best, (
                    f"sizes {sizes}, seconds {seconds.tolist()}, budget {budget}: {lost} seconds "
                    f"are computed again, {best} would do"
                )


@exercise("14.19")
def test_what_comes_later_has_gone(probe):
    """A large block at the end can be kept, one at the beginning stands in everybody's way."""
    assert planned(probe, [2, 2, 6], [2, 1, 9], 8) == 1
    assert planned(probe, [6, 2, 6], [9, 1, 1], 12) == 1


@exercise("14.19")
def test_an_empty_network_and_an_equal_budget(probe):
    """Nothing to plan; and exactly enough is enough."""
    assert planned(probe, [], [], 0) == 0
    assert planned(probe, [3, 4], [1, 1], 7) == 0
    assert planned(probe, [3, 4, 4], [2, 1, 1], 8) == 1


@exercise("14.19")
def test_many_blocks(probe):
    """Not by trying every plan: 40 blocks have 10^12 of them."""
    sizes = [1 + (7 * i) % 5 for i in range(40)]
    seconds = [1 + (3 * i) % 7 for i in range(40)]
    lost = planned(probe, sizes, seconds, 60)
    assert 0 < lost < sum(seconds)


@exercise("14.19")
def test_no_plan_fits(check):
    """A block alone is too large."""
    given = {"sizes": np.array([2, 9, 1]), "seconds": np.ones(3, np.float32), "budget": 8}
    check.raises("plan", "ValueError", "[to_recompute]", **given)


@exercise("14.20")
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_no_choice_has_less_padding(probe, draw, count):
    """Lengths that occur several times count several times."""
    for most in (3, 9, 14):
        lengths = draw.integers(12, low=1, high=most).astype(np.int64)
        found = probe("bounds_of", lengths=lengths, count=count)
        chosen = found["bounds"]
        assert chosen == sorted(set(chosen)), f"{chosen} are not ascending"
        assert 1 <= len(chosen) <= count, f"{len(chosen)} bounds; {count} were allowed"
        assert chosen[-1] == lengths.max(), f"the last bound is {chosen[-1]}, not the longest"
        used = padding(lengths, chosen)
        best = least_padding(lengths, count)
        assert used == best, f"{lengths.tolist()} to {chosen}: {used} of padding; {best} would do"
        assert found["unchanged"], "the lengths were changed"


@exercise("14.20")
def test_choices_are_not_tried_one_by_one(probe):
    """Three times as many lengths: the table has nine times as many entries, and there are fifty
    times as many choices of four."""
    found = probe("growth_of_bounds", sizes=[8, 24], count=4)
    assert all(found["last"]), "the last bound is not the longest length"
    few, many = found["lines"]
    assert many < 20 * few, f"{few} lines of Python for 8 lengths, {many} for 24"


@exercise("14.20")
def test_as_many_bounds_as_lengths(probe):
    """No padding at all; and more bounds than lengths are not needed."""
    lengths = np.array([7, 3, 3, 11])
    assert probe("bounds_of", lengths=lengths, count=9)["bounds"] == [3, 7, 11]
    assert probe("bounds_of", lengths=np.array([5, 5]), count=2)["bounds"] == [5]


@exercise("14.20")
def test_a_heavy_tail(probe):
    """Most sequences are short; neither equal shares nor equal steps are best."""
    lengths = np.array([1] * 50 + [2] * 30 + [3] * 10 + [40, 41, 100])
    found = probe("bounds_of", lengths=lengths, count=3)["bounds"]
    assert padding(lengths, found) == least_padding(lengths, 3)


@exercise("14.20")
@pytest.mark.parametrize("lengths,count", [([], 2), ([3, 4], 0), ([3], -1)], ids=str)
def test_no_lengths_or_no_bounds(check, lengths, count):
    check.raises("bounds_of", "ValueError", "[bounds]", lengths=np.array(lengths, int), count=count)


@exercise("14.21")
def test_a_gradient_under_the_profile(probe, check, draw):
    """Every operation that has to do with the arguments, with shapes and bytes."""
    given = {"x": draw.normal(3, 4), "w": draw.normal(4, 5), "g": draw.normal(3, 5)}
    check("gradient_under_a_profile", **given, terms=64)
    found = probe("profile_of", **given)
    made = [3, 5]
    assert found["forward"] == [
        {"name": name, "shapes": [shape] * outputs, "size": 4 * outputs * int(np.prod(shape))}
        for name, shape, outputs in [
            ("matmul", made, 1),
            ("tanh", made, 1),
            ("abs", made, 1),
            ("add", made, 1),
            ("divmod", made, 2),
            ("add", made, 1),
            ("matmul", made, 1),
            ("sin", made, 1),
            ("multiply", made, 1),
            ("multiply", made, 1),
            ("sum", [], 1),
        ]
    ]
    assert found["count"] > 20, "the operations of the gradient are missing"
    assert found["tuples"], "the shapes of an event are a tuple"
    assert found["positive"] and found["ordered"] and found["memory"]


@exercise("14.21")
def test_what_the_clock_sees(probe, draw):
    """What was waiting is done before the first look, the operation itself before the second."""
    x = draw.normal(3, 4)
    found = probe("clocked", x=x)
    looks = found["looks"]
    assert len(looks) == 2, f"an operation needs two looks at the clock; there were {len(looks)}"
    assert looks[0] == [0, -1], "an argument was still waiting when the clock started"
    assert looks[1] == [0, 0], "the operation was not done when the clock stopped"
    assert found["starts"] == [0.0], "times are counted from the beginning of the profile"
    assert found["seconds"] == [1.0]
    assert agree(found["y"], np.sin(x) * np.exp(x), terms=4)


@exercise("14.21")
def test_memory_behind_an_operation(probe):
    """What is in use when it is done, its output too."""
    found = probe("memory_seen", size=1_000_000)
    assert found["least"] == 1, "exp of zeros is 1"
    more = found["more"]
    assert more > 3.9e6, f"an output of 4,000,000 bytes, and {more} more are in use"


@exercise("14.21")
def test_a_profile_inside_of_a_gradient(probe, draw):
    """What is watched further out stays watched."""
    x, g = draw.normal(3, 4), draw.normal(3, 4)
    found = probe("profile_in_gradient", x=x, g=g)
    assert found["names"] == ["sin", "multiply"]
    assert agree(found["gradient"], g * (np.sin(x) + x * np.cos(x)), terms=4)


@exercise("14.22")
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("shape", [(7,), (2, 3), (), (0, 2), (1,)], ids=str)
def test_everybody_has_the_sum(probe, draw, size, shape):
    """The same bits in every process; equal messages, as few as possible."""
    arrays = [draw.normal(*shape) for _ in range(size)]
    found = probe("around_the_ring", arrays=arrays)
    whole = np.sum([x.astype(np.float64) for x in arrays], axis=0)
    length = -(-arrays[0].size // size)
    rounds = [[[length]] * size] * (2 * (size - 1))
    assert found["rounds"] == rounds, f"the messages have the shapes {found['rounds']}"
    for got in found["sums"]:
        assert agree(got, whole.reshape(shape), terms=size)
        assert np.array_equal(got, found["sums"][0]), "two processes have different sums"


@exercise("14.22")
@pytest.mark.parametrize("dtype", ["float16", "int32"])
def test_other_dtypes_around_the_ring(probe, draw, dtype):
    arrays = [(draw.normal(5) * 8).astype(dtype) for _ in range(3)]
    found = probe("around_the_ring", arrays=arrays)
    wanted = sum(x.astype(np.float64) for x in arrays)
    for got in found["sums"]:
        assert got.dtype == np.dtype(dtype)
        assert agree(got, wanted, dtype if dtype == "float16" else "float32", terms=16)


LAYER = {"layer.weight": (12, 8), "layer.bias": (12,), "layer.scale": (1,)}


@exercise("14.23")
@pytest.mark.parametrize("rank,size", [(0, 1), (0, 2), (1, 2), (2, 4)])
@pytest.mark.parametrize(
    "weight,bias",
    [(0, 0), (1, None), ([0, 3], [-1, 3]), ([0, [4]], 0), ([-1, [0.5]], None)],
    ids=str,
)
def test_parts_of_every_segment(check, draw, rank, size, weight, bias):
    """Along either axis, in segments of several kinds; what is not cut stays."""
    weights = {name: draw.normal(*shape) for name, shape in LAYER.items()}
    answers = {"layer.weight": weight, "layer.bias": bias, "layer.scale": None}
    if size == 4 and isinstance(weight, list) and weight[1] == 3:
        weights["layer.weight"], weights["layer.bias"] = draw.normal(24, 8), draw.normal(24)
    check("shares_of", weights=weights, rank=rank, size=size, answers=answers)


@exercise("14.23")
def test_only_arrays_are_asked_for(probe, draw):
    weights = {name: draw.normal(*shape) for name, shape in LAYER.items()}
    answers = dict.fromkeys(LAYER)
    found = probe("shares_of", weights=weights, rank=0, size=2, answers=answers)
    assert found["asked"] == sorted(LAYER)


@exercise("14.23")
@pytest.mark.parametrize("answer", ["0", 1.0], ids=str)
def test_an_answer_that_is_no_axis(check, answer):
    check.raises("wrong_answer", "ValueError", "should return int or tuple", answer=answer)


@exercise("14.23")
def test_the_whole_is_let_go(probe):
    """A part in the memory of the whole would keep all of it."""
    found = probe("memory_of_a_share", rows=2048)
    assert agree(found["first"], 2.0)
    assert found["own"] == 512 * 256 * 4
    assert found["bytes"] < 1.5 * found["own"], (
        f"a part of {found['own']} bytes keeps {found['bytes']} bytes"
    )
