"""Judges of initializers."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("5.11")
def test_how_many_terms(probe, check):
    """Inputs are the last axis, outputs the first, and the window between counts for both."""
    shapes = {(3, 5): [5, 3], (7, 1): [1, 7], (8, 3, 4): [12, 24], (6, 3, 2, 5): [30, 36],
              (2, 3, 4, 5, 6): [360, 120]}  # fmt: skip
    found = probe("fans", shapes=[list(shape) for shape in shapes])
    assert found == {str(list(shape)): wanted for shape, wanted in shapes.items()}
    check.raises("fans", "ValueError", shapes=[[4]])


@exercise("5.11")
@pytest.mark.parametrize("shape", [(300, 100), (50, 3, 2, 40)], ids=str)
def test_the_spread_of_initializers(probe, draw, shape):
    """Standard deviations of at least 12,000 numbers.

    The estimate from n normal numbers has the standard deviation 1 / sqrt(2 n) = 0.65 %; six of
    them are 4 %, a false failure in 10^9 (uniform numbers spread less).
    """
    window = int(np.prod(shape[1:-1]))
    inputs, outputs = shape[-1] * window, shape[0] * window
    wanted = {
        "glorot normal": (2 / (inputs + outputs)) ** 0.5,
        "glorot uniform": 2 * (2 / (inputs + outputs)) ** 0.5,
        "he normal": (2 / inputs) ** 0.5,
        "he uniform": (1 / outputs) ** 0.5,
    }
    found = probe("spread", shape=list(shape), seed=draw.seed())
    for name, std in wanted.items():
        assert abs(found[name] / std - 1) < 0.04, f"{name}: {found[name]:.4f}, expected {std:.4f}"


@exercise("5.11")
@pytest.mark.parametrize("gain, dtype", [(1.0, "float32"), (2.5, "float32"), (1.0, "float16")])
@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9), (1, 5)], ids=str)
def test_orthonormal_rows_or_columns(probe, draw, shape, gain, dtype):
    """Products of different rows (or columns) are 0, of equal ones the gain squared."""
    found = probe("orthogonal", shape=list(shape), gain=gain, dtype=dtype, seed=draw.seed())
    assert found["shape"] == list(shape) and found["dtype"] == dtype
    assert agree(found["gram"], gain**2 * np.eye(min(shape)), dtype, terms=max(shape))


@exercise("5.11")
def test_orthogonal_matrices_have_no_preference(probe, draw):
    """A corner of an evenly distributed matrix is as often positive as negative.

    Among 80 matrices, fewer than 13 or more than 67 of one sign come by chance in 10^-9 of runs.
    """
    corners = probe("orthogonal_corners", size=3, count=80, seed=draw.seed())["corners"]
    assert np.abs(corners).min() > 0
    assert 13 <= (corners > 0).sum() <= 67


@exercise("5.11")
def test_orthogonal_matrices_begin_with_a_round_cloud(probe, draw):
    """What is decomposed are normal numbers: no other independent ones point everywhere alike.

    The mean fourth power over the squared variance is 3 for them and 1.8 for uniform ones; of
    14,400 numbers its standard deviation is 0.082, and six of them are a false failure in 10^9.
    """
    found = probe("decomposed", size=120, seed=draw.seed())
    numbers = found["numbers"] - found["numbers"].mean()
    assert abs(np.mean(numbers**4) / np.mean(numbers**2) ** 2 - 3) < 6 * 0.082, "not normal"
    assert agree(found["gram"], np.eye(120), terms=120)


@exercise("5.11")
@pytest.mark.parametrize("shape", [(4, 4), (3, 5)], ids=str)
def test_the_habit_of_the_program_does_not_matter(probe, draw, shape):
    """One matrix, two programs for QR: what is asked for is the Q for which R is positive.

    The second program makes the first row of Q positive. With the signs on the rows of Q the result
    is another one. (Statistics cannot see that: where signs follow from reflections, as in LAPACK,
    the rows give evenly distributed matrices, too, by accident.)
    """
    found = probe("orthogonal_by_two_programs", shape=list(shape), seed=draw.seed())
    assert agree(found["second"], found["first"], terms=max(shape))
    assert agree(found["first"] @ found["first"].T, np.eye(shape[0]), terms=max(shape))


@exercise("5.11")
@pytest.mark.parametrize("shape", [(4,), (2, 3, 4)], ids=str)
def test_only_matrices_are_orthogonal(check, shape):
    """A vector or a stack of matrices is an error."""
    check.raises("orthogonal_of", "ValueError", shape=list(shape))
