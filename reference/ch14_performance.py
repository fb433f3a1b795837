"""Answers for chapter 14: what passes must do, written for graphs as plain data.

A graph is ``{"inputs": [[shape, dtype], ...], "constants": [...], "nodes": [[op, refs, params],
...], "outputs": [...]}``; values are numbered: inputs, constants, then what the nodes make. A
reference to a value is its number, a number of Python is ``{"n": number}``.
"""

import math

import numpy as np

from reference.ch14_kernels import (  # noqa: F401
    calibrated,
    coded,
    column_scales,
    error_bound,
    packed,
    quantized_product,
    rms_norm,
    rms_norm_pull,
)
from reference.ch14_rounding import fake, fake_halves, grid_of, halves, looking, ranged  # noqa: F401
from reference.kit import in_numpy, torch

VIEWS = ("reshape", "transpose", "broadcast_to")
REDUCTIONS = ("sum", "mean", "max", "min")
ARITHMETIC = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "negative": np.negative,
    "square": np.square,
    "exp": np.exp,
    "abs": np.abs,
    "maximum": np.maximum,
    "sqrt": np.sqrt,
}
ELEMENTWISE = (*ARITHMETIC, "astype", "where", "greater")


def outputs_of(op, params):
    """How many outputs a node has."""
    return params.get("indices_or_sections", 1) if op == "split" else 1


def axes_of(params, count):
    """The axes of a reduction."""
    axis = params.get("axis")
    if axis is None:
        return tuple(range(count))
    return tuple(a % count for a in (axis if isinstance(axis, list) else [axis]))


DRAWS = ("draw", "draw_near")


def made_by(op, xs, params):
    """What an operation returns, as a list."""
    if op in ARITHMETIC:
        return [ARITHMETIC[op](*xs)]
    if op in REDUCTIONS:
        axis = axes_of(params, xs[0].ndim)
        return [getattr(np, op)(xs[0], axis=axis, keepdims=params.get("keepdims", False))]
    if op == "split":
        return np.split(xs[0], params["indices_or_sections"], axis=params.get("axis", 0))
    if op == "matmul":
        return [xs[0] @ xs[1]]
    if op == "transpose":
        return [np.transpose(xs[0], params.get("axes"))]
    if op == "reshape":
        return [np.reshape(xs[0], params["shape"])]
    if op == "broadcast_to":
        return [np.broadcast_to(xs[0], params["shape"])]
    if op == "astype":
        return [xs[0].astype(params["dtype"])]
    if op == "greater":
        return [xs[0] > xs[1]]
    if op == "where":
        return [np.where(*xs)]
    if op == "draw":
        return [np.zeros((2, 3))]
    if op == "draw_near":
        return [xs[0] + 1]
    raise ValueError(op)


class Spec:
    """A graph as plain data, with everything that follows from it.

    ``lives`` are the outputs of each node; ``shapes`` and ``kinds`` those of each value.
    """

    def __init__(self, spec):
        self.spec, self.nodes, self.outputs = spec, spec["nodes"], spec["outputs"]
        self.inputs = len(spec["inputs"])
        self.constants = list(spec.get("constants", []))
        self.known = {self.inputs + i: c for i, c in enumerate(self.constants)}
        count = self.inputs + len(self.constants)
        self.made = []
        for op, _, params in self.nodes:
            self.made.append(list(range(count, count + outputs_of(op, params))))
            count += len(self.made[-1])
        self.count = count
        values = [np.ones(s, "float32" if d == "float16" else d) for s, d in spec["inputs"]]
        values += [np.asarray(c, "float32") for c in self.constants]
        sizes = [2 if d == "float16" else v.itemsize for (_, d), v in zip(spec["inputs"], values)]
        sizes += [v.itemsize for v in values[len(sizes) :]]
        with np.errstate(all="ignore"):
            for op, refs, params in self.nodes:
                found = made_by(op, [self.look(r, values) for r in refs], params)
                for y in found:
                    y = np.asarray(y)
                    y = y.astype("float32") if y.dtype == np.float64 else y
                    half = any(sizes[r] == 2 for r in refs if isinstance(r, int))
                    values.append(y)
                    sizes.append(2 if half and op != "astype" else y.itemsize)
        self.shapes = [v.shape for v in values]
        self.bytes = [v.size * n for v, n in zip(values, sizes)]
        self.sizes = [v.size for v in values]
        self.kinds = ["float16" if n == 2 else v.dtype.name for v, n in zip(values, sizes)]

    @staticmethod
    def look(ref, values):
        return ref.get("n", 1.0) if isinstance(ref, dict) else values[ref]

    def described(self, kept, outputs, instead=None, constants=None):
        """A graph after a pass: the nodes that are kept, with other values in some places."""
        instead = instead or {}

        def at(ref):
            return instead.get(ref, ref) if isinstance(ref, int) else ref

        nodes = [[self.nodes[i][0], [at(r) for r in self.nodes[i][1]], self.made[i]] for i in kept]
        return {
            "graph": {
                "inputs": list(range(self.inputs)),
                "nodes": nodes,
                "outputs": [at(y) for y in outputs],
                "constants": constants or {},
            },
            "left_alone": True,
        }


