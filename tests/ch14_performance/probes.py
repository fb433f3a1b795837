"""What the graders of chapter 14 run of the student's code."""

import gc
import io
import types

import mlx.core as mx

from course.grading.lines import counted
from tinymlx import core
from tinymlx.compiler import (
    algebra,
    cache,
    common,
    compiled,
    dead_code,
    folding,
    fusion,
    graph,
    kernel,
    lifetimes,
    measuring,
    order,
    places,
    source,
    tracing,
)
from tinymlx.compression import affine, calibration, rounding
from tinymlx.core import (
    arithmetic,
    conversion,
    exponential,
    indexing,
    joining,
    logic,
    products,
    reductions,
    selection,
    shapes,
    trigonometry,
)
from tinymlx.core import array as to_array
from tinymlx.core.arrays import bare, wrap
from tinymlx.core.primitive import Primitive, primitive
from tinymlx.kernels import functions, plain
from tinymlx.nn.layers.distributed import shares
from tinymlx.parallel import ring
from tinymlx.performance import bucketing, profiler, recompute
from tinymlx.utils import tree_flatten, tree_unflatten

__all__ = ["to_array"]

# The compiler, 14.1 to 14.11. Graphs come and go as plain data: see `graphs.py`.

OPERATIONS = {
    "split": joining.split,
    "slice": indexing.sliced,
}
for place in (
    arithmetic,
    trigonometry,
    exponential,
    logic,
    selection,
    reductions,
    products,
    conversion,
    shapes,
):
    OPERATIONS.update({k: v for k, v in vars(place).items() if isinstance(v, Primitive)})
NAMES = {primitive: name for name, primitive in OPERATIONS.items()}


@Primitive
def drawing(*, shape=(2, 3)):
    """Something that is marked as random."""
    return mx.zeros(shape)


@Primitive
def drawing_near(x):
    """Something random around its input."""
    return x + mx.ones_like(x)


DRAWS = {"draw": drawing, "draw_near": drawing_near}
OPERATIONS.update(DRAWS)
NAMES.update({primitive: name for name, primitive in DRAWS.items()})


class Opaque:
    """A parameter of which nothing is known."""


def parameters(op, params):
    """Parameters as primitives want them."""
    params = dict(params)
    if "dtype" in params:
        params["dtype"] = getattr(mx, params["dtype"])
    if params.pop("opaque", False):
        params["axis"] = Opaque()
    return {k: tuple(v) if isinstance(v, list) else v for k, v in params.items()}


def looked_up(ref, values, unknown):
    """A value by its number, a number of Python, or something of which nothing is known."""
    if isinstance(ref, dict):
        return ref.get("n", unknown)
    return ref if ref is None else values[ref]


def built(spec):
    """A graph from its description, and its values by their numbers."""
    made = graph.Graph()
    values, lazy = [], []
    for shape, dtype in spec["inputs"]:
        made.inputs.append(graph.Value(tuple(shape), getattr(mx, dtype)))
        lazy.append(mx.zeros(shape, getattr(mx, dtype)))
    values += made.inputs
    for x in spec.get("constants", []):
        x = bare(x)
        values.append(graph.Value(x.shape, x.dtype, x))
        lazy.append(x)
    for number, (op, refs, params) in enumerate(spec["nodes"]):
        primitive, params = OPERATIONS[op], parameters(op, params)
        given = [looked_up(r, values, Opaque()) for r in refs]
        like = [looked_up(r, lazy, 1.0) for r in refs]
        safe = {k: v for k, v in params.items() if not isinstance(v, Opaque)}
        found = primitive.forward(*like, **safe)
        many = isinstance(found, (list, tuple))
        outputs = tuple(graph.Value(y.shape, y.dtype) for y in (found if many else [found]))
        lazy += list(found) if many else [found]
        values += outputs
        node = graph.Node(primitive, tuple(given), params, outputs, many, f"here:{number}")
        node.random = op in DRAWS
        made.nodes.append(node)
    made.outputs = [values[i] for i in spec["outputs"]]
    return made, values


