"""What the graders of chapter 3 run of the student's code.

Inputs arrive as arrays of ``tinymlx.core``. The functions that are differentiated are built here,
by name, because a function cannot cross to a worker.
"""

import contextlib
import functools
import io
import math
import operator
from typing import Any, NamedTuple

import mlx.core as mx
import numpy as np

from course.grading import meter
from tinymlx import core
from tinymlx.core import array as to_array
from tinymlx.core import broadcasting, check, contraction, draw, primitive, strides, tape
from tinymlx.core.arrays import bare

__all__ = ["to_array"]


# One row of the table of operations


class Slices:
    """``S[1:3, ::2]`` is the index that stands between the brackets."""

    def __getitem__(self, index):
        return index


def assigned(x, index, value):
    """A copy of ``x`` after ``copy[index] = value``."""
    y = core.array(x)
    y[index] = value
    return y


def operation(call, inputs):
    """The row's call as a function of its floating inputs, and their names."""
    names = [n for n, x in inputs.items() if core.issubdtype(x.dtype, core.inexact)]
    code = compile(call, "<row>", "eval")

    def function(*values):
        scope = {**inputs, **dict(zip(names, values, strict=True))}
        return eval(code, {"mx": core, "assigned": assigned, "S": Slices(), **scope})

    return function, names


def cotangents(pool, outputs, start=0):
    """For each output the next numbers of the pool, in its shape and dtype."""
    numbers, taken = bare(pool), []
    for y in outputs:
        part = numbers[start : start + y.size].reshape(y.shape)
        if y.dtype == core.complex64:
            part = part + 1j * numbers[start + 7 : start + 7 + y.size].reshape(y.shape)
        taken.append(core.array(part.astype(y.dtype)))
        start += y.size
    return taken, start


def as_list(outputs):
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def on_cpu(wanted=True):
    """float64 and linear algebra live on the CPU, also where the default device is a GPU."""
    return mx.stream(mx.cpu) if wanted else contextlib.nullcontext()


def op(call, inputs, pool, twice, cpu, translation):
    """Value, gradients and second derivatives of a row. (The translation is the reference's.)"""
    with on_cpu(cpu):
        function, names = operation(call, inputs)
        values = [inputs[n] for n in names]
        given, end = cotangents(pool, as_list(function(*values)))
        ys, gradients = core.vjp(function, values, given)
        result = {"y": ys if len(ys) > 1 else ys[0]}
        result |= {f"d{n}": g for n, g in zip(names, gradients, strict=True)}
        if twice:

            def slopes(*primals):
                return core.vjp(function, primals[: len(names)], primals[len(names) :])[1]

            second, _ = cotangents(pool, gradients, end)
            _, found = core.vjp(slopes, [*values, *given], second)
            result |= {f"second d{n}": g for n, g in zip(names, found, strict=False)}
            result["by the cotangent"] = found[len(names) :]
        return result


# 3.1 to 3.4: shapes, windows, einsum


def broadcast_shapes(shapes):
    shape = broadcasting.broadcast_shapes(*map(tuple, shapes))
    return {"shape": shape, "kind": type(shape).__name__}


def sliding_windows(x, size, stride):
    return {"windows": strides.sliding_windows(x, size, stride)}


def memory_of_windows(n, size):
    """How many bytes it takes to make all windows of a long row, and one of their elements."""
    x = core.arange(n, dtype=core.float32)
    core.eval(x)
    mx.clear_cache()
    before = mx.get_active_memory()
    windows = strides.sliding_windows(x, size)
    core.eval(windows)
    taken = mx.get_active_memory() - before
    return {"bytes": taken, "element": bare(windows)[3, 5].item()}


def parse_einsum(subscripts, ndims):
    """The names, with the letters that an ellipsis was given renamed to A, B, C, in their order."""
    inputs, output = contraction.parse_einsum(subscripts, ndims)
    fresh = [c for c in dict.fromkeys("".join([*inputs, output])) if c not in subscripts]
    table = str.maketrans(dict(zip(fresh, "ABCDEFGH", strict=False)))
    return {
        "operands": [names.translate(table) for names in inputs],
        "result": output.translate(table),
    }


def contract_pair(a, a_names, b, b_names, result):
    return {"product": contraction.contract_pair(a, a_names, b, b_names, result)}