# 14.1 and 14.2: a graph, and what it costs

INPUT, SECOND = 0, 1


def float_kind(*shape):
    return [list(shape), "mlx.core.float32"]


@in_numpy
def traced(case, x, y, new_x, new_y):
    x, y, c = new_x, new_y, np.array([[1.0, -2.0, 3.0, 0.5]])
    n = {"n": 2}
    if case == "chain":
        nodes = [
            ["exp", [0], [2]],
            ["multiply", [2, n], [3]],
            ["subtract", [3, 1], [4]],
            ["subtract", [{"n": 1}, 0], [5]],
            ["divide", [4, 5], [6]],
        ]
        out = [(np.exp(x) * 2 - y) / (1 - x)]
        kinds = [float_kind(4, 4)] * 5
    elif case == "parameters":
        nodes = [["sum", [0], [2]], ["transpose", [1], [3]], ["add", [2, 3], [4]]]
        out = [x.sum(0, keepdims=True) + y.T]
        kinds = [float_kind(1, 4), float_kind(4, 4), float_kind(4, 4)]
    elif case == "several":
        nodes = [
            ["split", [0], [2, 3]],
            ["slice", [1], [4]],
            ["multiply", [3, 4], [5]],
            ["split", [1], [6, 7]],
        ]
        out = [x[:, 2:] * y[:, :2], y[:2]]
        kinds = [float_kind(4, 2)] * 4 + [float_kind(2, 4)] * 2
    elif case == "captured":
        nodes = [["add", [0, 2], [3]], ["multiply", [3, 2], [4]], ["subtract", [4, 1], [5]]]
        out = [(x + c) * c - y]
        kinds = [float_kind(4, 4)] * 3
    elif case == "itself":
        nodes, out, kinds = [["multiply", [0, 1], [2]]], [y, x * y, x], [float_kind(4, 4)]
    elif case == "comparison":
        nodes = [["greater", [0, 1], [2]], ["where", [2, 0, {"n": 0.0}], [3]]]
        out = [np.where(x > y, x, 0)]
        kinds = [[[4, 4], "mlx.core.bool"], float_kind(4, 4)]
    many = [len(made) > 1 for _, _, made in nodes]
    return {"outputs": out, "nodes": nodes, "kinds": kinds, "where": True, "many": many}


@in_numpy
def traced_draws(x):
    return {"random": [True, False], "reads": [True, True], "still": True, "one": True}


@in_numpy
def costs(spec):
    graph = Spec(spec)
    moved, work = [], []
    for (op, refs, _), made in zip(graph.nodes, graph.made):
        values = {r for r in refs if isinstance(r, int)}
        moved.append(0 if op in VIEWS else sum(graph.bytes[v] for v in values | set(made)))
        size = graph.sizes[made[0]]
        if op == "matmul":
            work.append(2 * size * graph.shapes[refs[0]][-1])
        elif op in REDUCTIONS:
            work.append(graph.sizes[refs[0]])
        else:
            work.append(size if op in ELEMENTWISE and op != "astype" else 0)
    return {"bytes": moved, "flops": work}


# 14.3 to 14.5: passes


def needed_values(graph):
    """By a search from the outputs."""
    maker = {v: i for i, made in enumerate(graph.made) for v in made}
    todo = [maker[v] for v in graph.outputs if v in maker]
    todo += [i for i, node in enumerate(graph.nodes) if node[0] in DRAWS]
    found = set()
    while todo:
        i = todo.pop()
        if i not in found:
            found.add(i)
            todo += [maker[r] for r in graph.nodes[i][1] if isinstance(r, int) and r in maker]
    return found


