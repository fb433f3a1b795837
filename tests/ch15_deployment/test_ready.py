"""Judges of 15.5 to 15.7: a network without training in it, in a file, with what apps need."""

import numpy as np
import pytest

from course.grading.marks import exercise

# 15.5


def statistics(draw, channels, variance=1.0):
    """A normalization: what it has learned, and what it has seen."""
    return {
        "weight": draw.normal(channels),
        "bias": draw.normal(channels),
        "running_mean": draw.normal(channels),
        "running_var": draw.uniform(channels, low=0.5, high=2) * np.float32(variance),
    }


@exercise("15.5")
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 3, 2), (4, 5, 2)], ids=str)
def test_normalization_becomes_weights(check, draw, shape):
    """Behind a linear layer and convolutions; with a bias, and without one."""
    w, norm = draw.normal(*shape), statistics(draw, 4)
    check("folded", weight=w, bias=draw.normal(4), norm=norm, eps=1e-5)
    check("folded", weight=w, bias=None, norm=norm, eps=1e-5)


@exercise("15.5")
def test_normalization_without_a_gain(check, draw):
    """Nothing was learned: a gain of 1, a bias of 0."""
    given = {"norm": statistics(draw, 4), "eps": 1e-3, "affine": False}
    check("folded", weight=draw.normal(4, 3), bias=draw.normal(4), **given)
    check("folded", weight=draw.normal(4, 3), bias=None, **given)


@exercise("15.5")
def test_small_variance(check, draw):
    """Epsilon stands inside of the root, and counts."""
    norm = statistics(draw, 4, variance=1e-4)
    check("folded", scale=100, weight=draw.normal(4, 3), bias=draw.normal(4), norm=norm, eps=1e-2)


@exercise("15.5")
def test_folding_in_halves(probe, draw):
    """Computed in float32, rounded once, in the dtype of the weight."""
    w, b = draw.normal(64, 8, dtype="float16"), draw.normal(64, dtype="float16")
    norm = {name: x.astype(np.float16) for name, x in statistics(draw, 64).items()}
    found = probe("folded", weight=w, bias=b, norm=norm, eps=1e-5)
    factor = norm["weight"] / np.sqrt(norm["running_var"].astype(np.float64) + 1e-5)
    expected = {
        "weight": w * factor[:, None],
        "bias": (b - norm["running_mean"].astype(np.float64)) * factor + norm["bias"],
    }
    for name, x in expected.items():
        assert found[name].dtype == np.float16
        once = x.astype(np.float32).astype(np.float16)
        assert (found[name] == once).mean() > 0.95, f"{name} was rounded more than once"


@exercise("15.5")
def test_batch_that_is_always_needed(check, draw):
    """Without running statistics there is nothing to fold; beside a case with them."""
    check("folded", weight=draw.normal(2, 3), bias=None, norm=statistics(draw, 2), eps=1e-5)
    check.raises("folded_without_statistics", "ValueError")
    check.raises("ready_without_statistics", "ValueError")


def ready(probe, draw, kinds, left, same, dtype=None):
    """A chain computes the same with the layers that should be left of it."""
    x = draw.normal(2, 4, 4, 2)
    found = probe("ready_chain", x=x, kinds=kinds, seed=draw.seed(), dtype=dtype)
    assert found["kinds"] == left
    assert found["same"] == same, "which layers are new ones, and which are not"
    assert found["kept"], "the layers that were given have changed"
    difference = abs(found["y"] - found["expected"]).max()
    bound = 1e-5 if dtype is None else 2e-2
    assert difference <= bound * max(1, abs(found["expected"]).max()), f"differs by {difference}"
    return found


@exercise("15.5")
def test_chain_made_ready(probe, draw):
    """Two foldings, one with dropout between; what is left stays in its order."""
    kinds = ["conv", "norm", "relu", "dropout", "bare", "dropout2d", "norm", "pool", "dropout"]
    left = ["Conv2d", "relu", "Conv2d", "MaxPool2d"]
    ready(probe, draw, kinds, left, [False, True, False, True])
    ready(probe, draw, ["linear", "norm", "relu"], ["Linear", "relu"], [False, True])


@exercise("15.5")
def test_normalization_that_stays(probe, draw):
    """In front, behind a relu, of another kind; two in a row are both folded."""
    left = ["BatchNorm", "Conv2d", "relu", "BatchNorm", "LayerNorm"]
    kinds = ["norm", "conv", "relu", "norm", "layernorm"]
    ready(probe, draw, kinds, left, [True] * 5)
    ready(probe, draw, ["conv", "norm", "norm"], ["Conv2d"], [False])
    ready(
        probe,
        draw,
        ["linear", "layernorm", "norm"],
        ["Linear", "LayerNorm", "BatchNorm"],
        [True] * 3,
    )