def einsum(subscripts, operands):
    return {"result": core.einsum(subscripts, *operands)}


# 3.5: one step on the tape


def recorded(x, c, case):
    """What a tape wrote down of one operation. ``c`` is watched by the tape outside alone."""
    steps = {
        "one argument": lambda a: core.exp(a),
        "a constant on the right": lambda a: core.arctan2(a, constant),
        "a constant on the left": lambda a: core.arctan2(constant, a),
        "a number": lambda a: core.subtract(a, 2.5),
        "the same twice": lambda a: core.add(a, a),
        "parameters": lambda a: core.sum(a, axis=-1, keepdims=True),
    }
    with tape.Tape() as outer, tape.Tape() as recorder:
        a, constant = recorder.watch(outer.watch(x)), outer.watch(c)
        y = steps[case](a)
        node, source = recorder.node_of(y), recorder.node_of(a)
        below = outer.node_of(node.output)
        kinds = [type(arg).__name__ for arg in node.args]
        return {
            "value": recorder.read(y),
            "primitive": node.primitive.__name__,
            "arguments": list(node.args),
            "kinds": kinds,
            "parameters": dict(node.params),
            "parents": ["leaf" if p is source else str(p) for p in node.parents],
            "output": node.output,
            "arguments that this tape watches": sum(map(recorder.watches, node.args)),
            "the tape outside recorded": below.primitive.__name__,
        }


def several_outputs(x):
    """A split on the tape: a list of watched parts that share one step."""
    with tape.Tape() as recorder:
        parts = core.split(recorder.watch(x), 2)
        nodes = [recorder.node_of(part) for part in parts]
        above = [node.parents[0] for node in nodes]
        return {
            "parts": [recorder.read(part) for part in parts],
            "picked": [node.params["index"] for node in nodes],
            "step": [node.primitive.__name__ for node in above],
            "shared": above[0] is above[1],
        }


def constants(x):
    """Operations whose result does not change: not recorded, and not watched."""
    with tape.Tape() as recorder:
        a = recorder.watch(x)
        ys = [core.argmax(a), core.floor(a), a > 0]
        return {"values": ys, "watched": [recorder.watches(y) for y in ys]}


def constants_inside(x):
    """The same, with a second tape outside."""
    with tape.Tape() as outer, tape.Tape() as inner:
        y = core.floor(inner.watch(outer.watch(x)))
        return {"value": y, "watched": [outer.watches(y), inner.watches(y)]}


def changed_afterwards(x, c):
    """Constants and arguments change in place after they were used: the record must not."""
    with tape.Tape() as recorder:
        a, constant = recorder.watch(x), core.array(c)
        y = core.arctan2(a, constant)
        z = core.exp(a)
        a += 1.0
        constant[...] = 7.0
        kept = [*recorder.node_of(y).args, *recorder.node_of(z).args]
        return {"kept": kept, "values": [recorder.read(y), recorder.read(z)]}


# 3.6 and 3.7: the order, and the way back


def order_of(parents, outputs):
    """The topological order of a graph given as lists of parents, as numbers of its nodes."""
    nodes = []
    for above in parents:
        known = [None if i is None else nodes[i] for i in above]
        nodes.append(tape.Node(None, (), {}, None, known))
    number = {node: i for i, node in enumerate(nodes)}
    return {"order": [number[n] for n in tape.topological_order([nodes[i] for i in outputs])]}


PULLED: list[str] = []


def counted(name, rule):
    """A primitive that adds its two arguments and whose rule counts how often it is used."""

    @primitive.primitive
    def forward(a, b, /):
        return a + b

    @forward.defvjp
    def forward_vjp(g, y, a, b):
        PULLED.append(name)
        return rule(g)

    return forward


def walk_back(x, case, steps):
    """Gradients by :func:`backward` on graphs of several forms, and how often a rule was used."""
    PULLED.clear()
    both = counted("both", lambda g: (g, g))
    left = counted("left", lambda g: (g, None))
    with tape.Tape() as recorder:
        a, b = recorder.watch(x), recorder.watch(x)
        if case == "a chain":
            y = functools.reduce(lambda y, _: both(y, 1.0), range(steps), a)
        elif case == "a ladder":  # 2^steps paths lead from the end to the beginning
            y = functools.reduce(lambda y, _: both(y, y), range(steps), a)
        elif case == "a shortcut":  # a is used early and late
            y = both(core.exp(both(a, b)), a)
        elif case == "one way closed":
            y = both(left(a, b), left(core.sin(a), core.exp(a)))
        else:
            y = functools.reduce(both, [core.sin(a)] * steps)  # one node, used many times
        gradients = tape.backward([recorder.node_of(y)], [core.ones_like(x)])
        leaves = [recorder.node_of(a), recorder.node_of(b)]
        return {
            "gradients": [gradients.get(n) for n in leaves],
            "rules used": len(PULLED),
            "entries": sorted({"leaf" if n in leaves else str(n) for n in gradients}),
        }


