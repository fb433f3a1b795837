"""Judges of 14.1 to 14.5: from a function to a graph, what it costs, and smaller graphs."""

from pathlib import Path

import numpy as np
import pytest

from course.cli.project import load_script
from course.grading.marks import exercise

graphs = load_script(Path(__file__).parent / "graphs.py")
n = graphs.n


def flat(*nodes, inputs=2, constants=(), outputs=None, shape=(2, 3), dtype="float32"):
    """A graph of a few nodes."""
    count = inputs + len(constants) + len(nodes)
    return {
        "inputs": [[list(shape), dtype]] * inputs,
        "constants": list(constants),
        "nodes": [list(node) if len(node) == 3 else [*node, {}] for node in nodes],
        "outputs": [count - 1] if outputs is None else outputs,
    }


# 14.1

CASES = ["chain", "parameters", "several", "captured", "itself", "comparison"]


@exercise("14.1")
@pytest.mark.parametrize("case", CASES)
def test_a_graph_does_what_the_function_does(check, draw, case):
    """Traced with some numbers, run with others: what it computes, and how it is written."""
    arrays = {name: draw.normal(4, 4) for name in ("x", "y", "new_x", "new_y")}
    check("traced", case=case, **arrays, terms=4, scale=20.0)


@exercise("14.1")
def test_a_gradient_inside(probe, draw):
    """The tape lies above: what it does is noted as well."""
    arrays = {name: draw.normal(4, 4) for name in ("x", "y", "new_x", "new_y")}
    found = probe("traced", case="gradient", **arrays)
    x, y = arrays["new_x"].astype(np.float64), arrays["new_y"].astype(np.float64)
    assert np.allclose(found["outputs"][0], np.cos(x) * x * y + np.sin(x) * y, atol=1e-4)
    assert found["nodes"] is True
    assert found["where"] is True


@exercise("14.1")
def test_draws_are_noted(check, draw):
    """A draw from the state is a random node; the state stays where it is."""
    check("traced_draws", x=draw.normal(3, 2))


# 14.2


@exercise("14.2")
def test_what_each_node_costs(check):
    """Elementwise, products, reductions, views, casts; numbers and repeated inputs."""
    spec = {
        "inputs": [[[4, 6], "float32"], [[6, 5], "float32"], [[4, 1], "float32"]],
        "constants": [np.ones((4, 6), np.float32)],
        "nodes": [
            ["multiply", [0, 0], {}],
            ["multiply", [4, n(2.0)], {}],
            ["add", [5, 2], {}],
            ["subtract", [6, 3], {}],
            ["matmul", [7, 1], {}],
            ["sum", [8], {"axis": 1}],
            ["transpose", [0], {}],
            ["reshape", [0], {"shape": [24]}],
            ["broadcast_to", [2], {"shape": [4, 6]}],
            ["exp", [12], {}],
            ["mean", [13], {}],
            ["greater", [0, 3], {}],
            ["where", [15, 0, n(0.0)], {}],
            ["split", [0], {"indices_or_sections": 2, "axis": 1}],
            ["astype", [0], {"dtype": "int32"}],
        ],
        "outputs": [8],
    }
    check("costs", spec=spec)


@exercise("14.2")
def test_products_of_many_and_halves(check):
    """A product for each example of a batch; two bytes for each number."""
    spec = {
        "inputs": [[[3, 4, 6], "float32"], [[3, 6, 5], "float32"], [[7, 2], "float16"]],
        "nodes": [["matmul", [0, 1], {}], ["add", [2, 2], {}], ["max", [3], {"axis": 0}]],
        "outputs": [3],
    }
    check("costs", spec=spec)


@exercise("14.2")
def test_time_is_measured_when_work_is_done(probe):
    """The first call does not count, every other is evaluated, the middle one is told."""
    later = [3.0, 1.0, 2.5, 9.0, 2.0]
    found = probe("timed", first=100.0, later=later, repeats=5)
    assert found["seconds"] == 2.5
    assert found["log"] == ["call", "evaluate"] + ["clock", "call", "evaluate", "clock"] * 5
    assert probe("timed", first=7.0, later=[4.0], repeats=1)["seconds"] == 4.0


