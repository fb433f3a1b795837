"""Judges of the tape: recording, the topological order, the way back, the graph as data."""

import numpy as np
import pytest

from course.grading.compare import agree
from course.grading.marks import exercise


@exercise("3.5")
@pytest.mark.parametrize(
    "case, primitive, parents",
    [
        ("one argument", "exp", ["leaf"]),
        ("a constant on the right", "arctan2", ["leaf", "None"]),
        ("a constant on the left", "arctan2", ["None", "leaf"]),
        ("a number", "subtract", ["leaf", "None"]),
        ("the same twice", "add", ["leaf", "leaf"]),
        ("parameters", "sum", ["leaf"]),
    ],
)
def test_what_a_step_records(probe, draw, case, primitive, parents):
    """The primitive, its arguments one level down, its parameters, its output, its parents."""
    x, c = draw.normal(2, 3), draw.uniform(2, 3, low=1, high=2)
    found = probe("recorded", x=x, c=c, case=case)
    wide = x.astype(np.float64)
    expected = {
        "one argument": (np.exp(wide), [x]),
        "a constant on the right": (np.arctan2(wide, c), [x, c]),
        "a constant on the left": (np.arctan2(c, wide), [c, x]),
        "a number": (wide - 2.5, [x, 2.5]),
        "the same twice": (wide + wide, [x, x]),
        "parameters": (wide.sum(-1, keepdims=True), [x]),
    }
    value, arguments = expected[case]
    assert found["primitive"] == primitive
    assert found["parents"] == parents, f"the parents are {found['parents']}"
    for name in ("value", "output"):
        assert agree(found[name], value), f"the {name} is wrong"
    assert len(found["arguments"]) == len(arguments)
    for mine, wanted in zip(found["arguments"], arguments, strict=True):
        assert np.array_equal(mine, wanted), "an argument is not what the operation was given"
    assert found["kinds"][-1] == ("float" if case == "a number" else "array"), found["kinds"]
    wanted = {"axis": -1, "keepdims": True} if case == "parameters" else {}
    assert found["parameters"] == wanted, f"parameters: {found['parameters']}"
    assert found["arguments that this tape watches"] == 0, "keep arguments one level down"
    assert found["the tape outside recorded"] == primitive, "the tape outside must see the step too"


@exercise("3.5")
def test_a_step_with_several_outputs(probe, draw):
    """A list of watched arrays, that all lead to one step."""
    x = draw.normal(4, 3)
    found = probe("several_outputs", x=x)
    assert np.array_equal(np.concatenate(found["parts"]), x)
    assert found["picked"] == [0, 1]
    assert found["step"] == ["split", "split"] and found["shared"]


@exercise("3.5")
def test_constants_are_not_recorded(probe, draw):
    """Indices, roundings and comparisons come out unwatched; with a second tape outside, too."""
    x = draw.normal(7) + 3 * np.arange(7, dtype=np.float32)
    found = probe("constants", x=x)
    place, floor, sign = found["values"]
    assert int(place) == int(x.argmax()) and np.array_equal(floor, np.floor(x))
    assert np.array_equal(sign, x > 0)
    assert found["watched"] == [False, False, False]
    found = probe("constants_inside", x=x)
    assert np.array_equal(found["value"], np.floor(x)) and found["watched"] == [False, False]


@exercise("3.5")
def test_a_record_does_not_change_later(probe, draw):
    """``c += 1`` after ``c`` was used: the derivative still needs the old value."""
    x, c = draw.normal(3), draw.uniform(3, low=1, high=2)
    found = probe("changed_afterwards", x=x, c=c)
    for mine, wanted in zip(found["kept"], [x, c, x], strict=True):
        assert np.array_equal(mine, wanted), "the record changed with the array it was made from"
    assert agree(found["values"][0], np.arctan2(x, c))
    assert agree(found["values"][1], np.exp(x))


