"""Judges of 13.13 to 13.18: time, blocks that are told, words, small maps."""

import numpy as np
import pytest

from course.grading.marks import exercise

LONG = {"terms": 400, "scale": 40.0}


@exercise("13.13")
@pytest.mark.parametrize("dims", [2, 3, 8, 9])
@pytest.mark.parametrize("options", [{}, {"period": 50.0}], ids=str)
def test_waves_of_time(check, draw, dims, options):
    """Cosines, then sines; an odd number has a 0 behind."""
    steps = np.array([0, 1, 7, 30, 2], np.int32)
    check("embedded", steps=steps, dims=dims, options=options, scale=30.0)
    check("embedded", steps=draw.uniform(3, low=0, high=20), dims=dims, options=options, scale=20.0)


@exercise("13.13")
def test_steps_of_half_precision(probe):
    """981 is 981 in float16, but its angles are not exact there. The result is float32."""
    steps, wide = np.array([981.0, 3.0], np.float16), np.array([981.0, 3.0], np.float32)
    half, full = (probe("embedded", steps=s, dims=8, options={})["y"] for s in (steps, wide))
    assert half.dtype == np.float32
    assert np.abs(full).max() > 0.5
    assert np.array_equal(half, full)


@exercise("13.13")
@pytest.mark.parametrize("value", [1, 0, -4])
def test_too_few_dims(check, value):
    """One sentence."""
    check.raises("fails", "ValueError", match="dims", what="dims", value=value)
    check("embedded", steps=np.array([3], np.int32), dims=4, options={}, scale=8.0)


def near_one(draw, *shape):
    return (1 + 0.3 * draw.normal(*shape)).astype(np.float32)


def layer(draw, name, *shape):
    """Weights and biases of a layer, of a size that keeps that of its input."""
    size = np.float32(np.prod(shape[1:])) ** np.float32(0.5)
    return {
        f"{name}.weight": draw.normal(*shape) / size,
        f"{name}.bias": 0.3 * draw.normal(shape[0]),
    }


def norm(draw, name, channels):
    return {f"{name}.weight": near_one(draw, channels), f"{name}.bias": draw.normal(channels)}


def block(draw, inputs, outputs, step_dims):
    found = {
        **norm(draw, "norm1", inputs),
        **layer(draw, "conv1", outputs, 3, 3, inputs),
        **norm(draw, "norm2", outputs),
        **layer(draw, "conv2", outputs, 3, 3, outputs),
    }
    if step_dims is not None:
        found |= layer(draw, "time_emb_proj", outputs, step_dims)
    if inputs != outputs:
        found |= layer(draw, "conv_shortcut", outputs, 1, 1, inputs)
    return as_float32(found)


def as_float32(weights):
    return {name: np.asarray(w, np.float32) for name, w in weights.items()}


@exercise("13.14")
@pytest.mark.parametrize("inputs,outputs", [(4, 4), (4, 6), (6, 2)], ids=str)
@pytest.mark.parametrize("told", ["told", "not told", "cannot be told"])
def test_a_block(check, draw, inputs, outputs, told):
    """The map, and the gradients of inputs and all weights."""
    step_dims = None if told == "cannot be told" else 3
    check(
        "told_block",
        weights=block(draw, inputs, outputs, step_dims),
        x=draw.normal(2, 3, 2, inputs),
        step=None if told == "not told" else draw.normal(2, 3),
        sizes=[inputs, outputs, step_dims, 2, 1e-5],
        g=draw.normal(2, 3, 2, outputs),
        **LONG,
    )


def half(inputs):
    """All floating arrays in float16."""
    if isinstance(inputs, dict):
        return {key: half(value) for key, value in inputs.items()}
    return inputs.astype(np.float16) if isinstance(inputs, np.ndarray) else inputs


@exercise("13.14")
def test_a_block_in_half_precision(check, draw):
    """The dtype of inputs and weights is that of everything."""
    given = {"x": draw.normal(1, 2, 3, 4), "step": draw.normal(1, 3), "g": draw.normal(1, 2, 3, 6)}
    weights = block(draw, 4, 6, 3)
    check("told_block", **half({"weights": weights, **given}), sizes=[4, 6, 3, 2, 1e-5], terms=16,
          scale=8.0)  # fmt: skip


