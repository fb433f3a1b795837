"""Judges of 7.9 to 7.14: pooling, upsampling, what is seen, residual blocks, folding."""

import numpy as np
import pytest

from course.grading.marks import exercise

POOLS = {
    "a row": ((2, 7, 3), {"kernel_size": 3, "stride": 2}),
    "a row with a border": ((2, 6, 2), {"kernel_size": 3, "stride": 2, "padding": 1}),
    "a picture": ((2, 6, 4, 3), {"kernel_size": 2}),
    "a picture that leaves over": ((2, 5, 7, 2), {"kernel_size": 2}),
    "overlapping": ((2, 5, 6, 2), {"kernel_size": 3, "stride": 1, "padding": 1}),
    "unlike axes": ((1, 5, 6, 2), {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)}),
    "a volume": ((1, 4, 5, 4, 2), {"kernel_size": 3, "stride": 2, "padding": 1}),
}


def pooled_shape(shape, options):
    def each(value):
        return value if isinstance(value, tuple) else (value,) * (len(shape) - 2)

    taps = each(options["kernel_size"])
    stride, padding = each(options.get("stride", taps)), each(options.get("padding", 0))
    outputs = [
        (n + 2 * p - k) // s + 1
        for n, k, s, p in zip(shape[1:-1], taps, stride, padding, strict=True)
    ]
    return (shape[0], *outputs, shape[-1])


@exercise("7.9")
@pytest.mark.parametrize("kind", ["Max", "Avg"])
@pytest.mark.parametrize("case", POOLS)
def test_pooling(check, draw, case, kind):
    """Negative numbers, so that a zero at the border would win; every slope."""
    shape, options = POOLS[case]
    check("pooled", x=draw.normal(*shape) - 3, cotangent=draw.normal(*pooled_shape(shape, options)),
          kind=kind, options=options, terms=27)  # fmt: skip


@exercise("7.9")
@pytest.mark.parametrize("kind", ["Max", "Avg"])
def test_pooling_in_half_precision(check, draw, kind):
    """Half precision stays half precision."""
    x, g = (draw.normal(*shape, dtype="float16") for shape in ((2, 4, 4, 2), (2, 2, 2, 2)))
    check("pooled", x=x, cotangent=g, kind=kind, options={"kernel_size": 2}, terms=4)


@exercise("7.9")
@pytest.mark.parametrize("options", [(2, 2, 0), (3, 1, 1), (3, 2, 1)], ids=str)
def test_a_tie_is_shared(check, draw, options):
    """Of equal winners each receives the same share, as in MLX."""
    size, stride, padding = options
    options = {"kernel_size": size, "stride": stride, "padding": padding}
    x = draw.integers(2, 6, 6, 2, low=-3, high=-1).astype(np.float32)
    g = draw.normal(*pooled_shape(x.shape, options))
    check("pooled_with_ties", x=x, cotangent=g, options=options, terms=9)


@exercise("7.9")
@pytest.mark.parametrize("kind", ["Max", "Avg"])
@pytest.mark.parametrize("shape, dims", [((4, 4, 3), 2), ((1, 4, 4, 3), 1), ((1, 4, 4, 3), 3)])
def test_a_picture_without_its_axes(check, draw, kind, shape, dims):
    """A picture that is no batch of pictures is an error and not another picture."""
    options = {"kernel_size": 2}
    check("pooled", x=draw.normal(1, 4, 2) - 3, cotangent=draw.normal(1, 2, 2), kind=kind,
          options=options)  # fmt: skip
    x = draw.normal(*shape)
    check.raises("pooled_shape", "ValueError", match="shape", x=x, kind=kind, dims=dims)