def several_starts(x, g, case):
    """Cotangents for several outputs."""
    with tape.Tape() as recorder:
        a, b = recorder.watch(x), recorder.watch(x)
        y = core.exp(a)
        z = core.sin(core.subtract(y, b))
        outputs = {"both": [y, z], "one twice": [y, y], "a leaf": [a, y], "order": [z, y]}[case]
        found = tape.backward([recorder.node_of(o) for o in outputs], [g, core.cos(g)])
        nodes = [recorder.node_of(a), recorder.node_of(b)]
        return {"gradients": [found.get(n) for n in nodes]}


def parts_of_a_split(x, g):
    """Only some outputs of one step are used: one of them, or two."""
    with tape.Tape() as recorder:
        a, b = recorder.watch(x), recorder.watch(x)
        y = core.exp(core.split(a, 3)[1])
        parts = core.split(b, 3)
        z = core.subtract(core.sin(parts[2]), parts[0])
        found = tape.backward([recorder.node_of(y), recorder.node_of(z)], [g, g])
        return {"one": found[recorder.node_of(a)], "two": found[recorder.node_of(b)]}


def mixed_dtypes(x, case):
    """The dtype of each cotangent that reaches a leaf."""
    with tape.Tape() as recorder:
        a = recorder.watch(x)
        wide = core.exp(a.astype(core.float32))
        y = {"cast": wide, "promoted": core.subtract(wide, a)}[case]
        found = tape.backward([recorder.node_of(y)], [core.ones(x.shape)])
        gradient = found[recorder.node_of(a)]
        return {"gradient": gradient, "dtype": str(gradient.dtype)}


# 3.8: vjp. Functions by name; those of the reference have the same names.


def mutating(x):
    y = core.exp(x)
    x += 1.0
    x[0] = 0.0
    return core.sin(x) - y


FUNCTIONS: dict[str, Any] = {
    "one": lambda x: core.exp(core.sin(x)),
    "pair": lambda x, y: (core.sin(x) * y, core.exp(y) - x),
    "list": lambda x, y: [core.arctan2(x, y)],
    "unused": lambda x, y: core.sinh(x),
    "constant output": lambda x, y: (core.sin(y), core.ones((2, 3))),
    "diamond": lambda x, y: core.sin(x) * core.exp(x) + core.sin(x) * y - y,
    "mutating": mutating,
    "itself": lambda x: x,
    "itself twice": lambda x: [x, x],
    "half": lambda x: core.exp(x.astype(core.float16)),
}


def vjp(function, primals, given):
    outputs, gradients = core.vjp(FUNCTIONS[function], primals, given)
    return {
        "outputs": outputs,
        "gradients": gradients,
        "watched": sum(x._trace is not None for x in [*outputs, *gradients]),
    }


def vjp_of_bare(x, given):
    """Bare arrays as primals and cotangents."""
    outputs, gradients = core.vjp(core.sin, [bare(x)], [bare(given)])
    return {"outputs": outputs, "gradients": gradients}


def vjp_fails(x, case):
    """Calls that must raise."""
    one = core.ones_like(x)
    calls = {
        "too few": (lambda x: (x, core.exp(x)), [one]),
        "too many numbers": (core.exp, [core.ones((7, 5))]),
        "would broadcast": (core.exp, [core.ones((1,))]),
        "a string": (lambda x: "no array", [one]),
        "a number": (lambda x: 1.5, [one]),
    }
    core.vjp(calls[case][0], [x], calls[case][1])
    return {}


def own_arrays(x, g):
    """Results in holders of their own: what is done to them reaches nobody else."""
    outputs, gradients = core.vjp(lambda x: [x, x], [x], [g, g])
    outputs[0] += 1.0
    outputs[1] += 2.0
    gradients[0] += 3.0
    return {"outputs": outputs, "gradients": gradients, "x": x, "g": g}


