"""Judges of initializers, Linear, Embedding, Dropout and the two normalizations."""

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


@exercise("5.12")
@pytest.mark.parametrize("lead", [(4,), (2, 3), (1,), (2, 1, 3)], ids=str)
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_linear(check, draw, lead, bias):
    """The last axis from 5 to 3, whatever stands before it; every gradient."""
    b = draw.normal(3) if bias else None
    check("linear", x=draw.normal(*lead, 5), weight=draw.normal(3, 5), bias=b,
          cotangent=draw.normal(*lead, 3), terms=6)  # fmt: skip


@exercise("5.12")
def test_linear_with_as_many_outputs_as_inputs(check, draw):
    """A square weight fits both ways round, and is right one way only."""
    check("linear", x=draw.normal(4, 3), weight=draw.normal(3, 3), bias=draw.normal(3),
          cotangent=draw.normal(4, 3), terms=4)  # fmt: skip


@exercise("5.12")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_linear_in_half_precision(check, draw, dtype):
    """Half precision stays half precision, with a bias and without."""
    x, w, b, g = (draw.normal(*s, dtype=dtype) for s in ((4, 3), (2, 3), (2,), (4, 2)))
    for bias in (b, None):
        check("linear", x=x, weight=w, bias=bias, cotangent=g, terms=4)


@exercise("5.12")
def test_a_bias_that_is_taken_away(check, draw):
    """What counts is whether there is a bias when the layer is called."""
    check("linear_without_its_bias", x=draw.normal(4, 3), weight=draw.normal(2, 3),
          bias=draw.normal(2), terms=4)  # fmt: skip


@exercise("5.12")
def test_linear_of_another_size(check, probe, draw):
    """An input of another size is an error."""
    w = draw.normal(2, 3)
    assert agree(probe("linear_of", rows=1, columns=3, weight=w)["y"], w.sum(1)[None], terms=3)
    check.raises("linear_of", "ValueError", rows=4, columns=2, weight=w)


@exercise("5.12")
@pytest.mark.parametrize("shape", [(4,), (2, 5), ()], ids=str)
@pytest.mark.parametrize("dtype", ["int32", "uint8"])
def test_embedding(check, draw, shape, dtype):
    """A row for each token; a row that is used several times gets the sum of its cotangents."""
    tokens = draw.integers(*shape, low=0, high=3, dtype=dtype)
    check("embedding", tokens=tokens, weight=draw.normal(7, 4), cotangent=draw.normal(*shape, 4),
          terms=10)  # fmt: skip


@exercise("5.12")
def test_a_table_with_as_many_tokens_as_dimensions(check, draw):
    """A square table fits both ways round."""
    tokens = draw.integers(2, 3, low=0, high=5)
    check("embedding", tokens=tokens, weight=draw.normal(5, 5), cotangent=draw.normal(2, 3, 5),
          terms=6)  # fmt: skip


@exercise("5.12")
@pytest.mark.parametrize("sizes", [(7, 4), (4, 4)], ids=str)
def test_a_table_as_a_linear_map(check, draw, sizes):
    """The scalar product with every row; its gradients."""
    tokens, dims = sizes
    check("as_linear", x=draw.normal(2, 3, dims), weight=draw.normal(tokens, dims),
          cotangent=draw.normal(2, 3, tokens), terms=7)  # fmt: skip


@exercise("5.12")
def test_tied_weights(check, draw):
    """A table at both ends of a model learns from both."""
    check("tied", tokens=draw.integers(2, 3, low=0, high=6), weight=draw.normal(6, 4),
          cotangent=draw.normal(2, 3, 6), terms=10)  # fmt: skip


def standard_errors(share, p, n):
    """How many standard deviations the share of n decisions lies from p."""
    return abs(share - p) / (p * (1 - p) / n) ** 0.5


@exercise("5.13")
@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_dropout(probe, draw, p):
    """Zeros, and the others times 1 / (1 - p); the gradient has the same mask.

    The share of zeros lies within six standard deviations: a false failure in 10^9.
    """
    x, g = draw.uniform(60, 50, low=1, high=2), draw.normal(60, 50)
    found = probe("dropout", x=x, cotangent=g, p=p, seed=draw.seed(), training=True)
    kept = found["y"] != 0
    assert standard_errors(1 - kept.mean(), p, x.size) < 6, "the share of zeros is not p"
    assert agree(found["y"], np.where(kept, x / (1 - p), 0))
    assert agree(found["dx"], np.where(kept, g / (1 - p), 0))


@exercise("5.13")
def test_elements_drop_independently(probe, draw):
    """Rows and columns have masks of their own.

    60 rows of one mask, or 50 columns, would be equal. By chance two rows are in 2^-50.
    """
    x, g = draw.uniform(60, 50, low=1, high=2), draw.normal(60, 50)
    kept = probe("dropout", x=x, cotangent=g, p=0.5, seed=draw.seed(), training=True)["y"] != 0
    assert len({row.tobytes() for row in kept}) == 60
    assert len({column.tobytes() for column in np.ascontiguousarray(kept.T)}) == 50


