"""18.2: a network of features, and weights from a file."""

import numpy as np
import pytest

from course.grading.marks import exercise

WIDTHS, DEPTHS = [4, 3, 5], [1, 2, 2]


def weights(draw, widths, depths):
    found, channels = {}, 3
    for g, (width, depth) in enumerate(zip(widths, depths), 1):
        for i in range(1, depth + 1):
            found[f"conv{g}_{i}.weight"] = 0.4 * draw.normal(width, 3, 3, channels)
            found[f"conv{g}_{i}.bias"] = draw.normal(width)
            channels = width
    return found


def places(side):
    return [side[0] * side[1], (side[0] // 2) * (side[1] // 2), (side[0] // 4) * (side[1] // 4)]


@exercise("18.2")
@pytest.mark.parametrize("border", ["zeros", "wrap"])
@pytest.mark.parametrize("layers", [["conv1_1"], ["conv3_2", "conv1_1", "conv2_2"], ["conv2_1"]])
def test_maps_of_chosen_layers(check, draw, border, layers):
    """In the order asked for, with slopes of the picture and of all weights; odd sides."""
    side, n = (10, 7), 2
    count = sum(places(side)[int(name[4]) - 1] * WIDTHS[int(name[4]) - 1] for name in layers)
    check("seen", x=draw.normal(n, *side, 3), w=weights(draw, WIDTHS, DEPTHS), widths=WIDTHS,
          depths=DEPTHS, layers=layers, border=border, g=draw.normal(n * count), terms=300,
          scale=60.0)  # fmt: skip


@exercise("18.2")
def test_nothing_behind_the_deepest_layer(probe, draw):
    """One convolution for the first layer, three for the third."""
    sizes = {"x": draw.normal(1, 16, 16, 3), "widths": [4, 4, 4, 4], "depths": [2, 2, 2, 2]}
    for layer, count, shape in (("conv1_1", 1, [1, 16, 16, 4]), ("conv2_1", 3, [1, 8, 8, 4]),
                                ("conv4_2", 8, [1, 2, 2, 4])):  # fmt: skip
        found = probe("seen_cost", layer=layer, **sizes)
        assert found == {"convolutions": count, "shape": shape, "seen": True}


@exercise("18.2")
def test_a_layer_that_is_asked_for_twice(probe, draw):
    """It is there once, at its first place, and computed once."""
    sizes = {"x": draw.normal(1, 8, 8, 3), "widths": [2, 2], "depths": [1, 2]}
    found = probe("seen_calls", layers=["conv2_1", "conv1_1", "conv2_1"], **sizes)
    assert found["shapes"] == [[1, 4, 4, 2], [1, 8, 8, 2]] and found["convolutions"] == 2
    assert found["strength"] > 0


@exercise("18.2")
def test_layers_that_are_not_there(check, probe, draw):
    """Unknown names, also beside known ones, and none."""
    sizes = {"x": draw.normal(1, 8, 8, 3), "widths": [2, 2], "depths": [1, 2]}
    assert probe("seen_only", layers=["conv2_2"], **sizes)["shapes"] == [[1, 4, 4, 2]]
    for layers in (["conv1_2"], ["conv1_1", "relu"], []):
        check.raises("seen_only", "ValueError", match="layers", layers=layers, **sizes)


@exercise("18.2")
def test_pixels_as_the_weights_expect_them(check, draw, probe):
    """Blue first, 0 to 255, means away; also in half precision."""
    x = draw.uniform(2, 3, 4, 3)
    check("ready", x=x, g=draw.normal(2, 3, 4, 3))
    found = probe("ready_half", x=np.full((1, 1, 1, 3), 0.5, np.float32))
    assert found["dtype"] == "float16"
    assert abs(found["y"].ravel() - [23.561, 10.721, 3.82]).max() < 0.3


def published(draw, widths, depths):
    """As the file has them, with what belongs to no convolution of a block."""
    found, channels = {}, 3
    for g, (width, depth) in enumerate(zip(widths, depths), 1):
        for i in range(depth):
            name = f"block{g}/layers/conv2d{f'_{i}' if i else ''}/vars"
            found[f"{name}/1"] = draw.normal(width)
            found[f"{name}/0"] = draw.normal(3, 3, channels, width)
            channels = width
    others = ("fuse/vars/0", "block1/vars/0", "dsn1/layers/conv2d/vars/0",
              "block2/layers/max_pooling2d/vars/0", "block2/layers/conv2d/0")  # fmt: skip
    return {name: draw.normal(1, 1, 5, 1) for name in others} | found


@exercise("18.2")
def test_names_and_layouts(probe, draw):
    """Every kernel under its name with channels last, every bias as it is."""
    there = published(draw, [2, 4, 5], [2, 1, 3])
    found = probe("names", published=there)
    expected = {}
    for name, w in there.items():
        if "conv2d" in name and name[:5] == "block" and name.count("/") == 4:
            block, _, layer, _, kind = name.split("/")
            place = 1 + int(layer.split("_")[1]) if "_" in layer else 1
            key = f"conv{block[5:]}_{place}.{'weight' if kind == '0' else 'bias'}"
            expected[key] = np.einsum("hwio->ohwi", w) if kind == "0" else w
    assert found["names"] == sorted(expected)
    for name, w in zip(found["names"], found["weights"], strict=True):
        assert np.array_equal(w, expected[name]), name


@exercise("18.2")
def test_a_network_takes_them(probe, draw):
    """Nothing is missing, nothing too much; a picture of ones sees sums of kernels."""
    there = published(draw, [2, 4], [1, 2])
    y = probe("loaded", published=there, widths=[2, 4], depths=[1, 2])["y"]
    w = there["block1/layers/conv2d/vars/0"].astype(np.float64)
    middle = np.maximum(w.sum((0, 1, 2)) + there["block1/layers/conv2d/vars/1"], 0)
    assert np.abs(y[0, 1, 1] - middle).max() < 1e-4


@exercise("18.2")
def test_arrays_with_other_axes(check, probe, draw):
    """A kernel with three axes, a bias with two."""
    there = published(draw, [2], [1])
    assert probe("names", published=there)["names"] == ["conv1_1.bias", "conv1_1.weight"]
    name = "block1/layers/conv2d/vars"
    for bad in ({f"{name}/0": draw.normal(3, 3, 2)}, {f"{name}/1": draw.normal(2, 1)},
                {f"{name}/0": draw.normal(2)}):  # fmt: skip
        check.raises("names", "ValueError", match="axes", published=there | bad)