@in_numpy
def without_dead_code(spec):
    graph = Spec(spec)
    return graph.described(sorted(needed_values(graph)), graph.outputs)


def text_of(x):
    """A number or a parameter as a text that tells apart what is different."""
    if isinstance(x, dict) and set(x) == {"n"}:
        return f"{type(x['n']).__name__} {x['n']!r}"
    return repr(x)


@in_numpy
def without_repeats(spec):
    """Each value gets a text that says how it is computed; equal texts are equal values."""
    graph = Spec(spec)
    texts = {i: f"v{i}" for i in range(graph.inputs + len(graph.constants))}
    first, instead, kept = {}, {}, []
    for i, ((op, refs, params), made) in enumerate(zip(graph.nodes, graph.made)):
        parts = [texts[r] if isinstance(r, int) else text_of(r) for r in refs]
        text = f"{op}({', '.join(parts)}; {sorted(params.items())!r})"
        unknown = any(isinstance(r, dict) and "opaque" in r for r in refs)
        if op in DRAWS or params.get("opaque") or unknown:
            text = f"{text} number {i}"
        if text in first:
            instead.update(zip(made, first[text]))
        else:
            first[text] = made
            kept.append(i)
        texts.update({v: f"{text}[{k}]" for k, v in enumerate(made)})
    return graph.described(kept, graph.outputs, instead)


@in_numpy
def folded(spec):
    graph = Spec(spec)
    known = {k: np.asarray(c, np.float32) for k, c in graph.known.items()}
    kept, computed = [], {}
    for i, ((op, refs, params), made) in enumerate(zip(graph.nodes, graph.made)):
        values = [r for r in refs if isinstance(r, int)]
        large = sum(graph.bytes[v] for v in made) > 1 << 20
        if op in DRAWS or large or not all(v in known for v in values):
            kept.append(i)
            continue
        found = made_by(op, [r["n"] if isinstance(r, dict) else known[r] for r in refs], params)
        known.update({v: np.asarray(y, np.float32) for v, y in zip(made, found)})
        computed.update({v: known[v] for v in made})
    # New values are numbered in the order in which they are met: by nodes, then by outputs.
    instead, constants = {}, {}
    met = [r for i in kept for r in graph.nodes[i][1]] + list(graph.outputs)
    for v in met:
        if isinstance(v, int) and v in computed and v not in instead:
            instead[v] = graph.count + len(instead)
            constants[str(instead[v])] = computed[v]
    return graph.described(kept, graph.outputs, instead, constants)


def plus_zero(ref):
    return isinstance(ref, dict) and ref["n"] == 0 and math.copysign(1, ref["n"]) > 0


def minus_zero(ref):
    return isinstance(ref, dict) and ref["n"] == 0 and math.copysign(1, ref["n"]) < 0


def one(ref):
    return isinstance(ref, dict) and ref["n"] == 1


def same_as(graph, i, instead):
    """The value that the output of node ``i`` is anyway."""
    op, refs, params = graph.nodes[i]
    refs = [instead.get(r, r) if isinstance(r, int) else r for r in refs]
    made = {v: j for j, values in enumerate(graph.made) for v in values}
    found = None
    if op == "multiply":
        found = refs[0] if one(refs[1]) else refs[1] if one(refs[0]) else None
    elif (op == "divide" and one(refs[1])) or (op == "subtract" and plus_zero(refs[1])):
        found = refs[0]
    elif op == "add":
        found = refs[0] if minus_zero(refs[1]) else refs[1] if minus_zero(refs[0]) else None
    elif op in ("astype", "reshape", "broadcast_to"):
        found = refs[0]
    elif op in ("negative", "transpose") and refs[0] in made:
        j = made[refs[0]]
        inner = graph.nodes[j]
        if inner[0] == op:
            source = inner[1][0]
            source = instead.get(source, source)
            if op == "negative":
                found = source
            else:
                labels = np.arange(math.prod(graph.shapes[source])).reshape(graph.shapes[source])
                twice = labels.transpose(inner[2].get("axes")).transpose(params.get("axes"))
                same = twice.shape == labels.shape and (twice == labels).all()
                found = source if same else None
    output = graph.made[i][0]
    if not isinstance(found, int) or graph.shapes[found] != graph.shapes[output]:
        return None
    return found if graph.kinds[found] == graph.kinds[output] else None