def described(made, values):
    """A graph as plain data; values that are new get the next numbers."""
    numbers = {x: i for i, x in enumerate(values)}
    constants = {}

    def ref(x):
        if not isinstance(x, graph.Value):
            return {"opaque": True} if isinstance(x, Opaque) else x if x is None else {"n": x}
        number = numbers.setdefault(x, len(numbers))
        if x.constant is not None and number >= len(values):
            same = x.constant.shape == x.shape and x.constant.dtype == x.dtype
            constants[str(number)] = x.constant if same else "not what it says"
        return number

    nodes = [
        [NAMES.get(n.primitive, n.name), [ref(x) for x in n.inputs], [ref(y) for y in n.outputs]]
        for n in made.nodes
    ]
    outputs = [ref(y) for y in made.outputs]
    inputs = [ref(x) for x in made.inputs]
    return {"inputs": inputs, "nodes": nodes, "outputs": outputs, "constants": constants}


def after(spec, function):
    """A graph after a pass; and whether the one before is as it was."""
    made, values = built(spec)
    before = described(made, values)
    found = function(made)
    same = described(made, values) == before and found is not made
    return {"graph": described(found, values), "left_alone": same}


CAPTURED = mx.array([[1.0, -2.0, 3.0, 0.5]])
TRACED = {
    "chain": lambda x, y: (core.exp(x) * 2 - y) / (1 - x),
    "parameters": lambda x, y: core.sum(x, axis=0, keepdims=True) + y.transpose(),
    "gradient": core.grad(lambda x, y: core.sum(core.sin(x) * x * y)),
    "several": lambda x, y: [core.split(x, 2, axis=1)[1] * y[:, :2], y.split(2, axis=0)[0]],
    "captured": lambda x, y: (x + wrap(CAPTURED)) * wrap(CAPTURED) - y,
    "itself": lambda x, y: [y, x * y, x],
    "comparison": lambda x, y: core.where(x > y, x, 0.0),
}


def traced(case, x, y, new_x, new_y):
    """A function traced with some numbers, and its graph run with others."""
    made = tracing.trace(TRACED[case], x, y)
    known = [*made.inputs]
    for node in made.nodes:
        known += [v for v in node.values if v.constant is not None and v not in known]
    for node in made.nodes:
        known += node.outputs
    nodes = described(made, known)["nodes"]
    kinds = [[list(y.shape), str(y.dtype)] for node in made.nodes for y in node.outputs]
    where = all(node.where for node in made.nodes)
    outputs = graph.run(made, [bare(new_x), bare(new_y)])
    watched = [node.many for node in made.nodes]
    names = [n[0] for n in nodes] if case == "gradient" else nodes
    told = names if case != "gradient" else len(names) > 3
    return {"outputs": outputs, "nodes": told, "kinds": kinds, "where": where, "many": watched}


def traced_draws(x):
    """Draws are noted as such, and nothing is drawn."""
    before = mx.array(mx.random.state[0])
    recorder = tracing.Recorder()
    with compiled.drawing(recorder, True):
        given = recorder.input(x.shape, x.dtype)
        y = given * core.random.uniform(shape=x.shape)
    still = mx.array_equal(before, mx.array(mx.random.state[0])).item()
    nodes = recorder.graph.nodes
    return {
        "random": [node.random for node in nodes],
        "reads": [nodes[0].output in nodes[1].inputs, y.shape == x.shape],
        "still": still,
        "one": mx.all(bare(x) == bare(x)).item(),
    }


def costs(spec):
    """What each node costs."""
    made, _ = built(spec)
    return {
        "bytes": [measuring.bytes_of(node) for node in made.nodes],
        "flops": [measuring.flops_of(node) for node in made.nodes],
    }


def timed(first, later, repeats):
    """A function that takes its time only when it is evaluated, by a clock of our own."""
    now, log, calls = [0.0], [], []

    def fun():
        calls.append(0)
        log.append("call")
        return len(calls) - 1

    def evaluate(i):
        log.append("evaluate")
        now[0] += first if i == 0 else later[i - 1]

    def clock():
        log.append("clock")
        return now[0]

    seconds = measuring.seconds_of(fun, repeats, clock, evaluate)
    return {"seconds": seconds, "log": log}


def peaked(large, small, kept):
    """The peak of something small after something large."""
    gc.collect()  # what earlier tests left in circles is not to go while we measure
    held = mx.zeros((kept,))
    mx.eval(held)
    mx.eval(mx.zeros((large,)) + 1)
    order, seen = [], []

    def fun():
        order.append("call")
        return core.zeros((small,)) + 1

    def evaluate(y):
        order.append("evaluate")
        core.eval(y)
        seen.append(mx.get_active_memory())

    found = measuring.peak_of(fun, evaluate)
    return {
        "enough": found >= 4 * small,
        "mine": found < 4 * kept,
        "order": order,
        "held": held.size,
    }