def is_topological(parents, outputs, order):
    """Each node that the outputs come from stands there once, and before all of its parents."""
    reachable, pending = set(), list(outputs)
    while pending:
        node = pending.pop()
        if node not in reachable:
            reachable.add(node)
            pending.extend(p for p in parents[node] if p is not None)
    assert len(order) == len(set(order)), "a node stands in the order twice"
    assert set(order) == reachable, f"{len(order)} nodes, and {len(reachable)} can be reached"
    place = {node: i for i, node in enumerate(order)}
    for node in order:
        for parent in parents[node]:
            assert parent is None or place[node] < place[parent], (
                f"node {node} stands behind its parent {parent}, in {order[:12]}"
            )


SMALL = {
    "one node": ([[]], [0]),
    "a chain": ([[], [0], [1], [2]], [3]),
    "a diamond": ([[], [0], [0], [1, 2]], [3]),
    "a constant": ([[], [0, None], [None, 1]], [2]),
    "twice the same": ([[], [0, 0], [1, 1]], [2]),
    "early and late": ([[], [0], [1], [2], [3, 0], [0, 4]], [5]),
    "late and early": ([[], [0], [1], [2], [0, 3], [4, 0]], [5]),
    "two outputs": ([[], [0], [0], [1]], [2, 3]),
    "an output twice": ([[], [0]], [1, 1]),
    "an output above an output": ([[], [0], [1]], [1, 2]),
    "an output below an output": ([[], [0], [1]], [2, 1]),
    "not everything": ([[], [], [0], [1], [2]], [4]),
}


@exercise("3.6")
@pytest.mark.parametrize("names", [list(SMALL)[:4], list(SMALL)[4:8], list(SMALL)[8:]], ids=str)
def test_order_of_small_graphs(probe, names):
    """Forms that are easy to get wrong; each once more with a node on top."""
    for name in names:
        parents, outputs = SMALL[name]
        larger, starts = [*parents, [len(parents) - 1]], [*outputs, len(parents)]
        for graph in ((parents, outputs), (larger, starts)):
            order = probe("order_of", parents=graph[0], outputs=graph[1])["order"]
            is_topological(*graph, order)


@exercise("3.6")
def test_order_of_random_graphs(probe, draw):
    """Forty nodes with up to three parents each."""
    for _ in range(8):
        parents = []
        for i in range(40):
            count = min(i, int(draw.random.integers(0, 4)))
            parents.append([int(p) for p in draw.random.integers(0, i, count)] if i else [])
        outputs = [int(o) for o in draw.random.integers(20, 40, 3)]
        order = probe("order_of", parents=parents, outputs=outputs)["order"]
        is_topological(parents, outputs, order)


@exercise("3.6")
def test_order_of_a_long_chain(probe):
    """10,000 nodes, ten times as deep as Python lets a function call itself."""
    parents = [[]] + [[i] for i in range(9_999)]
    order = probe("order_of", parents=parents, outputs=[9_999])["order"]
    assert order == list(range(9_999, -1, -1)), f"{len(order)} nodes: {order[:5]}..."


@exercise("3.6")
def test_order_of_many_paths(probe):
    """Sixteen diamonds in a row: 65,536 paths, 17 nodes."""
    parents = [[]] + [[i, i] for i in range(16)]
    order = probe("order_of", parents=parents, outputs=[16])["order"]
    assert order == list(range(16, -1, -1)), f"{len(order)} nodes: {order[:5]}..."


@exercise("3.7")
def test_a_node_used_many_times(probe, draw):
    """sin(a) is added to itself 100 times: 99 steps, and its slope 100 times."""
    x = draw.normal(3)
    found = probe("walk_back", x=x, case="many uses", steps=100)
    gradient = found["gradients"][0]
    assert agree(gradient, 100 * np.cos(x.astype(np.float64)), terms=100), (
        f"the gradient is {gradient / np.cos(x)} times the cosine; it should be 100 times"
    )
    assert found["rules used"] == 99, f"the rule was used {found['rules used']} times, not 99"