@exercise("14.2")
def test_the_peak_of_a_function_alone(probe):
    """Not what ran before, nor what is held, nor what is kept for later."""
    found = probe("peaked", large=2_000_000, small=50_000, kept=1_000_000)
    assert found["order"] == ["call", "evaluate"]
    assert found["enough"], "less than the result takes"
    assert found["mine"], "more than this function can need"


@exercise("14.2")
def test_the_peak_of_nothing(probe):
    """What is there already takes no memory; beside something that takes some."""
    assert probe("peak_of_nothing")["peak"] == 0
    assert probe("peaked", large=10, small=50_000, kept=1_000_000)["enough"]


# 14.3


@exercise("14.3")
def test_what_nobody_needs(check):
    """A dead chain, a dead end of a live value, an unused output of several, a draw."""
    spec = flat(
        ("exp", [0]),
        ("negative", [2]),  # dead, and so is what only it reads
        ("add", [0, 1]),
        ("square", [4]),  # dead
        ("draw", []),
        ("negative", [6]),  # dead; the draw stays
        ("split", [4], {"indices_or_sections": 3, "axis": 1}),
        ("exp", [9]),
        outputs=[11, 1],
    )
    check("without_dead_code", spec=spec)


@exercise("14.3")
def test_what_a_draw_needs(check):
    """A draw stays that nobody reads, and so does what it reads."""
    nodes = [("exp", [0]), ("square", [0]), ("draw_near", [2])]
    check("without_dead_code", spec=flat(*nodes, outputs=[0]))


@exercise("14.3")
def test_nothing_is_needed(check):
    """An output that is an input; and everything is needed."""
    check("without_dead_code", spec=flat(("exp", [0]), ("exp", [2]), outputs=[1]))
    check("without_dead_code", spec=flat(("exp", [0]), ("add", [2, 2]), outputs=[3, 3]))
    check("without_dead_code", spec=flat(("exp", [0]), ("add", [2, n(1)]), outputs=[3, 2]))


@exercise("14.3")
def test_dead_code_of_random_graphs(check, draw, probe):
    """The nodes that are left, and what they compute."""
    for _ in range(6):
        spec = graphs.random_graph(draw.seed(), 14, repeats=0.0, draws=0.1)
        check("without_dead_code", spec=spec)
    spec = graphs.random_graph(draw.seed(), 14, repeats=0.1)
    inputs = [draw.normal(2, 3), draw.normal(2, 3)]
    found = probe("without_dead_code", spec=spec)["graph"]
    before = graphs.computed(graphs.plainly(spec), inputs)
    assert graphs.same_bits(graphs.computed(found, inputs), before)


@exercise("14.3")
@pytest.mark.parametrize("needed", [True, False])
def test_dead_code_in_one_walk(probe, needed):
    """Four times as many nodes, four times the work."""
    grows_with_the_graph(probe, "dead_code", needed)


def grows_with_the_graph(probe, what, needed=True):
    """A chain of nodes, and one that is four times as long."""
    specs = [graphs.chain(count, needed) for count in (40, 160)]
    found = probe("growth", what=what, specs=specs)
    assert found["left"] == ([40, 160] if needed else [1, 1]), f"{found['left']} nodes are left"
    few, many = found["lines"]
    assert many < 5 * few, f"{few} lines of Python for 40 nodes, {many} for 160"


# 14.4


@exercise("14.4")
def test_what_is_computed_twice(check):
    """Whole expressions, step by step; the order of arguments counts."""
    spec = flat(
        ("subtract", [0, 1]),
        ("subtract", [0, 1]),
        ("exp", [2]),
        ("exp", [3]),
        ("subtract", [1, 0]),
        ("add", [4, 5]),
        ("add", [7, 6]),
        outputs=[8, 5, 4],
    )
    check("without_repeats", spec=spec)