@exercise("5.13")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_dropout_in_half_precision(probe, draw, dtype):
    """A mask of true and false does not change the dtype."""
    x, g = draw.uniform(20, 30, low=1, high=2, dtype=dtype), draw.normal(20, 30, dtype=dtype)
    y = probe("dropout", x=x, cotangent=g, p=0.5, seed=draw.seed(), training=True)["y"]
    assert y.dtype == x.dtype and (y != 0).any() and (y == 0).any()
    assert agree(y, np.where(y != 0, 2 * x.astype("float32"), 0), dtype)


@exercise("5.13")
def test_dropout_that_does_nothing(probe, draw):
    """In evaluation mode and with p = 0 the very input comes back; and training mode returns."""
    x = draw.uniform(40, 50, low=1, high=2)
    found = probe("dropout_does_nothing", x=x, p=0.5)
    assert found["evaluating"] is True and found["nothing to drop"] is True
    assert standard_errors((found["training again"] == 0).mean(), 0.5, x.size) < 6


@exercise("5.13")
@pytest.mark.parametrize(
    "axes, shape",
    [(2, (6, 3, 4, 40)), (2, (5, 4, 200)), (3, (4, 2, 3, 4, 60)), (3, (2, 3, 4, 200))],
    ids=str,
)
def test_whole_channels_drop(probe, draw, axes, shape):
    """A channel of an example is kept or dropped as a whole, each for itself.

    At least 200 decisions, within six standard deviations: a false failure in 10^9.
    """
    x, g = draw.uniform(*shape, low=1, high=2), draw.normal(*shape)
    found = probe("channels_dropped", x=x, cotangent=g, kept=0.6, axes=axes, seed=draw.seed())
    kept = found["y"] != 0
    places = tuple(range(len(shape) - 1 - axes, len(shape) - 1))
    whole = kept.all(places)
    assert (kept.any(places) == whole).all(), "a channel is dropped in some places only"
    assert standard_errors(whole.mean(), 0.6, whole.size) < 6, "the share of channels kept"
    if whole.ndim == 2:
        assert len({row.tobytes() for row in whole}) == len(whole), "examples share a mask"
    assert agree(found["y"], np.where(kept, x / 0.6, 0))
    assert agree(found["dx"], np.where(kept, g / 0.6, 0))


@exercise("5.13")
def test_layers_that_drop_channels(probe, draw):
    """Through the layers, for pictures and volumes; in evaluation the very input."""
    x, v = draw.uniform(8, 3, 3, 60, low=1, high=2), draw.uniform(8, 2, 2, 2, 60, low=1, high=2)
    found = probe("dropout_layers", x=x, volume=v, p=0.5, seed=draw.seed())
    assert found["evaluating"] == [True, True]
    assert np.array_equal(found["nothing to drop"], x)
    for y, given in (found["2d"], x), (found["3d"], v):
        share = (y == 0).mean(tuple(range(1, y.ndim - 1)))
        assert set(np.unique(share)) == {0.0, 1.0}
        assert agree(y, np.where(y != 0, 2 * given, 0))


@exercise("5.14")
@pytest.mark.parametrize("shape", [(4, 6), (6,), (2, 3, 6), (1, 1, 6)], ids=str)
@pytest.mark.parametrize("affine", ["both", "weight", "bias", "neither"])
def test_layer_norm(check, draw, shape, affine):
    """Along the last axis alone, with every gradient."""
    weight = draw.normal(6) if affine in ("both", "weight") else None
    bias = draw.normal(6) if affine in ("both", "bias") else None
    # The gradients hold quotients by the standard deviation, which is about 2 here.
    check("layer_norm", x=2 * draw.normal(*shape) + 1, weight=weight, bias=bias, eps=1e-5,
          cotangent=draw.normal(*shape), terms=12)  # fmt: skip


@exercise("5.14")
@pytest.mark.parametrize("eps", [0.5, 1e-3])
def test_epsilon_is_added_to_the_variance(check, draw, eps):
    """Rows that are nearly or quite equal: the quotient stays finite."""
    x = 0.05 * draw.normal(4, 8)
    x[2] = 0.25
    check("layer_norm", x=x, weight=draw.normal(8), bias=draw.normal(8), eps=eps,
          cotangent=draw.normal(4, 8), terms=16)  # fmt: skip


@exercise("5.14")
def test_few_features(check, draw):
    """With two numbers in a row the mean of squares and the unbiased estimate differ by 2."""
    x = np.array([[1.0, 3.0], [-2.0, 5.0], [0.5, 0.0]], "float32")
    check("layer_norm", x=x, weight=draw.normal(2), bias=None, eps=0.01,
          cotangent=draw.normal(3, 2), terms=4)  # fmt: skip


@exercise("5.14")
def test_a_large_offset(check, draw):
    """Numbers around 1000: the mean goes before the square.

    x - mean has the rounding of numbers of size 1000, hence the scale.
    """
    x = draw.normal(4, 16) + 1000
    check("layer_norm", x=x, weight=draw.normal(16), bias=draw.normal(16), eps=1e-5,
          cotangent=draw.normal(4, 16), terms=16, scale=1000.0)  # fmt: skip