def nested(x, v, case):
    """Gradients inside of gradients, of arrays without axes."""

    def slope(function, x):
        return core.vjp(function, [x], [core.ones_like(x)])[1][0]

    def third(x):
        return slope(lambda x: slope(lambda x: slope(lambda x: core.exp(core.sin(x)), x), x), x)

    functions = {
        # d/dx (x * d/dy (x * y)): the inner gradient must not mix with the outer one
        "confusion": lambda x: slope(lambda x: x * slope(lambda y: x + y, x), x),
        "closure": lambda x: slope(lambda x: slope(lambda y: core.sin(x) * core.exp(y) * v, v), x),
        "third": third,
        "mixed": lambda x: slope(lambda x: slope(lambda y: core.sin(x * y), v), x),
        "inner constant": lambda x: slope(lambda x: slope(core.sin, v) * x, x),
    }
    return {"slope": functions[case](x)}


def forgotten(x):
    """An array that leaks out of its transform, and its use afterwards, in another one too."""
    leaked = []
    function = lambda x: leaked.append(core.exp(x)) or core.sin(x)  # noqa: E731
    _, (dx,) = core.vjp(function, [x], [core.ones_like(x)])
    slope = core.grad(lambda x: core.sum(x * leaked[0]))(x)
    return {"dx": dx, "used": core.exp(leaked[0]), "slope": slope}


# 3.9: value_and_grad, grad


class Pair(NamedTuple):
    weight: Any
    bias: Any


def quadratic(w, x, y, *, b=0.0):
    return ((x * w - y + b) ** 2).sum()


def argument_choice(w, x, y, b, options, keyword):
    """Which arguments are differentiated, and in which structure the gradients come."""
    function = core.value_and_grad(quadratic, **options)
    value, gradients = function(w, x, y, **({"b": b} if keyword else {}))
    only = core.grad(quadratic, **options)(w, x, y, **({"b": b} if keyword else {}))
    return {"value": value, "gradients": gradients, "grad alone": only}


def of_a_tree(w, b, kind):
    """Trees as the differentiated argument: structure, values, and the tree as it was."""
    trees = {
        "list": [w, [b]],
        "dict": {"w": w, "inner": {"b": b}},
        "tuple": (w, (b,)),
        "named": Pair(w, b),
        "mixed": {"layers": [{"w": w}, (b,)], "none": []},
    }
    tree = trees[kind]

    def loss(tree):
        first, second = leaves(tree)
        return core.sin(first).sum() + core.exp(second * 2).sum()

    value, gradient = core.value_and_grad(loss)(tree)
    after = leaves(tree)
    if kind == "named":
        gradient = {"weight": gradient.weight, "bias": gradient.bias}
    return {
        "value": value,
        "gradient": gradient,
        "the same objects": [after[0] is w, after[1] is b],
    }


def leaves(tree):
    if isinstance(tree, (list, tuple)):
        return [leaf for branch in tree for leaf in leaves(branch)]
    if isinstance(tree, dict):
        return leaves(list(tree.values()))
    return [tree]


def auxiliary(x):
    """A loss with more beside it, which comes back readable and unwatched."""

    def fun(x):
        y = core.exp(x)
        return y.sum(), {"y": y, "text": "epoch", "many": [core.sin(x), 3]}

    (loss, extra), gradient = core.value_and_grad(fun)(x)
    arrays = [loss, extra["y"], extra["many"][0], gradient]
    return {
        "loss": loss,
        "extra": extra,
        "gradient": gradient,
        "watched": sum(a._trace is not None for a in arrays),
    }


def lost_in_a_closure(x):
    """A loss that does not depend on the argument, and an argument that is not used."""
    value, gradient = core.value_and_grad(lambda w: core.sin(x).sum())(x)
    _, both = core.value_and_grad(lambda a, b: core.sin(b).sum(), argnums=(0, 1))(x, x)
    return {"value": value, "gradient": gradient, "first": both[0], "second": both[1]}


