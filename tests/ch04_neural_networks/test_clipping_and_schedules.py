"""Judges of clip_grad_norm and of schedules, eager and in a compiled step."""

import numpy as np
import pytest

from course.grading.marks import exercise

# 4.16


def tree(draw, dtype="float32"):
    """Gradients of a small model: dicts in a list in a dict, and a number."""
    layers = [
        {"weight": draw.normal(4, 3, dtype=dtype), "bias": draw.normal(4, dtype=dtype)}
        for _ in range(2)
    ]
    return {"layers": layers, "scale": np.asarray(draw.normal(dtype=dtype))}


@exercise("4.16")
@pytest.mark.parametrize("max_norm", [0.0, 0.5, 2.0, 100.0])
def test_gradients_longer_and_shorter_than_the_limit(check, draw, max_norm):
    """The norm here is about 6: the last limit changes nothing."""
    check("clip_grad_norm", grads=tree(draw), max_norm=max_norm, terms=33)


@exercise("4.16")
def test_one_factor_for_all(check, draw):
    """A single array, gradients that are all 0, one array that is much larger than the others."""
    check("clip_grad_norm", grads=draw.normal(7), max_norm=1.0, terms=7)
    check("clip_grad_norm", grads={"a": np.zeros(3, np.float32)}, max_norm=1.0)
    grads = [draw.normal(5, scale=1e4), draw.normal(2, 2), draw.normal(3)]
    check("clip_grad_norm", grads=grads, max_norm=10.0, terms=12)


@exercise("4.16")
@pytest.mark.parametrize("size", [1e-6, 3e-7])
def test_gradients_as_small_as_the_epsilon(check, draw, size):
    """1e-6 is added to the norm, and matters where that is as small."""
    grads = {"a": draw.normal(4) * np.float32(size), "b": draw.normal(3) * np.float32(size)}
    # Relative to the numbers themselves, which are far below 1.
    check("clip_grad_norm", grads=grads, max_norm=size, terms=7, scale=size)


@exercise("4.16")
def test_gradients_that_are_no_floats(check, draw):
    """Integers times a factor are no integers: only a floating dtype is restored."""
    grads = {"n": draw.integers(4, low=-9, high=9), "w": draw.normal(3)}
    check("clip_grad_norm", grads=grads, max_norm=1.0, terms=7)


@exercise("4.16")
def test_a_tree_without_gradients(check, draw):
    """Nothing is scaled and the norm is 0; beside one that is not empty."""
    for grads in ({"layers": [{}, {}]}, {"layers": [{"w": draw.normal(4)}, {}]}):
        check("clip_grad_norm", grads=grads, max_norm=1.0, terms=4)


@exercise("4.16")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_clipping_in_half_precision(probe, draw, dtype):
    """Every gradient keeps its dtype; in float16 the squares of 300 do not overflow the sum."""
    grads = {"w": draw.uniform(40, low=250, high=350, dtype=dtype), "b": draw.normal(3)}
    found = probe("clip_grad_norm", grads=grads, max_norm=2.0)
    assert found["clipped"]["w"].dtype.name == dtype
    assert found["clipped"]["b"].dtype == np.float32
    norm = np.sqrt(sum((g.astype("float64") ** 2).sum() for g in grads.values()))
    # Rounding the squares of bfloat16 costs at most 2^-8 of the sum: half of that of the norm.
    assert found["norm"].dtype == np.float32 and abs(found["norm"] / norm - 1) < 0.01
    clipped = np.sqrt(sum((g.astype("float64") ** 2).sum() for g in found["clipped"].values()))
    assert abs(clipped / 2 - 1) < 0.02


@exercise("4.16")
@pytest.mark.parametrize("max_norm", [1.0, 100.0])
def test_clipping_in_a_compiled_step(check, draw, max_norm):
    """There a norm is not yet a number, so `if` cannot ask for it."""
    check(
        "clip_compiled", reference="clip_grad_norm", grads=tree(draw), max_norm=max_norm, terms=33
    )


