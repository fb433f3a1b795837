"""What the graders of chapter 15 run of the student's code."""

import contextlib
import io
import json
import os
import tempfile

import mlx.core as mx

from course.grading.lines import counted
from tinymlx import core, nn
from tinymlx.compiler.tracing import trace
from tinymlx.core import array as to_array
from tinymlx.core.convolution.general import convolved
from tinymlx.core.convolution.sizes import Geometry
from tinymlx.deployment import contract, exporting, palettes, precision, pruning, ready
from tinymlx.formats import blocks, gguf, safetensors
from tinymlx.formats.mil import Op, Program, convert, convolution, layouts, shapes
from tinymlx.formats.pieces import Reader
from tinymlx.serving import (
    batching,
    chunks,
    engine,
    events,
    latency,
    pages,
    requests,
    scheduling,
    stops,
    streams,
)
from tinymlx.utils import tree_flatten

__all__ = ["to_array"]

# Files, 15.1 to 15.4. Bytes come and go as text of hexadecimal digits.


class Counted(io.BytesIO):
    """A file in memory that counts the bytes that are read.

    ``size``: how long it says that it is, if that is not the truth.
    """

    def __init__(self, data, size=None):
        super().__init__(data)
        self.size, self.count = size, 0

    def seek(self, place, whence=0):
        found = super().seek(place, whence)
        return self.size if whence == 2 and self.size else found

    def read(self, count=-1):
        if count < 0 or count > 1 << 20:
            raise MemoryError("as many bytes as the file claims are asked for")
        found = super().read(count)
        self.count += len(found)
        return found


def lazy(spec):
    """Arrays that nobody has computed, from their dtypes and shapes."""
    return {n: core.zeros(shape, getattr(mx, dtype)) for n, (dtype, shape) in spec.items()}


def safe_header(spec, metadata):
    found = safetensors.header(lazy(spec), metadata)
    return {"header": found.hex(), "length": len(found), "order": safetensors.in_order(lazy(spec))}


def header_without_computing(size):
    """Peak memory while the header of a lazy array is written."""
    mx.synchronize()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    found = safetensors.header({"x": core.ones((size,)) * 2}, None)
    return {"small": mx.get_peak_memory() - before < size, "length": len(found)}


def safe_file(data, names):
    """A file that is opened, and some of its arrays; how many bytes were read after each step."""
    source = Counted(bytes.fromhex(data))
    opened = safetensors.SafeFile(source, "x.safetensors")
    counts = [source.count]
    found = []
    for name in names:
        found.append(opened[name])
        counts.append(source.count)
    return {
        "arrays": found,
        "counts": counts,
        "first": opened.first,
        "metadata": opened.metadata,
        "places": {n: [x.dtype, list(x.shape), x.start, x.stop] for n, x in opened.places.items()},
    }


def safe_order(data, names):
    """The names of arrays as they stand in ``places``."""
    opened = safetensors.SafeFile(Counted(bytes.fromhex(data)), "x.safetensors")
    return {"order": list(opened.places)}


def safe_refused(data, size=None):
    """A file that should be refused; whether bytes were asked for that are not there."""
    source = Counted(bytes.fromhex(data), size)
    return {"names": list(safetensors.SafeFile(source, "x.safetensors").places)}


def lines_of_places(counts):
    """Lines of Python for a header of so many arrays of one number, each of which is found."""
    lines = []
    for count in counts:
        entries = {
            f"{i:03}": {"dtype": "I8", "shape": [1], "data_offsets": [i, i + 1]}
            for i in range(count)
        }
        text = json.dumps(entries).encode()
        (found, _), needed = counted(lambda t=text, n=count: safetensors.places(t, n))
        if [x.start for x in found.values()] != list(range(count)):
            raise ValueError("the arrays of a good file were not found where they are")
        lines.append(needed)
    return {"lines": lines}


def safe_missing(data, name):
    safetensors.SafeFile(Counted(bytes.fromhex(data)), "x.safetensors")[name]


def value_of(value, as_tuple=False):
    return {"bytes": gguf.value("an entry", tuple(value) if as_tuple else value).hex()}


