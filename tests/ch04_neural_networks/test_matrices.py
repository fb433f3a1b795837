"""Judges of the two optimizers that know what a matrix is: Adafactor's means, Muon's directions."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise

# 4.14


def gradients_of(draw, shape, count=3, dtype="float32"):
    """Gradients of the size of 1, none of them near 0."""

    def one():
        sign = np.where(draw.booleans(*shape), 1, -1)
        size = draw.uniform(*shape, low=0.5, high=2.5, dtype=dtype)
        return np.asarray(sign * size).astype(size.dtype)

    return [one() for _ in range(count)]


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
    gradients = gradients_of(draw, shape, 4)
    state = means(draw, shape)
    check("scaled", gradients=gradients, betas=[0.2, 0.5, 0.7, 0.8], eps=0.1, state=state, terms=9)
    fresh = {k: np.zeros_like(v) for k, v in state.items()}
    betas = [0.0, 0.426, 0.585, 0.67]
    check("scaled", gradients=gradients, betas=betas, eps=1e-30, state=fresh, terms=9)


@exercise("4.14")
@pytest.mark.parametrize("size", [1e-12, 1e12])
def test_adafactor_of_any_size(check, draw, size):
    """The product of two mean squares leaves float32 long before their roots do."""
    for shape in [(5,), (3, 4), (2, 4, 3)]:
        gradients = [g * np.float32(size) for g in gradients_of(draw, shape)]
        fresh = {k: np.zeros_like(v) for k, v in means(draw, shape).items()}
        check("scaled", gradients=gradients, betas=[0.0, 0.426, 0.585], eps=1e-30, state=fresh,
              terms=9)  # fmt: skip


@exercise("4.14")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_adafactor_in_half_precision(check, draw, dtype):
    """The update and the means keep the dtype of the gradient."""
    for shape in [(6,), (3, 4)]:
        gradients = gradients_of(draw, shape, dtype=dtype)
        state = means(draw, shape, dtype)
        betas = [0.25, 0.5, 0.75]
        check("scaled", gradients=gradients, betas=betas, eps=1e-3, state=state, terms=4)


# 4.15: the way is free, so these ask for what the result must be


def with_values(draw, rows, columns, values):
    """A matrix with given singular values, and its singular vectors."""
    u, _, vt = np.linalg.svd(draw.normal(rows, columns).astype("float64"), full_matrices=False)
    return u, vt, ((u * values) @ vt).astype("float32")


@exercise("4.15")
@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (1, 6), (6, 1), (20, 12)], ids=str)
@pytest.mark.parametrize("steps", [5, 8])
def test_muon_keeps_directions(probe, draw, shape, steps):
    """In the coordinates of the singular vectors the result is diagonal, and near 1.

    Each step stretches small singular values, and with them the rounding errors of all, by less
    than 4: the diagonal is compared with a tolerance for 4^5 (they do not grow any more later).
    """
    least = min(shape)
    u, vt, x = with_values(draw, *shape, np.geomspace(3, 0.03, least))
    y = probe("orthogonalized", x=x, steps=steps)["y"]
    inside = u.T @ y @ vt.T
    values = inside.diagonal()
    assert values.min() > 0.6 and values.max() < 1.3, values
    assert agree((inside - np.diag(values)) / 4**5, np.zeros((least, least)), terms=max(shape))
    assert agree((y - u @ inside @ vt) / 4**5, np.zeros(shape), terms=max(shape))


@exercise("4.15")
@pytest.mark.parametrize("size", [1e-7, 1e-3, 1e4, 1e12])
def test_muon_of_any_size(probe, draw, size):
    """How large a gradient is does not matter: 1 and a thousandth, or all of them the same."""
    for values in (np.geomspace(1, 0.005, 4), np.ones(4)):
        _, _, x = with_values(draw, 6, 4, values * size)
        found = np.linalg.svd(probe("orthogonalized", x=x, steps=5)["y"], compute_uv=False)
        assert found.min() > 0.6 and found.max() < 1.3, found


@exercise("4.15")
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_muon_makes_directions_alike(probe, draw, dtype):
    """Singular values from 1 to 0.02 all end between 0.6 and 1.3, in the dtype of the matrix."""
    _, _, x = with_values(draw, 8, 6, np.geomspace(1, 0.02, 6))
    y = probe("orthogonalized", x=x.astype(draw.normal(1, dtype=dtype).dtype), steps=5)["y"]
    assert y.dtype.name == dtype and y.shape == x.shape
    values = np.linalg.svd(y.astype("float64"), compute_uv=False)
    assert values.min() > 0.6 and values.max() < 1.3, values


@exercise("4.15")
@pytest.mark.parametrize("shape", [(600, 4), (4, 600)], ids=str)
def test_muon_of_a_long_matrix(probe, draw, shape):
    """No product has the square of the longer side, 150 times as many numbers as the matrix.

    Measured: 5 to 7 times the memory of the matrix; with the larger product more than 150 times.
    """
    found = probe("orthogonalized_memory", x=draw.normal(*shape))
    values = np.linalg.svd(found["y"], compute_uv=False)
    assert values.min() > 0.6 and values.max() < 1.3, values
    assert found["60 matrices at a time"] is False, "X X^T of the longer side"


@exercise("4.15")
def test_more_steps_go_on(probe, draw):
    """One step is not enough for a value of 0.005, and each one brings it nearer to 1."""
    _, _, x = with_values(draw, 4, 4, np.array([1, 0.5, 0.1, 0.005]))
    least = [
        np.linalg.svd(probe("orthogonalized", x=x, steps=n)["y"], compute_uv=False).min()
        for n in (1, 2, 3)
    ]
    assert 0.005 < least[0] < least[1] < least[2] and least[0] < 0.1


@exercise("4.15")
def test_muon_of_anything_but_a_matrix(check, probe, draw):
    """Vectors and stacks are refused; of zeros no direction is made up."""
    for shape in [(4,), (2, 3, 4)]:
        check.raises("orthogonalized", "AssertionError", x=draw.normal(*shape), steps=1)
    assert not probe("orthogonalized", x=np.zeros((2, 3), np.float32), steps=2)["y"].any()
    assert probe("orthogonalized", x=draw.normal(2, 2), steps=5)["y"].any()