@exercise("7.10")
@pytest.mark.parametrize(
    "size, stride, padding", [(3, 1, 1), (2, 2, 1), (3, 2, 0), (3, 2, 1), (5, 3, 2), (1, 1, 0)]
)
def test_an_honest_mean(check, draw, size, stride, padding):
    """Divided by what is there, at edges and corners, for every channel and picture."""
    x = draw.normal(2, 6, 7, 3) + 1
    outputs = [(n + 2 * padding - size) // stride + 1 for n in (6, 7)]
    check("honest", x=x, cotangent=draw.normal(2, *outputs, 3), size=size, stride=stride,
          padding=padding, terms=size**2)  # fmt: skip


@exercise("7.10")
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_type_of_an_honest_mean(check, draw, dtype):
    """Half precision stays half precision. (Means of whole numbers by 1, 2 and 4 are exact.)"""
    x = draw.integers(1, 3, 4, 2, low=-4, high=5).astype(np.float32)
    check("honest_type", x=x, dtype=dtype)


@exercise("7.10")
@pytest.mark.parametrize("size, wrong, right", [(3, 2, 1), (2, 2, 1), (3, -1, 0)])
def test_a_border_with_empty_windows(check, draw, size, wrong, right):
    """A border so wide that a window would see nothing of the picture."""
    x = draw.normal(1, 4, 4, 1)
    outputs = 4 + 2 * right - size + 1
    check("honest", x=x, cotangent=draw.normal(1, outputs, outputs, 1), size=size, stride=1,
          padding=right, terms=9)  # fmt: skip
    check.raises("honest_fails", "ValueError", match="padding", x=x, size=size, padding=wrong)


@exercise("7.11")
@pytest.mark.parametrize("align", [False, True], ids=["edges", "corners"])
@pytest.mark.parametrize(
    "size, scale", [(2, 2.0), (3, 3.0), (4, 0.5), (5, 1.5), (7, 0.4), (1, 4.0), (3, 0.4), (6, 1.0)]
)
def test_places_between_pixels(check, size, scale, align):
    """Where outputs lie, also with a factor that leaves something over, and a single output."""
    check("between", size=size, factor=scale, align=align)
    check("between", size=4, factor=2.0, align=align)


@exercise("7.11")
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_weighted_samples(check, draw, dims):
    """Any indices and any weights, other ones for each axis; every slope."""
    sizes, outputs = (4, 3, 5)[:dims], (5, 2, 4)[:dims]
    counts = (3, 2, 1)[:dims]
    indices = [
        [draw.integers(m, low=0, high=n) for _ in range(count)]
        for n, m, count in zip(sizes, outputs, counts, strict=True)
    ]
    weights = [
        [draw.normal(m) for _ in range(count)] for m, count in zip(outputs, counts, strict=True)
    ]
    check("interpolated", x=draw.normal(2, *sizes, 3), cotangent=draw.normal(2, *outputs, 3),
          indices=indices, weights=weights, terms=30)  # fmt: skip


@exercise("7.11")
def test_samples_in_half_precision(check, draw):
    """Half precision stays half precision."""
    x, g, weight = (draw.normal(*s, dtype="float16") for s in ((1, 3, 2), (1, 4, 2), (4,)))
    index = draw.integers(4, low=0, high=3)
    check("interpolated", x=x, cotangent=g, indices=[[index]], weights=[[weight]], terms=4)


@exercise("7.11")
@pytest.mark.parametrize("align", [False, True], ids=["edges", "corners"])
@pytest.mark.parametrize(
    "shape, scale", [((2, 3, 4, 2), 2.0), ((1, 5, 3), 3.0), ((1, 4, 6, 2), 0.5)]
)
def test_linear_upsampling(check, draw, shape, scale, align):
    """The whole layer against PyTorch's."""
    outputs = [int(n * scale) for n in shape[1:-1]]
    check("upsampled", x=draw.normal(*shape), cotangent=draw.normal(shape[0], *outputs, shape[-1]),
          factor=scale, align=align, terms=16)  # fmt: skip


@exercise("7.12")
def test_receptive_fields(check, draw):
    """Against following every pixel through the stack."""
    rng = np.random.default_rng(draw.seed())
    stacks = [
        [[3], [3]],
        [[3, 2], [3]],
        [[3, 1, 2], [2, 2], [3, 1, 3]],
        [[1]],
        [],
        [[1, 3], [2, 3]],
    ]
    for _ in range(40):
        stack = rng.integers(1, 4, (int(rng.integers(1, 5)), 3)).tolist()
        stacks.append(stack)
    check("fields", stacks=stacks)


@exercise("7.12")
@pytest.mark.parametrize("place", [[0, 0], [1, 2], [2, 0]], ids=str)
def test_pixels_that_are_seen(check, draw, place):
    """Where the slope is not 0, in any channel, whatever its sign."""
    kernels = [draw.normal(4, 3, 3, 2) * 0.3, draw.normal(3, 2, 3, 4) * 0.3]
    check("seen_pixels", x=draw.normal(1, 11, 13, 2) * 0.3, kernels=kernels, strides=[1, 2],
          place=place)  # fmt: skip


@exercise("7.12")
@pytest.mark.parametrize("scale", [0.3, 1e-3])
def test_pixels_that_are_hardly_seen(check, draw, scale):
    """A slope is a slope, however small; and outputs of which the first channel is dead."""
    kernels = [draw.normal(3, 2, 2, 2) * scale, draw.normal(2, 2, 2, 3) * scale]
    kernels[1][0] = 0
    check("seen_pixels", x=draw.normal(1, 7, 6, 2) * 0.3, kernels=kernels, strides=[1, 1],
          place=[1, 2])  # fmt: skip


@exercise("7.13")
def test_how_often_a_branch_is_left_out(probe, draw):
    """Seldom, with a rate of 0.1: more than half of 64 would be an accident of 1 in 10^15."""
    found = probe("dropped_blocks", x=draw.normal(64, 4, 4, 3), rate=0.1)
    assert found["left out"].sum() <= 32, f"{found['left out'].sum()} of 64 are left out"


@exercise("7.12")
def test_one_channel_is_enough(check, draw):
    """A pixel of which only one channel is used, and another whose two channels cancel."""
    kernel = np.zeros((1, 2, 2, 2), np.float32)
    kernel[0, 0, 0] = [0.0, 0.4]
    kernel[0, 1, 1] = [0.5, -0.5]
    check("seen_pixels", x=draw.normal(1, 4, 5, 2) * 0, kernels=[kernel], strides=[1], place=[1, 2])


BLOCKS = {
    "as it is": ({"in_channels": 3, "out_channels": 3}, 5, 5),
    "more channels": ({"in_channels": 2, "out_channels": 3}, 5, 5),
    "half the size": ({"in_channels": 3, "out_channels": 3, "stride": 2}, 6, 3),
    "an odd size": ({"in_channels": 2, "out_channels": 4, "stride": 2}, 5, 3),
}


def weights(draw, options):
    """Random weights for every name that a block has."""
    i, o = options["in_channels"], options["out_channels"]
    found = {"conv1.weight": draw.normal(o, 3, 3, i), "conv2.weight": draw.normal(o, 3, 3, o)}
    norms = ["bn1", "bn2"]
    if i != o or options.get("stride", 1) != 1:
        found["shortcut.layers.0.weight"] = draw.normal(o, 1, 1, i)
        norms.append("shortcut.layers.1")
    for norm in norms:
        found[f"{norm}.weight"], found[f"{norm}.bias"] = draw.normal(o), draw.normal(o)
        found[f"{norm}.running_mean"] = draw.normal(o)
        found[f"{norm}.running_var"] = draw.uniform(o, low=0.5, high=2)
    return found


@exercise("7.13")
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("case", BLOCKS)
def test_a_residual_block(check, draw, case, training):
    """Value, every slope and the running statistics, with given weights."""
    options, size, outputs = BLOCKS[case]
    check("residual", x=draw.normal(4, size, size, options["in_channels"]),
          cotangent=draw.normal(4, outputs, outputs, options["out_channels"]),
          parameters=weights(draw, options), options=options, training=training, terms=600,
          scale=40)  # fmt: skip


@exercise("7.13")
def test_a_residual_block_in_half_precision(check, draw):
    """Half precision stays half precision."""
    options, size, _ = BLOCKS["more channels"]
    parameters = {k: v.astype(np.float16) for k, v in weights(draw, options).items()}
    x, g = (draw.normal(1, size, size, n, dtype="float16") for n in (2, 3))
    check("residual", x=x, cotangent=g, parameters=parameters, options=options, training=False,
          terms=600, scale=40)  # fmt: skip


@exercise("7.13")
@pytest.mark.parametrize("case", BLOCKS)
def test_a_new_block(check, draw, case):
    """Which weights it has; the last gain is 0, and so the block is its shortcut."""
    options, size, _ = BLOCKS[case]
    x = draw.normal(2, size, size, options["in_channels"])
    check("new_block", x=x, options=options)


@exercise("7.13")
def test_a_branch_that_is_left_out(probe, draw):
    """With probability 1/2, for each of 64 examples; none or all of them: 2 in 10^19."""
    found = probe("dropped_blocks", x=draw.normal(64, 4, 4, 3), rate=0.5)
    assert found["rate"] == 0.5
    assert found["left out"].sum() > 0, "no branch of 64 is left out: does x go through depth?"
    assert found["left out"].sum() < 64, "all of 64 branches are left out"
    assert probe("dropped_blocks", x=draw.normal(8, 4, 4, 3), rate=0.0)["left out"].sum() == 0


FOLDED = {
    "plain": {},
    "padded, a step of two": {"stride": 2, "padding": 1},
    "dilated": {"dilation": 2, "padding": 1},
    "groups": {"groups": 2, "padding": 1},
}


@exercise("7.14")
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize(
    "bias, affine", [(True, True), (False, True), (True, False), (False, False)]
)
@pytest.mark.parametrize("case", FOLDED)
def test_one_convolution_for_two_layers(check, draw, case, bias, affine, training):
    """The same answers, from a layer that shares nothing with the old ones."""
    options = FOLDED[case]
    groups = options.get("groups", 1)
    parameters = {
        "weight": draw.normal(6, 3, 2, 4 // groups),
        "mean": draw.normal(6),
        "var": draw.uniform(6, low=0.2, high=3),
    }
    if bias:
        parameters["bias"] = draw.normal(6)
    if affine:
        parameters |= {"gain": draw.normal(6), "shift": draw.normal(6)}
    check("fold", x=draw.normal(2, 7, 6, 4), parameters=parameters, options=options, affine=affine,
          training=training, terms=24, scale=10)  # fmt: skip


@exercise("7.14")
def test_nothing_to_fold(check, draw, probe):
    """A normalization that keeps no statistics answers for the batch, not for a picture."""
    x = draw.normal(2, 4, 4, 3)
    assert probe("fold_fails", x=x, track=True)["y"].shape == (2, 2, 2, 2)
    assert np.abs(probe("fold_fails", x=x, track=True)["y"]).max() > 0
    check.raises("fold_fails", "ValueError", match="running statistics", x=x, track=False)
