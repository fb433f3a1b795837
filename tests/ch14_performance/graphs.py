"""Graphs as plain data, for the judges of chapter 14: made at random, and computed by NumPy."""

import numpy as np

UNARY = ["exp", "negative", "square", "abs"]
BINARY = ["add", "subtract", "multiply", "maximum"]
INPUT = [[2, 3], "float32"]


def n(number):
    """A number of Python in a graph."""
    return {"n": number}


def random_graph(seed, count, repeats=0.3, constants=0, draws=0.0, reductions=0.0, outputs=2):
    """A graph of ``count`` nodes over arrays of the shape (2, 3), and of (2, 1) behind reductions.

    Args:
        seed: what it follows from.
        count: how many nodes.
        repeats: how often a node is one that there was already.
        constants: how many constants there are.
        draws: how often a node is a draw.
        reductions: how often a node is a sum along the last axis.
        outputs: how many outputs.
    """
    rng = np.random.default_rng(seed)
    kept = [rng.uniform(-1, 1, (2, 3)).astype(np.float32) for _ in range(constants)]
    values = 2 + constants
    nodes = []
    for _ in range(count):
        roll = rng.uniform()
        if nodes and roll < repeats:
            nodes.append(nodes[rng.integers(len(nodes))])
        elif roll < repeats + draws:
            nodes.append(["draw", [], {}])
        elif roll < repeats + draws + reductions:
            x = int(rng.integers(values))
            nodes.append(["sum", [x], {"axis": -1, "keepdims": True}])
        elif rng.uniform() < 0.4:
            nodes.append([str(rng.choice(UNARY)), [int(rng.integers(values))], {}])
        else:
            a, b = (int(v) for v in rng.integers(values, size=2))
            other = n(float(rng.integers(1, 4))) if rng.uniform() < 0.3 else b
            nodes.append([str(rng.choice(BINARY)), [a, other], {}])
        values += 1
    ends = [values - 1, *(int(v) for v in rng.integers(values, size=outputs - 1))]
    return {"inputs": [INPUT, INPUT], "constants": kept, "nodes": nodes, "outputs": ends}


def chain(count, needed=True):
    """Nodes that each read the one before; all that is needed, or the first alone."""
    nodes = [["exp" if i % 2 else "negative", [i], {}] for i in range(count)]
    return {"inputs": [INPUT], "nodes": nodes, "outputs": [count if needed else 1]}


FUNCTIONS = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "exp": np.exp,
    "negative": np.negative,
    "square": np.square,
    "abs": np.abs,
    "sum": lambda x: x.sum(axis=-1, keepdims=True),
}


def computed(graph, inputs, constants=()):
    """The outputs of a described graph, of its nodes by what they read and make."""
    known = dict(enumerate([*inputs, *constants]))
    known.update({int(k): v for k, v in graph.get("constants", {}).items()})
    with np.errstate(all="ignore"):
        for place, (op, refs, made) in enumerate(graph["nodes"]):
            xs = [np.float32(r["n"]) if isinstance(r, dict) else known[r] for r in refs]
            y = np.full((2, 3), place, np.float32) if op == "draw" else FUNCTIONS[op](*xs)
            known[made[0]] = np.asarray(y, np.float32)
    return [known[y] for y in graph["outputs"]]


def plainly(spec):
    """A graph as a probe describes it."""
    first = len(spec["inputs"]) + len(spec["constants"])
    nodes = [[op, refs, [first + i]] for i, (op, refs, _) in enumerate(spec["nodes"])]
    return {"nodes": nodes, "outputs": spec["outputs"]}


def same_bits(a, b):
    """Whether lists of arrays have the same bits; all nan count as one."""
    return all(
        x.shape == y.shape
        and np.array_equal(x, y, equal_nan=True)
        and np.array_equal(np.signbit(x) & ~np.isnan(x), np.signbit(y) & ~np.isnan(y))
        for x, y in zip(a, b, strict=True)
    )