@exercise("15.5")
def test_chain_cast(probe, draw):
    """What was folded is cast; what was not stays."""
    kinds = ["conv", "norm", "relu", "linear"]
    found = ready(probe, draw, kinds, ["Conv2d", "relu", "Linear"], [False, True, True], "float16")
    assert found["dtypes"] == ["mlx.core.float16"] * 2 + ["mlx.core.float32"] * 2


@exercise("15.5")
def test_chain_of_halves_made_wide(probe, draw):
    """Weights in float16 that are folded and wanted in float32 are not rounded to float16 between;
    left as they are, they are in float16 again."""
    x = draw.normal(2, 4, 4, 2)
    given = {"x": x, "kinds": ["linear", "norm"], "seed": draw.seed(), "weights": "float16"}
    kept = probe("ready_chain", **given)
    assert kept["dtypes"] == ["mlx.core.float16"] * 2
    wide = probe("ready_chain", **given, dtype="float32")
    assert wide["dtypes"] == ["mlx.core.float32"] * 2
    assert abs(wide["y"] - wide["expected"]).max() < 1e-5


# 15.6


@exercise("15.6")
def test_weights_as_inputs(check, draw):
    """The model's own, one of them given, all given; its own again afterwards."""
    given = {"weight": draw.normal(2, 3), "bias": draw.normal(2), "other": draw.normal(2, 3)}
    check("weights_as_inputs", terms=3, x=draw.normal(4, 3), **given)


@exercise("15.6")
def test_weights_after_an_error(check, draw):
    """The function raises; the model is as it was."""
    check("weights_after_an_error", weight=draw.normal(2, 3), other=draw.normal(2, 3))


@exercise("15.6")
def test_weights_that_are_trained_on(check, draw):
    """Its own weights are those that the model has when the function is called."""
    given = {"weight": draw.normal(2, 3), "other": draw.normal(2, 3)}
    check("weights_after_training", terms=3, x=draw.normal(4, 3), **given)


@exercise("15.6")
def test_weight_that_is_none(check, draw):
    """A name that the model has not; beside names that it has."""
    given = {"weight": draw.normal(2, 3), "bias": draw.normal(2), "other": draw.normal(2, 3)}
    check("weights_as_inputs", terms=3, x=draw.normal(4, 3), **given)
    check.raises("unknown_weight", "ValueError", match="wait", x=draw.normal(4, 3), name="wait")


@exercise("15.6")
def test_weights_through_a_file(check, draw):
    """The function of the file uses the weights that it is given."""
    given = {"weight": draw.normal(2, 3), "other": draw.normal(2, 3)}
    check("through_a_file", terms=3, x=draw.normal(4, 3), **given)


def lie(probe, expected, found, words, calls=None, **more):
    """What is said about pairs of outputs, and how many were compared."""
    told = probe("lie", expected=expected, found=found, **more)
    assert told["words"] == (words and ["example", *words]), told
    assert told["calls"] == (len(expected) if calls is None else calls), told


@exercise("15.6")
def test_first_lie(probe, draw):
    """Shape, dtype, values, a refusal: the first that differs, and none behind it is tried."""
    x = [draw.normal(2, 3) for _ in range(3)]
    lie(probe, x, [x[0], x[1][:1], x[2]], ["1:", "shape"], 2)
    lie(probe, x, [x[0], x[1], x[2].astype(np.float16)], ["2:", "dtype"])
    lie(probe, x, [x[0] + 1, x[1][:1], x[2]], ["0:", "values"], 1)
    for error in ("ValueError", "RuntimeError"):
        lie(probe, x, [x[0], None, x[2]], ["1:", "raises"], 2, error=error)
    lie(probe, x, [x[0], x[1], x[2][:1].astype(np.float16)], ["2:", "shape"])
    lie(probe, x, x, None)


@exercise("15.6")
def test_small_differences(probe, draw):
    """Relative to the largest number of the output, and never to less than 1."""
    x = draw.normal(4, 5)
    x[0, 0] = 1000
    near, far = x + np.float32(0.005), x + np.float32(0.02)
    lie(probe, [x], [near], None)
    lie(probe, [x], [far], ["0:", "values"])
    lie(probe, [x], [far], None, tolerance=1e-4)
    # Relative to what is expected, not to what was found.
    lie(probe, [x / 1000], [x / 1000 + 2], ["0:", "values"], tolerance=1.0)
    small = draw.normal(4, 5) * np.float32(1e-4)
    lie(probe, [small], [small + np.float32(5e-6)], None)
    lie(probe, [small], [small + np.float32(5e-5)], ["0:", "values"])