@exercise("14.4")
def test_repeats_in_one_walk(probe):
    """Four times as many nodes, four times the work."""
    grows_with_the_graph(probe, "repeats")


@exercise("14.4")
def test_what_only_looks_the_same(check):
    """Other parameters, other kinds of numbers, two zeros, something unknown."""
    check(
        "without_repeats",
        spec=flat(
            ("sum", [0], {"axis": 0}),
            ("sum", [0], {"axis": 1}),
            ("sum", [0], {"axis": 0}),
            ("sum", [0], {"opaque": True}),
            ("sum", [0], {"opaque": True}),
            outputs=[2, 3, 4, 5, 6],
        ),
    )
    check(
        "without_repeats",
        spec=flat(
            ("multiply", [0, n(1)]),
            ("multiply", [0, n(1.0)]),
            ("multiply", [0, n(True)]),
            ("divide", [0, n(0.0)]),
            ("divide", [0, n(-0.0)]),
            ("divide", [0, n(0.0)]),
            outputs=[2, 3, 4, 5, 6, 7],
        ),
    )


@exercise("14.4")
def test_inputs_of_which_nothing_is_known(check):
    """They are left alone, also where everything else is the same."""
    unknown = {"opaque": True}
    nodes = [("multiply", [0, unknown]), ("multiply", [0, unknown]), ("exp", [0]), ("exp", [0])]
    check("without_repeats", spec=flat(*nodes, outputs=[2, 3, 5]))


@exercise("14.4")
def test_two_draws_are_two(check):
    """A draw is never the same as another; what is computed of them neither."""
    spec = flat(
        ("draw", []), ("draw", []), ("exp", [2]), ("exp", [3]), ("exp", [2]), outputs=[4, 5, 6]
    )
    check("without_repeats", spec=spec)


@exercise("14.4")
def test_several_outputs(check):
    """All outputs of a repeat become those of the first."""
    cut = {"indices_or_sections": 3, "axis": 1}
    spec = flat(("split", [0], cut), ("split", [0], cut), ("add", [3, 7]), outputs=[8, 5])
    check("without_repeats", spec=spec)


@exercise("14.4")
def test_repeats_in_random_graphs(check, draw, probe):
    """Each of them once, and the same numbers to the bit."""
    for _ in range(6):
        spec = graphs.random_graph(draw.seed(), 16, repeats=0.4, draws=0.1, reductions=0.1)
        check("without_repeats", spec=spec)
    spec = graphs.random_graph(draw.seed(), 16, repeats=0.4, constants=1)
    inputs, kept = [draw.normal(2, 3), draw.normal(2, 3)], spec["constants"]
    found = probe("without_repeats", spec=spec)["graph"]
    before = graphs.computed(graphs.plainly(spec), inputs, kept)
    assert graphs.same_bits(graphs.computed(found, inputs, kept), before)


# 14.5


@exercise("14.5")
def test_constants_are_computed(check, draw):
    """Chains of them; numbers count as known; several outputs; a draw is not."""
    spec = flat(
        ("exp", [1]),
        ("multiply", [2, n(3.0)]),
        ("add", [0, 3]),
        ("draw", []),
        ("add", [5, 1]),
        ("split", [1], {"indices_or_sections": 3, "axis": 1}),
        ("multiply", [4, 8]),
        inputs=1,
        constants=[draw.uniform(2, 3)],
        outputs=[10, 6, 3],
    )
    check("folded", spec=spec)


@exercise("14.5")
def test_numbers_alone_are_known(check):
    """A node that reads no array at all."""
    check("folded", spec=flat(("add", [n(1.0), n(2.0)]), ("multiply", [0, 2]), inputs=2))


@exercise("14.5")
def test_a_large_constant_is_not_kept(check):
    """One MiB is, one row more is not."""
    row = np.arange(512, dtype=np.float32)[None]
    for rows in (512, 513):
        spec = flat(
            ("broadcast_to", [1], {"shape": [rows, 512]}),
            ("add", [2, 0]),
            inputs=1,
            constants=[row],
            shape=(1, 512),
        )
        check("folded", spec=spec)


