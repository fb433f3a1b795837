"""Judges of 14.7 and 14.8: source for the three languages, and where elements lie.

What a student's functions return is compiled as C++ and run thread by thread (`course.shim`); every
element that was written is compared with NumPy, and what was not written is seen.
"""

import ast
from pathlib import Path

import numpy as np
import pytest

from course.cli.project import load_script
from course.grading.compare import agree
from course.grading.marks import exercise
from course.shim import Problem, run_together

graphs = load_script(Path(__file__).parent / "graphs.py")
n = graphs.n


def spec(inputs, *nodes, outputs=None, dtype="float32", loop=None):
    """A graph over inputs of some shapes."""
    count = len(inputs) + len(nodes)
    return {
        "inputs": [[list(shape), dtype] for shape in inputs],
        "nodes": [list(node) if len(node) == 3 else [*node, {}] for node in nodes],
        "outputs": outputs or [count - 1],
        "loop": loop,
    }


#: What stands in front of generated kernels; a row is computed by one thread here.
HEADER = """
#define abs_(x) ((x) > 0 ? (x) : 0 - (x))
#define max_(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))
#define min_(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))
#define tanh_ std_::tanh
#define lanes_sum(x) (x)
#define lanes_max(x) (x)
#define lanes_min(x) (x)
"""


def job(language, body, grid, group, inputs, outputs):
    """A kernel and its inputs as the shim takes them; plain C is run in Metal's words."""
    given = {f"in{i}": x for i, x in enumerate(inputs)}
    kernel = {
        "language": "metal" if language == "c" else language,
        "source": body,
        "header": HEADER,
        "input_names": list(given),
        "output_names": [f"out{i}" for i, _ in enumerate(outputs)],
        "grid": [grid, 1, 1],
        "threadgroup": [group, 1, 1],
        "output_shapes": [shape for shape, _ in outputs],
        "output_dtypes": [dtype for _, dtype in outputs],
    }
    return kernel, given


def ran(jobs):
    """The outputs of each; those of one language are compiled together."""
    found = {}
    for language in sorted({kernel["language"] for kernel, _ in jobs}):
        these = [i for i, (kernel, _) in enumerate(jobs) if kernel["language"] == language]
        try:
            outcomes = run_together([jobs[i] for i in these], ("up",))
        except Problem as problem:
            raise AssertionError(f"in {language}: {problem}") from None
        found.update(zip(these, outcomes, strict=True))
    return [list(found[i].outputs.values()) for i in range(len(jobs))]


def gelu_like(x, y):
    return x * np.tanh(2 * x - y), 2 * x - y


CHAIN = spec(
    [(37, 9)] * 2,
    ("multiply", [n(2), 0]),
    ("subtract", [2, 1]),
    ("tanh", [3]),
    ("multiply", [0, 4]),
    outputs=[5, 3],
)


START = {
    "c": "long i = thread_position_in_grid.x;",
    "metal": "long i = thread_position_in_grid.x;",
    "cuda": "long i = (long)blockIdx.x * blockDim.x + threadIdx.x;",
}


def asked(probe, graph, language, arrays, outputs, most=32):
    """A kernel to be run: the probe's statements, with arrays in the places that they name; and
    which values it writes."""
    found = probe("flat", spec=graph, language=language, most=most)
    assert found["group"] <= most, "a group of threads is larger than the device allows"
    bound = f"if (i >= {found['size']}) return;"
    body = "\n".join([START[language], bound, *found["lines"]])
    inputs = [arrays[i] for i in found["reads"]]
    made = [outputs[i] for i in found["writes"]]
    return job(language, body, found["grid"], found["group"], inputs, made), found["writes"]