def peak_of_nothing():
    """A function that returns what there is already."""
    gc.collect()
    there = core.ones((1000,))
    core.eval(there)
    before = mx.get_active_memory()
    found = measuring.peak_of(lambda: there)
    return {"peak": found, "still": mx.get_active_memory() >= before}


def without_dead_code(spec):
    return after(spec, dead_code.without_dead_code)


def without_repeats(spec):
    return after(spec, common.without_repeats)


def folded(spec):
    return after(spec, folding.folded)


PASSES = {
    "dead_code": (dead_code.without_dead_code, lambda found: len(found.nodes)),
    "repeats": (common.without_repeats, lambda found: len(found.nodes)),
    "lifetimes": (lifetimes.lifetimes, lambda found: [*found.values()][-1][1]),
    "buffers": (lifetimes.buffers, lambda found: len(found[1])),
}


def growth(what, specs):
    """The lines of Python for each of several graphs, and how many nodes are found, or when the
    last value ends."""
    function, size = PASSES[what]
    graphs = [built(spec)[0] for spec in specs]
    found = [counted(lambda made=made: function(made)) for made in graphs]
    return {"lines": [lines for _, lines in found], "left": [size(result) for result, _ in found]}


def same_value(spec):
    """For the last node the number of the value that it is anyway."""
    made, values = built(spec)
    makers = made.makers()
    found = algebra.same_value(made.nodes[-1], makers)
    return {"same": None if found is None else values.index(found), "nodes": len(made.nodes)}


def simplified(spec):
    return after(spec, algebra.simplified)


REASONS = {getattr(fusion, k): k for k in ("KIND", "REDUCTION", "SHAPE", "CYCLE", "ARRAYS")}


def in_order(spec, most):
    """The groups of a graph as numbers of nodes, as they are to be computed."""
    made, _ = built(spec)
    at = {node: i for i, node in enumerate(made.nodes)}
    plan = fusion.fused(made, most)
    return {"groups": [[at[node] for node in group.nodes] for group in plan.groups]}


def fused(spec, most):
    """The groups of a graph, sorted, and what was refused."""
    made, _ = built(spec)
    plan = fusion.fused(made, most)
    at = {node: i for i, node in enumerate(made.nodes)}
    return {
        "groups": sorted(sorted(at[node] for node in group.nodes) for group in plan.groups),
        "refused": [[at[a], at[b], REASONS.get(why, why)] for a, b, why in plan.refused],
    }


def grouped(spec, parts):
    """Groups of given nodes, each other node on its own, and all that they need."""
    made, _ = built(spec)
    parts = [*parts, *([i] for i in range(len(made.nodes)) if not any(i in p for p in parts))]
    makers = made.makers()
    groups, group_of = [], {}
    for part in parts:
        ones = [fusion.alone(made.nodes[i]) for i in part]
        axes = max(one.axes for one in ones)
        groups.append(fusion.Group([made.nodes[i] for i in part], ones[0].shape, axes))
        group_of.update(dict.fromkeys(groups[-1].nodes, groups[-1]))
    for _ in groups:
        for group in groups:
            direct = {group_of[makers[x]] for x in group.reads if x in makers}
            for other in direct - {group}:
                group.needs |= {other} | other.needs
    return made, groups


def why_not(spec, parts, most):
    """Why the second of two groups cannot become a part of the first."""
    _, groups = grouped(spec, parts)
    before = [set(group.needs) for group in groups]
    found = fusion.why_not(groups[0], groups[1], most)
    return {
        "reason": "merge" if found is None else REASONS.get(found, found),
        "number": 1 if found is None else 2 + list(REASONS).index(found),
        "left_alone": before == [group.needs for group in groups],
    }