@exercise("5.14")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("size", [1, 1000], ids=["small", "large"])
def test_layer_norm_in_half_precision(check, draw, dtype, size):
    """Statistics in float32: squares of 1000 are beyond float16, and sums would lose digits."""
    x = (size * draw.normal(3, 64)).astype("float32") + 2 * size
    x = draw._as(x, dtype)
    w, b = draw.normal(64, dtype=dtype), draw.normal(64, dtype=dtype)
    check("layer_norm_in_half", x=x, weight=w, bias=b, eps=1e-5)


@exercise("5.14")
def test_layer_norm_of_several_dtypes(check, probe, draw):
    """float16 input and float32 weights give float32, in float32's digits after the quotient."""
    x, w = draw.normal(3, 8, dtype="float16"), draw.normal(8)
    check("layer_norm_in_half", x=x, weight=w, bias=draw.normal(8), eps=1e-5, terms=8)


@exercise("5.14")
def test_the_layer(check, draw):
    """At first the weight is 1 and the bias 0, if there are any."""
    for options in ({}, {"bias": False}, {"affine": False}, {"eps": 0.3}):
        check("layer_norm_layer", x=draw.normal(4, 6), dims=6, options=options, terms=6)


@exercise("5.14")
def test_what_does_not_fit(check, draw):
    """A weight of another size, an integer input, no axis at all."""
    x, w = draw.normal(3, 4), draw.normal(5)
    for wrong in (
        {"x": x, "weight": w},
        {"x": draw.integers(3, 4, low=0, high=9), "weight": None},
        {"x": draw.normal(), "weight": None},
        {"x": x, "weight": draw.normal(1, 4)},
    ):
        check.raises("layer_norm_in_half", "ValueError", match="layer_norm", bias=None, eps=1e-5,
                     **wrong)  # fmt: skip


SHAPES = [(7, 3), (4, 5, 3), (2, 3, 4, 3)]


@exercise("5.15")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("affine", [True, False], ids=["affine", "plain"])
def test_batch_norm(check, draw, shape, affine):
    """Three training steps and three in evaluation: values, gradients, running statistics."""
    x = [(2 + i) * draw.normal(*shape) + i for i in range(3)]
    weight, bias = (draw.normal(3), draw.normal(3)) if affine else (None, None)
    check("batch_norm", x=x, weight=weight, bias=bias, cotangent=draw.normal(*shape), options={},
          steps=3, terms=60)  # fmt: skip


@exercise("5.15")
@pytest.mark.parametrize("options", [{"momentum": 0.5}, {"eps": 0.3}, {"momentum": 1.0}], ids=str)
def test_options_of_batch_norm(check, draw, options):
    """Momentum is the share of the newest batch; epsilon is added to the variance."""
    x = [3 * draw.normal(5, 2) + 1 for _ in range(2)]
    check("batch_norm", x=x, weight=draw.normal(2), bias=draw.normal(2), options=options, steps=2,
          cotangent=draw.normal(5, 2), terms=20)  # fmt: skip


@exercise("5.15")
def test_without_running_statistics(check, draw):
    """The batch's own statistics in both modes, and nothing is kept."""
    x = [3 * draw.normal(5, 2) + 1 for _ in range(2)]
    check("batch_norm", x=x, weight=draw.normal(2), bias=draw.normal(2), steps=2,
          options={"track_running_stats": False}, cotangent=draw.normal(5, 2),
          terms=20)  # fmt: skip


@exercise("5.15")
def test_two_values_for_a_channel(check, draw):
    """The smallest batch; and one example with several positions."""
    for shape in ((2, 3), (1, 2, 3)):
        x = [draw.normal(*shape) * 2 + 3]
        # Two values: z is about +-1 and the gradient by x is nearly 0, a difference of numbers of
        # the size of the cotangent over the standard deviation, which may be small.
        check("batch_norm", x=x, weight=draw.normal(3), bias=draw.normal(3), options={"eps": 0.1},
              cotangent=draw.normal(*shape), steps=1, terms=8, scale=16.0)  # fmt: skip


@exercise("5.15")
def test_inputs_that_batch_norm_refuses(check, draw):
    """One value for a channel while training; one axis; five axes. Evaluating, one is enough."""
    for shape, training in ((1, 3), True), ((1, 1, 3), True), ((3,), False), ((1,) * 5, False):
        check.raises("batch_norm_of", "ValueError", x=draw.normal(*shape), training=training)


@exercise("5.15")
def test_one_example_in_evaluation(probe, draw):
    """With the statistics at the start, mean 0 and variance 1, one example is enough."""
    x = draw.normal(1, 3)
    y = probe("batch_norm_of", x=x, training=False)["y"]
    assert agree(y, x / np.sqrt(1 + 1e-5, dtype="float64"))


@exercise("5.15")
def test_an_example_alone(probe, draw):
    """In evaluation mode an example does not depend on its neighbours."""
    found = probe("batch_norm_is_alone", x=draw.normal(6, 4))
    assert np.abs(found["together"]).max() > 0.01
    assert agree(found["together"], found["alone"])