def gguf_beginning(entries, arrays):
    """The front of a file. A shape stands there as a list."""
    given = {name: (kind, tuple(shape), size) for name, (kind, shape, size) in arrays.items()}
    return {"bytes": gguf.beginning(entries, given).hex()}


def gguf_entry(data, before=0):
    """What is read about an array, and where the reader stands behind it."""
    data = bytes.fromhex(data)
    source = Counted(data)
    reader = Reader(source, "x.gguf", len(data))
    source.seek(before)
    try:
        name, found = gguf.entry(reader)
    finally:
        if source.count > 1000:
            raise MemoryError("axes that cannot be were read one by one")
    return {
        "name": name,
        "shape": list(found.shape),
        "kind": found.kind,
        "start": found.start,
        "size": found.size,
        "place": source.tell(),
    }


def in_blocks(x, kind):
    return {"bytes": {"Q8_0": blocks.to_q8_0, "Q4_0": blocks.to_q4_0}[kind](x)}


def from_blocks(data):
    return {"x": blocks.from_q4_0(data)}


# A model made ready, 15.5 to 15.7


def norm_of(given, eps, parts):
    """A normalization with what ``parts`` names of it."""
    norm = nn.BatchNorm(given["running_mean"].size, eps=eps, affine="weight" in parts)
    for name in parts:
        norm[name] = given[name]
    norm.running_mean, norm.running_var = given["running_mean"], given["running_var"]
    return norm


def folded(weight, bias, norm, eps, affine=True):
    parts = ["weight", "bias"] if affine else []
    w, b = ready.folded(weight, bias, norm_of(norm, eps, parts))
    return {"weight": w, "bias": b}


def ready_without_statistics():
    layers = [nn.Linear(2, 3), nn.BatchNorm(3, track_running_stats=False)]
    return len(ready.ready(layers))


def folded_without_statistics():
    return ready.folded(core.ones((2, 3)), None, nn.BatchNorm(2, track_running_stats=False))


def wild(layer):
    """A layer whose parameters and statistics are nothing special."""
    for name, x in tree_flatten(layer.parameters()):
        low = 0.5 if name == "running_var" else -1.0
        layer[name] = core.random.uniform(low, 1.5, x.shape)
    return layer


MADE = {
    "conv": lambda: wild(nn.Conv2d(2, 2, 3, padding=1)),
    "bare": lambda: wild(nn.Conv2d(2, 2, 1, bias=False)),
    "linear": lambda: wild(nn.Linear(2, 2)),
    "norm": lambda: wild(nn.BatchNorm(2)),
    "layernorm": lambda: wild(nn.LayerNorm(2)),
    "dropout": lambda: nn.Dropout(0.5),
    "dropout2d": lambda: nn.Dropout2d(0.5),
    "relu": lambda: nn.relu,
    "pool": lambda: nn.MaxPool2d(2),
}


def ready_chain(x, kinds, seed, dtype=None, weights=None):
    """What is left of a chain, and outputs before and after; in the middle of training."""
    core.random.seed(seed)
    layers = [MADE[kind]() for kind in kinds]
    if weights:
        layers[0].set_dtype(getattr(mx, weights))
    chain = nn.Sequential(*layers)
    chain.eval()
    expected = chain(x)
    before = tree_flatten(chain.parameters())
    core.eval(before)
    chain.train()
    left = ready.ready(layers, getattr(mx, dtype) if dtype else None)
    now = tree_flatten(chain.parameters())
    kept = len(layers) == len(kinds) and all(
        a == b and core.array_equal(v, w).item() for (a, v), (b, w) in zip(before, now)
    )
    kept = kept and all(layer.training for layer in layers if isinstance(layer, nn.Module))
    answering = nn.Sequential(*left)
    answering.eval()
    y = answering(x)
    return {
        "kinds": [getattr(layer, "__name__", type(layer).__name__) for layer in left],
        "same": [any(layer is old for old in layers) for layer in left],
        "dtypes": [
            str(w.dtype)
            for x in left
            if isinstance(x, dict)
            for w in x.values()
            if isinstance(w, core.array)
        ],
        "kept": kept,
        "y": y,
        "expected": expected,
    }