def merged(spec, parts, listed):
    """What is there after the second group has become a part of the first."""
    made, groups = grouped(spec, parts)
    first, second, *others = groups
    own, taken = list(first.nodes), second.nodes
    fusion.merged(first, second, groups if listed else [first, *others])
    at = {node: i for i, node in enumerate(made.nodes)}
    number = {group: i for i, group in enumerate(groups)}
    return {
        "nodes": [at[node] for node in first.nodes],
        "axes": first.axes,
        "needs": [sorted(number[g] for g in group.needs) for group in [first, *others]],
        "taken": [at[node] for node in taken],
        "own": [at[node] for node in own],
    }


def kernel_from(spec, strides=None, axes=0):
    """All nodes of a graph as one kernel; strides of its inputs, if they do not lie in a row."""
    made, values = built(spec)
    last = fusion.alone(made.nodes[-1])
    group = fusion.Group(made.nodes, tuple(spec.get("loop") or last.shape), axes)
    found = kernel.kernel_of(group, set(made.outputs))
    for i, one in (strides or {}).items():
        found.strides[int(i)] = tuple(one)
    order = {"reads": [values.index(x) for x in found.reads]}
    order["writes"] = [values.index(y) for y in found.writes]
    return found, order


def flat(spec, language, most):
    """The statements of a kernel whose arrays lie in a row, and how it is launched."""
    found, order = kernel_from(spec)
    grid, group = source.launch(found.size, most)
    lines = source.statements(found, language, lambda x: "i")
    return {"lines": lines, "grid": grid, "group": group, "size": found.size, **order}


def elementwise(spec, language, strides, most):
    """The source of a kernel, and how it is launched."""
    found, order = kernel_from(spec, strides)
    grid, group = source.launch(found.size, most)
    return {"body": source.elementwise_body(found, language), "grid": grid, "group": group, **order}


def launched(sizes, most):
    return {"launches": [list(source.launch(size, most)) for size in sizes]}


def lines(spec, language):
    """The statements of a kernel; the places are called so."""
    found, _ = kernel_from(spec)
    names = {x: f"a{i}" for i, x in enumerate(found.reads)}
    names.update({y: f"b{i}" for i, y in enumerate(found.writes)})
    return {"lines": source.statements(found, language, lambda x: names[x])}


def offsets(cases):
    return {"places": [places.offset(shape, strides, "i") for shape, strides in cases]}


def rows(spec, language, axes, strides):
    """The parts of a kernel whose rows are reduced."""
    found, order = kernel_from(spec, strides, axes)
    before, inside, behind = source.row_parts(found, language)
    sizes = {"rows": found.rows, "row": found.row}
    return {"before": before, "inside": inside, "behind": behind, **sizes, **order}


# 14.9: when a trace can be used again

A, B = mx.zeros((2, 3)), mx.zeros((3, 2))
TREES = [
    [A],
    [mx.ones((2, 3))],
    [wrap(A)],
    [B],
    [A.astype(mx.float16)],
    (A,),
    [A, A],
    [[A], A],
    [A, [A]],
    [[A, A]],
    {"a": A, "b": B},
    {"b": B, "a": A},
    {"a": A, "c": B},
    {"a": B, "b": A},
    [A, 1],
    [A, 1.0],
    [A, True],
    [A, 2],
    [A, 0.0],
    [A, -0.0],
    [A, "1"],
    [A, None],
    [A, "None"],
    [1, A],
    [],
    (),
    {},
]


def keys():
    """Which trees have equal keys, and the arrays of one."""
    found = [cache.signature(tree)[0] for tree in TREES]
    first = {}
    classes = [first.setdefault(key, i) for i, key in enumerate(found)]
    deep = [mx.full((), i) for i in range(5)]
    _, arrays = cache.signature(
        ((deep[0], {"x": [deep[1], 7, deep[2]]}), {"k": deep[3], "j": deep[4]})
    )
    return {"classes": classes, "arrays": [int(x.item()) for x in arrays]}


def strange_argument(kind):
    """A leaf of which nothing is known."""
    leaf = {"object": object(), "set": {1}, "function": len}[kind]
    return {"key": str(cache.signature([A, leaf]))}


class OpByOp:
    """A backend that builds nothing."""

    name, most, hands_over = "op by op", 0, False


def small(fun, inputs=None, outputs=None):
    """A compiled function without kernels, and the list of its own calls."""
    calls = []

    def counted(*args, **kwargs):
        calls.append(len(args))
        return fun(*args, **kwargs)

    return compiled.Compiled(counted, inputs, outputs, OpByOp()), calls


