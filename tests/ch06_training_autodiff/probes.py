"""What the graders of chapter 6 run of the student's code.

Inputs arrive as arrays of ``tinymlx.core``. Functions that are transformed come as texts,
in which ``c`` is the library (``lambda x: c.sin(x) * x``), or are built here, by name.
"""

import contextlib
import io
import os
import tempfile
from typing import Any, NamedTuple

import mlx.core as mx
import numpy as np

from course.grading import meter
from tinymlx import core, nn, optimizers
from tinymlx.core import array as to_array
from tinymlx.core import draw, jacobians
from tinymlx.core.arrays import bare
from tinymlx.core.batch_rules.alignment import aligned
from tinymlx.core.primitive import primitive
from tinymlx.training import (
    Batches,
    EarlyStopping,
    LossScaler,
    Trainer,
    WeightAverage,
    accumulated,
    by_hand,
    checkpoints,
)

__all__ = ["to_array"]


def smooth(text):
    """The function that a text describes, on this library's arrays."""
    return eval(text, {"c": core})


# 6.1


def backward_pass(x, labels, weights, biases):
    """Loss and gradients by hand, and the gradients that `core.value_and_grad` finds."""
    layers = [(bare(w), bare(b)) for w, b in zip(weights, biases, strict=True)]
    loss, gradients = by_hand.loss_and_gradients(layers, bare(x), bare(labels))

    def network(weights, biases):
        h = x
        for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
            z = h @ w.T + b
            h = z if k == len(weights) - 1 else nn.relu(z)
        return nn.losses.cross_entropy(h, labels, reduction="mean")

    automatic = core.value_and_grad(network, argnums=(0, 1))(weights, biases)
    return {
        "loss": loss,
        "weights": [w for w, _ in gradients],
        "biases": [b for _, b in gradients],
        "automatic weights": automatic[1][0],
        "automatic biases": automatic[1][1],
    }


# 6.2


class Pair(NamedTuple):
    first: Any
    second: Any


def chosen_arguments(a, b, c, d, options):
    """A loss of four arrays, three of them in boxes; which are differentiated is chosen."""

    def fn(one, two, *, three, four, five):
        squares = core.sum(one["x"] * two[0] ** 2) + core.sum(four**2) * five
        return squares + core.sum(three.second * one["x"])

    one, two, three = {"x": a}, [b], Pair(core.array(0.0), c)
    function = core.value_and_grad(fn, **options)
    value, gradients = function(one, two, three=three, five=core.array(2.0), four=d)
    only = core.grad(fn, **options)(one, two, three=three, five=core.array(2.0), four=d)
    kept = [one["x"] is a, two[0] is b, three.second is c]
    return {
        "value": value,
        "gradients": gradients,
        "grad alone": only,
        "kept": kept,
        "positions in a": type(gradients[0]).__name__,
    }


def by_another_name(x):
    """The function reaches what it is given through a variable outside."""
    model = {"layers": [{"w": x}]}

    def fn(model_again, factor):
        return core.sum(model["layers"][0]["w"] ** 2) * factor

    function = core.value_and_grad(fn, argnames="model_again")
    value, (_, gradient) = function(model_again=model, factor=3.0)
    return {"value": value, "gradient": gradient["model_again"]["layers"][0]["w"]}


def edited(x, y):
    """What the function writes into lists and dicts stays, without history."""
    notes, model = [], {"w": x, "kept": None}

    def fn(model, notes, y):
        z = model["w"] * y
        notes.append(z)
        notes.append(model["w"])
        notes.append("a word")
        return core.sum(z)

    model.pop("kept")
    function = core.value_and_grad(fn, argnames="model")
    _, (_, gradient) = function(model=model, notes=notes, y=y)
    gradient = gradient["model"]
    loose = [n for n in notes if isinstance(n, core.array) and n._trace is not None]
    return {
        "gradient": gradient["w"],
        "computed": notes[0],
        "watched": len(loose),
        "the original": [notes[1] is x, model["w"] is x, notes[2] == "a word"],
    }


def moved(x, y):
    """A function that moves an array to another place of its argument."""
    tree = {"a": x, "b": y}

    def fn(tree):
        tree["a"], tree["b"] = tree["b"], tree["a"] * 2.0
        return core.sum(tree["a"] * tree["b"])

    _, (_, gradient) = core.value_and_grad(fn, argnames="tree")(tree=tree)
    gradient = gradient["tree"]
    history = [v._trace is not None for v in tree.values()]
    return {**gradient, "tree": dict(tree), "y moved": tree["a"] is y, "history": history}