def attention(draw, prefix, dims, context):
    found = {f"{prefix}to_q.weight": draw.normal(dims, dims) / np.float32(dims**0.5)}
    for name in ("to_k", "to_v"):
        found[f"{prefix}{name}.weight"] = draw.normal(dims, context) / np.float32(context**0.5)
    return found | layer(draw, f"{prefix}to_out.0", dims, dims)


def transformer(draw, prefix, dims, context):
    found = {}
    for i in (1, 2, 3):
        found |= norm(draw, f"{prefix}norm{i}", dims)
    found |= attention(draw, f"{prefix}attn1.", dims, dims)
    found |= attention(draw, f"{prefix}attn2.", dims, context)
    found |= layer(draw, f"{prefix}ff.net.0.proj", 8 * dims, dims)
    found |= layer(draw, f"{prefix}ff.net.2", dims, 4 * dims)
    return as_float32(found)


@exercise("13.15")
@pytest.mark.parametrize("heads", [1, 2, 3])
@pytest.mark.parametrize("words", [0, 1, 5])
def test_asking(check, draw, heads, words):
    """The places themselves, or words, of which there may be another number."""
    weights = as_float32(attention(draw, "", 6, 4 if words else 6))
    context = draw.normal(2, words, 4) if words else None
    check("asked", weights=weights, x=2 * draw.normal(2, 3, 6), context=context, heads=heads,
          g=draw.normal(2, 3, 6), **LONG)  # fmt: skip


@exercise("13.15")
def test_heads_and_places_at_once(probe):
    """No loop: 8 heads and 64 places take as many lines of Python as one and two."""
    found = probe("asking_lines", cases=[[1, 2], [8, 64]])
    assert all(found["alive"]), "attention of nothing but zeros"
    few, many = found["lines"]
    assert many < 1.2 * few, f"{few} lines of Python for one head, {many} for eight"


@exercise("13.15")
def test_three_parts(check, draw):
    """Each reads its normalized input, and is added."""
    weights = transformer(draw, "", 4, 3)
    check("asked_block", weights=weights, x=draw.normal(2, 5, 4), context=draw.normal(2, 3, 3),
          heads=2, g=draw.normal(2, 5, 4), **LONG)  # fmt: skip


@exercise("13.15")
@pytest.mark.parametrize("linear", [False, True], ids=["convolutions", "linear"])
@pytest.mark.parametrize("depth", [1, 2])
def test_a_map_that_reads(check, draw, depth, linear):
    """A map that is no square, and a text."""
    check(
        "asked_map",
        weights=map_weights(draw, depth, linear),
        x=draw.normal(2, 3, 4, 4),
        context=draw.normal(2, 5, 3),
        sizes=[2, depth, 2, linear],
        g=draw.normal(2, 3, 4, 4),
        **LONG,
    )


def map_weights(draw, depth, linear):
    weights = {**norm(draw, "norm", 4)}
    for name in ("proj_in", "proj_out"):
        weights |= layer(draw, name, *((4, 4) if linear else (4, 1, 1, 4)))
    for i in range(depth):
        weights |= transformer(draw, f"transformer_blocks.{i}.", 4, 3)
    return as_float32(weights)


@exercise("13.15")
def test_places_and_words_in_half_precision(check, draw):
    """The dtype of inputs and weights is that of everything."""
    x, context, g = draw.normal(1, 2, 4), draw.normal(1, 3, 3), draw.normal(1, 2, 4)
    one = {"x": x, "context": context, "g": g}
    weights = as_float32(attention(draw, "", 4, 3))
    check("asked", **half({"weights": weights, **one}), heads=2, terms=16, scale=8.0)
    weights = transformer(draw, "", 4, 3)
    check("asked_block", **half({"weights": weights, **one}), heads=2, terms=16, scale=8.0)
    given = {"x": x[:, None], "context": context, "g": g[:, None]}
    weights = map_weights(draw, 1, True)
    check("asked_map", **half({"weights": weights, **given}), sizes=[2, 1, 2, True], terms=16,
          scale=8.0)  # fmt: skip


# The whole network