def side_effects(x):
    """A function that edits a list and a dict: they keep what was written, unwatched."""
    seen, state = [], {"count": 0, "last": x}

    def fun(params):
        y = core.exp(params["x"])
        seen.append(y)
        state["count"] += 1
        params["new"] = core.sin(params["x"])
        return y.sum()

    params = {"x": x}
    gradient = core.grad(fun)(params)
    return {
        "gradient": gradient["x"],
        "keys": sorted(params),
        "new": params["new"],
        "new is watched": params["new"]._trace is not None,
        "still the same": params["x"] is x,
        "seen": len(seen),
        "count": state["count"],
    }


def after_an_error(x):
    """The function raises: the tree is given back, and the next gradient is right."""
    params = {"x": x}

    def broken(params):
        core.exp(params["x"])
        raise KeyError("on purpose")

    try:
        core.grad(broken)(params)
        raised = False
    except KeyError:
        raised = True
    gradient = core.grad(lambda p: core.sin(p["x"]).sum())(params)
    return {
        "raised": raised,
        "still the same": params["x"] is x,
        "gradient": gradient["x"],
        "x": params["x"],
    }


def reading_inside(x):
    """item(), numpy and print are allowed inside, and give plain numbers."""
    texts = []

    def fun(x):
        y = core.exp(x)
        texts.append(str(y))
        factor = float(np.array(y).max()) if y.max().item() > 0 else 0.0
        return (core.sin(x) * factor).sum()

    value, gradient = core.value_and_grad(fun)(x)
    return {"value": value, "gradient": gradient, "printed": "array" in texts[0]}


def grad_fails(x, case):
    """Calls that must raise."""
    cases = {
        "not a scalar": lambda: core.grad(core.exp)(x),
        "not an array": lambda: core.grad(lambda x: 1.0)(x),
        "no such position": lambda: core.grad(lambda x: x.sum(), argnums=1)(x),
        "no such name": lambda: core.grad(lambda x, b=0: x.sum(), argnames="b")(x),
        "not only arrays": lambda: core.grad(lambda p: p[0].sum())([x, 1.0]),
        "empty": lambda: core.value_and_grad(lambda x: ())(x),
        "its second": lambda: core.value_and_grad(lambda x: (1.0, x.sum()))(x),
    }
    cases[case]()
    return {}


def higher(x, v, case):
    """Hessians and their products, by gradients of gradients."""

    def fun(x):
        return core.sin(x).sum() * core.exp(x).sum()

    def hessian_product(x):
        return core.grad(lambda x: (core.grad(fun)(x) * v).sum())(x)

    def penalty(x):
        return (core.grad(fun)(x) ** 2).sum()

    value, gradient = {
        "hessian times a vector": lambda: (fun(x), hessian_product(x)),
        "a penalty on the gradient": lambda: core.value_and_grad(penalty)(x),
        "through the value": lambda: core.value_and_grad(
            lambda x: operator.mul(*map(core.sum, core.value_and_grad(fun)(x)))
        )(x),
    }[case]()
    return {"value": value, "gradient": gradient}


def dtype_of_loss(x, cpu):
    """Value and gradient keep the dtype."""
    with on_cpu(cpu):
        value, gradient = core.value_and_grad(lambda x: core.square(x).sum())(x)
        return {"value": value, "gradient": gradient}


# 3.10: stop_gradient


def stopped(x):
    """The values, and gradients of what stands behind it, beside it and above it."""

    def beside(x):
        return (core.stop_gradient(core.sin(x)) * x).sum()

    def behind(x):
        return core.exp(core.stop_gradient(x)).sum()

    def doubly(x):
        return core.grad(beside)(x).sum()

    return {
        "values": core.stop_gradient(x),
        "beside": core.grad(beside)(x),
        "behind": core.grad(behind)(x),
        "twice": core.grad(doubly)(x),
    }


def stopped_values(x):
    y = core.stop_gradient(x)
    inside = core.value_and_grad(lambda w: (w.sum(), core.stop_gradient(x)))(core.array(1.0))[0][1]
    return {"values": y, "inside": inside, "dtype": str(y.dtype)}


# 3.11: finite differences


CURVES: dict[str, Any] = {
    "square": lambda x: x * x,
    "cube": lambda x: x * x * x,
    "sums": lambda x: x.sum(0) * x.sum(0),
    "neighbours": lambda x: x[1:] * x[:-1],
    "sine": core.sin,
}


def finite_differences(function, x, cotangent, eps, cpu):
    with on_cpu(cpu):
        return {"slopes": check.finite_differences(CURVES[function], x, cotangent, eps)}