@exercise("15.6")
def test_numbers_that_are_none(probe, draw):
    """NaN and infinities in the same places agree, in others they don't; nothing agrees with
    nothing."""
    x = draw.normal(2, 3)
    odd = x.copy()
    odd[0, 0], odd[1, 1], odd[1, 2] = np.nan, np.inf, -np.inf
    lie(probe, [odd], [odd.copy()], None)
    for place in ((0, 0), (1, 1)):
        other = x.copy()
        other[place] = odd[place]
        lie(probe, [x], [other], ["0:", "values"])
        lie(probe, [other], [x], ["0:", "values"])
    lie(probe, [x[:0], x], [x[:0], x + 1], ["1:", "values"])


@exercise("15.6")
def test_error_of_the_program(check, probe, draw):
    """Only what a runtime refuses is a lie; a bug comes through, and what the original refuses."""
    lie(probe, [draw.normal(3)], [None], ["0:", "raises"])
    check.raises("careless_error", "ZeroDivisionError", x=draw.normal(3))
    check.raises("error_of_the_original", "ValueError", match="original", x=draw.normal(3))


# 15.7

CLASSES = ["cat", "dog", "frog", "deer"]
FIELDS = {"mean": [0.5, 0.4, 0.3], "deviation": [0.2, 0.25, 0.3], "classes": CLASSES}


@exercise("15.7")
@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_pixels_as_the_network_wants_them(check, probe, draw, order):
    """Each colour by its own mean, then in the network's order; bytes and floats."""
    fields = {**FIELDS, "order": order}
    pixels = draw.integers(2, 3, 4, 3, low=0, high=256, dtype="uint8")
    check("prepared", fields=fields, pixels=pixels)
    check("prepared", fields=fields, pixels=draw.uniform(3, 4, 3, low=0, high=255))
    small = draw.integers(1, 2, 3, low=0, high=256).astype(np.float16)
    found = probe("prepared", fields=fields, pixels=small)["x"]
    assert found.dtype == np.float32
    x = (small.astype(np.float64) / 255 - FIELDS["mean"]) / FIELDS["deviation"]
    assert abs(found - (x[..., ::-1] if order == "BGR" else x)).max() < 1e-5


@exercise("15.7")
def test_softmax_once(probe, draw):
    """Logits get one, probabilities none; a few of them, more than there are, none."""
    logits = draw.normal(4)
    p = np.exp(logits.astype(np.float64)) / np.exp(logits.astype(np.float64)).sum()
    order = np.argsort(-p)
    for outputs, kind in ((logits, "logits"), (p.astype(np.float32), "probabilities")):
        for count in (1, 3, 4, 9):
            fields = {**FIELDS, "outputs": kind}
            pairs = probe("answered", fields=fields, outputs=outputs, count=count)["pairs"]
            assert [name for name, _ in pairs] == [CLASSES[i] for i in order[:count]]
            found = np.array([value for _, value in pairs])
            assert abs(found - p[order[:count]]).max() < 1e-5, f"{kind}: {found}, not {p}"


@exercise("15.7")
def test_outputs_in_halves(probe, draw):
    """The softmax is computed in float32."""
    logits = draw.normal(4, dtype="float16")
    p = np.exp(logits.astype(np.float64)) / np.exp(logits.astype(np.float64)).sum()
    pairs = probe("answered", fields=FIELDS, outputs=logits, count=4)["pairs"]
    assert all(abs(p[CLASSES.index(name)] - value) < 1e-6 for name, value in pairs)


@exercise("15.7")
def test_equal_answers(probe):
    """The first of two comes first; and no logit is too large."""
    logits = np.array([1000, 1001, 1000, 1001], np.float32)
    pairs = probe("answered", fields=FIELDS, outputs=logits, count=4)["pairs"]
    assert [name for name, _ in pairs] == ["dog", "deer", "cat", "frog"]
    assert abs(sum(value for _, value in pairs) - 1) < 1e-5


@exercise("15.7")
@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_one_scale_for_all_channels(probe, check, draw, order):
    """Scale, bias and factors; together they are the contract's normalization."""
    mean, deviation = [0.485, 0.456, 0.406], [0.2, 0.24, 0.35]
    found = check("scaling", mean=mean, deviation=deviation, order=order)
    pixels = draw.integers(5, 3, low=0, high=256).astype(np.float64)
    x = (pixels / 255 - mean) / deviation
    if order == "BGR":
        x, pixels = x[:, ::-1], pixels[:, ::-1]
    y = (found["scale"] * pixels + found["bias"]) * found["factor"]
    assert abs(x - y).max() < 1e-9
    same = check("scaling", mean=[0.1, 0.2], deviation=[0.5, 0.5], order=order)
    assert same["factor"] == [1.0, 1.0]
