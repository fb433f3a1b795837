"""Judges of 6.1, 6.10 and 6.11: gradients by hand, own derivatives, checkpoints."""

import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


def network(draw, sizes, rows):
    pairs = list(zip(sizes, sizes[1:], strict=False))
    return {
        "x": draw.normal(rows, sizes[0]),
        "labels": draw.integers(rows, low=0, high=sizes[-1]),
        "weights": [draw.normal(outputs, inputs) for inputs, outputs in pairs],
        "biases": [draw.normal(outputs) for _, outputs in pairs],
    }


@exercise("6.1")
@pytest.mark.parametrize(
    "sizes, rows",
    [([3, 4], 5), ([4, 5, 3], 6), ([4, 6, 5, 3], 6), ([3, 4, 4, 4, 2], 4), ([2, 3, 2], 1)],
    ids=str,
)
def test_a_backward_pass_by_hand(check, draw, sizes, rows):
    """One to four layers, against PyTorch and against automatic differentiation."""
    check("backward_pass", **network(draw, sizes, rows), terms=40, scale=8.0)


@exercise("6.1")
def test_large_logits(check, draw):
    """Logits of a thousand: the gradient must not overflow."""
    inputs = network(draw, [3, 4], 5)
    inputs["weights"] = [1000 * w for w in inputs["weights"]]
    check("backward_pass", **inputs, terms=40, scale=8000.0)


@exercise("6.10")
@pytest.mark.parametrize("rule", [True, False], ids=["with a rule", "without"])
def test_a_function_that_is_flat(check, draw, rule):
    """Rounding counts as a constant, unless a rule says otherwise."""
    x = draw.uniform(6, low=-3, high=3)
    check("straight_through", x=x, g=draw.normal(6), rule=rule)


@exercise("6.10")
@pytest.mark.parametrize("rule", ["all", "the first", "with a number", "none"])
def test_rules_that_see_trees(check, draw, rule):
    """A dict as argument and as result; rules that leave arrays out, numbers, names."""
    inputs = {name: draw.normal(3) for name in "xygh"}
    check("rule_of_trees", **inputs, rule=rule)


@exercise("6.11")
@pytest.mark.parametrize("case", ["once", "twice", "tree", "a pair and a name"])
def test_a_checkpoint_and_what_it_costs(check, draw, case):
    """The same values and gradients; one more call for the gradient; one step on the tape."""
    x, w, g = draw.normal(4, 3), draw.normal(3, 3), draw.normal(4, 3)
    check("checkpointed", x=x, w=w, g=g, case=case, terms=48, scale=8.0)


@exercise("6.11")
def test_a_second_derivative_through_a_checkpoint(check, draw):
    """The rule is differentiated like anything else."""
    check("checkpoint_again", x=draw.normal(3), terms=3, scale=4.0)


@exercise("6.11")
def test_arguments_that_are_no_arrays(check, draw):
    """A number, a word and None go through to the function, and the others have their gradients."""
    check("checkpoint_with_other_things", x=draw.normal(4), w=draw.normal(4), terms=4)


@exercise("6.11")
def test_memory_in_a_compiled_gradient(probe, draw):
    """The second computation waits for its cotangent, also where nobody says when to begin.

    Eight checkpoints of eight steps. Measured on the CPU: 59 arrays at a time, and
    158 if everything may be computed a second time as soon as the inputs are there.
    """
    found = probe("checkpoint_memory_compiled", x=draw.normal(1 << 14))
    assert found["gradient"].any()
    assert found["100 arrays at a time"] is False, "the second computations do not wait"


@exercise("6.11")
def test_memory(probe):
    """Twelve blocks of eight steps each, on arrays of 1 MB.

    Measured on the CPU: 0.38 of the memory of the plain gradient; without the second computation
    it is the same memory.
    """
    found = probe("checkpoint_memory", size=1 << 18, layers=12)
    assert found["checkpointed"] < 0.7 * found["plain"], (
        f"the peak is {found['checkpointed'] / 1e6:.0f} MB with checkpoints and "
        f"{found['plain'] / 1e6:.0f} MB without"
    )
    plain, checkpointed = found["gradients"]
    assert agree(checkpointed, plain, terms=96) and (plain != 0).all()