def default_step(x, cotangent):
    return {"slopes": check.finite_differences(core.sin, x, cotangent)}


def finds_a_wrong_rule(x):
    """The checker built on it lets a right rule pass and objects to a wrong one."""

    @primitive.primitive
    def doubled(x, /):
        return 2 * x

    @doubled.defvjp
    def doubled_vjp(g, y, x):
        return (g,)

    check.check_grads(core.sin, [x])
    try:
        check.check_grads(doubled, [x])
    except AssertionError as error:
        return {"objection": "argument 0" in str(error)}
    return {"objection": False}


# 3.12: the graph as data


def graph_of(x, case, steps):
    def ladder(a):
        return functools.reduce(lambda y, _: core.add(y, y), range(steps), a)

    functions = {
        "a chain": lambda a: core.sum(core.exp(core.sin(a)), axis=1),
        "a constant": lambda a: core.arctan2(core.ones((3,)), core.subtract(a, 2.0)),
        "used twice": lambda a: core.add(core.sin(a), core.exp(core.sin(a))),
        "two inputs": lambda a, b: core.subtract(core.matmul(a, b), core.sum(b)),
        "a split": lambda a: core.split(a, 3, 1)[1],
        "an uneven split": lambda a: core.split(a, [1], 1)[1],
        "two results": lambda a: [core.exp(a), core.sin(core.exp(a))],
        "a ladder": ladder,
    }
    second = [core.ones((x.shape[-1], 2))] if case == "two inputs" else []
    vertices, edges = draw.graph_of(draw.record(functions[case], x, *second))
    return {
        "vertices": [[name, list(shape)] for name, shape in vertices],
        "edges": [list(edge) for edge in edges],
    }


# 3.13 and the rules: what the table cannot say


def unbroadcast(g, x):
    found = broadcasting.unbroadcast(g, x)
    return {"gradient": found, "number": broadcasting.unbroadcast(g, 2.0)}


def unbroadcast_equal(g):
    """Of equal shapes nothing needs to be done, and nothing is."""
    return {"the same object": broadcasting.unbroadcast(g, g * 2) is g}


def gradient(call, inputs, given, cpu=False):
    """Value and gradients of a call under a cotangent of the caller's choice."""
    with on_cpu(cpu):
        function, names = operation(call, inputs)
        ys, gradients = core.vjp(function, [inputs[n] for n in names], as_list(given))
        result = {"y": ys[0]}
        return result | {f"d{n}": g for n, g in zip(names, gradients, strict=True)}


def translated_gradient(call, translation, inputs, given):
    """The same. (The translation is the reference's.)"""
    return gradient(call, inputs, given)


def dtypes_of_gradients(call, inputs):
    """The dtypes of gradients where the inputs' dtypes differ."""
    function, names = operation(call, inputs)
    y = function(*(inputs[n] for n in names))
    _, gradients = core.vjp(function, [inputs[n] for n in names], [core.ones_like(y)])
    return {
        "dtypes": [str(g.dtype).removeprefix("mlx.core.") for g in gradients],
        "gradients": [g.astype(core.float32) for g in gradients],
    }


# What it costs, and what becomes of single cases


def peak(function):
    """The result of ``function``, evaluated, and the bytes that it took at the worst moment.

    Rounded to a power of two, so that a few bytes of somebody else tell no two runs apart.
    """
    mx.clear_cache()
    mx.synchronize()
    before = mx.get_active_memory()
    meter.reset()
    result = function()
    core.eval(result)
    taken = max(1, meter.peak() - before)
    return result, 1 << round(math.log2(taken))


def memory_of_gradient(call, inputs):
    """The bytes that the gradients of a call need at the worst moment, and the first of them."""
    function, names = operation(call, inputs)
    values = [inputs[n] for n in names]
    given = core.ones_like(function(*values))
    core.eval(list(inputs.values()), given)
    gradients, taken = peak(lambda: core.vjp(function, values, [given])[1])
    return {"bytes": taken, "slope": gradients[0]}


def memory_of_contraction(n):
    """The bytes that the product of two matrices of n by n takes at the worst moment."""
    a, b = core.ones((n, n)), core.ones((n, n))
    core.eval(a, b)
    product, taken = peak(lambda: contraction.contract_pair(a, "ij", b, "kj", "ik"))
    return {"bytes": taken, "element": product[0, 0]}


