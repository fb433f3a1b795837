"""Judges of optimizers: the parameters after each of ten explicit steps, from a given state.

Gradients are of the size of 1 and never near 0, so that in float16 their squares do not underflow.
The learning rate is small where a state that starts at 0 is corrected: 1 - 0.999^t keeps only four
digits in float32 at first, and a step of 0.01 makes that an error of 1e-6 or less.
"""

import numpy as np
import pytest

from course.grading.marks import exercise

STEPS = 10
DTYPES = ["float32", "float16", "bfloat16"]


def given(draw, state, shape=(3, 4), dtype="float32", fresh=False, squares=True):
    """Parameters, ten gradients, and a state: zeros (``fresh``), or one under way.

    With ``squares`` the entry ``v`` is a mean of squares, so positive.
    """

    def gradient():
        sign = np.where(draw.booleans(*shape), 1, -1)
        return np.asarray(sign * draw.uniform(*shape, low=0.5, high=2.5)).astype(w.dtype)

    w = np.asarray(draw.normal(*shape, dtype=dtype))
    gradients = [gradient() for _ in range(STEPS)]
    before = {k: gradient() for k in state}
    if squares:
        before["v"] = np.asarray(abs(before["v"]))
    if fresh:
        before = {k: np.zeros_like(w) for k in state}
    return {"w": w, "gradients": gradients, "state": before}


# 4.10

SGD = {
    "plain": {},
    "decay": {"weight_decay": 0.3},
    "all of the weight": {"weight_decay": 1.0},
    "momentum": {"momentum": 0.9},
    "momentum and decay": {"momentum": 0.8, "weight_decay": 0.3},
    "dampening": {"momentum": 0.9, "dampening": 0.4},
    "nesterov": {"momentum": 0.9, "nesterov": True},
    "nesterov and decay": {"momentum": 0.7, "nesterov": True, "weight_decay": 0.2},
}


@exercise("4.10")
@pytest.mark.parametrize("name", SGD)
def test_ten_steps_of_sgd(check, draw, name):
    """From a velocity at rest, and from one under way."""
    options = {"learning_rate": 0.05, **SGD[name]}
    for fresh in (True, False):
        check("sgd", options=options, **given(draw, "v", fresh=fresh, squares=False), terms=STEPS)


@exercise("4.10")
def test_a_velocity_that_is_not_asked_for(check, draw):
    """Without momentum it is neither read nor written."""
    inputs = given(draw, "v", squares=False)
    inputs["state"]["v"] = np.full_like(inputs["w"], np.nan)
    check("sgd", options={"learning_rate": 0.05, "weight_decay": 0.1}, **inputs, terms=STEPS)


@exercise("4.10")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 2)])
def test_sgd_of_every_shape_and_dtype(check, draw, dtype, shape):
    """The parameter and its velocity keep their dtype."""
    options = {"learning_rate": 0.02, "momentum": 0.9, "weight_decay": 0.1, "dampening": 0.5}
    check("sgd", options=options, **given(draw, "v", shape, dtype, squares=False), terms=STEPS)


# 4.11


@exercise("4.11")
@pytest.mark.parametrize("options", [{}, {"alpha": 0.9}, {"alpha": 0.5, "eps": 0.2}])
def test_ten_steps_of_rmsprop(check, draw, options):
    """From a state of zeros, and from one under way."""
    options = {"learning_rate": 0.02, **options}
    for fresh in (True, False):
        inputs = given(draw, "v", fresh=fresh)
        check("rmsprop", options=options, **inputs, terms=STEPS)


@exercise("4.11")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (2, 3, 2)])
def test_rmsprop_of_every_shape_and_dtype(check, draw, dtype, shape):
    """The parameter and its mean square keep their dtype."""
    options = {"learning_rate": 0.02, "alpha": 0.8}
    inputs = given(draw, "v", shape, dtype)
    check("rmsprop", options=options, **inputs, terms=STEPS)


@exercise("4.11")
def test_rmsprop_where_no_gradient_has_been(check, draw):
    """A weight whose gradients are all 0 stays where it is: eps keeps 0 / 0 away."""
    inputs = given(draw, "v", fresh=True)
    for g in inputs["gradients"]:
        g[1] = 0
    check("rmsprop", options={"learning_rate": 0.02}, **inputs, terms=STEPS)


# 4.12 and 4.13

BETAS = [{}, {"betas": [0.8, 0.9]}, {"betas": [0.9, 0.95], "eps": 0.2}]