SIZES = {
    "in_channels": 3,
    "out_channels": 2,
    "channels": [4, 8],
    "attention": [True, False],
    "heads": [2, 2],
    "depth": [1, 1],
    "layers": 1,
    "context": 5,
    "linear": True,
    "groups": 2,
}
LARGER = {
    **SIZES,
    "channels": [4, 6, 8],
    "attention": [False, True, False],
    "heads": [1, 2, 2],
    "depth": [1, 1, 1],
    "layers": 2,
    "linear": False,
}
TOLD = {**SIZES, "sizes_dims": 4, "pooled_dims": 3}


def all_weights(probe, draw, sizes):
    """Gentle weights, by the shapes that the network asks for: rounding does not grow."""
    found = {}
    for name, shape in probe("unet_shapes", sizes=sizes).items():
        if "norm" in name and name.endswith("weight"):
            found[name] = near_one(draw, *shape)
        elif name.endswith("weight"):
            found[name] = draw.normal(*shape) / np.float32(2 * np.prod(shape[1:]) ** 0.5)
        else:
            found[name] = 0.3 * draw.normal(*shape)
    return as_float32(found)


@exercise("13.16")
@pytest.mark.parametrize("kind", ["two sizes", "three sizes", "told more"])
def test_down_and_up(check, probe, draw, kind):
    """Each bridge to its twin; the gradients of the map, the text and all weights."""
    sizes = {"two sizes": SIZES, "three sizes": LARGER, "told more": TOLD}[kind]
    side = 8 if kind == "three sizes" else 4
    told = []
    if kind == "told more":
        told = [draw.integers(2, 6, low=0, high=9), draw.normal(2, 3)]
    check(
        "predicted",
        weights=all_weights(probe, draw, sizes),
        x=draw.normal(2, side, side + 4, 3),
        steps=np.array([3, 40], np.int32),
        context=draw.normal(2, 3, 5),
        told=told,
        sizes=sizes,
        g=draw.normal(2, side, side + 4, 2),
        terms=400,
        scale=50.0,
    )


@exercise("13.16")
def test_the_whole_in_half_precision(probe, draw):
    """The waves of the step do not make float32 of what is float16."""
    weights = half(all_weights(probe, draw, SIZES))
    given = {"x": draw.normal(1, 2, 2, 3), "context": draw.normal(1, 2, 5)}
    given = half({**given, "g": draw.normal(1, 2, 2, 2)})
    found = probe("predicted", weights=weights, steps=np.array([7], np.int32), told=[],
                  sizes=SIZES, **given)  # fmt: skip
    assert found["y"].dtype == np.float16
    assert np.abs(found["y"]).max() > 0.01


@exercise("13.16")
def test_every_layer_is_called_once(probe, draw):
    """The vector of the step is one for all blocks; and nothing is evaluated on the way."""
    found = probe(
        "unet_calls",
        weights=all_weights(probe, draw, SIZES),
        x=draw.normal(1, 2, 2, 3),
        steps=np.array([40], np.int32),
        context=draw.normal(1, 2, 5),
        sizes=SIZES,
    )
    assert found["y"].any()
    assert found["more than once"] == 0, f"{found['more than once']} layers are called again"
    assert found["never"] == 0, f"{found['never']} layers are never called"
    assert found["waiting"], "something is evaluated on the way: a step could not be compiled"


@exercise("13.16")
@pytest.mark.parametrize("shape", [(1, 6, 8, 3), (1, 8, 7, 3)], ids=str)
def test_sides_that_cannot_be_halved(check, probe, draw, shape):
    """Twice, where there are three sizes. One sentence; and what can be halved is."""
    for sizes, inputs in ((LARGER, list(shape)), (SIZES, [1, 3, 4, 3])):
        check.raises("unet_fails", "ValueError", match="multiples of", sizes=sizes, shape=inputs)
    check("predicted", weights=all_weights(probe, draw, SIZES), x=draw.normal(1, 4, 4, 3),
          steps=np.array([5], np.int32), context=draw.normal(1, 1, 5), told=[], sizes=SIZES,
          g=draw.normal(1, 4, 4, 2), terms=400, scale=50.0)  # fmt: skip


# Small maps


def ends(draw, quantized):
    if not quantized:
        return {}
    found = layer(draw, "quant_conv", 4, 1, 1, 4) | layer(draw, "post_quant_conv", 2, 1, 1, 2)
    return as_float32(found)


OPTIONS = {"scaling": 0.4, "shift": 0.7}


