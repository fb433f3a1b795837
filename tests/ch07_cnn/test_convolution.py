"""Judges of 7.1 to 7.8: convolution, its two slopes, and the transposed one."""

import numpy as np
import pytest

from course.grading.marks import exercise

# Pictures, kernels, stride: the last places that fit, one place, one pixel, one channel.
PLAIN = {
    "a small picture": ((2, 5, 6, 3), (4, 3, 2, 3), 1),
    "a step of two": ((2, 7, 6, 2), (3, 3, 3, 2), 2),
    "a step that leaves rows over": ((1, 8, 9, 1), (2, 2, 3, 1), 3),
    "kernels as large as the picture": ((3, 4, 3, 2), (2, 4, 3, 2), 1),
    "kernels of one pixel": ((2, 3, 3, 3), (2, 1, 1, 3), 1),
    "one kernel, a step larger than it": ((1, 7, 7, 2), (1, 2, 1, 2), 3),
}


@exercise("7.1")
@pytest.mark.parametrize("case", PLAIN)
def test_a_convolution_by_its_definition(check, draw, case):
    """No kernel is turned round, none is padded, and the last place counts."""
    x, w, stride = PLAIN[case]
    check("loops", x=draw.normal(*x), w=draw.normal(*w), stride=stride, terms=np.prod(w[1:]))


@exercise("7.1")
def test_a_convolution_in_half_precision(check, draw):
    """Half precision stays half precision."""
    x, w = (draw.normal(*shape, dtype="float16") for shape in ((2, 4, 4, 2), (3, 2, 2, 2)))
    check("loops", x=x, w=w, stride=1, terms=8)


@exercise("7.2")
def test_how_many_outputs(check, draw):
    """Against trying all places, for hundreds of combinations."""
    rng = np.random.default_rng(draw.seed())
    numbers = [[7, 3], [3, 3], [2, 3], [8, 3, 2], [1, 1], [5, 2, 1, 1, 0], [4, 6, 1, 1, 1]]
    for _ in range(300):
        size, taps, stride = rng.integers(1, 10), rng.integers(1, 5), rng.integers(1, 5)
        low, high, dilation, apart = *rng.integers(0, 4, 2), *rng.integers(1, 4, 2)
        numbers.append([int(n) for n in (size, taps, stride, low, high, dilation, apart)])
    check("outputs", numbers=numbers)


@exercise("7.2")
@pytest.mark.parametrize("one_more", [0, 1], ids=["just fits", "does not fit"])
def test_a_kernel_that_does_not_fit(check, one_more):
    """A dilated kernel as long as the padded row has one place; longer, it has none."""
    check("outputs", numbers=[[4, 3, 5, 1, 0, 2]])
    numbers = [4 - one_more, 3, 5, 1, 0, 2]
    if one_more:
        check.raises("outputs_fail", "ValueError", match="smaller than", numbers=numbers)


WINDOWS = {
    "a row": ((2, 7, 3), [3], [1], None),
    "a picture": ((2, 5, 6, 2), [3, 2], [1, 2], None),
    "a dilated row": ((1, 9, 2), [3], [2], [3]),
    "a dilated picture": ((2, 7, 8, 2), [2, 3], [2, 1], [3, 2]),
    "a volume": ((1, 4, 5, 3, 2), [2, 2, 3], [2, 1, 1], [1, 3, 1]),
    "one window": ((2, 3, 4, 1), [3, 4], [1, 1], [1, 1]),
    "far apart": ((1, 9, 9, 1), [1, 2], [4, 5], None),
}


@exercise("7.3")
@pytest.mark.parametrize("case", WINDOWS)
def test_all_windows(check, draw, case):
    """Every window, one to three axes, with steps and gaps that differ between them."""
    shape, taps, stride, dilation = WINDOWS[case]
    check("all_windows", x=draw.normal(*shape), taps=taps, stride=stride, dilation=dilation,
          order=None)  # fmt: skip


@exercise("7.3")
@pytest.mark.parametrize("order", [[0, 2, 1, 3], [3, 1, 2, 0]], ids=str)
def test_windows_of_a_transposed_picture(check, draw, order):
    """What lies in memory in another order than its axes say."""
    check("all_windows", x=draw.normal(3, 5, 4, 2), taps=[2, 2], stride=[1, 2], dilation=None,
          order=order)  # fmt: skip