def raised(x):
    """A function that fails: its argument gets its arrays back."""
    tree = [x]

    def fn(tree):
        raise KeyError("on purpose")

    try:
        core.value_and_grad(fn, argnames="tree")(tree=tree)
        error = "none"
    except KeyError:
        error = "the function's own"
    return {
        "x": tree[0],
        "error": error,
        "the original": tree[0] is x,
        "watched": tree[0]._trace is not None,
    }


def arrays_twice(x):
    """One array by two names is differentiated by each."""
    function = core.value_and_grad(lambda b, a: core.sum(b * a**2), argnames=["b", "a"])
    value, gradient = function(a=x, b=x)
    return {"value": value, "gradient": gradient}


# 6.3 and 6.4


def forward_mode(function, primals, tangents):
    outputs, moved = core.jvp(smooth(function), primals, tangents)
    watched = sum(x._trace is not None for x in [*outputs, *moved])
    return {"outputs": outputs, "tangents": moved, "watched": watched}


def constant_outputs(x, v):
    """Outputs that depend on no primal, or are the primal itself."""
    outputs, moved = core.jvp(lambda x: (core.ones((2, 3)), x, x * 0.0), [x], [v])
    return {"outputs": outputs, "tangents": moved}


def outputs_of_their_own(x, v, c):
    """What is returned may be changed in place; what was given must not change with it."""
    outputs, moved = core.jvp(lambda x: (c, x, x), [x], [v])
    for y in [*outputs[:2], *moved[:2]]:
        y += 100.0
    return {"outputs": outputs, "tangents": moved, "given": [x, v, c]}


def failed_inside(x, v):
    """A function that fails, and leaves an array behind: it is a constant afterwards."""
    kept = []

    def fn(x):
        kept.append(x * 2.0)
        raise KeyError("on purpose")

    with contextlib.suppress(KeyError):
        core.jvp(fn, [x], [v])
    later = kept[0] * 1.0
    (moved,) = core.jvp(lambda x: core.sum(x * x), [x], [v])[1]
    return {"kept": later, "watched": later._trace is not None, "moved": core.sum(moved) + 0 * x}


def complex_tangents(x, v, z):
    """From real to complex numbers, and back."""
    functions = {
        "scaled": lambda x: x * z,
        "real part": lambda x: core.real(x * z),
        "square": lambda x: core.abs(x * z) ** 2,
    }
    return {
        name: [outputs[0] for outputs in core.jvp(fn, [x], [v])] for name, fn in functions.items()
    }


@primitive
def thrice(x: mx.array, y: mx.array, /) -> mx.array:
    """Three times x; its rule has nothing to say about y."""
    return x * 3 + 0 * y


@thrice.defvjp
def _(g, output, x, y):
    return g * 3.0, None


@primitive
def product_for_one(x: mx.array, y: mx.array, /) -> mx.array:
    """A product whose rule calls y a constant, by zeros that do not depend on the cotangent."""
    return x * y


@product_for_one.defvjp
def _(g, output, x, y):
    return g * y, core.zeros(y.shape)


def rules_with_gaps(x, y, v, w):
    """Both arguments move; the rules give a cotangent to the first."""
    return {
        "none": [r[0] for r in core.jvp(thrice, [x, y], [v, w])],
        "zeros": [r[0] for r in core.jvp(product_for_one, [x, y], [v, w])],
    }


def forward_in_place(x, v):
    """A function that changes its argument changes nobody else's array."""

    def fn(x):
        x += 1.0
        return x * x

    outputs, moved = core.jvp(fn, [x], [v])
    return {"outputs": outputs, "tangents": moved, "x": x}


def forward_compositions(x, v, case):
    """Forward over reverse, reverse over forward, forward over forward."""

    def f(x):
        return core.sum(core.sin(x) * x**2)

    def slope(x):
        return core.jvp(f, [x], [v])[1][0]

    if case == "forward over reverse":
        return {"y": core.jvp(core.grad(f), [x], [v])[1][0]}
    if case == "reverse over forward":
        return {"y": core.grad(slope)(x)}
    return {"y": core.jvp(slope, [x], [v])[1][0]}


