"""Judges of the gradient of a model and of the optimizer's walk over the tree."""

import numpy as np
import pytest

from course.grading.marks import exercise


def perceptron(draw, inputs=3, hidden=4, outputs=2, rows=5):
    return {
        "x": draw.normal(rows, inputs),
        "y": draw.normal(rows, outputs),
        "w1": draw.normal(hidden, inputs),
        "b1": draw.normal(hidden),
        "w2": draw.normal(outputs, hidden),
        "b2": draw.normal(outputs),
    }


@exercise("5.16")
@pytest.mark.parametrize(
    "names",
    [[], ["layers.0.weight", "layers.0.bias"], ["layers.2.bias"], ["layers.0.weight"]],
    ids=lambda names: " ".join(names) or "nothing frozen",
)
def test_the_gradient_of_a_model(check, draw, names):
    """Loss and gradients of what is not frozen; afterwards the model holds its own arrays."""
    check("gradients_of_a_model", **perceptron(draw), names=names, terms=20)


@exercise("5.16")
def test_parameters_that_change(check, draw):
    """The function is made once and sees the parameters of every call."""
    check("gradients_again", **perceptron(draw), terms=20)


@exercise("5.16")
def test_a_batch_of_one(check, draw):
    """One row, and a model with one output."""
    check("gradients_of_a_model", **perceptron(draw, 2, 3, 1, rows=1), names=[], terms=20)


@exercise("5.16")
def test_more_than_the_loss(check, draw):
    """What stands beside the loss comes back; keyword arguments go in; the name is kept."""
    check("auxiliary", x=draw.normal(4, 3), w=draw.normal(2, 3), terms=12)


@exercise("5.16")
def test_a_layer_at_two_places(check, draw):
    """Both uses of the weights count."""
    check("shared_layer", x=draw.normal(4, 3), w=draw.normal(3, 3), b=draw.normal(3), terms=24)


@exercise("5.16")
def test_a_function_that_raises(check, draw):
    """The model gets its arrays back all the same."""
    check("after_an_error", x=draw.normal(4, 3), w=draw.normal(2, 3), terms=4)


@exercise("5.16")
def test_running_statistics_stay(check, draw):
    """What the model keeps of the computation stays, as plain arrays, without a gradient."""
    check("kept_statistics", x=draw.normal(6, 3), w=draw.normal(2, 3), terms=72)


@exercise("5.16")
@pytest.mark.parametrize("case", ["all frozen", "no scalar"])
def test_nothing_to_differentiate(check, probe, draw, case):
    """No trainable parameter, or a loss that is no scalar: an error."""
    x = draw.normal(4, 3)
    assert probe("impossible_gradient", x=x, case="")["fine"].shape == ()
    check.raises("impossible_gradient", "ValueError", x=x, case=case)


@exercise("5.16")
def test_a_whole_model_layer_by_layer(check, draw):
    """Embedding, Linear, LayerNorm, tanh, BatchNorm, Linear with PyTorch's weights.

    The first entry that differs is the first layer that does.
    """
    sizes = {"tokens": 9, "dims": 5, "hidden": 6, "classes": 4}
    parameters = {
        "embed.weight": draw.normal(9, 5),
        "up.weight": draw.normal(6, 5),
        "up.bias": draw.normal(6),
        "norm.weight": draw.normal(6) + 1,
        "norm.bias": draw.normal(6),
        "batch.weight": draw.normal(6),
        "batch.bias": draw.normal(6),
        "out.weight": draw.normal(4, 6),
    }
    # Two normalizations on the way back; each divides by a standard deviation, perhaps 0.1.
    check("whole_model", tokens=draw.integers(8, 3, low=0, high=9),
          labels=draw.integers(8, low=0, high=4), parameters=parameters, sizes=sizes,
          terms=64, scale=16.0)  # fmt: skip


def trees(draw, count=3):
    """Parameters, and gradients for a few steps."""

    def tree():
        return {
            "layers": [{"weight": draw.normal(2, 3), "bias": draw.normal(2)}, {}],
            "pair": {"tuple": [draw.normal(4), {"deep": draw.normal()}]},
            "scale": draw.normal(1),
        }

    return tree(), [tree() for _ in range(count)]


@exercise("5.17")
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_a_step_for_every_parameter(check, draw, optimizer):
    """Three steps over a tree of dicts, lists and tuples, and what is counted."""
    parameters, gradients = trees(draw)
    # Adam's first steps divide by the root of a thousandth of the squared gradient.
    check("optimizer_steps", parameters=parameters, gradients=gradients, optimizer=optimizer,
          rate="0.1", scale=8.0)  # fmt: skip


@exercise("5.17")
@pytest.mark.parametrize("rate", ["1 / (1 + step)", "step"])
def test_a_schedule(check, draw, rate):
    """The first update has the rate of step 0."""
    parameters, gradients = trees(draw)
    check("optimizer_steps", parameters=parameters, gradients=gradients, optimizer="momentum",
          rate=rate, scale=16.0)  # fmt: skip


@exercise("5.17")
def test_several_schedules(check, draw):
    """Every number that follows a schedule gets its value, not the first one only."""
    check("two_schedules", w=draw.normal(3), gradients=[draw.normal(3) for _ in range(3)])


@exercise("5.17")
def test_what_a_step_costs(check, draw):
    """The state is initialized once, and the rule called once for each gradient."""
    parameters, gradients = trees(draw)
    check("optimizer_calls", parameters=parameters, gradients=gradients)


@exercise("5.17")
@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_what_is_remembered(check, draw, optimizer):
    """A dict for each parameter, in the structure of the parameters."""
    parameters, (gradient,) = trees(draw, 1)
    del parameters["pair"], gradient["pair"]
    check("optimizer_state", parameters=parameters, gradient=gradient, optimizer=optimizer,
          scale=8.0)  # fmt: skip


@exercise("5.17")
def test_a_part_of_the_model(check, draw):
    """The gradients say what is updated; the model may hold more (what is frozen)."""
    check("a_part_of_the_model", w=draw.normal(2, 3), g=draw.normal(2, 3))


@exercise("5.17")
def test_a_loaded_state_goes_on(check, draw):
    """The velocity and the count of a saved state are used, not begun anew."""
    check("from_a_loaded_state", w=draw.normal(3), g=draw.normal(3), v=draw.normal(3))


@exercise("5.17")
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_gradient_that_is_not_a_number(check, draw, optimizer):
    """It spoils its own parameter, and the walk goes on."""
    check("nan_in_one_place", w=draw.normal(3), g=draw.normal(3), optimizer=optimizer, scale=8.0)


@exercise("5.17")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_stays(probe, draw, dtype):
    """Parameters and what is remembered of them keep their dtype."""
    w, g = draw.normal(4), draw.normal(4)
    found = probe("half_precision", w=w, g=g, optimizer="momentum", dtype=dtype)
    assert found["dtype"].endswith(dtype) and found["state"] == {"v": dtype}
    # Rounded three times: the two inputs, and the result.
    eps = 2.0**-10 if dtype == "float16" else 2.0**-7
    assert np.abs(found["w"] - (w - 0.1 * g)).max() < 4 * eps * max(1, np.abs(w).max())


@exercise("5.17")
@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_compiled_steps(check, draw, optimizer):
    """A compiled training step and an eager one do the same."""
    inputs = perceptron(draw)
    # Adam divides by the root of a thousandth of the squared gradient.
    check("compiled_and_not", **inputs, optimizer=optimizer, terms=20, scale=8.0)
