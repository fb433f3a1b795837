"""Judges of 11.8 to 11.15: positions, blocks, experts."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("11.8")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cos_first": True},
        {"full_turns": True, "scale": 0.5},
        {"min_freq": 0.01, "max_freq": 3.0, "scale": 1.0},
        {"scale": 2.0},
    ],
    ids=str,
)
@pytest.mark.parametrize("dims", [2, 4, 10])
def test_waves(check, draw, dims, options):
    """The two ends of the frequencies, and everything between."""
    x = np.floor(draw.uniform(2, 5, high=30)).astype(np.float32)
    check("waves", x=x, dims=dims, options=options, scale=150.0)


@exercise("11.8")
def test_waves_of_whole_numbers(check, draw):
    """Positions may be integers, and any shape goes."""
    check("waves", x=np.arange(7, dtype=np.int32), dims=6, options={}, scale=8.0)
    check("waves", x=np.array(3.0, np.float32), dims=6, options={}, scale=8.0)
    check("waves", x=np.array(3.0, np.float32), dims=6, options={"scale": 0.0}, scale=8.0)


@exercise("11.8")
@pytest.mark.parametrize("dims", [0, 5, -2])
def test_waves_of_odd_dims(check, draw, dims):
    """One clear sentence, and no half wave."""
    check.raises("waves_fail", "ValueError", match="positive and even", dims=dims)
    check("waves", x=draw.uniform(3), dims=4, options={}, scale=8.0)


@exercise("11.9")
@pytest.mark.parametrize("traditional", [False, True], ids=["halves", "neighbours"])
@pytest.mark.parametrize("offset", [0, 7])
@pytest.mark.parametrize(
    "shape,dims", [((2, 3, 5, 8), 8), ((2, 5, 8), 6), ((1, 1, 4), 4), ((2, 2, 1, 3), 2)], ids=str
)
def test_turning(check, draw, shape, dims, offset, traditional):
    """All pairs at all positions; features after them stay."""
    x, g = draw.normal(*shape), draw.normal(*shape)
    check("turned", x=x, dims=dims, options={"traditional": traditional}, offset=offset, g=g,
          scale=20.0)  # fmt: skip


@exercise("11.9")
@pytest.mark.parametrize("options", [{"base": 100.0}, {"scale": 0.25}], ids=str)
def test_turning_slower(check, draw, options):
    """Base and scale; the scale belongs to the offset, too."""
    x, g = draw.normal(2, 4, 6), draw.normal(2, 4, 6)
    check("turned", x=x, dims=6, options=options, offset=9, g=g, scale=20.0)


@exercise("11.9")
@pytest.mark.parametrize("shape", [(3, 2, 4, 6), (3, 4, 6)], ids=str)
def test_turning_each_example_from_its_own_position(check, draw, shape):
    """An array of offsets, one for each example."""
    x, g = draw.normal(*shape), draw.normal(*shape)
    offset = np.array([4, 0, 11], np.int32)
    check("turned", x=x, dims=6, options={}, offset=offset, g=g, scale=20.0)


@exercise("11.9")
@pytest.mark.parametrize("traditional", [False, True], ids=["halves", "neighbours"])
def test_only_the_distance_counts(check, draw, traditional):
    """Both moved by the same number of positions: the scores stay."""
    arrays = {"q": draw.normal(2, 3, 8), "k": draw.normal(2, 3, 8)}
    check("turned_pairs", **arrays, dims=8, traditional=traditional, first=[2, 5], second=[40, 43],
          terms=8, scale=60.0)  # fmt: skip


@exercise("11.9")
def test_angles_of_half_precision_are_not_rounded(check, draw):
    """Position 3001 has no float16; its cosine has."""
    check("turned_in_place", x=draw.normal(1, 4, 8, dtype="float16"), dims=8, scale=2.0)


@exercise("11.9")
@pytest.mark.parametrize(
    "shape,dims,dtype,words",
    [
        ((4, 6), 4, "float32", "3 dimensions"),
        ((1, 4, 6), 8, "float32", "exceed"),
        ((1, 4, 6), 3, "float32", "even"),
        ((1, 4, 6), 0, "float32", "positive"),
        ((1, 4, 6), 4, "int32", "floating"),
    ],
)
def test_what_cannot_be_turned(check, draw, shape, dims, dtype, words):
    """The shared check says why; what fits is turned."""
    check.raises("turning_fails", "ValueError", match=words, shape=list(shape), dims=dims,
                 dtype=dtype)  # fmt: skip
    x = draw.normal(1, 4, 6)
    check("turned", x=x, dims=4, options={}, offset=1, g=x, scale=20.0)


@exercise("11.10")
@pytest.mark.parametrize("heads", [1, 2, 3, 4, 6, 8, 12, 20])
def test_slopes(check, heads):
    """Also for numbers that are no power of two."""
    check("slopes", heads=heads, dtype="float32")
    check("slopes", heads=heads, dtype="float16")


@exercise("11.10")
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("sizes", [(4, 4, 0), (7, 7, 4), (3, 6, 0), (6, 6, 5)], ids=str)
def test_near_is_better(check, sizes, dtype):
    """In both directions; the first query may stand at a later position."""
    queries, keys, offset = sizes
    check("biases", queries=queries, keys=keys, heads=3, offset=offset, dtype=dtype)


@exercise("11.11")
@pytest.mark.parametrize("outer", [(2, 3), (4,), (1,)], ids=str)
def test_gates(check, draw, outer):
    """The output, and the gradients of all three matrices."""
    shapes = {"gate_proj": (5, 4), "up_proj": (5, 4), "down_proj": (4, 5)}
    weights = {f"{name}.weight": draw.normal(*shape) for name, shape in shapes.items()}
    x, g = draw.normal(*outer, 4), draw.normal(*outer, 4)
    check("gated", x=x, weights=weights, g=g, terms=40, scale=40.0)


@exercise("11.11")
def test_gates_in_half_precision(check, draw):
    """The dtype of inputs and weights is that of everything."""
    shapes = {"gate_proj": (3, 2), "up_proj": (3, 2), "down_proj": (2, 3)}
    weights = {f"{n}.weight": draw.normal(*s, dtype="float16") for n, s in shapes.items()}
    x, g = draw.normal(2, 2, dtype="float16"), draw.normal(2, 2, dtype="float16")
    check("gated", x=x, weights=weights, g=g, terms=12, scale=10.0)


# Blocks


def table(draw, *shape):
    found = draw.uniform(*shape) > 0.5
    found[..., 0] = True
    found[..., -1] = False
    return found


def parameters(draw, dims, hidden, parts, prefix=""):
    """The parameters of a layer whose attentions are called ``parts``."""
    found = {}
    for part in parts:
        for name in ("query", "key", "value", "out"):
            key = f"{prefix}{part}.{name}_proj.weight"
            found[key] = draw.normal(dims, dims) / np.float32(np.sqrt(dims))
    for i in range(len(parts) + 1):
        found[f"{prefix}ln{i + 1}.weight"] = 1 + 0.3 * draw.normal(dims)
        found[f"{prefix}ln{i + 1}.bias"] = 0.3 * draw.normal(dims)
    for name, rows, columns in (("linear1", hidden, dims), ("linear2", dims, hidden)):
        found[f"{prefix}{name}.weight"] = draw.normal(rows, columns) / np.float32(np.sqrt(columns))
        found[f"{prefix}{name}.bias"] = 0.3 * draw.normal(rows)
    return {name: value.astype(np.float32) for name, value in found.items()}


ENCODER = ("TransformerEncoderLayer", ("attention",))
DECODER = ("TransformerDecoderLayer", ("self_attention", "cross_attention"))


def layer(draw, kind, norm_first, masks, activation="relu", doubled=(), batch=2):
    """What the probe of a layer takes."""
    name, parts = kind
    decoder = kind is DECODER
    return {
        "kind": name,
        "weights": parameters(draw, 6, 5, parts),
        "x": 2 * draw.normal(batch, 4, 6),
        "memory": draw.normal(batch, 3, 6) if decoder else None,
        "masks": masks,
        "options": {"heads": 2, "hidden": 5, "norm_first": norm_first, "activation": activation},
        "doubled": list(doubled),
        "g": draw.normal(batch, 4, 6),
    }


LONG = {"terms": 200, "scale": 30.0}


@exercise("11.12")
@pytest.mark.parametrize("norm_first", [True, False], ids=["norm first", "norm after"])
@pytest.mark.parametrize("mask", [None, "causal", "table"])
def test_a_block(check, draw, norm_first, mask):
    """The output, and the gradients of the input and of all parameters."""
    mask = table(draw, 2, 1, 4, 4) if mask == "table" else mask
    check("block", **layer(draw, ENCODER, norm_first, [mask]), **LONG)


@exercise("11.12")
@pytest.mark.parametrize("norm_first", [True, False], ids=["norm first", "norm after"])
@pytest.mark.parametrize("doubled", [[1], [2], [1, 2]], ids=str)
def test_where_a_block_drops(check, draw, norm_first, doubled):
    """Of what the attention adds, and inside the feed-forward network; seen by doubling."""
    given = layer(draw, ENCODER, norm_first, ["causal"], "gelu", doubled, batch=1)
    check("block", **given, **LONG)


@exercise("11.13")
@pytest.mark.parametrize("norm_first", [True, False], ids=["norm first", "norm after"])
@pytest.mark.parametrize("masks", ["none", "one", "both"])
def test_a_block_that_reads(check, draw, norm_first, masks):
    """Keys and values of the second attention are those of the memory."""
    given = {
        "none": [None, None],
        "one": ["causal", None],
        "both": ["causal", table(draw, 2, 1, 1, 3)],
    }[masks]
    check("block", **layer(draw, DECODER, norm_first, given), **LONG)


@exercise("11.13")
@pytest.mark.parametrize("norm_first", [True, False], ids=["norm first", "norm after"])
@pytest.mark.parametrize("doubled", [[1], [2], [3]], ids=str)
def test_where_a_block_that_reads_drops(check, draw, norm_first, doubled):
    """Of what each attention adds, and inside the feed-forward network."""
    given = layer(draw, DECODER, norm_first, ["causal", None], "gelu", doubled, batch=1)
    check("block", **given, **LONG)


def half(inputs):
    """All floating arrays in float16."""
    if isinstance(inputs, dict):
        return {key: half(value) for key, value in inputs.items()}
    floats = isinstance(inputs, np.ndarray) and inputs.dtype == np.float32
    return inputs.astype(np.float16) if floats else inputs


@exercise("11.12")
@pytest.mark.parametrize("norm_first", [True, False], ids=["norm first", "norm after"])
def test_a_block_in_half_precision(check, draw, norm_first):
    """The dtype of inputs and weights is that of everything."""
    check("block", **half(layer(draw, ENCODER, norm_first, [None])), **LONG)


@exercise("11.13")
@pytest.mark.parametrize("norm_first", [True, False], ids=["norm first", "norm after"])
def test_a_block_that_reads_in_half_precision(check, draw, norm_first):
    """The dtype of inputs and weights is that of everything."""
    check("block", **half(layer(draw, DECODER, norm_first, [None, None])), **LONG)


def whole(draw, encoder, decoder):
    """The parameters of a Transformer."""
    found = {}
    for half, (_, parts), count in (("encoder", ENCODER, encoder), ("decoder", DECODER, decoder)):
        for i in range(count):
            found |= parameters(draw, 6, 5, parts, f"{half}.layers.{i}.")
        found[f"{half}.ln.weight"] = 1 + np.float32(0.3) * draw.normal(6)
        found[f"{half}.ln.bias"] = draw.normal(6)
    return found


@exercise("11.14")
@pytest.mark.parametrize("norm_first", [True, False], ids=["norm first", "norm after"])
@pytest.mark.parametrize("masked", [False, True], ids=["", "masks"])
def test_layer_by_layer(check, draw, norm_first, masked):
    """The first layer that differs is the one to look at."""
    masks = [None, "causal", None]
    if masked:
        masks = [table(draw, 2, 1, 1, 5), "causal", table(draw, 2, 1, 3, 5)]
    check(
        "whole",
        weights=whole(draw, 2, 3),
        src=draw.normal(2, 5, 6),
        tgt=draw.normal(2, 3, 6),
        masks=masks,
        options={"sizes": [6, 2, 5, 2, 3], "norm_first": norm_first},
        g=draw.normal(2, 3, 6),
        terms=200,
        scale=30.0,
    )


@exercise("11.14")
def test_layers_computed_again(check, draw):
    """With checkpoints each layer is computed a second time for the derivative."""
    arrays = {"src": draw.normal(2, 5, 6), "tgt": draw.normal(2, 3, 6), "g": draw.normal(2, 3, 6)}
    check("again", weights=whole(draw, 2, 1), **arrays, sizes=[6, 2, 5, 2, 1], **LONG)


@exercise("11.14")
def test_half_precision_layer_by_layer(check, draw):
    """The dtype of inputs and weights is that of everything."""
    check(
        "whole",
        weights=half(whole(draw, 1, 1)),
        **half({"src": draw.normal(1, 4, 6), "tgt": draw.normal(1, 3, 6)}),
        masks=[None, "causal", None],
        options={"sizes": [6, 2, 5, 1, 1], "norm_first": True},
        g=half(draw.normal(1, 3, 6)),
        terms=60,
        scale=6.0,
    )


# Experts


def routed(draw, dims, hidden, experts):
    return {
        "router.weight": 2 * draw.normal(experts, dims),
        "gate_proj": draw.normal(experts, dims, hidden),
        "up_proj": draw.normal(experts, dims, hidden),
        "down_proj": draw.normal(experts, hidden, dims),
    }


@exercise("11.15")
@pytest.mark.parametrize("chosen", [1, 2, 4])
@pytest.mark.parametrize("outer", [(2, 5), (7,)], ids=str)
def test_experts(check, draw, outer, chosen):
    """Their answers, the balance, and the gradients of the router and of all experts."""
    check(
        "experts",
        x=draw.normal(*outer, 3),
        weights=routed(draw, 3, 2, 4),
        chosen=chosen,
        g=[draw.normal(*outer, 3), draw.normal()],
        terms=60,
        scale=60.0,
    )


@exercise("11.15")
def test_the_balance_in_half_precision(check, draw):
    """The dtype of inputs and weights is that of the balance. (MLX's gather_mm on a CPU is for
    float32 only.)"""
    x, router = draw.normal(5, 3, dtype="float16"), draw.normal(4, 3, dtype="float16")
    check("balanced", x=x, router=router, count=2, terms=30, scale=4.0)


@exercise("11.15")
@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_greatest_logits(check, draw, count):
    """In whatever order."""
    check("chosen", logits=draw.normal(3, 4, 6), count=count)


@exercise("11.15")
def test_what_the_chosen_cost(probe, draw):
    """Of 32 experts one computes for each position: there is no array of what all would say."""
    found = probe("experts_cost", x=draw.normal(64, 8), weights=routed(draw, 8, 32, 32), chosen=1)
    assert found["y"].any()
    assert found["little memory"], "the features inside of all experts were in memory"


@exercise("11.15")
def test_who_is_not_chosen_does_not_compute(probe, draw):
    """The weights of an expert that nobody chose are nan, and nobody notices."""
    weights = routed(draw, 3, 2, 4)
    weights["router.weight"][:, 0] = [9, 0, 9, -9]
    x = draw.normal(6, 3)
    x[:, 0] = 4
    x[:, 1:] *= np.float32(0.1)
    g = [draw.normal(6, 3), draw.normal()]
    right = probe("experts", x=x, weights=weights, chosen=2, g=g)["outputs"][0]
    for name in ("gate_proj", "up_proj", "down_proj"):
        weights[name][3] = np.nan
    y = probe("experts", x=x, weights=weights, chosen=2, g=g)["outputs"][0]
    assert np.abs(right).max() > 0.01
    assert agree(y, right)