def called(x, wide, factor):
    """Calls with other numbers, shapes, dtypes, constants."""
    f, calls = small(lambda a, k=2: {"y": [a * k, None], "n": (a.shape[0], "s", a + a)})
    counts, found = [], []
    for a, k in [(x, 2), (x + 1, 2), (wide, 2), (x, 3), (x, factor), (wide + 1, 2), (x, 3), (x, 2)]:
        y = f(a, k=k)
        counts.append(len(calls))
        found += [y["y"][0], y["n"][2]]
    half = f(x.astype(mx.float16))
    kinds = [type(y).__name__, type(y["n"]).__name__, str(y["y"][1]), y["n"][0], y["n"][1]]
    return {
        "counts": counts,
        "found": found,
        "kinds": kinds,
        "half": half["y"][0],
        "all": len(calls),
    }


def by_name(x, y, z):
    """Arrays by position and by name."""
    f, calls = small(lambda a, *, b, c: a - b * c)
    found = [f(x, b=y, c=z), f(x, b=z, c=y), f(y, c=z, b=x)]
    return {"found": found, "calls": len(calls)}


def with_state(x, start):
    """A state that is read, changed and replaced; its shape changes, too."""
    state = {"total": core.array(start), "steps": [core.array(0.0)]}
    outside = state["total"]

    def step(a):
        state["total"] = state["total"] * 0.5 + a
        state["steps"][0] = state["steps"][0] + 1
        return state["total"] * 2

    f, calls = small(step, [state], [state])
    found = [f(x) for _ in range(3)]
    counts = [len(calls)]
    found.append(state["total"])
    state["total"] = core.array(0.0)
    found += [f(x), f(x)]
    counts.append(len(calls))
    return {"found": found, "steps": state["steps"][0], "counts": counts, "outside": outside}


def with_draws(x, seed):
    """Draws from a captured state: new ones in each call, the same ones as without compiling."""

    def dropped(a):
        return a * core.random.bernoulli(0.5, a.shape), core.random.normal((3,))

    f, calls = small(dropped, [mx.random.state], [mx.random.state])
    core.random.seed(seed)
    found = [f(x) for _ in range(3)]
    core.random.seed(seed)
    plain_ = [dropped(x) for _ in range(3)]
    same = [
        mx.array_equal(bare(a), bare(b)).item() for p, q in zip(found, plain_) for a, b in zip(p, q)
    ]
    differ = [not mx.array_equal(bare(found[i][1]), bare(found[i + 1][1])).item() for i in (0, 1)]
    return {"same": same, "differ": differ, "calls": len(calls) <= 1}


def inside_of_gradients(x):
    """Where a tape watches, the function is called as it is; around a gradient, it is traced."""
    f, calls = small(lambda a: core.sum(core.sin(a)))
    first, second = core.grad(f)(x), core.grad(f)(x)
    seen = len(calls)
    g, others = small(core.grad(lambda a: core.sum(core.sin(a))))
    third, fourth = g(x), g(x)
    return {"found": [first, second, third, fourth], "calls": [seen, len(others)]}


def watched_state(x):
    """A tape watches the state, not the arguments."""
    state = [core.array(2.0)]

    def outer(w):
        state[0] = w
        f, calls = small(lambda a: core.sum(a * state[0]), [state], None)
        y = f(x) + f(x)
        return y * len(calls)

    return {"slope": core.grad(outer)(core.array(3.0))}


def watched_from_outside(x):
    """What a tape watches is neither an argument nor a state: the function has closed over it."""

    def outer(w):
        f, _ = small(lambda a: core.sum(a * w))
        return f(x) + f(x)

    return {"slope": core.grad(outer)(core.array(3.0))}


# 14.10 and 14.11: memory


def lives(spec):
    made, values = built(spec)
    found = lifetimes.lifetimes(made)
    return {"lives": [[values.index(x), a, b] for x, (a, b) in found.items()]}


def peak(spec):
    return {"peak": lifetimes.peak(built(spec)[0])}


def buffers(spec):
    made, values = built(spec)
    sizes, held = lifetimes.buffers(made)
    return {"sizes": sizes, "held": [[values.index(x), place] for x, place in held.items()]}