@exercise("3.7")
def test_many_paths_are_walked_once(probe, draw):
    """A ladder of 16 steps y + y: 65,536 paths from end to beginning, 16 uses of the rule."""
    found = probe("walk_back", x=draw.normal(3), case="a ladder", steps=16)
    assert np.array_equal(found["gradients"][0], np.full(3, 65_536.0)), found["gradients"]
    assert found["rules used"] == 16, f"the rule was used {found['rules used']} times, not 16"


@exercise("3.7")
def test_a_chain_of_ten_thousand(probe, draw):
    """10,000 steps a + 1: no recursion, and the gradient is 1."""
    found = probe("walk_back", x=draw.normal(2), case="a chain", steps=10_000)
    assert np.array_equal(found["gradients"][0], np.ones(2)), found["gradients"]
    assert found["gradients"][1] is None, "nothing flows back to a leaf that was not used"
    assert found["rules used"] == 10_000


@exercise("3.7")
def test_a_node_used_early_and_late(probe, draw):
    """exp(a + b) + a: the second use must wait until the first has come back."""
    x = draw.normal(4)
    found = probe("walk_back", x=x, case="a shortcut", steps=0)
    slope = np.exp(2 * x.astype(np.float64))
    assert agree(found["gradients"][0], slope + 1), "the gradient of a"
    assert agree(found["gradients"][1], slope), "the gradient of b"
    assert found["entries"] == ["leaf"], "the result holds the leaves and nothing else"


@exercise("3.7")
def test_rules_that_say_none(probe, draw):
    """``None`` for an argument: nothing flows back that way."""
    x = draw.normal(4)
    found = probe("walk_back", x=x, case="one way closed", steps=0)
    expected = 1 + np.cos(x.astype(np.float64))
    assert agree(found["gradients"][0], expected)
    assert found["gradients"][1] is None, "b was used only where the rule says None"


@exercise("3.7")
@pytest.mark.parametrize("case", ["both", "order", "one twice", "a leaf"])
def test_several_outputs(probe, draw, case):
    """Two outputs, one of them an argument of the other; one twice; one that is a leaf itself."""
    x, g = draw.normal(3), draw.normal(3)
    found = probe("several_starts", x=x, g=g, case=case)["gradients"]
    x, g = x.astype(np.float64), g.astype(np.float64)
    h, e = np.cos(g), np.exp(x)
    slope = np.cos(e - x)
    expected = {
        "both": [(g + h * slope) * e, -h * slope],
        "order": [(h + g * slope) * e, -g * slope],
        "one twice": [(g + h) * e, None],
        "a leaf": [g + h * e, None],
    }[case]
    assert agree(found[0], expected[0]), "the gradient of a"
    if expected[1] is None:
        assert found[1] is None, "nothing depends on b"
    else:
        assert agree(found[1], expected[1]), "the gradient of b"


@exercise("3.7")
def test_some_parts_of_a_split(probe, draw):
    """Parts that are not used have cotangents of zero; those that are used come together."""
    x, g = draw.normal(6), draw.normal(2)
    found = probe("parts_of_a_split", x=x, g=g)
    x, g, zero = x.astype(np.float64), g.astype(np.float64), np.zeros(2)
    one = np.concatenate([zero, g * np.exp(x[2:4]), zero])
    two = np.concatenate([-g, zero, g * np.cos(x[4:])])
    assert agree(found["one"], one)
    assert agree(found["two"], two)


@exercise("3.7")
@pytest.mark.parametrize("case", ["cast", "promoted"])
def test_cotangents_in_the_dtype_of_their_array(probe, draw, case):
    """The float32 cotangent of a float16 array comes back in float16."""
    x = draw.normal(3, dtype="float16")
    found = probe("mixed_dtypes", x=x, case=case)
    assert found["dtype"] == "mlx.core.float16", f"the gradient is {found['dtype']}"
    expected = np.exp(x.astype(np.float64)) - (case == "promoted")
    assert agree(found["gradient"], expected, "float16")