@exercise("14.7")
def test_every_element_is_computed(probe, draw):
    """Both languages, floats and halves: all elements, and no byte behind them."""
    kernels, wanted = [], []
    for dtype in ("float32", "float16"):
        x, y = draw.normal(37, 9, dtype=dtype), draw.normal(37, 9, dtype=dtype)
        graph = {**CHAIN, "inputs": [[[37, 9], dtype]] * 2}
        for language in ("metal", "cuda"):
            outputs = {5: ((37, 9), dtype), 3: ((37, 9), dtype)}
            kernels.append(asked(probe, graph, language, {0: x, 1: y}, outputs))
            product, difference = gelu_like(x.astype(np.float64), y.astype(np.float64))
            wanted.append({5: (product, dtype), 3: (difference, dtype)})
    jobs, writes = zip(*kernels)
    for places, found, right in zip(writes, ran(jobs), wanted, strict=True):
        for place, y in zip(places, found, strict=True):
            assert agree(y, right[place][0], right[place][1], terms=9)


@exercise("14.7")
def test_comparisons_choices_and_casts(probe, draw):
    """Values of several dtypes in one kernel."""
    x = draw.normal(4, 5)
    graph = spec(
        [(4, 5)],
        ("greater", [0, n(0.0)]),
        ("where", [1, 0, n(-1)]),
        ("astype", [2], {"dtype": "int32"}),
        ("add", [3, n(7)]),
        ("astype", [4], {"dtype": "float32"}),
        ("divide", [5, 0]),
        outputs=[1, 4, 6],
    )
    outputs = {1: ((4, 5), "bool"), 4: ((4, 5), "int32"), 6: ((4, 5), "float32")}
    kernel, writes = asked(probe, graph, "metal", {0: x}, outputs)
    (found,) = ran([kernel])
    chosen = np.where(x > 0, x, -1)
    whole = np.trunc(chosen).astype(np.int32) + 7
    right = {1: x > 0, 4: whole, 6: whole.astype(np.float64) / x}
    for place, y in zip(writes, found, strict=True):
        assert y.dtype.name == outputs[place][1]
        assert agree(y, right[place])


@exercise("14.7")
def test_the_grid_counts_threads(probe):
    """Whole groups, all elements, not a group too many; one element, and many."""
    sizes = [1, 5, 31, 32, 33, 64, 1000, 1024, 5_000_001]
    for most in (32, 1024):
        for size, (grid, group) in zip(
            sizes, probe("launched", sizes=sizes, most=most)["launches"]
        ):
            assert 1 <= group <= most, "a group of threads is larger than the device allows"
            assert group == min(most, size)
            assert grid % group == 0
            assert size <= grid < size + group, f"{grid} threads for {size} elements"


@exercise("14.7")
def test_the_statements(probe):
    """Loads, one statement for each node, stores: names count on, in all languages."""
    for language, kind in (("c", "float"), ("metal", "float"), ("cuda", "float")):
        lines = [
            " ".join(x.split("//")[0].split())
            for x in probe("lines", spec=CHAIN, language=language)["lines"]
        ]
        assert len(lines) == 8
        assert all(line.endswith(";") for line in lines)
        for i, line in enumerate(lines[:6]):
            assert line.startswith(f"{kind} v{i} ="), line
        assert "in0[a0]" in lines[0]
        assert "in1[a1]" in lines[1]
        assert sorted(line.partition(" =")[0] for line in lines[6:]) == ["out0[b0]", "out1[b1]"]


# 14.8


def places_of(expression, index):
    """The value of an expression for each index, and how many divisions it has."""
    tree = ast.parse(expression.replace("/", "//"), mode="eval")
    allowed = (ast.Expression, ast.BinOp, ast.Name, ast.Load, ast.Constant, ast.UnaryOp, ast.USub)
    operations = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)
    divisions = 0
    for node in ast.walk(tree):
        assert isinstance(node, (*allowed, *operations)), f"not an expression: {expression}"
        divisions += isinstance(node, (ast.FloorDiv, ast.Mod))
    return eval(compile(tree, "place", "eval"), {"__builtins__": {}}, {"i": index}), divisions