def ordered(spec):
    """The numbers of the nodes in their new order."""
    made, values = built(spec)
    before = described(made, values)
    found = order.ordered(made)
    at = {node: i for i, node in enumerate(made.nodes)}
    return {
        "order": [at.get(node, -1) for node in found.nodes],
        "ends": found.inputs == made.inputs and found.outputs == made.outputs,
        "left_alone": described(made, values) == before,
    }


# 14.12 to 14.15: kernels. They are described here, and run by the judge (`course.shim`).


def described_kernel(kernel):
    return {language: kernel.plain(language) for language in ("metal", "cuda")}


def vector_add(size, dtype):
    return described_kernel(plain.vector_add(size, getattr(core, dtype)))


def softmax_rows(rows, columns, dtype, threads):
    return described_kernel(plain.softmax_rows(rows, columns, getattr(core, dtype), threads))


def rms_rows_pull(rows, columns, dtype, eps, threads):
    return described_kernel(plain.rms_rows_pull(rows, columns, getattr(core, dtype), eps, threads))


def matmul_tiles(m, k, n, dtype):
    return described_kernel(plain.matmul_tiles(m, k, n, getattr(core, dtype)))


def rms_norm_pull(g, x, w, eps):
    gx, gw = functions.rms_norm_pull(g, x, w, eps)
    return {"gx": gx, "gw": gw}


def rms_norm(x, w, g, eps):
    (y,), (gx, gw) = core.vjp(lambda x, w: functions.rms_norm(x, w, eps), [x, w], [g])
    return {"y": y, "gx": gx, "gw": gw}


def rms_norm_rule(x, w, g):
    """What the rule is asked, and whether it is used: its place is taken by one that notes it."""
    noted, kept = [], functions._rms_back

    def rule(*arguments):
        noted.extend(arguments)
        return 2 * arguments[1], 3 * arguments[2]

    functions._rms_back = rule
    try:
        _, (gx, gw) = core.vjp(lambda x, w: functions.rms_norm(x, w, 0.25), [x, w], [g])
    finally:
        functions._rms_back = kept
    return {"gx": gx, "gw": gw, "given": noted[:3], "eps": noted[3], "count": len(noted)}


# 14.16 to 14.18: codes


def coded(w, group_size, bits):
    codes, scales, biases = affine.coded(w, group_size, bits)
    return {"codes": codes, "scales": scales, "biases": biases}


def packed(codes, bits):
    words = affine.packed(codes, bits)
    return {"words": words, "codes": affine.unpacked(words, bits)}


def quantized_product(x, codes, scales, biases):
    """The product; whoever makes the matrix on the way finds it gone."""
    kept = affine.decoded

    def gone(*arguments):
        raise RuntimeError("product makes the whole matrix, which it is there to avoid")

    affine.decoded = gone
    try:
        return {"y": affine.product(x, codes, scales, biases)}
    finally:
        affine.decoded = kept


def error_bound(x, scales):
    return {"bound": affine.error_bound(x, scales)}


def column_scales(x, strength):
    return {"factors": calibration.column_scales(x, strength)}


def calibrated(w, x, group_size, bits, strengths):
    return {"factors": calibration.calibrated(w, x, group_size, bits, strengths)}


# 14.19 to 14.23: memory, time, several processes


def waiting(x):
    """How many operations are waiting behind an array: 0 once it has been evaluated."""
    written = io.StringIO()
    mx.export_to_dot(written, bare(x))
    return written.getvalue().count("rectangle")


class TooManyLooks(Exception):
    """Somebody tries all plans."""


class Watched(recompute.Block):
    """A block that counts how often somebody asks for its size."""

    looks = 0

    def __getattribute__(self, name):
        if name == "size":
            Watched.looks += 1
            if Watched.looks > 300_000:
                raise TooManyLooks("to_recompute tries nearly all plans one by one")
        return super().__getattribute__(name)


def plan(sizes, seconds, budget):
    Watched.looks = 0
    blocks = [Watched(int(size), float(s)) for size, s in zip(sizes, seconds, strict=True)]
    again = recompute.to_recompute(blocks, budget)
    if not isinstance(again, list):
        raise TypeError(f"to_recompute should return a list, not {type(again).__name__}")
    return {"again": again}


def bounds_of(lengths, count):
    given = [int(x) for x in lengths]
    found = bucketing.bounds(given, count)
    return {"bounds": list(found), "unchanged": given == [int(x) for x in lengths]}