def looks_at_a_chain(length):
    """How often the order of a long chain looks at a node's parents or compares two nodes."""
    looks = {"parents": 0, "comparisons": 0}

    class Watched(tape.Node):
        __slots__ = ("above",)

        def __init__(self, above):
            self.primitive, self.args, self.params, self.output = None, (), {}, None
            self.above = above

        @property
        def parents(self):
            looks["parents"] += 1
            return self.above

        def __eq__(self, other):
            looks["comparisons"] += 1
            return self is other

        __hash__ = object.__hash__

    nodes = [Watched([])]
    for _ in range(length - 1):
        nodes.append(Watched([nodes[-1]]))
    order = tape.topological_order([nodes[-1]])
    counted = sum(looks.values())
    same = [a is b for a, b in zip(order, reversed(nodes), strict=False)]
    whole = len(order) == length and all(same)
    return {"whole": whole, "looks": counted}


def runs_of_a_function(x, transform):
    """How often the function runs, and whether what comes back is still to be computed."""
    runs = []

    def function(x):
        runs.append(1)
        return core.sin(x).sum()

    if transform == "vjp":
        (value,), (slope,) = core.vjp(function, [x], [core.array(1.0)])
    else:
        value, slope = core.value_and_grad(function)(x)
    lazy = [_is_lazy(value), _is_lazy(slope)]
    return {"runs": len(runs), "lazy": lazy, "value": value, "slope": slope}


def _is_lazy(x):
    text = io.StringIO()
    mx.export_to_dot(text, bare(x))
    return "->" in text.getvalue()


def lazy_steps(x):
    """Whether a step is recorded, and sent back, without being computed."""
    with tape.Tape() as recorder:
        a = recorder.watch(x)
        y = core.exp(a)
        recorded_lazily = _is_lazy(recorder.read(y))
        gradients = tape.backward([recorder.node_of(y)], [core.ones_like(x)])
        slope = gradients[recorder.node_of(a)]
        return {"recorded": recorded_lazily, "sent back": _is_lazy(slope), "slope": slope}


def same_primal_twice(x, g):
    """One array in both places of a function of two."""
    _, gradients = core.vjp(lambda a, b: core.sin(a) * core.exp(b), [x, x], [g])
    return {"gradients": gradients}


def slopes_of_power(a, b):
    """Derivatives of the derivatives of ``a ** b``: twice by ``a``, and by ``b`` and then ``a``."""

    def by(place, a, b):
        return core.vjp(lambda *both: both[0] ** both[1], [a, b], [core.ones_like(a)])[1][place]

    def slope(place):
        return core.vjp(lambda a: by(place, a, b), [a], [core.ones_like(a)])[1][0]

    return {"aa": slope(0), "ba": slope(1)}


def mixed_slope_of_power(a, b):
    """The derivative of ``a ** b`` by ``a``, and of that by ``b``."""

    def by_base(b):
        return core.vjp(lambda a: a**b, [a], [core.ones_like(a)])[1][0]

    return {"ab": core.vjp(by_base, [b], [core.ones_like(b)])[1][0]}


def pulled(x, v, call):
    """For each argument of the last step, the index arrays too, what its rule returns."""
    scope = {"mx": core, "assigned": assigned, "S": Slices()}
    scope |= {"i": core.array([0, 1]), "j": core.array([1, 1])}
    with tape.Tape() as recorder:
        scope |= {"x": recorder.watch(x), "v": recorder.watch(v)}
        node = recorder.node_of(eval(call, scope))
        returned = node.pull(core.ones_like(node.output))
        kinds = ["None" if g is None else "array" for g in returned]
        return {"kinds": kinds, "arguments": len(node.args), "first": returned[0]}


def differences_with_cotangent(x, cotangent):
    """The dtype of differences where the cotangent is wider than the argument."""
    slopes = check.finite_differences(lambda x: x * x, x, cotangent, 0.5)
    return {"dtype": str(slopes.dtype).removeprefix("mlx.core."), "slopes": slopes}


def runs_of_differences(x):
    """How often the differences run the function."""
    runs = []
    function = lambda x: runs.append(1) or x * x  # noqa: E731
    slopes = check.finite_differences(function, x, core.ones_like(x), 0.25)
    return {"runs": len(runs), "slopes": slopes}