def leaked_tangent(x, v):
    """An array from inside of jvp, used afterwards, is a constant."""
    kept = []

    def fn(x):
        kept.append(x * 2.0)
        return x

    _, (moved,) = core.jvp(fn, [x], [v])
    y, g = core.value_and_grad(lambda w: core.sum(w * kept[0]))(x)
    return {"moved": moved, "y": y, "g": g, "watched": (kept[0] * 1.0)._trace is not None}


def jvp_fails(x, case):
    calls = {
        "too few": ([x, x], [x]),
        "another shape": ([x], [core.ones((1,))]),
    }
    core.jvp(lambda *xs: xs[0], *calls[case])
    return {}


def pushed_pairs(x, v, case):
    """Primitives with several outputs, integer inputs, mixed dtypes, a maximum."""
    functions = {
        "split": lambda x: core.split(core.sin(x), 2),
        "taken": lambda x: core.take(x * x, core.array([2, 0, 0]), axis=0),
        "mixed": lambda x: x.astype(core.float16) * core.array([2.0, 3.0, 4.0, 5.0]),
        "cumulative": lambda x: core.cumsum(x * x),
        "sorted": lambda x: core.sort(x) * 2.0,
    }
    outputs, moved = core.jvp(functions[case], [x], [v])
    return {"outputs": outputs, "tangents": moved}


# 6.5 to 6.7


@primitive
def mirrored(x: mx.array, /) -> mx.array:
    """The last axis backwards: a primitive that the course knows no rule for."""
    return x[..., ::-1] * mx.arange(x.shape[-1])


@primitive
def sum_and_difference(x: mx.array, y: mx.array, /) -> list[mx.array]:
    """Two outputs, without a rule."""
    return [mx.cumsum(x) + y, mx.cumsum(x) - y]


@primitive
def ruled(x: mx.array, /) -> mx.array:
    """One that brings its own rule."""
    return mx.sum(x)


def ruled_batch(batch, primitive, args, batched, params):
    """A rule that leaves a trace: the sum of each example plus 100."""
    (x,) = args
    return core.sum(core.reshape(x, (x.shape[0], -1)), axis=1) + 100.0


ruled.batch = ruled_batch


def without_rules(x, y, case):
    """A loop and a stack: one argument, a shared one, two outputs, a rule of its own."""
    if case == "one argument":
        return {"y": core.vmap(mirrored)(x)}
    if case == "another axis":
        return {"y": core.vmap(mirrored, in_axes=1, out_axes=1)(x)}
    if case == "own rule":
        return {"y": core.vmap(ruled)(x)}
    axes = {"two outputs": (0, 0), "shared": (0, None), "shared first": (None, 0)}[case]
    if case == "shared first":
        x, y = y[0], x
    outputs = core.vmap(lambda a, b: tuple(sum_and_difference(a, b)), in_axes=axes)(
        x, y[0] if case == "shared" else y
    )
    return {"outputs": list(outputs)}


def examples(function, inputs, axes):
    """A function of one example, under vmap."""
    outputs = core.vmap(smooth(function), in_axes=tuple(axes))(*inputs)
    outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
    return {"outputs": outputs, "watched": sum(y._trace is not None for y in outputs)}


def gradients_of_examples(x, y, w):
    """Per-example gradients: vmap of grad; and the gradient of a vmapped loss."""

    def loss(w, x, y):
        return (core.sum(core.tanh(x) * w) - y) ** 2

    each = core.vmap(core.grad(loss), in_axes=(None, 0, 0))(w, x, y)
    mean = core.grad(lambda w: core.mean(core.vmap(loss, in_axes=(None, 0, 0))(w, x, y)))(w)
    return {"each": each, "mean": mean}


def counted(primitive, run):
    """What ``run`` returns, and how often it carries the primitive out."""
    forward, calls = primitive.forward, []

    def counting(*args, **params):
        calls.append(1)
        return forward(*args, **params)

    primitive.forward = counting
    try:
        return {"y": run(), "calls": len(calls)}
    finally:
        primitive.forward = forward


def sums_of_a_batch(x):
    return counted(core.sum, lambda: core.vmap(core.sum)(x))


def products_of_a_batch(x, y):
    return counted(core.matmul, lambda: core.vmap(core.matmul)(x, y))