def weights_as_inputs(x, weight, bias, other):
    """A model whose weights are its own, one of them given, all given; and its own afterwards."""
    model = nn.Sequential(nn.Linear(3, 2))
    model.layers[0].weight, model.layers[0].bias = weight, bias
    f = exporting.with_weights(model, lambda x: 2 * model(x))
    return {
        "own": f(x),
        "one": f(x, **{"layers.0.weight": other}),
        "all": f(x, **{"layers.0.weight": other, "layers.0.bias": 2 * bias}),
        "after": [model.layers[0].weight, model.layers[0].bias],
    }


def weights_after_training(x, weight, other):
    """A model that is trained after it was wrapped: what its function says, and its weight."""
    model = nn.Linear(3, 2, bias=False)
    model.weight = weight
    f = exporting.with_weights(model, model)
    before = f(x)
    model.weight = other
    return {"before": before, "now": f(x), "after": model.weight}


def weights_after_an_error(weight, other):
    """The model's weight when the function raised in its middle."""
    model = nn.Linear(3, 2)
    model.weight = weight

    def broken(x):
        raise ZeroDivisionError

    try:
        exporting.with_weights(model, broken)(weight, weight=other)
    except ZeroDivisionError:
        return {"weight": model.weight}
    raise AssertionError("the error of the function was lost")


def unknown_weight(x, name):
    model = nn.Linear(3, 2)
    return exporting.with_weights(model, model)(x, **{name: x})


def through_a_file(x, weight, other):
    """A function with its weight as an input, exported, read again, called with two weights."""
    model = nn.Linear(3, 2, bias=False)
    model.weight = weight
    f = exporting.with_weights(model, model)
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "f.mlxfn")
        core.eval(x, weight)
        core.export_function(file, f, x, weight=weight)
        found = core.import_function(file)
        results = [found(x, weight=w)[0] for w in (weight, other)]
        core.eval(results)
    return {"first": results[0], "second": results[1]}


def lie(expected, found, tolerance=1e-5, error="ValueError"):
    """The lie about pairs of outputs; ``None`` stands for a refusal. How many were asked for."""
    calls = []

    def other(x):
        calls.append(x)
        y = found[len(calls) - 1]
        if y is None:
            raise {"ValueError": ValueError, "RuntimeError": RuntimeError}[error](
                "no function matches"
            )
        return [y]

    given = iter(expected)
    told = exporting.first_lie(
        lambda x: next(given), other, [[x] for x in expected], tolerance=tolerance
    )
    words = told.split() if told else None
    return {"words": words[:3] if words else None, "calls": len(calls)}


def error_of_the_original(x):
    """What the original refuses is no example."""

    def function(x):
        raise ValueError("of the original")

    return exporting.first_lie(function, lambda x: [x], [[x]])


def careless_error(x):
    """An error of another kind is a mistake in the program, and comes through."""

    def other(x):
        raise ZeroDivisionError("of the program")

    return exporting.first_lie(lambda x: x, other, [[x]])


def promised(fields):
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    return contract.Contract(**fields)


def prepared(fields, pixels):
    return {"x": promised(fields).prepared(pixels)}


def answered(fields, outputs, count):
    return {"pairs": [list(x) for x in promised(fields).answers(outputs, count)]}


def scaling(mean, deviation, order):
    scale, bias, factor = contract.image_scaling(mean, deviation, order)
    return {"scale": scale, "bias": bias, "factor": factor}


# Core ML, 15.8 to 15.10. A program goes out as plain data.


def described(program):
    """A program as `tests/course/mil.py` runs it."""
    return {
        "inputs": list(program.inputs),
        "outputs": list(program.outputs),
        "constants": dict(program.constants),
        "ops": [
            {
                "kind": op.kind,
                "inputs": {k: list(x) if isinstance(x, list) else x for k, x in op.inputs.items()},
                "attributes": dict(op.attributes),
                "output": op.output,
                "shape": list(op.shape),
                "dtype": op.dtype,
            }
            for op in program.ops
        ],
    }