@exercise("4.16")
def test_a_negative_limit(check, draw):
    """It is refused."""
    check.raises("clip_grad_norm", "ValueError", match="max_norm", grads=tree(draw), max_norm=-1.0)
    check("clip_grad_norm", grads=tree(draw), max_norm=1.0, terms=33)


# 4.17


@exercise("4.17")
def test_errors_come_when_a_schedule_is_made(check):
    """Not at its first step, which may be hours later."""
    fine = {"decay_steps": 3, "parts": 2, "boundaries": [4]}
    for changes in ({"decay_steps": 0}, {"parts": 0}, {"boundaries": []}, {"boundaries": [1, 2]}):
        check.raises("schedules_made", "ValueError", **{**fine, **changes})
    check("schedules_made", reference="the_first_rate", **fine)


@exercise("4.17")
def test_steps_that_are_numbers(check):
    """Python's integers, too; and the lists stay what they were."""
    schedules = [["linear", 0.0, 1.0, 4], ["cosine", 1.0, 6, 0.1]]
    check("schedules_of_numbers", init=2.0, decay_steps=6, end=0.5, schedules=schedules,
          boundaries=[4], steps=list(range(9)))  # fmt: skip


@exercise("4.17")
@pytest.mark.parametrize("probe_name", ["cosine_decay", "cosine_compiled"])
@pytest.mark.parametrize("init, decay_steps, end", [(2.0, 8, 0.0), (0.5, 5, 2.0), (3.0, 1, 1.0)])
def test_half_a_cosine(check, probe_name, init, decay_steps, end):
    """From init to end, also upwards; after the last step it stays there."""
    options = {"init": init, "decay_steps": decay_steps, "end": end, "steps": list(range(14))}
    check(probe_name, reference="cosine_decay", **options)


@exercise("4.17")
def test_a_cosine_without_an_end(check):
    """It ends at 0 by default."""
    check("cosine_decay", init=1.5, decay_steps=20, steps=[0, 1, 10, 19, 20, 1000])


@exercise("4.17")
def test_what_a_cosine_refuses(check):
    """No steps to decay in."""
    for decay_steps in (0, -3):
        options = {"init": 1.0, "decay_steps": decay_steps, "steps": [0]}
        check.raises("cosine_decay", "ValueError", match="decay_steps", **options)
    check("cosine_decay", init=1.0, decay_steps=2, steps=[0, 1])


JOINED = {
    "one alone": ([["linear", 1.0, 2.0, 6]], []),
    "warm-up": ([["linear", 0.0, 1.0, 4], ["cosine", 1.0, 6, 0.1]], [4]),
    "three": ([["constant", 0.5], ["linear", 1.0, 3.0, 4], ["linear", 5.0, 4.0, 8]], [3, 7]),
    "at once": ([["constant", 0.5], ["linear", 1.0, 3.0, 9]], [0]),
}


@exercise("4.17")
@pytest.mark.parametrize("probe_name", ["join_schedules", "join_compiled"])
@pytest.mark.parametrize("name", JOINED)
def test_schedules_one_after_the_other(check, probe_name, name):
    """Each counts from its own boundary, which belongs to it already."""
    schedules, boundaries = JOINED[name]
    options = {"schedules": schedules, "boundaries": boundaries, "steps": list(range(13))}
    check(probe_name, reference="join_schedules", **options)


@exercise("4.17")
def test_what_joining_refuses(check):
    """Nothing to join, and too many or too few boundaries."""
    one, two = [["constant", 1.0]], [["constant", 1.0], ["constant", 2.0]]
    for schedules, boundaries, match in [
        ([], [], ""),
        (one, [3], "boundar"),
        (two, [], "boundar"),
        (two, [1, 2], "boundar"),
    ]:
        options = {"schedules": schedules, "boundaries": boundaries, "steps": [1]}
        check.raises("join_schedules", "ValueError", match=match, **options)
    check("join_schedules", schedules=two, boundaries=[2], steps=[0, 1, 2, 3])