@exercise("7.3")
def test_windows_that_do_not_fit(check, draw):
    """Longer than the picture, with its gaps: an error, and no reading beyond the memory."""
    x = draw.normal(1, 5, 5, 2)
    fits = {"x": x, "taps": [3, 2], "stride": [1, 1], "order": None}
    check("all_windows", **fits, dilation=[2, 1])
    check.raises("all_windows", "ValueError", **fits, dilation=[3, 1])


@exercise("7.3")
def test_windows_are_a_view(check, draw):
    """25 windows over each pixel, and the memory of one picture."""
    check("windows_are_a_view", x=draw.normal(1, 300, 300, 4))


@exercise("7.4")
@pytest.mark.parametrize("case", PLAIN)
def test_windows_times_a_matrix(check, draw, case):
    """The same convolution as one product."""
    x, w, stride = PLAIN[case]
    check("windows_times_matrix", x=draw.normal(*x), w=draw.normal(*w),
          options={"stride": stride}, terms=np.prod(w[1:]))  # fmt: skip


@exercise("7.4")
@pytest.mark.parametrize("groups, outputs", [(2, 6), (4, 4), (4, 8), (1, 3)], ids=str)
@pytest.mark.parametrize("dilation", [1, 2])
def test_groups_and_dilation(check, draw, groups, outputs, dilation):
    """Each group sees its own channels, and its outputs keep their order."""
    options = {"stride": 2, "dilation": dilation, "groups": groups}
    check("windows_times_matrix", x=draw.normal(2, 8, 7, 4),
          w=draw.normal(outputs, 3, 2, 4 // groups), options=options, terms=24)  # fmt: skip


@exercise("7.4")
def test_channels_that_do_not_fit(check, draw):
    """Too few channels, groups that do not divide them: one clear sentence."""
    x, w = draw.normal(1, 4, 4, 6), draw.normal(4, 2, 2, 3)
    check("windows_times_matrix", x=x, w=w, options={"groups": 2}, terms=12)
    wrong = {"match": "input channels", "x": x, "w": w}
    check.raises("windows_times_matrix", "ValueError", **wrong, options={})
    check.raises("windows_times_matrix", "ValueError", x=x, w=w, options={"groups": 4})
    whole = {"x": np.ones((1, 4, 4, 3), np.int32), "w": np.ones((4, 2, 2, 3), np.int32)}
    check.raises("windows_times_matrix", "ValueError", **whole, options={})


@exercise("7.4")
def test_windows_times_a_matrix_in_half_precision(check, draw):
    """Half precision stays half precision."""
    x, w = (draw.normal(*shape, dtype="float16") for shape in ((2, 4, 4, 2), (3, 2, 2, 2)))
    check("windows_times_matrix", x=x, w=w, options={}, terms=8)


@exercise("7.5")
@pytest.mark.parametrize("case", WINDOWS)
def test_windows_are_laid_back(check, draw, case):
    """Where they overlap they add up; where none lies there is 0."""
    shape, taps, stride, dilation = WINDOWS[case]
    sizes = shape[1:-1]
    outputs = [
        (n - (k - 1) * d - 1) // s + 1
        for n, k, d, s in zip(sizes, taps, dilation or [1] * len(taps), stride, strict=True)
    ]
    check("laid_back", x=draw.normal(shape[0], *outputs, *taps, shape[-1]), sizes=list(sizes),
          stride=stride, dilation=dilation, terms=np.prod(taps))  # fmt: skip


@exercise("7.5")
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_type_of_what_is_laid_back(check, draw, dtype):
    """Half precision stays half precision. (Whole numbers: they are exact in both.)"""
    x = draw.integers(1, 3, 2, 2, low=-4, high=5).astype(np.float32)
    check("laid_back_type", x=x, dtype=dtype)


@exercise("7.5")
@pytest.mark.parametrize("case", PLAIN)
def test_both_gradients_by_hand(check, draw, case):
    """Of the pictures and of the kernels, under any cotangent."""
    x, w, stride = PLAIN[case]
    outputs = [(n - k) // stride + 1 for n, k in zip(x[1:3], w[1:3], strict=True)]
    g = draw.normal(x[0], *outputs, w[0])
    check("gradients_by_hand", g=g, x=draw.normal(*x), w=draw.normal(*w), stride=stride,
          terms=max(np.prod(w[:3]), np.prod(g.shape[:3])))  # fmt: skip


@exercise("7.5")
def test_gradients_by_hand_in_half_precision(check, draw):
    """Half precision stays half precision."""
    shapes = ((2, 3, 3, 3), (2, 4, 4, 2), (3, 2, 2, 2))
    g, x, w = (draw.normal(*shape, dtype="float16") for shape in shapes)
    check("gradients_by_hand", g=g, x=x, w=w, stride=1, terms=18)


def numbers(dims, **given):
    """The numbers of a convolution, one for each axis."""
    plain = {"stride": 1, "low": 0, "high": 0, "kernel_dilation": 1, "input_dilation": 1}
    found = {k: [v] * dims if isinstance(v, int) else v for k, v in {**plain, **given}.items()}
    return {**found, **{k: given[k] for k in ("groups", "flip") if k in given}}


GEOMETRIES = {
    "plain": ((2, 5, 6, 3), (4, 3, 2, 3), numbers(2)),
    "padded": ((2, 5, 5, 2), (3, 3, 3, 2), numbers(2, low=1, high=1)),
    "more in front": ((2, 6, 2), (3, 3, 2), numbers(1, low=2, high=0)),
    "a step of two": ((2, 7, 7, 2), (3, 3, 3, 2), numbers(2, stride=2, low=1, high=1)),
    "a step that leaves elements over": ((2, 8, 3), (2, 3, 3), numbers(1, stride=4)),
    "dilated": ((1, 9, 8, 2), (2, 3, 2, 2), numbers(2, kernel_dilation=[2, 3], low=1, high=2)),
    "steps and gaps": ((2, 9, 2), (3, 3, 2), numbers(1, stride=2, kernel_dilation=2, low=1)),
    "elements apart": ((2, 4, 2), (3, 3, 2), numbers(1, input_dilation=3, low=2, high=1)),
    "groups": ((2, 5, 5, 4), (6, 3, 3, 2), numbers(2, groups=2, low=1, high=1)),
    "each channel for itself": ((2, 6, 3), (6, 2, 1), numbers(1, groups=3, stride=2)),
    "flipped": ((2, 5, 4, 2), (3, 3, 2, 2), numbers(2, flip=True, low=1)),
    "flipped, all numbers": (
        (2, 7, 2),
        (3, 3, 2),
        numbers(1, flip=True, stride=2, low=2, high=1, kernel_dilation=2, input_dilation=2),
    ),
    "a volume": ((1, 3, 4, 3, 2), (2, 2, 2, 1, 2), numbers(3, stride=[1, 2, 1], low=[0, 1, 0])),
    "one pixel": ((3, 1, 1, 2), (2, 1, 1, 2), numbers(2)),
}


def of_geometry(case, draw, dtype="float32"):
    """Arrays for a case: the cotangent of the output, the input, the kernel."""
    x, w, at = GEOMETRIES[case]
    outputs = []
    for axis, (n, k) in enumerate(zip(x[1:-1], w[1:-1], strict=True)):
        row = (n - 1) * at["input_dilation"][axis] + 1 + at["low"][axis] + at["high"][axis]
        span = (k - 1) * at["kernel_dilation"][axis] + 1
        outputs.append((row - span) // at["stride"][axis] + 1)
    g = (x[0], *outputs, w[0])
    return *(draw.normal(*shape, dtype=dtype) for shape in (g, x, w)), at


@exercise("7.6")
@pytest.mark.parametrize("case", GEOMETRIES)
def test_the_slope_of_the_picture(check, draw, case):
    """One to three axes; steps, gaps, zeros, groups, in all combinations that differ."""
    g, x, w, at = of_geometry(case, draw)
    check("slope_of_picture", g=g, x=x, w=w, numbers=at, terms=w[..., 0].size)


@exercise("7.7")
@pytest.mark.parametrize("case", GEOMETRIES)
def test_the_slope_of_the_kernel(check, draw, case):
    """Summed over the examples and the places."""
    g, x, w, at = of_geometry(case, draw)
    check("slope_of_kernel", g=g, x=x, w=w, numbers=at, terms=g[..., 0].size)


@exercise("7.6")
def test_the_slope_of_the_picture_in_half_precision(check, draw):
    """Half precision stays half precision."""
    g, x, w, at = of_geometry("padded", draw, "float16")
    check("slope_of_picture", g=g, x=x, w=w, numbers=at, terms=w[..., 0].size)


@exercise("7.7")
def test_the_slope_of_the_kernel_in_half_precision(check, draw):
    """Half precision stays half precision."""
    g, x, w, at = of_geometry("padded", draw, "float16")
    check("slope_of_kernel", g=g, x=x, w=w, numbers=at, terms=g[..., 0].size)


@exercise("7.7")
@pytest.mark.parametrize("case", ["a step of two", "groups", "flipped, all numbers", "a volume"])
def test_slopes_of_slopes(check, draw, case):
    """Both are convolutions, and can be differentiated again."""
    g, x, w, at = of_geometry(case, draw)
    a, b = draw.normal(*x.shape), draw.normal(*w.shape)
    check("slopes_of_slopes", g=g, x=x, w=w, a=a, b=b, numbers=at, terms=2 * g.size)


TRANSPOSED = {
    "plain": ((2, 4, 3), (2, 3, 3), {}),
    "a step of two": ((2, 3, 4, 2), (3, 3, 3, 2), {"stride": 2}),
    "padded": ((2, 4, 4, 2), (3, 3, 3, 2), {"padding": 1}),
    "twice as large": (
        (1, 3, 3, 2),
        (2, 3, 3, 2),
        {"stride": 2, "padding": 1, "output_padding": 1},
    ),
    "dilated": ((1, 4, 2), (3, 3, 2), {"dilation": 2, "padding": 1}),
    "all numbers": (
        (2, 3, 4, 2),
        (3, 2, 3, 2),
        {"stride": [3, 2], "padding": [0, 1], "dilation": [1, 2], "output_padding": [2, 1]},
    ),
    "groups": ((2, 4, 4, 4), (6, 3, 3, 2), {"groups": 2, "stride": 2}),
    "a volume": ((1, 2, 3, 2, 2), (3, 2, 2, 2, 2), {"stride": 2}),
    "many zeros": ((1, 5, 2), (2, 2, 2), {"padding": 2}),
}


@exercise("7.8")
@pytest.mark.parametrize("case", TRANSPOSED)
def test_a_transposed_convolution(check, draw, case):
    """Its outputs, and both slopes under any cotangent."""
    x, w, options = TRANSPOSED[case]

    def each(name, default):
        value = options.get(name, default)
        return value if isinstance(value, list) else [value] * (len(x) - 2)

    sizes = [
        (n - 1) * s - 2 * p + d * (k - 1) + 1 + more
        for n, k, s, p, d, more in zip(
            x[1:-1], w[1:-1], each("stride", 1), each("padding", 0), each("dilation", 1),
            each("output_padding", 0), strict=True,
        )
    ]  # fmt: skip
    check("transposed", x=draw.normal(*x), w=draw.normal(*w),
          cotangent=draw.normal(x[0], *sizes, w[0]), options=options,
          terms=x[0] * np.prod(sizes))  # fmt: skip


@exercise("7.8")
def test_transposed_shapes_that_do_not_fit(check, draw):
    """Wrong channels, a wrong number of axes, three numbers for two axes."""
    x, w = draw.normal(1, 3, 3, 2), draw.normal(2, 2, 2, 2)
    check("transposed", x=x, w=w, cotangent=draw.normal(1, 4, 4, 2), options={}, terms=16)
    check.raises("transposed_fails", "ValueError", x=x, w=w[..., :1], dims=2, options={})
    check.raises("transposed_fails", "ValueError", x=x, w=w, dims=1, options={})
    wrong = {"w": w, "dims": 2, "options": {}}
    check.raises("transposed_fails", "ValueError", match="input array", x=x[0], **wrong)
    for name in ("padding", "dilation", "output_padding", "stride"):
        wrong = {name: [1, 1, 1]}
        check.raises("transposed_fails", "ValueError", x=x, w=w, dims=2, options=wrong)