#: Shape, strides, and the divisions that are needed.
LAYOUTS = [
    ([3, 4], [4, 1], 0),
    ([3, 4], [1, 3], 2),
    ([3, 4], [0, 1], 1),
    ([3, 4], [1, 0], 1),
    ([3, 4], [0, 0], 0),
    ([3, 4], [8, 2], 0),
    ([3, 4], [10, 1], 2),
    ([3, 4], [-4, -1], 0),
    ([3, 4], [4, -1], 2),
    ([2, 3, 4], [12, 4, 1], 0),
    ([2, 3, 4], [0, 4, 1], 1),
    ([2, 3, 4], [4, 0, 1], 2),
    ([2, 3, 4], [3, 1, 0], 1),
    ([2, 3, 4], [1, 2, 6], 4),
    ([2, 3, 4], [24, 4, 1], 2),
    ([2, 3, 4], [12, 1, 3], 4),
    ([2, 1, 4], [4, 77, 1], 0),
    ([1, 4], [9, 3], 0),
    ([2, 3, 4, 5], [0, 20, 5, 1], 1),
    ([2, 3, 4, 5], [20, 0, 5, 1], 2),
    ([2, 3, 4, 5], [3, 1, 0, 0], 1),
    ([5], [1], 0),
    ([5], [-2], 0),
    ([1], [1], 0),
    ([], [], 0),
]


@exercise("14.8")
def test_where_every_element_lies(probe):
    """Every layout: in a row, transposed, sliced, turned, repeated; no division too many."""
    found = probe("offsets", cases=[[shape, strides] for shape, strides, _ in LAYOUTS])["places"]
    for (shape, strides, needed), expression in zip(LAYOUTS, found, strict=True):
        index = np.arange(int(np.prod(shape)))
        place, divisions = places_of(expression, index)
        grid = np.indices(shape).reshape(len(shape), len(index))
        right = sum((g * s for g, s in zip(grid, strides)), np.zeros(len(index), int))
        assert np.array_equal(np.broadcast_to(place, index.shape), right), f"{shape} {strides}"
        assert divisions <= needed, f"{divisions} divisions in {expression}, {needed} are enough"


def as_rows(found, language, kernel_rows, row, outputs, inputs):
    """A kernel of rows as one thread for each would run it."""
    loop = [f"for (long j = 0; j < {row}; j++) {{", *found["inside"], "}"]
    lines = [START[language], "long row = i;", *found["before"], *loop, *found["behind"]]
    return job(language, "\n".join(lines), kernel_rows, 1, inputs, outputs)


ROWS = {"axis": -1, "keepdims": True}


@exercise("14.8")
def test_rows_that_are_reduced(probe, draw):
    """Sums, means, extrema at the end of a chain; a column, a row and a transposed array."""
    x, column, line = draw.normal(5, 7), draw.normal(5, 1), draw.normal(7)
    turned = draw.normal(7, 5)
    graph = spec(
        [(5, 7), (5, 1), (7,), (5, 7)],
        ("subtract", [0, 1]),
        ("multiply", [4, 2]),
        ("add", [5, 3]),
        ("sum", [6], ROWS),
        ("mean", [6], ROWS),
        ("max", [6], ROWS),
        ("min", [4], ROWS),
        ("square", [6]),
        outputs=[6, 7, 8, 9, 10, 11],
    )
    y = (x - column) * line + turned.T
    right = {
        6: y,
        7: y.sum(-1, keepdims=True),
        8: y.mean(-1, keepdims=True),
        9: y.max(-1, keepdims=True),
        10: (x - column).min(-1, keepdims=True),
        11: y * y,
    }
    kernels, orders = [], []
    for language in ("c", "metal", "cuda"):
        strides = {"3": [1, 5]}
        found = probe("rows", spec=graph, language=language, axes=1, strides=strides)
        assert [found["rows"], found["row"]] == [5, 7]
        given = {0: x, 1: column, 2: line, 3: turned}
        outputs = [(right[i].shape, "float32") for i in found["writes"]]
        inputs = [given[i] for i in found["reads"]]
        kernels.append(as_rows(found, language, 5, 7, outputs, inputs))
        orders.append(found["writes"])
    for writes, outputs in zip(orders, ran(kernels), strict=True):
        for i, y in zip(writes, outputs, strict=True):
            assert agree(y, right[i], terms=7)