@exercise("4.12")
@pytest.mark.parametrize("options", BETAS)
def test_ten_steps_of_adam_without_correction(check, draw, options):
    """MLX's default: the means are used as they are."""
    options = {"learning_rate": 0.01, **options}
    for fresh in (True, False):
        inputs = given(draw, "mv", fresh=fresh)
        check("adam", reference="uncorrected", options=options, **inputs, terms=STEPS)


@exercise("4.12")
@pytest.mark.parametrize("options", BETAS)
@pytest.mark.parametrize("step", [0, 7])
def test_ten_steps_of_adam_with_correction(check, draw, options, step):
    """PyTorch's Adam, from the first step on, and from the eighth."""
    options = {"learning_rate": 0.01, "bias_correction": True, **options}
    inputs = given(draw, "mv", fresh=step == 0)
    check("adam", options=options, step=step, **inputs, terms=STEPS)


@exercise("4.12")
@pytest.mark.parametrize("correction", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_adam_of_every_shape_and_dtype(check, draw, dtype, correction):
    """The parameter and both means keep their dtype."""
    options = {"learning_rate": 0.01, "bias_correction": correction, "betas": [0.9, 0.95]}
    reference = "adam" if correction else "uncorrected"
    for shape in [(), (5,), (2, 3, 2)]:
        inputs = given(draw, "mv", shape, dtype)
        check("adam", reference=reference, options=options, **inputs, terms=STEPS)


@exercise("4.12")
@pytest.mark.parametrize("correction", [False, True])
def test_adam_where_no_gradient_has_been(check, draw, correction):
    """A weight whose gradients are all 0 stays where it is: eps keeps 0 / 0 away."""
    options = {"learning_rate": 0.01, "bias_correction": correction}
    inputs = given(draw, "mv", fresh=True)
    for g in inputs["gradients"]:
        g[1] = 0
    reference = "adam" if correction else "uncorrected"
    check("adam", reference=reference, options=options, **inputs, terms=STEPS)


@exercise("4.12")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_corrections_are_computed_in_float32(check, draw, dtype):
    """1 - 0.999^t has hardly a digit in half precision, and is the first steps' whole size."""
    options = {"learning_rate": 0.5, "bias_correction": True}
    # The gradients are large: a thousandth of the square of 0.5 is near the end of float16.
    inputs = given(draw, "mv", fresh=True, dtype=dtype)
    inputs["gradients"] = [8 * g for g in inputs["gradients"]][:3]
    check("adam", options=options, **inputs, terms=STEPS)


@exercise("4.12")
def test_adam_of_two_parameters(check, draw):
    """A step is a step for all parameters: none of them has a count of its own."""
    options = {"learning_rate": 0.01, "bias_correction": True, "betas": [0.9, 0.95]}
    check("adam_of_two", options=options, **given(draw, "mv", fresh=True), terms=STEPS)


@exercise("4.12")
def test_adam_in_a_compiled_step(check, draw):
    """There the count of steps is not yet a number."""
    options = {"learning_rate": 0.01, "bias_correction": True, "betas": [0.9, 0.95]}
    inputs = given(draw, "mv", fresh=True)
    check("adam_compiled", reference="adam", options=options, **inputs, terms=STEPS)


@exercise("4.13")
@pytest.mark.parametrize("decay", [0.01, 0.5, 3.0])
@pytest.mark.parametrize("correction", [False, True])
def test_ten_steps_of_adamw(check, draw, correction, decay):
    """With and without bias correction; a learning rate that matters to the decay."""
    options = {"learning_rate": 0.02, "bias_correction": correction, "weight_decay": decay}
    options |= {"betas": [0.9, 0.95]}
    reference = "adamw" if correction else "uncorrected"
    for fresh in (True, False):
        inputs = given(draw, "mv", fresh=fresh)
        check("adamw", reference=reference, options=options, **inputs, terms=STEPS)


@exercise("4.13")
@pytest.mark.parametrize("dtype", DTYPES)
def test_adamw_of_every_shape_and_dtype(check, draw, dtype):
    """The parameter and both means keep their dtype."""
    options = {"learning_rate": 0.02, "weight_decay": 2.0}
    for shape in [(), (2, 3, 2)]:
        inputs = given(draw, "mv", shape, dtype)
        check("adamw", reference="uncorrected", options=options, **inputs, terms=STEPS)