def growth_of_bounds(sizes, count):
    """The lines of Python for so many different lengths, and whether the longest is a bound."""
    given = [[i * i % 97 + i for i in range(1, size + 1)] for size in sizes]
    found = [counted(lambda x=x: bucketing.bounds(x, count)) for x in given]
    last = [result[-1] == max(x) for (result, _), x in zip(found, given, strict=True)]
    return {"lines": [lines for _, lines in found], "last": last}


def profiled_gradient(x, w, g):
    """A gradient in which an operation has two outputs, and its profile."""
    before = core.array(0.0) + 1  # waiting

    def function(x, w):
        y, z = core.divmod(core.abs(core.tanh(x @ w)) + 0.5, 0.25)
        return ((y + z) * core.sin(x @ w) * (g + before)).sum()

    return profiler.profiled(core.value_and_grad(function, argnums=(0, 1)), x, w)


def gradient_under_a_profile(x, w, g):
    (value, gradients), _ = profiled_gradient(x, w, g)
    return {"value": value, "gradients": list(gradients)}


def profile_of(x, w, g):
    """What was written down."""
    _, profile = profiled_gradient(x, w, g)
    events = [
        {"name": e.name, "shapes": [list(s) for s in e.shapes], "size": e.size}
        for e in profile.events
    ]
    times = [(e.start, e.seconds) for e in profile.events]
    return {
        "forward": events[: [e["name"] for e in events].index("sum") + 1],
        "count": len(events),
        "tuples": all(type(e.shapes) is tuple for e in profile.events),
        "positive": all(seconds > 0 for _, seconds in times),
        "ordered": all(a + s <= b for (a, s), (b, _) in zip(times, times[1:])),
        "memory": min(e.memory for e in profile.events) > 0,
    }


def memory_seen(size):
    """How much more is in use behind an operation with a large output."""
    before = []

    def function(x):
        before.append(mx.get_active_memory())
        return core.exp(x)

    y, profile = profiler.profiled(function, core.zeros(size))
    return {"more": profile.events[0].memory - before[0], "least": core.min(y).item()}


def clocked(x):
    """What was still to be done whenever somebody looked at the clock, around one operation."""
    made, looks = [], []
    late = core.exp(x)  # waiting

    @primitive
    def slow(a, b, /):
        made.append(mx.sin(a) * b)
        return made[-1]

    def clock():
        looks.append([waiting(late), waiting(wrap(made[-1])) if made else -1])
        return float(len(looks))

    kept = profiler.time
    profiler.time = types.SimpleNamespace(
        perf_counter=clock, monotonic=clock, time=clock, perf_counter_ns=lambda: clock() * 1e9
    )
    try:
        profile = profiler.Profile()
        looks.clear()
        y = slow(profile.watch(x), late)
        profile.finished = True
    finally:
        profiler.time = kept
    events = profile.events
    return {
        "looks": looks,
        "starts": [e.start for e in events],
        "seconds": [e.seconds for e in events],
        "y": core.array(y),
    }


def profile_in_gradient(x, g):
    """A gradient outside of the profile sees through it."""

    def function(x):
        y, profile = profiler.profiled(lambda x: core.sin(x) * x, x)
        names.extend(e.name for e in profile.events)
        return (y * g).sum()

    names = []
    return {"gradient": core.grad(function)(x), "names": names}


def around_the_ring(arrays):
    """All processes of a ring in one: in each round everybody hears the one before."""
    size = len(arrays)
    talks = [ring.ring_sum(x, rank, size) for rank, x in enumerate(arrays)]
    heard, sums = [None] * size, [None] * size
    rounds = []
    while any(x is None for x in sums):
        said = [None] * size
        for rank, talk in enumerate(talks):
            if sums[rank] is None:
                try:
                    said[rank] = talk.send(heard[rank])
                except StopIteration as end:
                    sums[rank] = end.value
        if any(x is not None for x in said):
            rounds.append([None if x is None else list(x.shape) for x in said])
            if any(x is not None and x.dtype != arrays[0].dtype for x in said):
                raise TypeError("a message has another dtype than the arrays")
        if len(rounds) > 4 * size:
            raise TimeoutError("the conversation does not end")
        heard = [said[rank - 1] for rank in range(size)]
    return {"sums": sums, "rounds": rounds}