@in_numpy
def same_value(spec):
    graph = Spec(spec)
    return {"same": same_as(graph, len(graph.nodes) - 1, {}), "nodes": len(graph.nodes)}


# 14.6: groups


class Fusion:
    """Groups of nodes, with everything computed anew whenever it is asked for."""

    def __init__(self, spec):
        self.graph = Spec(spec)
        self.maker = {v: i for i, made in enumerate(self.graph.made) for v in made}

    def reads_of(self, i):
        return [r for r in self.graph.nodes[i][1] if isinstance(r, int)]

    def loop(self, i):
        """What a node loops over, and how many axes it reduces."""
        op, refs, params = self.graph.nodes[i]
        if op in ELEMENTWISE or op == "broadcast_to":
            return self.graph.shapes[self.graph.made[i][0]], 0
        if op in REDUCTIONS:
            shape = self.graph.shapes[refs[0]]
            axes = sorted(axes_of(params, len(shape)))
            if axes and axes == list(range(len(shape) - len(axes), len(shape))):
                return shape, len(axes)
        return None, 0

    def needs(self, groups):
        """For each group the groups that it needs, also by way of others."""
        group_of = {i: g for g, nodes in enumerate(groups) for i in nodes}
        direct = [
            {group_of[self.maker[r]] for i in nodes for r in self.reads_of(i) if r in self.maker}
            - {g}
            for g, nodes in enumerate(groups)
        ]
        closed = [set(d) for d in direct]
        for _ in groups:
            for g in range(len(groups)):
                for other in list(closed[g]):
                    closed[g] |= closed[other]
        return closed

    def reads(self, nodes):
        made = {v for i in nodes for v in self.graph.made[i]}
        return {r for i in nodes for r in self.reads_of(i)} - made

    def reason(self, groups, a, b, most):
        loops = [[self.loop(i) for i in groups[g]] for g in (a, b)]
        shapes = [loop[0][0] for loop in loops]
        axes = [max(n for _, n in loop) for loop in loops]
        if None in shapes:
            return "KIND"
        ends = {v for i in groups[a] if self.loop(i)[1] for v in self.graph.made[i]}
        if ends & self.reads(groups[b]) or (axes[0] and axes[1] not in (0, axes[0])):
            return "REDUCTION"
        if shapes[0] != shapes[1]:
            return "SHAPE"
        needs = self.needs(groups)
        if any(a in needs[c] for c in needs[b] if c != a):
            return "CYCLE"
        both = [*groups[a], *groups[b]]
        made = {v for i in both for v in self.graph.made[i]}
        return "ARRAYS" if len(made | self.reads(both)) > most else None


def complete(spec, parts):
    """Groups of some nodes, and each of the others on its own."""
    return [*parts, *([i] for i in range(len(spec["nodes"])) if not any(i in p for p in parts))]


@in_numpy
def why_not(spec, parts, most):
    parts = complete(spec, parts)
    reason = Fusion(spec).reason(parts, 0, 1, most) or "merge"
    number = 1 + ["merge", "KIND", "REDUCTION", "SHAPE", "CYCLE", "ARRAYS"].index(reason)
    return {"reason": reason, "number": number, "left_alone": True}


@in_numpy
def merged(spec, parts, listed):
    fusion, parts = Fusion(spec), complete(spec, parts)
    first, second, *others = parts
    # What needs one of the two needs the whole; the numbers are those of the old groups.
    needs = fusion.needs([[*first, *second], *others])
    back = [0, *range(2, len(parts))]
    return {
        "nodes": [*first, *second],
        "axes": max(fusion.loop(i)[1] for i in [*first, *second]),
        "needs": [sorted(back[g] for g in n) for n in needs],
        "taken": list(second),
        "own": list(first),
    }


@in_numpy
def fused(spec, most):
    fusion = Fusion(spec)
    groups, refused = [], []
    for i in range(len(fusion.graph.nodes)):
        groups.append([i])
        makers = [fusion.maker[r] for r in fusion.reads_of(i) if r in fusion.maker]
        for maker in dict.fromkeys(makers):
            a = next(g for g, nodes in enumerate(groups) if maker in nodes)
            b = next(g for g, nodes in enumerate(groups) if i in nodes)
            if a == b:
                continue
            reason = fusion.reason(groups, a, b, most)
            if reason is None:
                groups[a] += groups.pop(b)
            else:
                refused.append([maker, i, reason])
    return {"groups": sorted(sorted(group) for group in groups), "refused": refused}