SAME = {
    "x * 1": [("multiply", [0, n(1)])],
    "1 * x": [("multiply", [n(1.0), 0])],
    "x * 2": [("multiply", [0, n(2)])],
    "x * y": [("multiply", [0, 1])],
    "x / 1": [("divide", [0, n(1.0)])],
    "1 / x": [("divide", [n(1.0), 0])],
    "x - 0": [("subtract", [0, n(0.0)])],
    "x - -0": [("subtract", [0, n(-0.0)])],
    "0 - x": [("subtract", [n(0.0), 0])],
    "x + 0": [("add", [0, n(0.0)])],
    "x + -0": [("add", [0, n(-0.0)])],
    "-0 + x": [("add", [n(-0.0), 0])],
    "0 + x": [("add", [n(0), 0])],
    "x * 0": [("multiply", [0, n(0.0)])],
    "x - x": [("subtract", [0, 0])],
    "x / x": [("divide", [0, 0])],
    "--x": [("negative", [0]), ("negative", [2])],
    "-x": [("negative", [0])],
    "-exp(x)": [("exp", [0]), ("negative", [2])],
    "cast to its own": [("astype", [0], {"dtype": "float32"})],
    "cast to another": [("astype", [0], {"dtype": "int32"})],
    "reshape to its own": [("reshape", [0], {"shape": [2, 3]})],
    "reshape to another": [("reshape", [0], {"shape": [3, 2]})],
    "broadcast to its own": [("broadcast_to", [0], {"shape": [2, 3]})],
    "broadcast to another": [("broadcast_to", [0], {"shape": [4, 2, 3]})],
    "transposed": [("transpose", [0], {})],
    "transposed twice": [("transpose", [0], {}), ("transpose", [2], {"axes": [1, 0]})],
    "transposed twice, from behind": [
        ("transpose", [0], {"axes": [-1, 0]}),
        ("transpose", [2], {}),
    ],
    "exp twice": [("exp", [0]), ("exp", [2])],
}


@exercise("14.5")
def test_what_is_there_anyway(check):
    """Exactly what no bit of any number contradicts."""
    for nodes in SAME.values():
        check("same_value", spec=flat(*nodes))


@exercise("14.5")
def test_shape_and_dtype_stay(check):
    """Integers times 1.0 are floats, and 1 times a scalar of another shape is larger."""
    check("same_value", spec=flat(("multiply", [0, n(1)]), dtype="int32"))
    check("same_value", spec=flat(("multiply", [0, n(1.0)]), dtype="float16"))
    check("same_value", spec=flat(("divide", [0, n(1)]), dtype="int32"))


@exercise("14.5")
def test_transpositions_of_three_axes(check):
    """One that undoes the other, and one that turns further."""
    for order in ([2, 0, 1], [1, 2, 0], [0, 1, 2], [-1, -3, -2]):
        nodes = [("transpose", [0], {"axes": [1, 2, 0]}), ("transpose", [2], {"axes": order})]
        check("same_value", spec=flat(*nodes, shape=(2, 2, 2)))
    check("same_value", spec=flat(("multiply", [0, n(1)]), shape=()))


SPECIAL = np.array([[0.0, -0.0, np.inf], [-np.inf, np.nan, 1e-42]], np.float32)


@exercise("14.5")
def test_no_bit_changes(probe, draw):
    """Every rule on zeros of both signs, infinities, nan and the smallest numbers."""
    for name, nodes in SAME.items():
        spec = flat(*nodes)
        if not {op for op, *_ in nodes} <= graphs.FUNCTIONS.keys():
            continue
        inputs = [SPECIAL, draw.normal(2, 3)]
        found = probe("simplified", spec=spec)["graph"]
        before = graphs.computed(graphs.plainly(spec), inputs)
        assert graphs.same_bits(graphs.computed(found, inputs), before), name