def group_of(rank, size):
    return types.SimpleNamespace(rank=lambda: rank, size=lambda: size)


def shares_of(weights, rank, size, answers):
    """The parts of a tree; what `chosen` returns for each path stands in ``answers``."""
    tree = tree_unflatten(list(weights.items()))
    tree["layer"]["name"] = "kept"
    asked = []

    def chosen(path, weight):
        asked.append(path)
        answer = answers[path]
        return (answer[0], answer[1]) if isinstance(answer, list) else answer

    found = shares.own_part(tree, chosen, group_of(rank, size))
    if found["layer"].pop("name") != "kept":
        raise ValueError("what is no array should stay")
    return {"parts": dict(tree_flatten(found)), "asked": sorted(asked)}


def wrong_answer(answer):
    return shares.own_part({"w": core.zeros((4, 4))}, lambda path, w: answer, group_of(0, 2))


def memory_of_a_share(rows):
    """Bytes in use for a part when the whole has gone."""
    core.synchronize()
    before = mx.get_active_memory()
    tree = {"w": core.ones((rows, 256)) * 2}
    core.eval(tree)
    own = shares.own_part(tree, lambda path, w: 0, group_of(1, 4))
    core.eval(own)
    del tree
    core.synchronize()
    used = mx.get_active_memory() - before
    return {"bytes": used, "own": own["w"].nbytes, "first": own["w"][0, 0]}


# 14.24


def grid_of(least, most, low, high):
    scale, zero = rounding.grid(least, most, low, high)
    return {"scale": scale, "zero": zero}


def fake(x, cotangent, step, zero, low, high):
    """Rounded numbers, and the derivatives with respect to them and to the grid."""

    def function(x, step, zero):
        return rounding.rounded(x, step, zero, low, high)

    (y,), (dx, *others) = core.vjp(function, [x, step, zero], [cotangent])
    return {"y": y, "dx": dx, "none": all(not core.any(g).item() for g in others)}


def halves(x, cotangent):
    """Numbers that are on their own grid of sixteen, through a range that sees them first."""
    layer = rounding.Range(low=-8, high=7)
    (y,), (dx,) = core.vjp(layer, [x], [cotangent])
    scale, zero = rounding.grid(core.min(x), core.max(x), -8, 7)
    kinds = [str(part.dtype) for part in (scale, zero)]
    return {"y": y, "dx": dx, "scale": scale.item(), "zero": zero.item(), "kinds": kinds}


def fake_halves(x, step, zero, kind):
    """Numbers in halves on a grid of eight bits without a sign: the bits of the result."""
    y = rounding.rounded(x, step, zero, 0, 255)
    return {"bits": y.view(core.uint16).astype(core.int32)}


def looking(first, second):
    """A range before any batch, in evaluation mode and compiled; and its slope by a batch."""
    layer = rounding.Range(low=-8, high=7)
    layer.eval()
    y = layer(first)
    before = [layer.least.item(), layer.most.item(), layer.batches.item()]
    layer.train()
    kept = layer.state
    step = core.compile(lambda x: layer(x), inputs=kept, outputs=kept)
    compiled = [step(x) for x in (first, second)]
    after = [layer.least.item(), layer.most.item(), layer.batches.item()]

    def ends(x):
        other = rounding.Range(low=-8, high=7)
        other(x)
        return other.least + 2 * other.most

    slope = core.grad(ends)(second)
    return {"y": y, "before": before, "compiled": compiled, "after": after, "slope": slope}


def ranged(batches, cotangents, share, low, high):
    """Batches through one range, the last of them in evaluation mode: the range after each, the
    derivative, and whether the outputs are those of its grid."""
    layer, told = rounding.Range(share, low, high), []
    for i in range(len(batches)):
        layer.train(i < len(batches) - 1)
        (y,), (dx,) = core.vjp(layer, [batches[i]], [cotangents[i]])
        grid = rounding.grid(layer.least, layer.most, low, high)
        wanted = rounding.rounded(batches[i], *grid, low, high)
        told.append(
            {
                "least": float(layer.least.item()),
                "most": float(layer.most.item()),
                "dx": dx,
                "same": bool(core.array_equal(y, wanted).item()),
            }
        )
    trained = [name for name, _ in tree_flatten(layer.trainable_parameters())]
    return {"steps": told, "trained": trained, "batches": int(layer.batches.item())}