def alignment(args, batched):
    """What `aligned` returns; numbers stay what they are."""
    return {"aligned": list(aligned(args, batched))}


def combined(x, y, axes):
    """An elementwise function of two examples of different ranks."""
    return {"y": core.vmap(lambda a, b: a * 2.0 + b, in_axes=tuple(axes))(x, y)}


def reduced(x, name, options):
    """A reduction of each example."""
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    return {"y": core.vmap(lambda x: getattr(core, name)(x, **options))(x)}


def products(x, y, axes):
    """A matrix product for each example, and its gradient."""

    def each(x, y):
        return core.vmap(core.matmul, in_axes=tuple(axes))(x, y)

    z = each(x, y)
    dx, dy = core.grad(lambda x, y: core.sum(core.sin(each(x, y))), argnums=(0, 1))(x, y)
    return {"z": z, "dx": dx, "dy": dy}


# 6.8 and 6.9


def jacobian(function, x, by):
    rule = jacobians.jacobian_by_rows if by == "rows" else jacobians.jacobian_by_columns
    return {"J": rule(smooth(function), x)}


def calls_of_the_function(x, by):
    """A function is called for all rows, or columns, at once."""
    rule = jacobians.jacobian_by_rows if by == "rows" else jacobians.jacobian_by_columns
    calls = []

    def fn(x):
        calls.append(1)
        return core.sin(x) * core.sum(x)

    return {"J": rule(fn, x), "few calls": 1 <= len(calls) <= 3}


def jacobian_of_a_number(x, by):
    """Of a Python number, and of a list of numbers."""
    rule = jacobians.jacobian_by_rows if by == "rows" else jacobians.jacobian_by_columns
    return {"J": rule(core.exp, x), "of a list": rule(core.square, [x, 2.0])}


def curvature_of_many(x, v):
    """For 2000 numbers the matrix of second derivatives would have 16 MB, 2000 times x."""
    with mx.stream(mx.cpu):
        core.eval([x, v])
        meter.reset()
        before = mx.get_active_memory()
        y = jacobians.hessian_vector_product(lambda x: core.sum(x**3) * core.sum(x), x, v)
        core.eval(y)
        large = meter.peak() - before > 500 * x.nbytes
    return {"Hv": y, "a matrix in memory": large}


def curvature(x, v, case):
    functions = {
        "cubic": lambda x: core.sum(x**3) * core.sum(x),
        "network": lambda x: core.sum(core.tanh(x @ x.T) ** 2),
        "one number": lambda x: core.exp(x) * x,
    }
    return {"Hv": jacobians.hessian_vector_product(functions[case], x, v)}


# 6.10 and 6.11


def straight_through(x, g, rule):
    """Rounding, whose derivative is 0: with a rule it passes the gradient on."""

    @core.custom_function
    def rounded(x):
        return core.round(x) * x

    @rounded.vmap
    def _(inputs, axes):  # so that it is a primitive also where it has no vjp rule
        raise AssertionError("nobody vectorizes")

    if rule:

        @rounded.vjp
        def _(primals, cotangents, outputs):
            return cotangents * 3.0 + outputs * 0.0 + primals * 0.0

    (y,), (dx,) = core.vjp(lambda x: rounded(x) + x, [x], [g])
    return {"y": y, "dx": dx}


def rule_of_trees(x, y, g, h, rule):
    """Arguments and results that are trees, and rules that give all, some or other gradients."""

    @core.custom_function
    def fn(tree, y, *, factor=1.0):
        return {"sum": tree["x"] * factor + y, "product": tree["x"] * y}

    @fn.vmap
    def _(inputs, axes):  # so that it is a primitive also where it has no vjp rule
        raise AssertionError("nobody vectorizes")

    if rule == "all":

        @fn.vjp
        def _(primals, cotangents, outputs):
            tree, y = primals
            dx = cotangents["sum"] * 10.0 + cotangents["product"] * y
            return {"x": dx}, cotangents["product"] * tree["x"] + outputs["sum"] * 0.0

    if rule == "the first":

        @fn.vjp
        def _(primals, cotangents, outputs):
            return ({"x": cotangents["sum"] + cotangents["product"] * 5.0},)

    if rule == "with a number":

        @fn.vjp
        def _(primals, cotangents, outputs, factor):
            tree, y = primals
            dx = cotangents["sum"] * factor + cotangents["product"] * y * tree["n"]
            return {"n": None, "x": dx}, cotangents["product"]

    def run(x, y):
        if rule == "with a number":
            found = fn({"n": 2.0, "x": x}, y, factor=3.0)
        else:
            found = fn({"x": x}, y)
        return [found["sum"], found["product"]]

    outputs, gradients = core.vjp(run, [x, y], [g, h])
    return {"outputs": outputs, "gradients": gradients}


