"""Judges of 14.6: which nodes become one kernel, and why others do not."""

from pathlib import Path

import pytest

from course.cli.project import load_script
from course.grading.marks import exercise

graphs = load_script(Path(__file__).parent / "graphs.py")
n = graphs.n

INPUTS = [[[4, 5], "float32"], [[4, 5], "float32"], [[4, 1], "float32"], [[5], "float32"]]
ROWS = {"axis": -1, "keepdims": True}


def spec(*nodes, outputs=None):
    """A graph over two matrices (0, 1), a column (2) and a row (3); the nodes make 4, 5, ..."""
    nodes = [list(node) if len(node) == 3 else [*node, {}] for node in nodes]
    return {
        "inputs": INPUTS,
        "nodes": nodes,
        "outputs": outputs or [3 + len(nodes)],
    }


CHAIN = spec(("exp", [0]), ("add", [4, 1]), ("multiply", [5, 2]), ("square", [6]))
AROUND = spec(
    ("exp", [0]),
    ("matmul", [4, 4]),
    ("add", [4, n(1.0)]),
    ("subtract", [6, 4]),
)
# Rows: 4 sum, 5 x - sum, 6 square, 7 another sum, 8 a sum along the other axis.
REDUCED = spec(
    ("sum", [0], ROWS),
    ("subtract", [0, 4]),
    ("square", [5]),
    ("sum", [6], ROWS),
    ("sum", [6], {"axis": 0}),
    ("max", [6], {"axis": [0, 1]}),
    ("exp", [4]),
)
# What 4 makes comes back by way of a product, and by way of a column.
BACK = {
    "inputs": [[[4, 4], "float32"]],
    "nodes": [
        ["exp", [0], {}],
        ["matmul", [1, 0], {}],
        ["transpose", [2], {}],
        ["add", [1, 3], {}],
        ["square", [0], {}],
        ["add", [5, 1], {}],
        ["sum", [1], ROWS],
        ["add", [1, 7], {}],
    ],
    "outputs": [4, 6, 8],
}

SQUARE = [[[5, 5], "float32"], *INPUTS[1:]]
AROUND["inputs"] = SQUARE

WHY = {
    "a chain": (CHAIN, [[0], [1]], 24),
    "two and one": (CHAIN, [[0, 1], [2]], 24),
    "a product": (AROUND, [[0], [1]], 24),
    "from a product": (AROUND, [[1], [2]], 24),
    "exactly as many": (CHAIN, [[0, 1], [2]], 6),
    "one too many": (CHAIN, [[0, 1], [2]], 5),
    "read twice counts once": (spec(("add", [0, 0]), ("add", [4, 4])), [[0], [1]], 3),
    "read by two": (spec(("exp", [0]), ("square", [4]), ("add", [4, 5])), [[0, 1], [2]], 5),
    "what a reduction makes": (REDUCED, [[0], [1]], 24),
    "in front of a reduction": (REDUCED, [[1, 2], [3]], 24),
    "an inner group with its end": (REDUCED, [[2, 3], [1]], 24),
    "the first axis": (REDUCED, [[2], [4]], 24),
    "reductions of other axes": (REDUCED, [[2, 3], [5]], 24),
    "everything": (REDUCED, [[1, 2], [5]], 24),
    "behind a reduction, smaller": (REDUCED, [[0], [6]], 24),
    "another shape": (spec(("exp", [2]), ("add", [0, 4])), [[0], [1]], 24),
    "around by others": (BACK, [[0], [3], [1], [2]], 24),
    "around by one": (BACK, [[0], [3], [1, 2]], 24),
    "beside": (BACK, [[0], [5], [4]], 24),
    "around by a reduction": (BACK, [[0], [7], [6]], 24),
}


TOPICS = {
    "kinds": ["a chain", "two and one", "a product", "from a product", "another shape"],
    "arrays": ["read by two", "exactly as many", "one too many", "read twice counts once"],
    "reductions": [
        "what a reduction makes",
        "in front of a reduction",
        "an inner group with its end",
        "the first axis",
        "reductions of other axes",
        "everything",
        "behind a reduction, smaller",
    ],
    "ways_around": ["around by others", "around by one", "beside", "around by a reduction"],
}


@exercise("14.6")
@pytest.mark.parametrize("topic", TOPICS)
def test_why_not(check, topic):
    """The first reason that applies, or none."""
    for case in TOPICS[topic]:
        graph, parts, most = WHY[case]
        check("why_not", spec=graph, parts=parts, most=most)


# Six groups: 0 makes what 1, 2 and 3 read, 4 reads what 2 and 3 make, 5 what 1 and 4 make.
NET = spec(
    ("exp", [0]),
    ("negative", [4]),
    ("matmul", [4, 0]),
    ("square", [4]),
    ("add", [6, 7]),
    ("add", [5, 8]),
    ("sum", [7], ROWS),
)


@exercise("14.6")
@pytest.mark.parametrize("listed", [True, False], ids=["with_the_second", "without_it"])
def test_merged(check, listed):
    """Nodes, axes and needs; the needs of all who come later."""
    square = {**NET, "inputs": SQUARE}
    for parts in (
        [[0], [3], [1], [2], [4], [5], [6]],
        [[0], [1], [2], [3], [4], [5], [6]],
        [[3], [6], [0], [1], [2], [4], [5]],
        [[4], [5], [0], [1], [2], [3], [6]],
        [[1], [5], [0], [2], [3], [4], [6]],
        [[4], [1], [0], [2], [3], [5], [6]],
        [[1], [3], [0], [2], [4], [5], [6]],
        [[3, 6], [1], [0], [2], [4], [5]],
        [[3], [4], [0], [1], [2], [5], [6]],
    ):
        check("merged", spec=square, parts=parts, listed=listed)


def wide(seed, count):
    """A random graph whose shapes are (2, 3) and, behind sums, (2, 1)."""
    return graphs.random_graph(seed, count, repeats=0.0, reductions=0.2, draws=0.1, outputs=3)


def needs_of(graph, groups):
    """For each group the groups that it needs directly."""
    maker = {2 + i: i for i in range(len(graph["nodes"]))}
    place = {i: g for g, nodes in enumerate(groups) for i in nodes}
    return [
        {
            place[maker[r]]
            for i in nodes
            for r in graph["nodes"][i][1]
            if isinstance(r, int) and r in maker
        }
        - {g}
        for g, nodes in enumerate(groups)
    ]


@exercise("14.6")
def test_groups_of_random_graphs(check, probe, draw):
    """All merges; no group waits for itself; the order is one in which all can be computed."""
    for most in (24, 24, 5):
        graph = wide(draw.seed(), 18)
        check("fused", spec=graph, most=most)
        groups = probe("in_order", spec=graph, most=most)["groups"]
        assert sorted(i for group in groups for i in group) == list(range(18))
        for place, needs in enumerate(needs_of(graph, groups)):
            assert all(other < place for other in needs), "a group stands before one that it needs"
