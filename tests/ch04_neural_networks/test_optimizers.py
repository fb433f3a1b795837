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


# 4.14


def means(draw, shape, dtype="float32"):
    """A state under way: positive means of the shapes that Adafactor keeps."""
    if len(shape) < 2:
        return {"exp_avg_sq": np.asarray(draw.uniform(*shape, low=0.5, high=2, dtype=dtype))}
    return {
        "exp_avg_sq_row": draw.uniform(*shape[:-1], low=0.5, high=2, dtype=dtype),
        "exp_avg_sq_col": draw.uniform(*shape[:-2], shape[-1], low=0.5, high=2, dtype=dtype),
    }


SHAPES = [(), (6,), (3, 4), (4, 4), (1, 5), (2, 3, 4), (2, 2, 3, 3)]


@exercise("4.14")
@pytest.mark.parametrize("shape", SHAPES)
def test_adafactor_by_rows_and_columns(check, draw, shape):
    """Numbers, vectors, matrices, stacks of matrices; the first step has no past."""
    gradients = given(draw, "v", shape)["gradients"][:4]
    state = means(draw, shape)
    check("scaled", gradients=gradients, betas=[0.2, 0.5, 0.7, 0.8], eps=0.1, state=state, terms=9)
    fresh = {k: np.zeros_like(v) for k, v in state.items()}
    betas = [0.0, 0.426, 0.585, 0.67]
    check("scaled", gradients=gradients, betas=betas, eps=1e-30, state=fresh, terms=9)


@exercise("4.14")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_adafactor_in_half_precision(check, draw, dtype):
    """The update and the means keep the dtype of the gradient."""
    for shape in [(6,), (3, 4)]:
        gradients = given(draw, "v", shape, dtype)["gradients"][:3]
        state = means(draw, shape, dtype)
        betas = [0.25, 0.5, 0.75]
        check("scaled", gradients=gradients, betas=betas, eps=1e-3, state=state, terms=4)


# 4.15


@exercise("4.15")
@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (1, 6), (6, 1), (20, 12)])
def test_muon_by_singular_values(check, draw, shape, steps):
    """The polynomial of each singular value, against a decomposition.

    Each step stretches small singular values, and with them the rounding errors of all, by up to
    a = 3.4445.
    """
    x = draw.normal(*shape, scale=3.0)
    check("orthogonalized", x=x, steps=steps, scale=3.4445**steps, terms=max(shape))


@exercise("4.15")
@pytest.mark.parametrize("dtype", DTYPES)
def test_muon_makes_directions_alike(probe, draw, dtype):
    """Singular values from 1 to 0.02 all end between 0.6 and 1.3, in the dtype of the matrix."""
    u, _, vt = np.linalg.svd(draw.normal(8, 6), full_matrices=False)
    x = (u * np.geomspace(1, 0.02, 6)) @ vt
    y = probe("orthogonalized", x=x.astype(draw.normal(1, dtype=dtype).dtype), steps=5)["y"]
    assert y.dtype.name == dtype and y.shape == x.shape
    values = np.linalg.svd(y.astype("float64"), compute_uv=False)
    assert values.min() > 0.6 and values.max() < 1.3, values


@exercise("4.15")
def test_muon_of_anything_but_a_matrix(check, draw):
    """Vectors and stacks are refused; of zeros no direction is made up."""
    for shape in [(4,), (2, 3, 4)]:
        check.raises("orthogonalized", "AssertionError", x=draw.normal(*shape), steps=1)
    check("orthogonalized", x=np.zeros((2, 3), np.float32), steps=2)
    check("orthogonalized", x=draw.normal(2, 2), steps=1, scale=3.4445, terms=2)