@exercise("14.8")
def test_a_long_sum_of_halves(probe):
    """4096 ones in half precision are 4096 only if they are not added in half precision."""
    x = np.ones((2, 3, 4096), np.float16)
    y = (1 + np.arange(3, dtype=np.float16)).reshape(3, 1)
    axes = {"axis": [-2, -1]}
    graph = spec([(2, 3, 4096), (3, 1)], ("multiply", [0, 1]), ("mean", [2], axes), dtype="float16")
    total = spec([(2, 3, 4096)], ("sum", [0], axes), dtype="float16")
    kernels = []
    for one, count in ((graph, 2), (total, 2)):
        found = probe("rows", spec=one, language="metal", axes=2, strides={})
        given = {0: x / 8 if one is total else x, 1: y}
        inputs = [given[i] for i in found["reads"]]
        kernels.append(as_rows(found, "metal", count, 12288, [((2,), "float16")], inputs))
    (mean,), (whole,) = ran(kernels)
    assert agree(mean, [2.0, 2.0], "float16")
    assert agree(whole, [1536.0, 1536.0], "float16")


@exercise("14.8")
@pytest.mark.parametrize("language", ["metal", "cuda"])
def test_lanes_come_together(probe, language):
    """On a GPU the parts of several threads are combined in front of the division; in C, not."""
    graph = spec([(5, 7)], ("mean", [0], ROWS))
    behind = probe("rows", spec=graph, language=language, axes=1, strides={})["behind"]
    assert any("lanes_sum(s0)" in line.replace(" ", "") for line in behind[:1])
    graph = spec([(5, 7)], ("max", [0], ROWS))
    behind = probe("rows", spec=graph, language=language, axes=1, strides={})["behind"]
    assert any("lanes_max(s0)" in line.replace(" ", "") for line in behind[:1])
    behind = probe("rows", spec=graph, language="c", axes=1, strides={})["behind"]
    assert not any("lanes" in line for line in behind)


def tangled(seed, count=7):
    """A random chain of elementwise operations over arrays that lie as they like."""
    rng = np.random.default_rng(seed)
    nodes, values = [], 3
    for _ in range(count):
        a, b = (int(v) for v in rng.integers(values, size=2))
        if rng.uniform() < 0.3:
            nodes.append((str(rng.choice(["negative", "square", "abs"])), [a]))
        else:
            op = str(rng.choice(["add", "subtract", "multiply", "maximum"]))
            nodes.append((op, [a, n(0.5) if rng.uniform() < 0.2 else b]))
        values += 1
    # The last node has the full shape, whatever it was made of.
    nodes.append(("add", [values - 1, 0]))
    return spec([(3, 4, 5), (4, 1), (3, 1, 5)], *nodes)


@exercise("14.8")
def test_random_expressions_over_random_layouts(probe, draw):
    """A whole kernel of both exercises, with transposed inputs, against NumPy."""
    kernels, wanted = [], []
    for language in ("metal", "cuda", "metal"):
        graph = tangled(draw.seed())
        x, y, z = draw.normal(5, 3, 4), draw.normal(4, 1), draw.normal(3, 1, 5)
        graph["loop"] = [3, 4, 5]
        values = [x.transpose(1, 2, 0), y, z]
        for op, refs, _ in graph["nodes"]:
            xs = [np.float32(r["n"]) if isinstance(r, dict) else values[r] for r in refs]
            values.append(graphs.FUNCTIONS[op](*xs))
        # Nodes that are smaller than the loop are computed for every element of it all the same.
        found = probe("elementwise", spec=graph, language=language, strides={}, most=32)
        place = found["reads"].index(0)
        found = probe(
            "elementwise", spec=graph, language=language, strides={str(place): [4, 1, 12]}, most=32
        )
        given = {0: x, 1: y, 2: z}
        inputs = [given[i] for i in found["reads"]]
        outputs = [((3, 4, 5), "float32")]
        threads = found["grid"], found["group"]
        kernels.append(job(language, found["body"], *threads, inputs, outputs))
        wanted.append(values[-1])
    for (y,), right in zip(ran(kernels), wanted, strict=True):
        assert agree(y, right, terms=8)