@exercise("13.17")
@pytest.mark.parametrize("quantized", [False, True], ids=["", "convolutions"])
@pytest.mark.parametrize("drawn", [False, True], ids=["means", "drawn"])
def test_maps_of_deviation_one(check, draw, quantized, drawn):
    """Means, or a draw; shifted, then scaled."""
    noise = draw.normal(2, 3, 2, 2) if drawn else None
    check("encoded", x=draw.normal(2, 3, 2, 4), noise=noise, weights=ends(draw, quantized),
          options={**OPTIONS, "quantized": quantized}, g=draw.normal(2, 3, 2, 2), terms=16,
          scale=16.0)  # fmt: skip


@exercise("13.17")
def test_the_logarithm_has_bounds(check, draw):
    """From -30 to 20."""
    x = draw.normal(1, 1, 2, 4)
    x[..., 2:] = [[-40.0, 12.0], [8.0, -16.0]]
    check("encoded", x=x, noise=None, weights={}, options={**OPTIONS, "quantized": False},
          g=draw.normal(1, 1, 2, 2), scale=30.0)  # fmt: skip


@exercise("13.17")
@pytest.mark.parametrize("quantized", [False, True], ids=["", "convolutions"])
def test_back_to_pictures(check, draw, quantized):
    """The scale is taken away, and the shift put back."""
    check("decoded", z=draw.normal(2, 3, 2, 2), weights=ends(draw, quantized),
          options={**OPTIONS, "quantized": quantized}, g=draw.normal(2, 3, 2, 2), terms=16,
          scale=30.0)  # fmt: skip


@exercise("13.17")
def test_maps_of_half_precision(check, draw):
    """The dtype stays, there and back."""
    options = {**OPTIONS, "quantized": False}
    x, z = draw.normal(1, 2, 2, 4), draw.normal(1, 2, 2, 2)
    check("encoded", **half({"x": x, "noise": z, "g": z}), weights={}, options=options, terms=16,
          scale=16.0)  # fmt: skip
    check("decoded", **half({"z": z, "g": z}), weights={}, options=options, terms=16, scale=30.0)


# From words to a map

DEFAULT = {"kind": "noise", "spacing": "leading", "offset": 1, "end": 1.0}


def walk(draw, count, guidance, **schedule):
    return {
        "words": draw.normal(2, 3, 4),
        "nothing": draw.normal(2, 3, 4),
        "z": draw.normal(2, 2, 3, 1),
        "signal": np.linspace(0.98, 0.1, 20, dtype=np.float32),
        "schedule": {**DEFAULT, **schedule},
        "count": count,
        "guidance": guidance,
    }


@exercise("13.18")
@pytest.mark.parametrize("kind", ["noise", "signal", "velocity"])
@pytest.mark.parametrize("spacing", ["leading", "trailing"])
def test_a_whole_walk(check, draw, kind, spacing):
    """Whatever the network predicts, from the noisiest step to the end."""
    check("painted", **walk(draw, 5, 3.0, kind=kind, spacing=spacing), terms=64, scale=10.0)


@exercise("13.18")
@pytest.mark.parametrize("count", [1, 3, 6])
def test_walks_of_other_lengths(check, draw, count):
    """Where the count is no divisor, too; and a schedule that does not end at the data."""
    check("painted", **walk(draw, count, 0.5, end=0.99, offset=0), terms=64, scale=10.0)
    check("painted", **walk(draw, count, 2.0, spacing="trailing"), terms=64, scale=10.0)


@exercise("13.18")
@pytest.mark.parametrize("guidance", [0.0, 1.0])
def test_guidance_of_nothing_and_of_one(check, draw, guidance):
    """0 does not hear the words, 1 hears nothing else."""
    given = walk(draw, 4, guidance)
    given["words" if guidance == 0 else "nothing"] *= 1000
    check("painted", **given, terms=64, scale=10.0)


@exercise("13.18")
def test_maps_keep_their_dtype(probe, draw):
    """The schedule is float32; maps of float16 stay so."""
    given = walk(draw, 4, 2.0)
    for name in ("words", "nothing", "z"):
        given[name] = given[name].astype(np.float16)
    found = probe("painted", **given)
    assert found["z"].dtype == np.float16
    assert found["dtype of maps"] == "it stays"
    assert np.abs(found["z"]).max() > 0.01
