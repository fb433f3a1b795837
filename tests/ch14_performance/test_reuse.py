"""Judges of 14.9 to 14.11: when a trace can be used again, and memory that is."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from course.cli.project import load_script
from course.grading.marks import exercise

graphs = load_script(Path(__file__).parent / "graphs.py")
n = graphs.n


# 14.9


@exercise("14.9")
def test_which_arguments_share_a_graph(check):
    """Structure, shapes, dtypes and constants count; the numbers in arrays do not."""
    check("keys")


@exercise("14.9")
@pytest.mark.parametrize("kind", ["object", "set", "function"])
def test_what_could_change_unnoticed(check, kind):
    """A leaf of which nothing is known is refused; beside keys that are made."""
    check.raises("strange_argument", "ValueError", match="compile", kind=kind)


@exercise("14.9")
def test_traced_once_for_each_kind(check, draw):
    """New numbers: the same graph. A new shape, dtype or constant: another one."""
    check("called", x=draw.normal(2, 3), wide=draw.normal(2, 5), factor=2.0)


@exercise("14.9")
def test_arrays_by_name(check, draw):
    """They stand behind those by position."""
    check("by_name", x=draw.normal(2, 3), y=draw.normal(2, 3), z=draw.normal(2, 3))


@exercise("14.9")
def test_a_state_that_is_captured(check, draw):
    """Each call begins where the last one ended, also with a new shape."""
    check("with_state", x=draw.normal(3), start=draw.normal(3))


@exercise("14.9")
def test_draws_from_a_captured_state(check, draw):
    """Never the same mask, and the masks of the program without compile."""
    check("with_draws", x=draw.normal(2, 3), seed=draw.seed() % 1000)


@exercise("14.9")
def test_a_gradient_is_compiled_from_outside(check, draw):
    """Under a tape the function is called as it is, whether it watches arguments or state."""
    check("inside_of_gradients", x=draw.normal(4))
    check("watched_state", x=draw.normal(3))
    check("watched_from_outside", x=draw.normal(3))


# 14.10


def sized(*nodes, sizes=(4, 8), outputs=None):
    """A graph over vectors of some sizes; a node is (op, refs) or a tile of a scalar."""
    nodes = [list(node) if len(node) == 3 else [*node, {}] for node in nodes]
    count = len(sizes) + len(nodes)
    inputs = [[[size], "float32"] for size in sizes]
    return {"inputs": inputs, "nodes": nodes, "outputs": outputs or [count - 1]}


def grown(x, size):
    """A node that makes a vector of another size from a scalar."""
    return ("broadcast_to", [x], {"shape": [size]})


def shrunk(x):
    """A node that makes a scalar of a vector."""
    return ("sum", [x], {"axis": 0, "keepdims": True})


LIVES = {
    "a chain": sized(("exp", [0]), ("square", [2]), ("negative", [3])),
    "two readers": sized(("exp", [0]), ("square", [2]), ("add", [3, 2]), ("negative", [4])),
    "an early output": sized(("exp", [0]), ("square", [2]), ("exp", [3]), outputs=[2, 4, 0]),
    "nobody reads": sized(("exp", [0]), ("square", [1]), ("exp", [2]), outputs=[4]),
    "several at once": sized(
        ("split", [1], {"indices_or_sections": 2}), ("exp", [2]), ("exp", [4]), outputs=[5]
    ),
    "large in the middle": sized(
        shrunk(1), grown(2, 64), ("exp", [3]), shrunk(4), grown(5, 16), ("exp", [6]), grown(2, 32)
    ),
    "read twice at once": sized(("exp", [0]), ("multiply", [2, 2]), ("add", [3, 3])),
    "one node": sized(("exp", [1])),
}


def branches(seed, count):
    """A graph of branches of several sizes that come together again."""
    rng = np.random.default_rng(seed)
    sizes = [1, 8, 16, 32, 64]
    nodes, shapes = [], [1, 1]
    for _ in range(count):
        i = int(rng.integers(len(shapes)))
        roll = rng.uniform()
        if shapes[i] == 1 and roll < 0.6:
            size = int(rng.choice(sizes[1:]))
            nodes.append(grown(i, size))
            shapes.append(size)
        elif shapes[i] > 1 and roll < 0.4:
            nodes.append(shrunk(i))
            shapes.append(1)
        else:
            same = [j for j, s in enumerate(shapes) if s == shapes[i]]
            nodes.append(("add", [i, int(rng.choice(same))]))
            shapes.append(shapes[i])
    ends = [len(shapes) - 1, int(rng.integers(2, len(shapes)))]
    return sized(*nodes, sizes=(1, 1), outputs=ends)


@exercise("14.10")
@pytest.mark.parametrize("case", LIVES, ids=lambda case: case.replace(" ", "_"))
def test_how_long_values_live(check, case):
    """First and last node, the peak, the buffers."""
    check("lives", spec=LIVES[case])
    check("peak", spec=LIVES[case])
    check("buffers", spec=LIVES[case])


@exercise("14.10")
@pytest.mark.parametrize("what", ["lifetimes", "buffers"])
def test_one_walk_tells_how_long(probe, what):
    """Four times as many nodes, four times the work."""
    found = probe("growth", what=what, specs=[graphs.chain(40), graphs.chain(160)])
    assert found["left"] == [40, 160], f"{found['left']} of 40 and 160"
    few, many = found["lines"]
    assert many < 5 * few, f"{few} lines of Python for 40 nodes, {many} for 160"


@exercise("14.10")
def test_a_graph_without_nodes(check):
    """It needs nothing; beside one that does."""
    check("peak", spec=sized(outputs=[0]))
    check("peak", spec=LIVES["one node"])


@exercise("14.10")
def test_memory_of_random_graphs(check, probe, draw):
    """The same; and no two values that live at the same time share a buffer."""
    for _ in range(5):
        spec = branches(draw.seed(), 16)
        check("lives", spec=spec)
        check("peak", spec=spec)
        check("buffers", spec=spec)
        lives = {x: (a, b) for x, a, b in probe("lives", spec=spec)["lives"]}
        held = dict(probe("buffers", spec=spec)["held"])
        for x, y in itertools.combinations(lives, 2):
            (a, b), (c, d) = lives[x], lives[y]
            assert held[x] != held[y] or b < c or d < a


# 14.11


def needs_of(spec):
    """For each node those that must come before it; random ones after each other."""
    first, made = len(spec["inputs"]), len(spec["inputs"])
    maker = {}
    for i, (op, _, params) in enumerate(spec["nodes"]):
        for _ in range(params.get("indices_or_sections", 1) if op == "split" else 1):
            maker[made] = i
            made += 1
    needs = [
        {maker[r] for r in refs if isinstance(r, int) and r >= first}
        for _, refs, _ in spec["nodes"]
    ]
    draws = [i for i, node in enumerate(spec["nodes"]) if node[0] == "draw"]
    for a, b in itertools.pairwise(draws):
        needs[b].add(a)
    return needs


def bytes_of(spec):
    """The bytes of what each node makes; for graphs of `branches` and `joined`."""
    sizes = [shape[0] for shape, _ in spec["inputs"]]
    for op, refs, params in spec["nodes"]:
        if op == "draw":
            sizes.append(6)
        else:
            sizes.append(
                params["shape"][0] if "shape" in params else 1 if op == "sum" else sizes[refs[0]]
            )
    return [4 * size for size in sizes]


def peak_of(spec, order):
    """The peak of an order of the nodes."""
    first, size = len(spec["inputs"]), bytes_of(spec)
    last = {v: len(order) for v in spec["outputs"]}
    for place, i in enumerate(order):
        for r in spec["nodes"][i][1]:
            last[r] = max(last.get(r, 0), place)
    alive, most = {}, 0
    for place, i in enumerate(order):
        alive[first + i] = last.get(first + i, place)
        most = max(most, sum(size[v] for v in alive))
        alive = {v: end for v, end in alive.items() if end > place}
    return most


def smallest_peak(spec):
    """The smallest peak of all orders: over sets of nodes that have been computed."""
    first, size, needs = len(spec["inputs"]), bytes_of(spec), needs_of(spec)
    count = len(spec["nodes"])
    readers = {first + i: 0 for i in range(count)}
    for i, (_, refs, _) in enumerate(spec["nodes"]):
        for r in refs:
            if r >= first:
                readers[r] |= 1 << i
    kept = set(spec["outputs"])
    masks = [sum(1 << j for j in n) for n in needs]

    def alive(done):
        return sum(
            size[first + i]
            for i in range(count)
            if done >> i & 1 and (first + i in kept or readers[first + i] & ~done)
        )

    best = {0: 0}
    for _ in range(count):
        after = {}
        for done, most in best.items():
            now = alive(done)
            for i in range(count):
                if not done >> i & 1 and not masks[i] & ~done:
                    peak = max(most, now + size[first + i])
                    key = done | 1 << i
                    after[key] = min(after.get(key, peak), peak)
        best = after
    return best[(1 << count) - 1]


def joined(seed, count=4):
    """Branches that each grow large and end small, computed side by side in the order given."""
    rng = np.random.default_rng(seed)
    nodes, ends = [], []
    sizes = [int(s) for s in rng.choice([16, 32, 64, 128], size=count)]
    for size in sizes:
        nodes.append(grown(0, size))
    for i, size in enumerate(sizes):
        nodes.append(shrunk(1 + i))
        if size > 32 and rng.uniform() < 0.5:
            nodes.append(grown(len(nodes), int(rng.choice([8, 64]))))
            nodes.append(shrunk(len(nodes)))
        ends.append(len(nodes))
    total = ends[0]
    for end in ends[1:]:
        nodes.append(("add", [total, end]))
        total = len(nodes)
    return sized(*nodes, sizes=(1,))


def checked(probe, spec):
    """The order of a graph, and its peak, after everything has been looked at."""
    found = probe("ordered", spec=spec)
    order, needs = found["order"], needs_of(spec)
    assert sorted(order) == list(range(len(spec["nodes"]))), "every node is there once"
    assert found["ends"], "inputs and outputs stay"
    assert found["left_alone"], "the graph that was given stays as it is"
    place = {i: k for k, i in enumerate(order)}
    for i, before in enumerate(needs):
        assert all(place[j] < place[i] for j in before), "a node comes before one that it needs"
    peak = peak_of(spec, order)
    assert peak <= peak_of(spec, range(len(order))), "the peak is above that of the order given"
    return peak


@exercise("14.11")
def test_orders_that_need_little(probe, draw):
    """Branches side by side: on average at most a tenth above the smallest peak."""
    ours = best = given = 0
    for _ in range(8):
        for spec in (joined(draw.seed()), branches(draw.seed(), 11)):
            ours += checked(probe, spec)
            best += smallest_peak(spec)
            given += peak_of(spec, range(len(spec["nodes"])))
    assert given > 1.3 * best  # the order matters in these graphs
    assert ours <= 1.1 * best, f"{ours} bytes in all, {best} would do"


@exercise("14.11")
@pytest.mark.parametrize("seed", [24, 41, 80, 158, 168])
def test_an_order_that_is_good_already(probe, seed):
    """Graphs for which a dozen beginnings, followed side by side, end above the order given."""
    checked(probe, branches(seed, 14))
    checked(probe, joined(seed))


@exercise("14.11")
def test_draws_stay_in_order(probe):
    """Each draws what it drew before."""
    draw = ("draw", [], {})
    nodes = [
        draw,
        draw,
        draw,
        ("exp", [3]),
        ("exp", [2]),
        ("exp", [1]),
        ("add", [4, 5]),
        ("add", [6, 7]),
    ]
    spec = sized(*nodes, sizes=(1,), outputs=[8])
    checked(probe, spec)


@exercise("14.11")
def test_a_large_graph(probe, draw):
    """Some hundred nodes."""
    spec = joined(draw.seed(), count=70)
    peak = checked(probe, spec)
    assert peak < 0.5 * peak_of(spec, range(len(spec["nodes"])))