def attention(q, k, v, mask=None):
    """Of several heads, as chapter 11 writes it; ``q`` is (N, L, D)."""
    n, length, dims = q.shape
    q, k, v = (x.reshape(n, x.shape[1], 2, dims // 2).transpose(0, 2, 1, 3) for x in (q, k, v))
    scores = q @ k.swapaxes(-1, -2) * (dims // 2) ** -0.5
    if mask is not None:
        scores = core.where(mask, scores, -1e9)
    y = core.softmax(scores, axis=-1) @ v
    return y.transpose(0, 2, 1, 3).reshape(n, length, dims)


FUNCTIONS = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "power": lambda x, y: core.abs(x) ** y,
    "maximum": core.maximum,
    "minimum": core.minimum,
    "less": lambda x, y: x < y,
    "greater_equal": lambda x, y: x >= y,
    "equal": lambda x, y: core.floor(x) == core.floor(y),
    "exp": core.exp,
    "log": lambda x: core.log(core.abs(x)),
    "square": core.square,
    "sqrt": lambda x: core.sqrt(core.abs(x)),
    "rsqrt": lambda x: core.rsqrt(core.abs(x)),
    "reciprocal": lambda x: core.reciprocal(x),
    "sigmoid": core.sigmoid,
    "tanh": core.tanh,
    "erf": core.erf,
    "sign": core.sign,
    "negative": lambda x: -x,
    "number right": lambda x: (x - 2) / 4,
    "number left": lambda x: 2 - 1 / x,
    "power of two": lambda x: 2.0**x,
    "above two": lambda x: x > 2,
    "matmul": lambda x, y: x @ y,
    "linear": lambda x, w, b: core.addmm(b, x, w),
    "two and a half": lambda x, w, b: core.addmm(b, x, w, alpha=2.5),
    "half the bias": lambda x, w, b: core.addmm(b, x, w, beta=0.5),
    "half of it": lambda x, w, b: core.addmm(b, x, w, alpha=0.5),
    "twice the bias": lambda x, w, b: core.addmm(b, x, w, beta=2.0),
    "mean of all": lambda x: core.mean(x),
    "sum of rows": lambda x: core.sum(x, axis=-1),
    "turned": lambda x: x.transpose(0, -1, 1),
    "flatten": lambda x: core.flatten(x, 1),
    "minus one": lambda x: x.reshape(-1, x.shape[-1]),
    "other sides": lambda x: x.reshape(3, 2, 4),
    "unflatten": lambda x: core.unflatten(x, -1, (2, -1)),
    "backwards": lambda x: x.T,
    "swapped": lambda x: x.swapaxes(0, -1),
    "rotated": lambda x: x.transpose(1, 2, 0),
    "moved": lambda x: core.moveaxis(x, 0, -1),
    "moved back": lambda x: core.moveaxis(x, -1, 1),
    "attention": attention,
    "same shape": lambda x: core.flatten(x, 1) + 1,
    "sorted": lambda x: core.sort(x),
}


def program_of(name, arrays, constants=()):
    """A function's program. ``constants`` are arguments that are known when it is converted."""
    function = FUNCTIONS[name]
    return described(convert(lambda *xs: function(*xs, *constants), *arrays))


def order_of(name, x):
    """The order of axes that a node stands for."""
    (node,) = trace(FUNCTIONS[name], x).nodes
    return {"order": shapes.order_of(node)}


def program_of_reduction(name, x, axis, keepdims):
    axis = tuple(axis) if isinstance(axis, list) else axis
    reduce = getattr(core, name)
    return described(convert(lambda x: reduce(x, axis=axis, keepdims=keepdims), x))


def program_of_softmax(x, axis):
    axis = tuple(axis) if isinstance(axis, list) else axis
    return described(convert(lambda x: core.softmax(x, axis=axis), x))


def program_of_convolution(x, w, at):
    """``at``: what a convolution has; what is left out is usual."""
    n = x.ndim - 2
    usual = {
        "stride": [1] * n,
        "low": [0] * n,
        "high": [0] * n,
        "kernel_dilation": [1] * n,
        "input_dilation": [1] * n,
        "groups": 1,
        "flip": False,
    }
    numbers = {k: tuple(v) if isinstance(v, list) else v for k, v in {**usual, **at}.items()}
    return described(convert(lambda x: convolved(x, w, at=Geometry(**numbers)), x))


def program_of_computed_kernel(x, w):
    return described(convert(lambda x, w: core.conv2d(x, w), x, w))


def program_of_pooling(x, kind, sides):
    layer = {"max": nn.MaxPool2d, "mean": nn.AvgPool2d}[kind](tuple(sides))
    return described(convert(layer, x))


def is_pooling(x, shape, axes, over, keepdims=False):
    """Whether three nodes are a pooling, and of what."""

    def function(x):
        y = x.reshape(*shape).transpose(*axes)
        return core.max(y, axis=tuple(over), keepdims=keepdims)

    graph = trace(function, x)
    found = convolution.window_of(graph.nodes[-1], graph.makers())
    if found is None:
        return {"sides": None, "shape": None}
    return {"sides": core.array(found[1]), "shape": list(found[0].shape)}


def without_transposes(spec):
    """The pass on a program from plain data; and whether the old one has stayed as it is."""
    program = Program(
        {k: (tuple(shape), dtype) for k, (shape, dtype) in spec["inputs"].items()},
        {k: mx.array(x) for k, x in spec["constants"].items()},
        [
            Op(o["kind"], o["inputs"], o["attributes"], o["output"], tuple(o["shape"]), o["dtype"])
            for o in spec["ops"]
        ],
        spec["outputs"],
    )
    program.shapes = {k: shape for k, (shape, _) in program.inputs.items()}
    program.shapes |= {k: x.shape for k, x in program.constants.items()}
    program.shapes |= {op.output: op.shape for op in program.ops}
    before = described(program)
    found = described(layouts.without_transposes(program))
    after = described(program)
    kept = before["ops"] == after["ops"] and list(before["constants"]) == list(after["constants"])
    return {"program": found, "kept": kept}


# Fewer bytes, 15.11 to 15.13


def stages_of(count, losing, kind, seen):
    """Stages that do little; those in ``losing`` lose something in float16. ``seen`` notes each."""

    def stage(i):
        def run(x):
            seen.append([i, str(x.dtype).split(".")[-1]])
            if i not in losing:
                return x * 1.5 - 0.5 * x
            if kind == "overflow":  # only between: neither what comes in nor what goes out is large
                return core.sqrt(core.square(x * 400)) / 400
            if kind == "infinite":
                return (
                    x * 60000 / 60000 * core.array(2.0, x.dtype) / 2
                    if x.dtype == core.float32
                    else x * 60000 * 60000
                )
            if kind == "small":  # squares that are zero in halves
                return core.sqrt(core.square(x * 1e-5)) * 1e5
            shift = {"shifted": 0.02, "lowered": -0.02}.get(kind)
            if shift is None:  # one of all
                shift = core.array([0.03] + [0.0] * (x.size - 1), x.dtype)
            return x + shift if x.dtype == core.float16 else x

        return run

    return [stage(i) for i in range(count)]


def lost(x, count, losing, kind="overflow", tolerance=1e-2):
    """The stage that is found, and how many runs it took."""
    seen = []
    found = precision.first_loss(stages_of(count, losing, kind, seen), x, tolerance)
    halves = []
    for start in range(0, len(seen), max(count, 1)):
        run = seen[start : start + count]
        halves.append(sum(dtype == "float16" for _, dtype in run))
    return {"stage": found, "halves": halves}


def lost_in_any_case(x):
    return precision.first_loss([lambda x: x / (x - x[0]), lambda x: x], x)


def lost_among_large_ones(x):
    """An output of millions, which float16 does not have: only the last stage makes it."""
    return {"stage": precision.first_loss([lambda x: x, lambda x: x, lambda x: x * 1e6], x)}


def run_in_part(x, count, how_many):
    """The dtypes in which stages were run, and the output."""
    seen = []
    y = precision.mixed(stages_of(count, [], "overflow", seen), x, how_many)
    return {"y": y, "dtypes": [dtype for _, dtype in seen]}


def rounded_stages(x, count):
    """A sum that shows how often it was rounded."""
    return {"y": precision.mixed([lambda x: x + 0.1, lambda x: x / 3, lambda x: x * 7], x, count)}


@contextlib.contextmanager
def within_the_table():
    """Codes that no table has are an error here. (What adds at such places writes where other
    things stand, and the process ends without a word.) Gives a list of the calls."""
    calls, nearest = [], palettes.nearest

    def looked_at(table, weights):
        calls.append(1)
        codes = nearest(table, weights)
        if codes.size and core.max(codes).item() >= table.size:
            raise IndexError(f"nearest says {core.max(codes).item()} for a table of {table.size}")
        return codes

    palettes.nearest = looked_at
    try:
        yield calls
    finally:
        palettes.nearest = nearest


def codes_of(table, weights):
    return {"codes": palettes.nearest(table, weights)}


def palette_of(weights, count, rounds):
    with within_the_table():
        table, codes = palettes.palette(weights, count, rounds)
    return {"table": table, "codes": codes}


def rounds_of(weights, count, rounds):
    """How often weights look for their entry."""
    with within_the_table() as calls:
        table, _ = palettes.palette(weights, count, rounds)
    return {"calls": len(calls), "table": table}


def memory_of_codes(size, count):
    """Peak memory in numbers for each weight, beside the weights."""
    weights = core.random.normal((size,))
    table = core.sort(core.random.normal((count,)))
    core.eval(weights, table)
    mx.synchronize()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    codes = palettes.nearest(table, weights)
    core.eval(codes)
    return {"numbers": (mx.get_peak_memory() - before) / size / 4, "codes": codes[:99]}


def stay(magnitudes, sparsity):
    return {"kept": pruning.kept(magnitudes, sparsity)}


def pruned(weights, sparsity, everywhere):
    return {"weights": pruning.pruned(weights, sparsity, everywhere)}


# Serving


def batches(most, patience, script):
    """What a batcher answers to offers and questions, one after the other."""
    batcher = batching.Batcher(most, patience)
    said = []
    for what, *arguments in script:
        if what == "offer":
            batcher.offer(*arguments)
        elif what == "due":
            said.append(batcher.due(*arguments))
            if type(said[-1]) is not list:
                raise TypeError(f"due should return a list, not {type(said[-1]).__name__}")
        else:
            said.append(batcher.wake_up(*arguments))
    return {"said": said}


def table_after(table):
    """Everything that a table says about itself."""
    return {
        "free": list(table.free),
        "pages": [[text, list(own)] for text, own in table.pages.items()],
        "lengths": [[text, length] for text, length in table.lengths.items()],
    }


def paged(count, size, script):
    """What a table of pages answers, and how it looks after each step."""
    table = pages.PageTable(count, size)
    found = []
    for what, *arguments in script:
        try:
            said = getattr(table, what)(*arguments)
        except pages.OutOfPages:
            said = "out"
        found.append({"said": said, **table_after(table)})
    return {"steps": found}


class Walked(list):
    """A list that notes when somebody goes through it."""

    walks = 0

    def __iter__(self):
        self.walks += 1
        return super().__iter__()

    def __contains__(self, x):
        self.walks += 1
        return super().__contains__(x)


def price_of_a_page(count):
    """Whether growth and release go through the free pages or copy them."""
    table = pages.PageTable(count, 4)
    table.free = free = Walked(table.free)
    for new in (1, 9, 40):
        table.grow(1, new)
        table.grow(2, new)
    own = table.pages[1]
    table.grow(1, 4)
    stayed = table.pages[1] is own
    table.release(2)
    return {"same": table.free is free, "walks": free.walks, "stayed": stayed}


def plan_of(texts, size, new, order):
    """The plan for texts that have grown in pieces; and which pages they have."""
    table = pages.PageTable(64, size)
    for text, grown in texts:
        table.grow(text, grown)
    plan = pages.planned(table, order, new)
    found = {"write": plan.write, "read": plan.read, "padding": plan.padding}
    own = [list(table.pages[text]) for text in order]
    return {**found, "pages": own, "offset": plan.offset, "nowhere": table.nowhere}


class Adding:
    """A model whose next token is easy to say, and wrong if one position is missing or moved.

    It is the sum of (token + 1) * (position + 1) over the whole text, modulo the vocabulary. The
    products stand in the cache, so that they have to come back from their pages.
    """

    vocabulary = 61

    def __init__(self):
        self.calls = []

    def make_cache(self):
        return [None, None]

    def __call__(self, tokens, cache, padding):
        n, length = tokens.shape
        self.calls.append([n, length])
        offset = cache[0].offset
        places = offset + core.arange(length) - padding[:, None]
        products = ((tokens + 1) * (places + 1)).astype(core.float32)
        for layer in cache:
            _, kept = layer.update_and_fetch(products[:, None, :, None], products[:, None, :, None])
        kept = kept[:, 0, :, 0]
        asked = core.arange(offset + length)
        allowed = (asked <= offset + core.arange(length)[:, None])[None]
        allowed = allowed & (asked >= padding[:, None, None])
        sums = core.where(allowed, kept[:, None], 0.0).sum(axis=-1)
        return -core.abs(core.arange(self.vocabulary) - (sums % self.vocabulary)[..., None])


def served(count, size, rows, budget, coming, leaving):
    """All steps of an engine: what the model was asked, what happened, who runs and waits.

    ``coming`` are steps, prompts, numbers of tokens, and tokens that end; ``leaving`` steps and
    numbers of requests that are cancelled.
    """
    model = Adding()
    machine = engine.Engine(model, pages.PageTable(count, size), rows, budget)
    steps = []
    for at in range(120):
        for number, (step, prompt, most, ends) in enumerate(coming):
            if step == at:
                ended = frozenset(ends)
                machine.submit(requests.Request(number, prompt, most, ends=ended))
        for step, number in leaving:
            if step == at:
                machine.cancel(number)
        model.calls.clear()
        events = machine.step()
        steps.append(
            {
                "calls": [list(call) for call in model.calls],
                "events": sorted([e.number, e.token, e.reason] for e in events),
                "running": [row.number for row in machine.running],
                "waiting": [row.number for row in machine.waiting],
                "free": len(machine.table.free),
            }
        )
        if machine.idle and all(step <= at for step, *_ in coming):
            break
    return {"steps": steps}


def room_for(count, size, lengths, turn, new):
    """Rows with so many positions run; one of them needs ``new`` more."""
    machine = engine.Engine(Adding(), pages.PageTable(count, size), 9)
    for number, length in enumerate(lengths):
        machine.running.append(requests.Row(requests.Request(number, [1] * length)))
        machine.table.grow(number, length)
    machine.make_room(machine.running[turn], new)
    return {
        "positions": [[row.number, machine.table.lengths[row.number]] for row in machine.running],
        "waiting": [row.number for row in machine.waiting],
        "free": len(machine.table.free),
    }


def policy(kind, told):
    """A scheduler that is easy to say: it serves in some order, and perhaps in small pieces."""

    def share(jobs, budget):
        told.append(
            [
                {"who": j.number, "prompt": j.prompt, "written": j.written, "waited": j.waited}
                for j in jobs
            ]
        )
        jobs, found = list(jobs), {}
        if kind == "last":
            jobs.reverse()
        if kind == "waited":
            jobs.sort(key=lambda job: (-job.waited, job.number))
        for job in jobs:
            left = budget - sum(found.values())
            count = min(job.prompt or 1, left, 3 if kind == "pieces" else budget)
            if count > 0:
                found[job.number] = count
        return found

    return share


def chunked(count, size, rows, budget, kind, coming, leaving):
    """All steps of an engine that computes prompts in parts: what its scheduler was told, and what
    happened; ``coming`` and ``leaving`` as for :func:`served`."""
    model, told = Adding(), []
    table = pages.PageTable(count, size)
    machine = chunks.ChunkedEngine(model, table, rows, budget, policy(kind, told))
    steps = []
    for at in range(150):
        for number, (step, prompt, most, ends) in enumerate(coming):
            if step == at:
                machine.submit(requests.Request(number, prompt, most, ends=frozenset(ends)))
        for step, number in leaving:
            if step == at:
                machine.cancel(number)
        model.calls.clear()
        told.clear()
        events = machine.step()
        steps.append(
            {
                "scheduler is told": list(told),
                "parts computed": sum(n for n, _ in model.calls),
                "one call a length": len({n for _, n in model.calls}) == len(model.calls),
                "events": [
                    {"who": who, "token": token, "reason": reason}
                    for who, token, reason in sorted((e.number, e.token, e.reason) for e in events)
                ],
                "who runs": [row.number for row in machine.running],
                "who waits": [row.number for row in machine.waiting],
                "steps without a share": [row.waited for row in machine.running],
                "positions": [table.lengths.get(row.number, 0) for row in machine.running],
                "free pages": len(table.free),
            }
        )
        if machine.idle and all(step <= at for step, *_ in coming):
            break
    # As many entries for everybody: the first step that differs is told, not how many there were.
    return {"steps": [*steps, *[{"nothing left to do": True}] * (150 - len(steps))]}


def let_in_alone(count, size, rows, texts, inside):
    """Who is let in of some texts, beside others of whom nothing has been computed; and the pages
    that are free then."""
    machine = chunks.ChunkedEngine(Adding(), pages.PageTable(count, size), rows, 8)
    for number, length in enumerate(inside):
        machine.running.append(requests.Row(requests.Request(100 + number, [1] * length)))
    for number, length in enumerate(texts):
        machine.submit(requests.Request(number, [1] * length, 1))
        machine.waiting[-1].waited = 5
    found = machine.let_in()
    return {
        "let in": [{"who": row.number, "waited": row.waited} for row in found],
        "free pages": len(machine.table.free),
        "who waits": [row.number for row in machine.waiting],
    }


def strings_in(thing):
    """The characters in all strings that an object holds."""
    if isinstance(thing, str):
        return len(thing)
    if isinstance(thing, (list, tuple)):
        return sum(map(strings_in, thing))
    return 0


def stopped(sequences, texts):
    """What is handed on of a text in pieces, what waits after each, and the end."""
    stream = stops.Stops(sequences)
    before = strings_in(list(vars(stream).values()))
    said, waits, kept = [], [], []
    for text in texts:
        said.append(stream.feed(text))
        waits.append(stream.waiting)
        kept.append(strings_in(list(vars(stream).values())) - before)
    ended = stream.stopped
    return {"said": said, "waits": waits, "kept": kept, "stopped": ended, "end": stream.finish()}


def shown(sequences, pieces):
    """What is shown of bytes in pieces, and the end."""
    stream = streams.TextStream(sequences)
    said = [stream.feed(bytes(piece)) for piece in pieces]
    before = stream.stopped
    end = stream.finish()
    return {"said": said, "end": end, "before": before, "stopped": stream.stopped}


def sent(texts):
    """The bytes of events."""
    return {"bytes": [list(events.event(text)) for text in texts]}


def heard(pieces):
    """The data of events in pieces, after each piece."""
    reader = events.EventReader()
    return {"said": [list(reader.feed(bytes(piece))) for piece in pieces]}


def percentiles(values, shares):
    """Percentiles of a list, and whether it is as it was."""
    given = values.tolist()
    found = [float(latency.percentile(given, q)) for q in shares]
    return {"found": found, "unchanged": given == values.tolist()}


def flying(starts, ends, windows):
    """How many were there at a time, in each window."""
    return {"found": [float(latency.in_flight(starts, ends, a, b)) for a, b in windows]}


def scheduled(coming, budget, most):
    """A server that asks the scheduler before each step: all shares of all steps.

    ``coming`` are steps, tokens of prompts, and tokens of answers.
    """
    jobs, steps = {}, []
    while (len(steps) < most) and (jobs or any(c[0] >= len(steps) for c in coming)):
        for number, (step, prompt, _) in enumerate(coming):
            if step == len(steps):
                jobs[number] = scheduling.Job(number, prompt, 0, 0)
        got = scheduling.shares(list(jobs.values()), budget)
        steps.append([[int(number), int(share)] for number, share in got.items()])
        for number, job in list(jobs.items()):
            share = got.get(number, 0)
            if not share:
                jobs[number] = scheduling.Job(number, job.prompt, job.written, job.waited + 1)
                continue
            prompt = max(job.prompt - share, 0)
            written = job.written + (prompt == 0)
            jobs[number] = scheduling.Job(number, prompt, written, 0)
            if written == coming[number][2]:
                del jobs[number]
    return {"steps": steps}


def asked_for_shares(budget):
    """A single question."""
    return {"share": int(scheduling.shares([scheduling.Job(7, 5, 0, 0)], budget)[7])}