def checkpointed(x, w, g, case):
    """Values and gradients of a checkpointed function, and what it cost."""
    calls = []

    def layer(x, w):
        calls.append(1)
        return core.tanh(x @ w) @ w

    def tree_layer(tree):
        calls.append(1)
        y = core.tanh(tree["x"] @ tree["w"])
        return [y, y @ tree["w"]]

    def pair_layer(pair, *, scale):
        calls.append(1)
        return core.tanh(pair[0] @ pair[1]) * scale

    if case == "tree":
        kept = core.checkpoint(tree_layer)

        def fn(x, w):
            first, second = kept({"x": x, "w": w})
            return first * 2.0 + second
    elif case == "a pair and a name":
        kept = core.checkpoint(pair_layer)

        def fn(x, w):
            return kept((x, w), scale=w.sum())
    else:
        kept = core.checkpoint(layer)

        def fn(x, w):
            return kept(kept(x, w), w) if case == "twice" else kept(x, w)

    plain = fn(x, w)
    without = len(calls)
    (y,), gradients = core.vjp(fn, [x, w], [g])
    after = len(calls)
    names, _ = draw.graph_of(draw.record(fn, x, w))
    return {
        "plain": plain,
        "y": y,
        "gradients": gradients,
        "calls": [without, after - without],
        "remembered": sum(name not in ("input", "pick") for name, _ in names),
    }


def checkpoint_again(x):
    """A second derivative through a checkpoint."""
    kept = core.checkpoint(lambda x: core.sum(core.sin(x) ** 2))
    return {"y": core.grad(lambda x: core.sum(core.grad(kept)(x) ** 2))(x)}


def checkpoint_with_other_things(x, w):
    """Among the arguments a number, a word and nothing, which have no gradient."""

    def fn(x, pair, *, word, nothing=None):
        return core.sum(x * pair[1] * pair[0]) if word == "sum" and nothing is None else nothing

    kept = core.checkpoint(fn)
    value, gradients = core.value_and_grad(
        lambda x, w: kept(x, (3.0, w), word="sum", nothing=None), argnums=(0, 1)
    )(x, w)  # fmt: skip
    return {"value": value, "gradients": list(gradients)}


def checkpoint_memory_compiled(x):
    """As `checkpoint_memory`, in a compiled gradient, which is free to begin where it likes."""

    def block(x):
        for _ in range(8):
            x = core.sin(core.sort(x))
        return x

    def loss(x):
        kept = core.checkpoint(block)
        for _ in range(8):
            x = kept(x)
        return core.sum(x)

    with mx.stream(mx.cpu):
        step = core.compile(core.grad(loss))
        core.eval(step(x))
        mx.clear_cache()
        meter.reset()
        before = mx.get_active_memory()
        gradient = step(x)
        core.eval(gradient)
        many = meter.peak() - before > 100 * x.nbytes
        return {"100 arrays at a time": many, "gradient": gradient[:4]}


def checkpoint_memory(size, layers):
    """Peak memory of a gradient through many layers, with checkpoints and without, in bytes.

    On the CPU, which gives memory back at once. A GPU keeps it until a batch of commands has
    finished, and there MLX's own checkpoints save little of so small a network, too.
    """

    def block(x):
        for _ in range(8):
            x = core.sqrt(x) * 0.1 + x * 0.99
        return x

    def peak(step):
        def loss(x):
            for _ in range(layers):
                x = step(x)
            return core.sum(x)

        x = core.ones((size,)) * 0.5
        core.eval(x)
        mx.clear_cache()
        meter.reset()
        before = mx.get_active_memory()
        gradient = core.grad(loss)(x)
        core.eval(gradient)
        return meter.peak() - before, gradient[:4]

    with mx.stream(mx.cpu):
        (plain, gradient), (checkpointed, again) = peak(block), peak(core.checkpoint(block))
    return {"plain": plain, "checkpointed": checkpointed, "gradients": [gradient, again]}


