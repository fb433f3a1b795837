"""Judges of 15.8 to 15.10: programs of Core ML, computed with NumPy."""

import math
from pathlib import Path

import numpy as np
import pytest

from course.cli.project import load_script
from course.grading.marks import exercise

mil = load_script(Path(__file__).parents[1] / "course" / "mil.py")


def near(found, expected, bound=1e-5):
    """Equal shapes, and values up to a bound relative to the largest."""
    assert found.shape == expected.shape, f"the shape is {found.shape}, not {expected.shape}"
    size = max(1.0, abs(expected.astype(np.float64)).max())
    worst = abs(found.astype(np.float64) - expected).max()
    assert worst <= bound * size, f"differs by {worst} (allowed: {bound * size})"


def converted(program, inputs, expected, bound=1e-5):
    """What a program computes from inputs is what is expected."""
    assert len(program["inputs"]) == len(inputs)
    (found,) = mil.run(program, inputs)
    near(found, np.asarray(expected), bound)
    return [op["kind"] for op in program["ops"]]


# 15.8

BINARY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "power": lambda x, y: abs(x) ** y,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "less": np.less,
    "greater_equal": np.greater_equal,
    "equal": lambda x, y: np.floor(x) == np.floor(y),
}
UNARY = {
    "exp": np.exp,
    "square": np.square,
    "sqrt": lambda x: np.sqrt(abs(x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "erf": np.vectorize(math.erf),
    "sign": np.sign,
    "negative": np.negative,
}


@exercise("15.8")
@pytest.mark.parametrize("name", BINARY)
def test_operations_with_two_arguments(probe, draw, name):
    """Arrays of one shape, and one that is repeated."""
    x = draw.normal(3, 4)
    for y in (draw.normal(3, 4), draw.normal(4), draw.normal(3, 1)):
        y = y + np.float32(0.01)
        converted(probe("program_of", name=name, arrays=[x, y]), [x, y], BINARY[name](x, y))


@exercise("15.8")
@pytest.mark.parametrize("name", UNARY)
def test_operations_with_one_argument(probe, draw, name):
    """The functions of a network."""
    x = draw.normal(3, 4)
    kinds = converted(probe("program_of", name=name, arrays=[x]), [x], UNARY[name](x))
    assert len(kinds) <= 2


@exercise("15.8")
@pytest.mark.parametrize("name", ["log", "rsqrt", "reciprocal"])
def test_small_numbers(probe, draw, name):
    """Nothing is added to them that the graph does not add."""
    x = draw.uniform(3, 4, low=1, high=9) * np.float32(1e-7)
    function = {"log": np.log, "rsqrt": lambda x: x**-0.5, "reciprocal": lambda x: 1 / x}[name]
    converted(probe("program_of", name=name, arrays=[x]), [x], function(x.astype(np.float64)))


@exercise("15.8")
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_numbers_among_arguments(probe, draw, dtype):
    """On the right and on the left, of the dtype of the array."""
    x = (abs(draw.normal(3, 4)) + 1).astype(dtype)
    bound = 1e-5 if dtype == "float32" else 4e-3
    wide = x.astype(np.float64)
    for name, y in (
        ("number right", (wide - 2) / 4),
        ("number left", 2 - 1 / wide),
        ("power of two", 2**wide),
    ):
        program = probe("program_of", name=name, arrays=[x])
        converted(program, [x], y, bound)
        assert {c.dtype.name for c in program["constants"].values()} == {dtype}
    for name, y in (("above two", wide > 2), ("negative", -wide)):
        program = probe("program_of", name=name, arrays=[x])
        (found,) = mil.run(program, [x])
        assert np.array_equal(found, y.astype(found.dtype))
        assert {c.dtype.name for c in program["constants"].values()} == {dtype}


@exercise("15.8")
@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod"])
@pytest.mark.parametrize("axis", [None, 0, -1, [0, 2], [-1, -3]], ids=str)
def test_reductions(probe, draw, name, axis):
    """Over all axes, one, several; axes that stay with one element."""
    x = draw.normal(2, 3, 4)
    where = tuple(axis) if isinstance(axis, list) else axis
    for keep in (False, True):
        expected = getattr(np, name)(x.astype(np.float64), axis=where, keepdims=keep)
        program = probe("program_of_reduction", name=name, x=x, axis=axis, keepdims=keep)
        (kind,) = converted(program, [x], expected)
        assert kind == f"reduce_{name}"
        assert all(0 <= a < 3 for a in program["ops"][0]["attributes"]["axes"])


@exercise("15.8")
def test_reductions_that_say_little(probe, draw):
    """Axes that are left out are all, and are not kept; arrays of two axes and one."""
    x = draw.normal(3, 4)
    converted(probe("program_of", name="mean of all", arrays=[x]), [x], x.mean(dtype=np.float64))
    converted(probe("program_of", name="sum of rows", arrays=[x]), [x], x.sum(-1))
    converted(probe("program_of", name="sum of rows", arrays=[x[0]]), [x[0]], x[0].sum())


@exercise("15.8")
def test_products(probe, draw):
    """Two matrices, many of them, and one for many."""
    for a, b in (((2, 3), (3, 4)), ((5, 2, 3), (5, 3, 4)), ((5, 2, 3), (3, 4))):
        x, y = draw.normal(*a), draw.normal(*b)
        kinds = converted(probe("program_of", name="matmul", arrays=[x, y]), [x, y], x @ y)
        assert kinds == ["matmul"]


@exercise("15.8")
def test_linear_layers(probe, draw):
    """Known weights become a `linear`; others, and rows that are no bias, do not."""
    x, w, b = draw.normal(2, 5, 3), draw.normal(3, 4), draw.normal(4)
    program = probe("program_of", name="linear", arrays=[x], constants=[w, b])
    assert converted(program, [x], x @ w + b) == ["linear"]
    shapes = sorted(c.shape for c in program["constants"].values())
    assert shapes == [(4,), (4, 3)], "the weight of a linear layer is (outputs, inputs)"
    program = probe("program_of", name="linear", arrays=[x, w, b])
    assert converted(program, [x, w, b], x @ w + b) == ["matmul", "add"]
    program = probe("program_of", name="linear", arrays=[x, w], constants=[b])
    assert converted(program, [x, w], x @ w + b) == ["matmul", "add"]
    rows = draw.normal(5, 4)
    program = probe("program_of", name="linear", arrays=[x], constants=[w, rows])
    assert converted(program, [x], x @ w + rows) == ["matmul", "add"]
    many = draw.normal(2, 3, 4)
    program = probe("program_of", name="linear", arrays=[x], constants=[many, b])
    assert converted(program, [x], x @ many + b) == ["matmul", "add"]


@exercise("15.8")
def test_products_that_are_refused(check, probe, draw):
    """A vector, a scale; beside one that is not."""
    x, w, b = draw.normal(2, 3), draw.normal(3, 4), draw.normal(4)
    converted(probe("program_of", name="linear", arrays=[x, w, b]), [x, w, b], x @ w + b)
    check.raises("program_of", "Unsupported", match="matmul", name="matmul", arrays=[x, w[:, 0]])
    check.raises("program_of", "Unsupported", match="matmul", name="matmul", arrays=[x[0], w])
    for name in ("two and a half", "half of it", "half the bias", "twice the bias"):
        check.raises("program_of", "Unsupported", match="addmm", name=name, arrays=[x, w, b])


# 15.9


def by_hand(x, w, stride, low, high, dilation, groups):
    """A convolution of (N, H, W, C) with (O, kh, kw, C / groups), place by place, in float64."""
    x = np.pad(x.astype(np.float64), [(0, 0), *zip(low, high), (0, 0)])
    taps = [(k - 1) * d + 1 for k, d in zip(w.shape[1:-1], dilation)]
    sizes = [(n - t) // s + 1 for n, t, s in zip(x.shape[1:-1], taps, stride)]
    y = np.zeros((len(x), *sizes, len(w)))
    share = len(w) // groups
    for place in np.ndindex(*sizes):
        where = [slice(p * s, p * s + t, d) for p, s, t, d in zip(place, stride, taps, dilation)]
        seen = x[(slice(None), *where)]
        for o in range(len(w)):
            c = o // share * w.shape[-1]
            part = seen[..., c : c + w.shape[-1]]
            y[(slice(None), *place, o)] = (part * w[o]).sum(tuple(range(1, part.ndim)))
    return y


@exercise("15.9")
@pytest.mark.parametrize(
    "at",
    [
        {},
        {"stride": [2, 1]},
        {"low": [1, 0], "high": [1, 2]},
        {"low": [2, 1], "high": [0, 0]},
        {"kernel_dilation": [1, 2]},
        {"groups": 2},
    ],
    ids=str,
)
def test_convolutions(probe, draw, at):
    """Channels last outside, first inside; zeros that differ on all four sides."""
    groups = at.get("groups", 1)
    x, w = draw.normal(2, 5, 6, 4), draw.normal(6, 3, 2, 4 // groups)
    usual = {"stride": [1, 1], "low": [0, 0], "high": [0, 0], "kernel_dilation": [1, 1]}
    s, low, high, d = (at.get(name, usual[name]) for name in usual)
    program = probe("program_of_convolution", x=x, w=w, at=at)
    kinds = converted(program, [x], by_hand(x, w, s, low, high, d, groups))
    assert kinds == ["transpose", "conv", "transpose"]
    (op,) = [op for op in program["ops"] if op["kind"] == "conv"]
    assert program["constants"][op["inputs"]["weight"]].shape == (6, 4 // groups, 3, 2)


@exercise("15.9")
def test_convolution_of_a_sequence(probe, draw):
    """One spatial axis."""
    x, w = draw.normal(2, 7, 3), draw.normal(4, 3, 3)
    program = probe("program_of_convolution", x=x, w=w, at={"low": [1], "high": [2], "stride": [2]})
    converted(program, [x], by_hand(x, w, [2], [1], [2], [1], 1))


@exercise("15.9")
def test_kernel_that_is_flipped(probe, draw):
    """Backwards along the spatial axes, and along no other."""
    x, w = draw.normal(1, 4, 5, 2), draw.normal(3, 2, 3, 2)
    program = probe("program_of_convolution", x=x, w=w, at={"flip": True})
    converted(program, [x], by_hand(x, w[:, ::-1, ::-1], [1, 1], [0, 0], [0, 0], [1, 1], 1))


@exercise("15.9")
@pytest.mark.parametrize("steps", [[2, 2], [1, 2], [3, 1]], ids=str)
def test_input_with_zeros_between(probe, draw, steps):
    """Places of the input apart: `conv_transpose`, with a kernel that is flipped or not."""
    x, w = draw.normal(1, 3, 4, 2), draw.normal(3, 3, 2, 2)
    wide = np.zeros((1, 2 * steps[0] + 1, 3 * steps[1] + 1, 2), np.float32)
    wide[:, :: steps[0], :: steps[1]] = x
    for flip in (False, True):
        at = {"input_dilation": steps, "low": [1, 0], "high": [2, 1], "flip": flip}
        program = probe("program_of_convolution", x=x, w=w, at=at)
        kernel = w[:, ::-1, ::-1] if flip else w
        expected = by_hand(wide, kernel, [1, 1], [1, 0], [2, 1], [1, 1], 1)
        assert converted(program, [x], expected) == ["transpose", "conv_transpose", "transpose"]


@exercise("15.9")
def test_kernel_that_is_computed(check, probe, draw):
    """Refused; beside one that is known."""
    x, w = draw.normal(1, 4, 5, 2), draw.normal(3, 2, 3, 2)
    expected = by_hand(x, w, [1, 1], [0, 0], [0, 0], [1, 1], 1)
    converted(probe("program_of_convolution", x=x, w=w, at={}), [x], expected)
    check.raises("program_of_computed_kernel", "Unsupported", match="convol", x=x, w=w)


@exercise("15.9")
@pytest.mark.parametrize("kind", ["max", "mean"])
def test_pooling(probe, draw, kind):
    """Windows that are higher than wide, and the other way round."""
    for sides in ([2, 3], [3, 1], [2, 2]):
        x = draw.normal(2, 6, 6, 5)
        rows = x.reshape(2, 6 // sides[0], sides[0], 6 // sides[1], sides[1], 5)
        program = probe("program_of_pooling", x=x, kind=kind, sides=sides)
        kinds = converted(program, [x], getattr(rows, kind)(axis=(2, 4)))
        assert kinds == ["transpose", f"{kind.replace('mean', 'avg')}_pool", "transpose"]
    halves = probe("program_of_pooling", x=x.astype(np.float16), kind=kind, sides=sides)
    assert [op["dtype"] for op in halves["ops"]] == ["fp16"] * 3


@exercise("15.9")
def test_what_is_pooling(probe, draw):
    """Three nodes that are one; another order, other axes, axes that are kept are not."""
    x = draw.normal(2, 6, 4, 5)
    good = {"x": x, "shape": [2, 3, 2, 1, 4, 5], "axes": [0, 1, 3, 2, 4, 5], "over": [-3, -2]}
    program = probe("program_of_pooling", x=x, kind="max", sides=[2, 4])
    converted(program, [x], x.reshape(2, 3, 2, 1, 4, 5).max(axis=(2, 4)))
    found = probe("is_pooling", **good)
    assert found["sides"].tolist() == [2, 4] and found["shape"] == [2, 6, 4, 5]
    for change in (
        {"axes": [0, 1, 3, 4, 2, 5]},
        {"over": [1, 2]},
        {"over": [3, 4, 5]},
        {"keepdims": True},
        {"shape": [2, 3, 2, 2, 2, 5], "x": draw.normal(2, 3, 8, 5)},
        {"shape": [3, 2, 2, 2, 2, 5]},
    ):
        assert probe("is_pooling", **{**good, **change})["sides"] is None, change


def spec_of(*ops, inputs=None, constants=None, outputs=None):
    """A program as plain data; each operation is kind, names, attributes."""
    inputs = inputs or {"x": [[2, 3, 4, 5], "fp32"]}
    shapes = {k: list(shape) for k, (shape, _) in inputs.items()}
    shapes |= {k: list(c.shape) for k, c in (constants or {}).items()}
    made = []
    for i, (kind, names, attributes) in enumerate(ops):
        keys = ["x", "y"][: len(names)]
        first = shapes[names[0]]
        if kind == "transpose":
            shape = [first[a] for a in attributes["perm"]]
        elif kind.startswith("reduce"):
            shape = [n for a, n in enumerate(first) if a not in attributes["axes"]]
        else:
            shape = list(np.broadcast_shapes(*[shapes[n] for n in names]))
        shapes[f"v{i}"] = shape
        made.append(
            {"kind": kind, "inputs": dict(zip(keys, names)), "attributes": attributes,
             "output": f"v{i}", "shape": shape, "dtype": "bool" if kind == "greater" else "fp32"}
        )  # fmt: skip
    return {
        "inputs": inputs,
        "constants": constants or {},
        "ops": made,
        "outputs": outputs or [f"v{len(ops) - 1}"],
    }


def turn(name, *perm):
    return ("transpose", [name], {"perm": list(perm)})


def moved(probe, draw, spec, count):
    """The pass keeps what a program computes, and leaves ``count`` transpositions."""
    found = probe("without_transposes", spec=spec)
    assert found["kept"], "the program that was given has changed"
    arrays = [draw.normal(*shape) for shape, _ in spec["inputs"].values()]
    before = mil.run({**spec, "inputs": list(spec["inputs"])}, arrays)
    after = mil.run(found["program"], arrays)
    for x, y in zip(before, after, strict=True):
        near(y, x)
    kinds = [op["kind"] for op in found["program"]["ops"]]
    assert kinds.count("transpose") == count, f"{kinds.count('transpose')} are left: {kinds}"
    return kinds


@exercise("15.9")
def test_transpositions_that_cancel(probe, draw):
    """There and back is nothing; two of another kind are one."""
    spec = spec_of(turn("x", 0, 3, 1, 2), turn("v0", 0, 2, 3, 1), ("exp", ["v1"], {}))
    assert moved(probe, draw, spec, 0) == ["exp"]
    spec = spec_of(turn("x", 0, 3, 1, 2), turn("v0", 1, 0, 3, 2), ("exp", ["v1"], {}))
    moved(probe, draw, spec, 1)
    spec = spec_of(turn("x", 1, 2, 3, 0), turn("v0", 3, 0, 1, 2))
    assert moved(probe, draw, spec, 0) == []


@exercise("15.9")
def test_transpositions_that_wait(probe, draw):
    """Behind functions of each element, numbers and constants that are turned back."""
    constants = {"two": np.float32(2) * np.ones((), np.float32), "c": draw.normal(3)}
    constants |= {"one": draw.normal(1), "whole": draw.normal(4, 1, 3)}
    chain = [turn("x", 0, 2, 3, 1), ("tanh", ["v0"], {}), ("mul", ["v1", "c"], {})]
    chain += [("add", ["two", "v2"], {}), ("sub", ["v3", "one"], {}), ("mul", ["v4", "whole"], {})]
    spec = spec_of(*chain, turn("v5", 0, 3, 1, 2), constants=constants)
    assert "tanh" in moved(probe, draw, spec, 0)
    spec = spec_of(("exp", ["x"], {}), *[turn("v0", 0, 2, 3, 1), turn("v1", 0, 3, 1, 2)])
    assert moved(probe, draw, spec, 0) == ["exp"]
    # What an operation was told, it is told there, too; and what it makes, it makes there.
    spec = spec_of(turn("x", 0, 2, 3, 1), ("greater", ["v0", "two"], {}), constants=constants)
    assert moved(probe, draw, spec, 1) == ["greater", "transpose"]
    found = probe("without_transposes", spec=spec)["program"]["ops"]
    assert [op["dtype"] for op in found] == ["bool", "bool"]
    told = [turn("x", 0, 2, 3, 1), ("inverse", ["v0"], {"epsilon": 0.0}), turn("v1", 0, 3, 1, 2)]
    assert moved(probe, draw, spec_of(*told), 0) == ["inverse"]
    # As the output it has to be done after all; once.
    moved(probe, draw, spec_of(*chain, constants=constants), 1)


@exercise("15.9")
def test_two_branches(probe, draw):
    """A sum of two that wait for the same order; of two that don't, it has to be done."""
    inputs = {"x": [[2, 3, 4, 5], "fp32"], "y": [[2, 3, 4, 5], "fp32"]}
    both = [turn("x", 0, 2, 3, 1), turn("y", 0, 2, 3, 1), ("add", ["v0", "v1"], {})]
    moved(probe, draw, spec_of(*both, turn("v2", 0, 3, 1, 2), inputs=inputs), 0)
    moved(probe, draw, spec_of(*both, inputs=inputs), 1)
    inputs["y"] = [[2, 4, 5, 3], "fp32"]
    mixed = [turn("x", 0, 2, 3, 1), ("add", ["v0", "y"], {}), turn("v1", 0, 3, 1, 2)]
    moved(probe, draw, spec_of(*mixed, inputs=inputs), 2)
    inputs["y"] = [[5, 4, 3, 2], "fp32"]
    other = [turn("x", 0, 2, 3, 1), turn("y", 3, 1, 0, 2), ("add", ["v0", "v1"], {})]
    moved(probe, draw, spec_of(*other, inputs=inputs), 2)


@exercise("15.9")
def test_constant_for_two_orders(probe, draw):
    """Turned back in one way for one sum, in another for the other; sides of equal length."""
    cube = {"c": draw.normal(4, 4, 4)}
    both = [turn("x", 0, 3, 1, 2), ("add", ["v0", "c"], {}), turn("v1", 0, 2, 3, 1)]
    both += [turn("x", 0, 2, 3, 1), ("add", ["v3", "c"], {}), turn("v4", 0, 3, 1, 2)]
    inputs = {"x": [[2, 4, 4, 4], "fp32"]}
    moved(probe, draw, spec_of(*both, inputs=inputs, constants=cube, outputs=["v2", "v5"]), 0)


@exercise("15.9")
def test_order_that_matters(probe, draw):
    """A sum over an axis wants its axis where it is; who else waits goes on waiting."""
    many = {"many": draw.normal(2, 1, 1, 1, 1)}
    wider = [turn("x", 0, 2, 3, 1), ("mul", ["v0", "many"], {})]
    moved(probe, draw, spec_of(*wider, constants=many), 1)
    chain = [turn("x", 0, 2, 3, 1), ("reduce_sum", ["v0"], {"axes": [1], "keep_dims": False})]
    moved(probe, draw, spec_of(*chain), 1)
    more = [*chain, ("exp", ["v0"], {}), turn("v2", 0, 3, 1, 2)]
    moved(probe, draw, spec_of(*more, outputs=["v1", "v3"]), 1)


# 15.10

VIEWS = {
    "flatten": lambda x: x.reshape(2, 12),
    "minus one": lambda x: x.reshape(6, 4),
    "other sides": lambda x: x.reshape(3, 2, 4),
    "unflatten": lambda x: x.reshape(2, 3, 2, 2),
    "backwards": lambda x: x.T,
    "swapped": lambda x: x.swapaxes(0, 2),
    "rotated": lambda x: x.transpose(1, 2, 0),
    "moved": lambda x: np.moveaxis(x, 0, -1),
    "moved back": lambda x: np.moveaxis(x, -1, 1),
    "turned": lambda x: x.transpose(0, 2, 1),
}


@exercise("15.10")
@pytest.mark.parametrize("name", VIEWS)
def test_views(probe, draw, name):
    """Sizes that are known, orders of axes counted from the front."""
    x = draw.normal(2, 3, 4)
    program = probe("program_of", name=name, arrays=[x])
    (kind,) = converted(program, [x], VIEWS[name](x))
    numbers = program["ops"][0]["attributes"]
    assert all(n >= 0 for n in numbers.get("shape", numbers.get("perm")))
    assert kind in ("reshape", "transpose")


ORDERS = {
    "backwards": [2, 1, 0],
    "swapped": [2, 1, 0],
    "rotated": [1, 2, 0],
    "turned": [0, 2, 1],
    "moved": [1, 2, 0],
    "moved back": [0, 2, 1],
}


@exercise("15.10")
@pytest.mark.parametrize("name", ORDERS)
def test_orders_of_axes(probe, draw, name):
    """For each axis of the output that of the input, counted from the front."""
    assert probe("order_of", name=name, x=draw.normal(2, 3, 4))["order"] == ORDERS[name]


@exercise("15.10")
def test_shape_that_stays(probe, draw):
    """Nothing is to be done."""
    x = draw.normal(2, 3)
    assert converted(probe("program_of", name="same shape", arrays=[x]), [x], x + 1) == ["add"]


def softmax(x, axis):
    e = np.exp(x.astype(np.float64) - x.max())
    return e / e.sum(axis=axis, keepdims=True)


@exercise("15.10")
@pytest.mark.parametrize("axis", [-1, 0, 1, None, [1, 2], [-1, -2], [2], [0, 1, 2]], ids=str)
def test_softmax_over_axes(probe, draw, axis):
    """One axis, the last ones, all."""
    x = 3 * draw.normal(2, 3, 4)
    where = tuple(axis) if isinstance(axis, list) else axis
    program = probe("program_of_softmax", x=x, axis=axis)
    kinds = converted(program, [x], softmax(x, where))
    assert kinds.count("softmax") == 1
    if isinstance(axis, int):
        assert kinds == ["softmax"] and program["ops"][0]["attributes"]["axis"] == axis % 3


@exercise("15.10")
def test_softmax_that_is_refused(check, probe, draw):
    """Axes in front; beside axes at the end."""
    x = draw.normal(2, 3, 4)
    converted(probe("program_of_softmax", x=x, axis=[1, 2]), [x], softmax(x, (1, 2)))
    for axis in ([0, 1], [0, 2]):
        check.raises("program_of_softmax", "Unsupported", match="softmax", x=x, axis=axis)


@exercise("15.10")
@pytest.mark.parametrize("masked", [False, True])
def test_attention(probe, draw, masked):
    """Heads, scores, softmax, values; more keys than queries."""
    q, k, v = draw.normal(2, 3, 4), draw.normal(2, 5, 4), draw.normal(2, 5, 4)
    mask = np.tril(np.ones((3, 5), bool), 2)
    heads = [x.reshape(2, -1, 2, 2).transpose(0, 2, 1, 3).astype(np.float64) for x in (q, k, v)]
    scores = heads[0] @ heads[1].swapaxes(-1, -2) * 2**-0.5
    p = softmax(np.where(mask, scores, -1e9) if masked else scores, -1)
    expected = (p @ heads[2]).transpose(0, 2, 1, 3).reshape(2, 3, 4)
    given = {"constants": [mask]} if masked else {}
    program = probe("program_of", name="attention", arrays=[q, k, v], **given)
    kinds = converted(program, [q, k, v], expected)
    assert kinds.count("matmul") == 2 and kinds.count("softmax") == 1


@exercise("15.10")
def test_what_is_not_covered(check, probe, draw):
    """It is refused; beside one that is covered."""
    x = draw.normal(2, 3, 4)
    converted(probe("program_of", name="flatten", arrays=[x]), [x], x.reshape(2, 12))
    check.raises("program_of", "Unsupported", name="sorted", arrays=[x])