# 14.7 and 14.8: the judges compile and run; here is what has one answer


@in_numpy
def keys():
    classes = [0, 0, 0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, *range(14, 27)]
    return {"classes": classes, "arrays": [0, 1, 2, 3, 4]}


@in_numpy
def called(x, wide, factor):
    found = []
    for a, k in [(x, 2), (x + 1, 2), (wide, 2), (x, 3), (x, factor), (wide + 1, 2), (x, 3), (x, 2)]:
        found += [a * k, a + a]
    kinds = ["dict", "tuple", "None", x.shape[0], "s"]
    return {
        "counts": [1, 1, 2, 3, 4, 4, 4, 4],
        "found": found,
        "kinds": kinds,
        "half": (x * 2).astype(np.float16),
        "all": 5,
    }


@in_numpy
def by_name(x, y, z):
    return {"found": [x - y * z, x - z * y, y - x * z], "calls": 2}


@in_numpy
def with_state(x, start):
    total, found = start, []
    for _ in range(3):
        total = total * 0.5 + x
        found.append(total * 2)
    found.append(total)
    total = x
    found += [2 * x, 3 * x]
    return {"found": found, "steps": np.asarray(5.0), "counts": [1, 2], "outside": start}


@in_numpy
def with_draws(x, seed):
    return {"same": [True] * 6, "differ": [True, True], "calls": True}


@in_numpy
def inside_of_gradients(x):
    return {"found": [np.cos(x)] * 4, "calls": [2, 1]}


@in_numpy
def watched_from_outside(x):
    return {"slope": np.asarray(2 * x.sum())}


@in_numpy
def watched_state(x):
    return {"slope": np.asarray(4 * x.sum())}


# 14.10: memory


def spans(spec):
    """For each value that is made the nodes during which it is there."""
    graph = Spec(spec)
    found = {}
    for i, made in enumerate(graph.made):
        for v in made:
            readers = [j for j, node in enumerate(graph.nodes) if v in node[1]]
            end = len(graph.nodes) if v in graph.outputs else max(readers, default=i)
            found[v] = (i, end)
    return graph, found


@in_numpy
def lives(spec):
    return {"lives": [[v, a, b] for v, (a, b) in spans(spec)[1].items()]}


def most_bytes(spec):
    graph, found = spans(spec)
    times = range(len(graph.nodes))
    return max(
        (sum(graph.bytes[v] for v, (a, b) in found.items() if a <= t <= b) for t in times),
        default=0,
    )


@in_numpy
def peak(spec):
    return {"peak": most_bytes(spec)}


@in_numpy
def buffers(spec):
    graph, found = spans(spec)
    sizes, held = [], {}
    for v, (start, _) in found.items():
        busy = {held[u] for u in held if found[u][1] >= start}
        free = [i for i in range(len(sizes)) if i not in busy and sizes[i] >= graph.bytes[v]]
        if free:
            held[v] = min(free, key=lambda i: (sizes[i], i))
        else:
            held[v] = len(sizes)
            sizes.append(graph.bytes[v])
    return {"sizes": sizes, "held": [[v, i] for v, i in held.items()]}


# 14.19 to 14.23: memory, time, several processes


def gradient_under_a_profile(x, w, g):
    y = torch.abs(torch.tanh(x @ w)) + 0.5
    whole = torch.floor(y / 0.25)
    rest = y - whole.detach() * 0.25
    value = ((whole.detach() + rest) * torch.sin(x @ w) * (g.detach() + 1)).sum()
    return {"value": value, "gradients": list(torch.autograd.grad(value, [x, w]))}


@in_numpy
def shares_of(weights, rank, size, answers):
    parts = {}
    for path, weight in weights.items():
        answer = answers[path]
        if answer is None:
            parts[path] = weight
            continue
        axis, segments = answer if isinstance(answer, list) else (answer, 1)
        if not isinstance(segments, int) and any(isinstance(s, float) for s in segments):
            segments = [int(s * weight.shape[axis]) for s in segments]
        pieces = np.split(weight, segments, axis=axis)
        own = [np.split(piece, size, axis=axis)[rank] for piece in pieces]
        parts[path] = np.concatenate(own, axis=axis)
    return {"parts": parts, "asked": sorted(weights)}