# 6.12


def gradient_in_pieces(x, y, w, pieces):
    """A linear model's mean squared error, and what the division into pieces is like."""
    sizes = []

    def value_and_gradient(x, y):
        sizes.append(x.shape[0])
        return core.value_and_grad(lambda p: core.mean((x @ p["w"] - y) ** 2))({"w": w})

    loss, gradient = accumulated(value_and_gradient, pieces)(x, y)
    greatest = -(-x.shape[0] // pieces)
    return {
        "loss": loss,
        "gradient": gradient["w"],
        "not more pieces than allowed": len(sizes) <= pieces,
        "none larger than it must be": max(sizes) <= greatest,
        "every example": sum(sizes) == x.shape[0],
    }


def pieces_are_computed(x, pieces):
    """When a piece begins: how many operations of the piece before have not been carried out."""
    losses, sizes, unfinished = [], [], []

    def value_and_gradient(x):
        sizes.append(x.shape[0])
        if losses:
            text = io.StringIO()
            mx.export_to_dot(text, bare(losses[-1]))
            unfinished.append(text.getvalue().count("label"))
        losses.append(core.mean(x))
        return losses[-1], {"w": core.sum(x, axis=0)}

    loss, _ = accumulated(value_and_gradient, pieces)(x)
    return {"loss": loss, "sizes": sizes, "unfinished": unfinished}


def pieces_of_nothing(pieces):
    """Made, and not called."""
    return {"function": callable(accumulated(lambda *batch: (batch[0].sum(), {}), pieces))}


def pieces_fail(x, y, pieces):
    accumulated(lambda *batch: (batch[0].sum(), {}), pieces)(x, y)
    return {}


# 6.13


def scales(flags, start, growth_interval):
    """The state after each step, given which gradients were finite."""
    scaler = LossScaler(start, growth_interval)
    found = []
    for finite in flags:
        scaler.update(core.array(finite))
        found.append([scaler.state["scale"].item(), scaler.state["good_steps"].item()])
    dtypes = [str(scaler.state["scale"].dtype), str(scaler.state["good_steps"].dtype)]
    return {"states": found, "dtypes": dtypes}


def compiled_scales(flags, start, growth_interval):
    """The same in a compiled step."""
    scaler = LossScaler(start, growth_interval)
    step = core.compile(scaler.update, inputs=[scaler.state], outputs=[scaler.state])
    found = []
    for finite in flags:
        step(core.array(finite))
        found.append([scaler.state["scale"].item(), scaler.state["good_steps"].item()])
    return {"states": found}


def unscaled_gradients(gradients, start):
    scaler = LossScaler(start)
    result, finite = scaler.unscaled(gradients)
    compiled = core.compile(scaler.unscaled)(gradients)
    return {
        "result": result,
        "finite": finite,
        "untouched": scaler.state["scale"],
        "compiled": [compiled[0], compiled[1]],
    }


# 6.14


def linear(w, b):
    """A linear layer with the given weights."""
    model = nn.Linear(w.shape[1], w.shape[0])
    model.update({"weight": w, "bias": b})
    return model


def averages(ws, bs, decay, frozen):
    """The averages after each of several changes of the weights; the first tree stays as it was."""
    model = linear(ws[0], bs[0])
    model.freeze(keys=frozen)
    average = WeightAverage(model, decay)
    first = average.state["parameters"]
    start = dict(first)
    found = []
    for w, b in zip(ws[1:], bs[1:], strict=True):
        model.update({"weight": w, "bias": b})
        average.update()
        found.append(dict(average.state["parameters"]))
    unchanged = all(first[k] is start[k] for k in start)
    return {"averages": found, "unchanged": unchanged, "weight": model.weight}


def applied_average(w, b, w2, b2, x, raises):
    """The model's output with the averages, and afterwards, also after an error."""
    model = linear(w, b)
    average = WeightAverage(model, 0.5)
    model.update({"weight": w2, "bias": b2})
    average.update()
    own = model.weight
    inside = None
    with contextlib.suppress(KeyError), average.applied() as given:
        inside = given(x)
        if raises:
            raise KeyError("on purpose")
    return {"inside": inside, "after": model(x), "own": model.weight is own}


# 6.15


def patience(values, options):
    stopping = EarlyStopping(**options)
    rows = []
    for value in values:
        better = stopping.update(value)
        rows.append([bool(better), stopping.best, stopping.waited, stopping.stop])
    return {"rows": rows}


# 6.16


def make_run(x, y, options):
    core.random.seed(options["seed"])
    width = x.shape[1]
    model = nn.Sequential(
        nn.Linear(width, 8), nn.BatchNorm(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3)
    )
    optimizer = optimizers.AdamW(optimizers.cosine_decay(0.05, 20))

    def loss(model, x, y):
        return nn.losses.cross_entropy(model(x), y, reduction="mean")

    parts = {}
    if options.get("average"):
        parts["average"] = WeightAverage(model, 0.8)
    if options.get("scaler"):
        parts["scaler"] = LossScaler(8.0, growth_interval=3)
    trainer = Trainer(model, optimizer, loss, compile=options.get("compile", False), **parts)
    return trainer, Batches(x, y, batch_size=4), EarlyStopping(50)


def weights_of(trainer, batches):
    """Every number that a run has, in a row, and where it stands."""
    state = trainer.state(batches)
    arrays = []

    def collect(tree):
        if isinstance(tree, dict):
            for key in sorted(tree):
                collect(tree[key])
        elif isinstance(tree, (list, tuple)):
            for branch in tree:
                collect(branch)
        elif isinstance(tree, core.array):
            arrays.append(np.array(tree.astype(core.float32)).reshape(-1))
        elif isinstance(tree, (int, float)):
            arrays.append(np.array([tree], np.float32))

    collect({key: state[key] for key in state if key != "history"})
    return np.concatenate(arrays)


def resumed(x, y, options):
    """A run that never stopped, and one that was saved in the middle and went on elsewhere."""
    whole, batches, stopping = make_run(x, y, options)
    whole.fit(batches, 3, validation=Batches(x, y, batch_size=5, shuffle=False),
              stopping=stopping, progress=False)  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "run.safetensors")
        first, early, early_stopping = make_run(x, y, options)
        for count, batch in enumerate(early):
            loss = first.step(*batch)
            first.total += loss * batch[0].shape[0]
            first.seen += batch[0].shape[0]
            if count == options["after"]:
                first.save(file, early, early_stopping)
                break
        second, later, later_stopping = make_run(x, y, {**options, "seed": 99})
        if options.get("used"):  # a run that has steps behind it, and a compiled one at hand
            second.step(x[:4], y[:4])
            later_stopping.state = {"best": -5.0, "waited": 3}
        core.random.normal((7,))
        second.fit(later, 3, validation=Batches(x, y, batch_size=5, shuffle=False),
                   stopping=later_stopping, checkpoint=file, progress=False)  # fmt: skip
    return {
        "never stopped": weights_of(whole, batches),
        "resumed": weights_of(second, later),
        "history": whole.history,
        "resumed history": second.history,
        "steps": [whole.steps, second.steps],
        "stopping": [stopping.state, later_stopping.state],
    }


def restore_fails(x, y, case):
    """A tree that does not fit: an error, and nothing has changed."""
    trainer, batches, _ = make_run(x, y, {"seed": 1, "average": case == "lacks"})
    other, others, _ = make_run(x[:, 1:] if case == "shape" else x, y, {"seed": 2})
    other.step(x[:4, 1:] if case == "shape" else x[:4], y[:4])
    before = weights_of(trainer, batches)
    stopping = EarlyStopping(3)
    kept = stopping if case == "stopping kept" else None
    state = other.state(None if case == "batches" else others, kept)
    if case == "name":
        state["model"]["layers"][0]["scale"] = core.ones((2,))
    message = None
    try:
        trainer.restore(state, batches, stopping if case == "stopping" else None)
    except ValueError as error:
        message = str(error)
    return {"message": message, "same": bool(np.array_equal(before, weights_of(trainer, batches)))}


def random_numbers(seed, count):
    """Numbers after a state, drawn twice."""
    core.random.seed(seed)
    core.random.normal((count,))
    state = checkpoints.random_state()
    first = core.random.normal((5,))
    core.random.seed(1)
    core.random.normal((3,))
    checkpoints.set_random_state(state)
    return {"first": first, "again": core.random.normal((5,)), "state": state}