def is_drawing(found, expected_vertices, expected_edges):
    """Same vertices and edges, in an order of computation; edges by result, then by argument."""
    vertices, edges = found["vertices"], found["edges"]
    assert sorted(map(str, vertices)) == sorted(map(str, expected_vertices)), f"yours: {vertices}"
    named = [[vertices[a][0], vertices[b][0]] for a, b in edges]
    assert sorted(named) == sorted(expected_edges), f"yours: {named}"
    for a, b in edges:
        assert a < b, f"{vertices[a]} is an argument of {vertices[b]} and stands behind it"
    results = [b for _, b in edges]
    assert results == sorted(results), "edges stand in the order of their results"
    return named


@exercise("3.12")
@pytest.mark.parametrize(
    "case, vertices, edges",
    [
        (
            "a chain",
            [["input", [2, 3]], ["sin", [2, 3]], ["exp", [2, 3]], ["sum", [2]]],
            [["input", "sin"], ["sin", "exp"], ["exp", "sum"]],
        ),
        (
            "a constant",
            [["input", [2, 3]], ["subtract", [2, 3]], ["arctan2", [2, 3]]],
            [["input", "subtract"], ["subtract", "arctan2"]],
        ),
        (
            "a split",
            [["input", [2, 3]], ["split", [2, 1]], ["pick", [2, 1]]],
            [["input", "split"], ["split", "pick"]],
        ),
        (
            "an uneven split",
            [["input", [2, 3]], ["split", [2, 1]], ["pick", [2, 2]]],
            [["input", "split"], ["split", "pick"]],
        ),
        (
            "two results",
            [["input", [2, 3]], ["exp", [2, 3]], ["exp", [2, 3]], ["sin", [2, 3]]],
            [["input", "exp"], ["input", "exp"], ["exp", "sin"]],
        ),
    ],
)
def test_vertices_and_edges(probe, draw, case, vertices, edges):
    """Names, shapes, edges from argument to result; constants are not drawn."""
    is_drawing(probe("graph_of", x=draw.normal(2, 3), case=case, steps=0), vertices, edges)


@exercise("3.12")
def test_edges_in_the_order_of_arguments(probe, draw):
    """First what feeds the first argument; what is used twice has two edges."""
    vertices = [["input", [2, 3]], ["sin", [2, 3]], ["sin", [2, 3]], ["exp", [2, 3]]]
    vertices.append(["add", [2, 3]])
    edges = [["input", "sin"], ["input", "sin"], ["sin", "exp"], ["sin", "add"], ["exp", "add"]]
    found = probe("graph_of", x=draw.normal(2, 3), case="used twice", steps=0)
    named = is_drawing(found, vertices, edges)
    assert named[-2:] == [["sin", "add"], ["exp", "add"]], f"the edges into add: {named[-2:]}"
    vertices = [["input", [2, 3]], ["input", [3, 2]], ["matmul", [2, 2]], ["sum", []]]
    vertices.append(["subtract", [2, 2]])
    edges = [["input", "matmul"], ["input", "matmul"], ["input", "sum"]]
    edges += [["matmul", "subtract"], ["sum", "subtract"]]
    found = probe("graph_of", x=draw.normal(2, 3), case="two inputs", steps=0)
    named = is_drawing(found, vertices, edges)
    assert named[-2:] == [["matmul", "subtract"], ["sum", "subtract"]], f"{named[-2:]}"


@exercise("3.12")
def test_a_ladder(probe, draw):
    """Each step y + y is one vertex with two edges, also at the end of a hundred."""
    found = probe("graph_of", x=draw.normal(2), case="a ladder", steps=100)
    assert len(found["vertices"]) == 101 and len(found["edges"]) == 200
    assert found["edges"] == [[i, i + 1] for i in range(100) for _ in range(2)]
