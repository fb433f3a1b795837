"""Judges of Linear, Embedding and Dropout."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("5.12")
@pytest.mark.parametrize("lead", [(4,), (2, 3), (1,), (2, 1, 3), ()], ids=str)
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
    """An input of another size is an error; no row at all is none."""
    w = draw.normal(2, 3)
    assert agree(probe("linear_of", rows=1, columns=3, weight=w)["y"], w.sum(1)[None], terms=3)
    assert probe("linear_of", rows=0, columns=3, weight=w)["y"].shape == (0, 2)
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
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_tables_in_half_precision(check, draw, dtype):
    """A table in half precision has vectors in half precision, and so is its product."""
    tokens, table = draw.integers(5, low=0, high=4), draw.normal(4, 3, dtype=dtype)
    check("embedding", tokens=tokens, weight=table, cotangent=draw.normal(5, 3, dtype=dtype),
          terms=5)  # fmt: skip
    check("as_linear", x=draw.normal(2, 3, dtype=dtype), weight=table,
          cotangent=draw.normal(2, 4, dtype=dtype), terms=4)  # fmt: skip


@exercise("5.12")
def test_rows_that_nobody_asked_for(check, draw):
    """What is not looked up does not matter, not even a nan; and no token at all is fine."""
    table = draw.normal(6, 4)
    table[5] = np.nan
    for shape in [(7,), (0,)]:
        tokens = draw.integers(*shape, low=0, high=5)
        check("embedding", tokens=tokens, weight=table, cotangent=draw.normal(*shape, 4), terms=7)


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
def test_every_call_has_a_mask_of_its_own(probe, draw):
    """Twenty masks of a hundred elements: all different, and not all with as many zeros.

    Two masks are equal by chance in 2^-100, and a count is 50 with probability 0.08: twenty of them
    in 10^-22 (drawing half of the places, no more and no less, would be another distribution).
    """
    found = probe(
        "dropout_again_and_again", x=draw.uniform(10, 10, low=1, high=2), seed=draw.seed()
    )
    for name in ("elements", "channels"):
        masks = found[name] != 0
        assert masks.any() and len({mask.tobytes() for mask in masks}) == 20, name
        counts = masks.sum(axis=tuple(range(1, masks.ndim)))
        assert len(set(counts.tolist())) > 1, f"{name}: always {counts[0]} are kept"


@exercise("5.13")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_channels_in_half_precision(probe, draw, dtype):
    """The dtype stays, that of the gradient, too."""
    x, g = draw.uniform(4, 3, 3, 40, low=1, high=2, dtype=dtype), draw.normal(4, 3, 3, 40)
    found = probe("channels_dropped", x=x, cotangent=g.astype(x.dtype), kept=0.5, axes=2,
                  seed=draw.seed())  # fmt: skip
    y = found["y"]
    assert y.dtype == x.dtype and found["dx"].dtype == x.dtype
    assert agree(y, np.where(y != 0, 2 * x.astype("float32"), 0), dtype) and (y != 0).any()


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
