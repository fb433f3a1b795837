"""Judges of 8.6 to 8.13: cells, the loop over time, and their derivatives."""

import numpy as np
import pytest

from course.grading.marks import exercise

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3, "two states": 1}
STATES = {"RNN": 1, "LSTM": 2, "GRU": 1, "two states": 2}


def step(draw, gates, batch=3, hidden=4, size=1.0):
    """x and p of a step, and a state."""
    return {
        "x": size * draw.normal(batch, gates * hidden),
        "p": size * draw.normal(batch, gates * hidden),
        "h": draw.normal(batch, hidden),
    }


@exercise("8.6")
@pytest.mark.parametrize("batch", [1, 5])
def test_a_step(check, draw, batch):
    """The new state, and its gradients."""
    check("elman_step", **step(draw, 1, batch), g=draw.normal(batch, 4))


@exercise("8.6")
def test_a_step_in_half_precision(check, draw):
    """The dtype of the inputs is that of the state."""
    check("elman_step", **half(step(draw, 1)), g=half(draw.normal(3, 4)), terms=4, scale=4.0)


@exercise("8.6")
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("outer", [(2, 5), (5,)], ids=str)
def test_inputs_before_the_first_step(check, draw, outer, bias):
    """A batch, or a single sequence."""
    x, w = draw.normal(*outer, 3), draw.normal(4, 3)
    b = draw.normal(4) if bias else None
    check("projected", x=x, w=w, b=b, g=draw.normal(*outer, 4), terms=10)


@exercise("8.6")
def test_half_precision_before_the_first_step(check, draw):
    """The dtype of the inputs is that of the result."""
    arrays = {"x": draw.normal(2, 3, dtype="float16"), "w": draw.normal(4, 3, dtype="float16")}
    check("projected", **arrays, b=None, g=draw.normal(2, 4, dtype="float16"), terms=4)


@exercise("8.6")
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_one_product_for_all_times(check, draw, bias):
    """However many steps there are."""
    b = draw.normal(4) if bias else None
    check("products_of_inputs", x=draw.normal(2, 9, 3), w=draw.normal(4, 3), b=b, terms=3)


def half(inputs):
    """All floating arrays in float16."""
    if isinstance(inputs, dict):
        return {key: half(value) for key, value in inputs.items()}
    if isinstance(inputs, list):
        return [half(value) for value in inputs]
    if isinstance(inputs, np.ndarray) and inputs.dtype == np.float32:
        return inputs.astype(np.float16)
    return inputs


def sequence(draw, cell, length=4, batch=3, hidden=2, bias=True, masked=False):
    """What the loop over time takes."""
    width = GATES[cell] * hidden
    keep = draw.uniform(length, batch, 1) > 0.4 if masked else None
    return {
        "cell": cell,
        "x": draw.normal(length, batch, width),
        "w": 0.7 * draw.normal(width, hidden),
        "b": draw.normal(width) if bias else None,
        "keep": keep,
        "state": [draw.normal(batch, hidden) for _ in range(STATES[cell])],
        "g": [draw.normal(length, batch, hidden) for _ in range(STATES[cell])],
    }


@exercise("8.7")
@pytest.mark.parametrize("cell", ["RNN", "two states"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("length", [1, 5])
def test_a_loop(check, draw, cell, bias, length):
    """Every state after every step, and every gradient."""
    check("looped", **sequence(draw, cell, length, bias=bias), terms=64, scale=8.0)


@exercise("8.7")
def test_a_loop_with_a_mask(check, draw):
    """A step that is left out leaves both arrays of the state as they are."""
    check("looped", **sequence(draw, "two states", 6, masked=True), terms=64, scale=8.0)


@exercise("8.7")
def test_a_long_loop(check, draw):
    """All steps are joined once, in the end: joining after each step copies all before it."""
    inputs = sequence(draw, "two states", 24)
    check("joined_in_a_loop", **{name: inputs[name] for name in ("x", "w", "state")})


@exercise("8.7")
def test_a_loop_in_half_precision(check, draw):
    """The dtype of the inputs is that of the states."""
    inputs = half(sequence(draw, "RNN", 3))
    check("looped", **inputs, terms=16, scale=4.0)


@exercise("8.8")
@pytest.mark.parametrize("batch", [1, 4])
def test_the_slope_of_a_step(check, draw, batch):
    """Through x and p alike; the state itself is not in it."""
    check("elman_slope", **step(draw, 1, batch), g=draw.normal(batch, 4))


@exercise("8.8")
@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_walk_back(check, draw, length):
    """A state of two arrays, cotangents of x and p that differ, and some from behind the end."""
    check(
        "walk",
        w=0.5 * draw.normal(4, 2),
        x=[0.5 * draw.normal(3, 4) for _ in range(length)],
        g=[draw.normal(3, 2) for _ in range(length)],
        rest=[draw.normal(3, 2) for _ in range(2)],
        terms=40,
        scale=50.0,
    )


@exercise("8.8")
def test_the_weights_in_one_product(check, draw):
    """The sum over all steps and rows."""
    check("weights", gp=draw.normal(5, 3, 4), before=draw.normal(5, 3, 2), terms=15)


@exercise("8.8")
def test_back_in_half_precision(check, draw):
    """Cotangents have the dtype of what they belong to."""
    check("recurred", **half(sequence(draw, "RNN", 3)), terms=16, scale=4.0)
    gp, before = draw.normal(2, 3, 4, dtype="float16"), draw.normal(2, 3, 2, dtype="float16")
    check("weights", gp=gp, before=before, terms=6)
    arrays = {"w": draw.normal(4, 2), "x": [draw.normal(3, 4)], "g": [draw.normal(3, 2)]}
    rest = [draw.normal(3, 2) for _ in range(2)]
    check("walk", **half({**arrays, "rest": rest}), terms=4, scale=16.0)


@exercise("8.8")
@pytest.mark.parametrize("cell", ["RNN", "two states"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("length", [1, 5])
def test_the_whole_way_back(check, draw, cell, bias, length):
    """The gradients of the loop as one operation."""
    check("recurred", **sequence(draw, cell, length, bias=bias), terms=64, scale=8.0)


@exercise("8.9")
@pytest.mark.parametrize("length, hidden", [(1, 3), (2, 3), (6, 4)])
def test_influence(check, draw, length, hidden):
    """Against the Jacobian of all that follows."""
    states = draw.uniform(length, hidden, low=-0.95, high=0.95)
    check("influences", w=draw.normal(hidden, hidden), states=states, terms=40, scale=8.0)


@exercise("8.10")
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("size", [1.0, 30.0])
def test_a_step_of_memory(check, draw, batch, size):
    """State and cell, and all gradients; also where the gates are wide open or shut."""
    g = [draw.normal(batch, 4) for _ in range(2)]
    check("memory_step", **step(draw, 4, batch, size=size), c=draw.normal(batch, 4), g=g, terms=4)


@exercise("8.10")
def test_a_step_of_memory_in_half_precision(check, draw):
    """The dtype of the inputs is that of state and cell."""
    g = half([draw.normal(3, 4) for _ in range(2)])
    inputs = half({**step(draw, 4), "c": draw.normal(3, 4)})
    check("memory_step", **inputs, g=g, terms=8, scale=4.0)


@exercise("8.10")
@pytest.mark.parametrize("value", [None, 2.5, 0.0])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_open_gates(check, draw, value, dtype):
    """A quarter of the bias changes, in its dtype, and nothing else."""
    check("opened", bias=draw.normal(12, dtype=dtype), value=value)


@exercise("8.10")
def test_no_bias_to_open(check, draw):
    """A layer without a bias has no gate that could be opened by one."""
    check("opened", bias=draw.normal(8), value=1.0)
    check.raises("opened_without_bias", "ValueError", size=3)


@exercise("8.11")
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("size", [1.0, 30.0])
def test_the_slope_of_memory(check, draw, batch, size):
    """Every cotangent; also where gates are wide open or shut."""
    g = [draw.normal(batch, 4) for _ in range(2)]
    check("memory_slope", **step(draw, 4, batch, size=size), c=draw.normal(batch, 4), g=g, terms=8)


@exercise("8.11")
def test_the_slope_of_memory_in_half_precision(check, draw):
    """The dtype of the inputs is that of every cotangent."""
    g = half([draw.normal(3, 4) for _ in range(2)])
    inputs = half({**step(draw, 4), "c": draw.normal(3, 4)})
    check("memory_slope", **inputs, g=g, terms=16, scale=4.0)


@exercise("8.11")
@pytest.mark.parametrize("masked", [False, True], ids=["all", "masked"])
def test_memory_all_the_way_back(check, draw, masked):
    """The gradients of an LSTM over five steps."""
    check("recurred", **sequence(draw, "LSTM", 5, masked=masked), terms=64, scale=8.0)


@exercise("8.12")
@pytest.mark.parametrize("batch", [1, 3])
def test_a_gated_step(check, draw, batch):
    """The new state, and its gradients by x, p and the state."""
    check("gated_step", **step(draw, 3, batch), g=draw.normal(batch, 4), terms=4)


@exercise("8.12")
def test_a_gated_step_in_half_precision(check, draw):
    """The dtype of the inputs is that of the state."""
    check("gated_step", **half(step(draw, 3)), g=half(draw.normal(3, 4)), terms=8, scale=4.0)


def gru(draw, bias=True, inputs=3, hidden=4):
    """Weights of MLX's layout."""
    weights = {"Wx": draw.normal(3 * hidden, inputs), "Wh": draw.normal(3 * hidden, hidden)}
    return weights | ({"b": draw.normal(3 * hidden), "bhn": draw.normal(hidden)} if bias else {})


def lstm(draw, inputs=3, hidden=4):
    shapes = {"Wx": (4 * hidden, inputs), "Wh": (4 * hidden, hidden), "bias": (4 * hidden,)}
    return {name: 0.5 * draw.normal(*shape) for name, shape in shapes.items()}


def rnn(draw, inputs=3, hidden=4):
    shapes = {"Wxh": (hidden, inputs), "Whh": (hidden, hidden), "bias": (hidden,)}
    return {name: 0.5 * draw.normal(*shape) for name, shape in shapes.items()}


@exercise("8.12")
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("given", [True, False], ids=["state", "no state"])
@pytest.mark.parametrize("length", [1, 4])
def test_a_gated_layer(check, draw, bias, given, length):
    """Against PyTorch's layer, with every gradient."""
    check(
        "gated_layer",
        x=draw.normal(2, length, 3),
        weights=gru(draw, bias),
        state=draw.normal(2, 4) if given else None,
        keep=None,
        g=draw.normal(2, length, 4),
        terms=64,
        scale=8.0,
    )


@exercise("8.12")
def test_a_gated_layer_with_a_mask(check, draw):
    """The mask reaches the loop."""
    keep = np.array([[1, 0, 1, 1], [1, 1, 0, 0]], bool)
    check(
        "gated_layer",
        x=draw.normal(2, 4, 3),
        weights=gru(draw),
        state=draw.normal(2, 4),
        keep=keep,
        g=draw.normal(2, 4, 4),
        terms=64,
        scale=8.0,
    )


@exercise("8.12")
def test_a_gated_layer_in_half_precision(check, draw):
    """The dtype of the inputs is that of the states."""
    inputs = {"x": draw.normal(2, 2, 3), "weights": gru(draw), "g": draw.normal(2, 2, 4)}
    check("gated_layer", **half(inputs), state=None, keep=None, terms=16, scale=4.0)


KEEP = np.array([[True], [False], [True], [False]])


@exercise("8.13")
@pytest.mark.parametrize("keep", [KEEP, ~KEEP, KEEP | True], ids=["some", "others", "all"])
def test_a_step_that_is_left_out(check, draw, keep):
    """Both arrays of the state; the derivative by the tape and by hand."""
    check(
        "left_out",
        **{name: draw.normal(4, 3) for name in "xp"},
        keep=keep,
        state=[draw.normal(4, 3) for _ in range(2)],
        g=[draw.normal(4, 3) for _ in range(2)],
        terms=8,
    )


@exercise("8.13")
def test_a_step_that_is_left_out_in_half_precision(check, draw):
    """The dtype of the state stays, and that of its cotangents."""
    arrays = {name: draw.normal(4, 3) for name in "xp"}
    lists = {name: [draw.normal(4, 3) for _ in range(2)] for name in ("state", "g")}
    check("left_out", **half({**arrays, **lists}), keep=KEEP, terms=4)


@exercise("8.13")
def test_what_would_have_been_is_infinite(check, draw):
    """A step that is left out reads numbers that nobody wrote; neither way do they get out."""
    x, p = draw.normal(4, 3), draw.normal(4, 3)
    x[1], p[3] = np.inf, np.nan
    check(
        "left_out_and_infinite",
        x=x,
        p=p,
        keep=KEEP,
        state=[draw.normal(4, 3) for _ in range(2)],
        g=[draw.normal(4, 3) for _ in range(2)],
        terms=8,
    )


@exercise("8.13")
@pytest.mark.parametrize("kind, weights", [("RNN", rnn), ("LSTM", lstm), ("GRU", gru)])
def test_sequences_of_unequal_length(check, draw, kind, weights):
    """The last state of each is that of the sequence read alone; padding has no gradient."""
    check(
        "padded",
        kind=kind,
        x=draw.normal(4, 5, 3),
        lengths=np.array([5, 1, 3, 4], np.int32),
        weights=weights(draw),
        g=[draw.normal(4, 4) for _ in range(2 if kind == "LSTM" else 1)],
        terms=64,
        scale=8.0,
    )
